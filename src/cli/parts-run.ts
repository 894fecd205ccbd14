import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fromPixels, toPixels } from "../data/batches.ts";
import { decodeImage, isImageFile } from "../data/images.ts";
import { pictureGrid } from "../data/picture-grid.ts";
import { embedPicture, embedTexts } from "../generate/embed.ts";
import { writeFileExclusive } from "../io/atomic.ts";
import { resolveModelPath } from "../io/hub/hub-cache.ts";
import { Clip } from "../models/clip.ts";
import { noGrad } from "../tensor/autograd.ts";
import { tidy } from "../tensor/scope.ts";
import { Vqgan } from "../models/vqgan.ts";
import type { PartsFlags } from "./parts.ts";

export async function runEmbed(inputs: string[], flags: PartsFlags): Promise<void> {
  const clip = await loadClip(flags.model);
  const embeddings: { input: string; kind: "picture" | "text"; embedding: number[] }[] = [];
  for (const input of inputs) {
    const isPicture = existsSync(input) && isImageFile(input);
    using tensor = isPicture ? await embedPicture(clip, input) : embedTexts(clip, [input]);
    embeddings.push({ input, kind: isPicture ? "picture" : "text", embedding: tensor.flatten().toNumbers() });
  }
  if (flags.json) {
    console.log(JSON.stringify(embeddings));
    return;
  }
  console.log("cosine similarity:");
  for (const { input, embedding } of embeddings) {
    const cosines = embeddings.map((other) => dot(embedding, other.embedding).toFixed(3).padStart(6));
    console.log(`${cosines.join(" ")}  ${input}`);
  }
}

export async function runTokenize(inputs: string[], flags: PartsFlags): Promise<void> {
  const loaded: { vqgan?: Vqgan; clip?: Clip } = {};
  const results: { input: string; kind: "picture" | "text"; tokens: number[][] }[] = [];
  for (const input of inputs) {
    if (existsSync(input) && isImageFile(input)) {
      const vqgan = (loaded.vqgan ??= await loadVqgan(flags.model));
      const side = vqgan.tokenGrid();
      const { tokens } = await reconstruct(vqgan, input);
      const rows = Array.from({ length: side }, (_, row) => tokens.slice(row * side, (row + 1) * side));
      results.push({ input, kind: "picture", tokens: rows });
    } else {
      const clip = (loaded.clip ??= await loadClip(flags.model));
      results.push({ input, kind: "text", tokens: [tidy(() => clip.tokenize([input]).toNumbers())] });
    }
  }
  if (flags.json) {
    console.log(JSON.stringify(results));
    return;
  }
  for (const { input, tokens } of results) {
    console.log(input);
    for (const row of tokens) console.log(`  ${row.map((token) => String(token).padStart(5)).join(" ")}`);
  }
}

export async function runReconstruct(files: string[], flags: PartsFlags): Promise<void> {
  const vqgan = await loadVqgan(flags.model);
  const size = vqgan.config.resolution;
  const results = [];
  for (const file of files) results.push({ file, ...(await reconstruct(vqgan, file)) });
  const pixels = [...results.map(({ original }) => original), ...results.map(({ reconstruction }) => reconstruction)];
  const grid = await pictureGrid(Buffer.concat(pixels), { size, columns: results.length });
  mkdirSync(dirname(flags.output), { recursive: true });
  const output = writeFileExclusive(flags.output, grid.png);
  const quality = results.map(({ file, psnr }) => ({ file, psnr }));
  if (flags.json) console.log(JSON.stringify({ output, pictures: quality }));
  else {
    for (const { file, psnr } of quality) console.log(`${psnr.toFixed(2)} dB  ${file}`);
    console.log(output);
  }
}

/** The CLIP of a model, or a CLIP alone, also a published one. */
export async function loadClip(given: string): Promise<Clip> {
  return await Clip.fromPretrained(partOf(given, "clip"));
}

/** The VQGAN of a model, or a VQGAN alone, also a published one. */
export async function loadVqgan(given: string): Promise<Vqgan> {
  return await Vqgan.fromPretrained(partOf(given, "vqgan"));
}

export function partOf(given: string, part: string): string {
  const path = resolveModelPath(given);
  return existsSync(join(path, "model.json")) ? join(path, part) : path;
}

type Reconstructed = { original: Uint8Array; reconstruction: Uint8Array; tokens: number[]; psnr: number };

async function reconstruct(vqgan: Vqgan, file: string): Promise<Reconstructed> {
  const size = vqgan.config.resolution;
  const { data: original } = await decodeImage(file, { size });
  return noGrad(() =>
    tidy(() => {
      const images = toPixels(original, { count: 1, size });
      const { reconstruction, indices } = vqgan.forward(images);
      const error = images.sub(reconstruction.clamp(-1, 1)).mul(0.5).square().mean().item();
      const tokens = indices.flatten().toNumbers();
      return { original, reconstruction: fromPixels(reconstruction), tokens, psnr: -10 * Math.log10(error) };
    }),
  );
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}
