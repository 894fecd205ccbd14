import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { toPixels } from "../data/batches.ts";
import { decodeImage, isImageFile } from "../data/images.ts";
import { pictureGrid } from "../data/picture-grid.ts";
import { findPictures, readPictures } from "../data/pictures.ts";
import { tilesOf } from "../data/tiles.ts";
import type { Figure } from "../evaluate/figure.ts";
import { likenessFigures } from "../evaluate/likeness-figures.ts";
import { reconstructPictures } from "../evaluate/reconstruction-figures.ts";
import { embedPicture, embedTexts } from "../generate/embed.ts";
import { writeFileExclusive } from "../io/atomic.ts";
import { resolveModelPath } from "../io/hub/hub-cache.ts";
import { Clip } from "../models/clip.ts";
import { noGrad } from "../tensor/autograd.ts";
import { tidy } from "../tensor/scope.ts";
import { Vqgan } from "../models/vqgan.ts";

import { figureTable } from "./figure-table.ts";
import { numberFlag } from "./number-flag.ts";
import type { PartsFlags, ReconstructFlags } from "./parts.ts";
import { reportSkipped } from "./training.ts";

/** Pictures in the grid. */
const MOST_SHOWN = 16;

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
      const tokens = await tokensOf(vqgan, input);
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

export async function runReconstruct(paths: string[], flags: ReconstructFlags): Promise<void> {
  const vqgan = await loadVqgan(flags.model);
  const judge = flags.judge === undefined ? undefined : await loadClip(flags.judge);
  const tiles = numberFlag("--tiles", flags.tiles, { least: 1, most: 64, whole: true });
  const read = await readPictures(await findPictures(paths), { size: vqgan.config.resolution * tiles });
  const pictures = tilesOf(read, tiles);
  if (!flags.json) reportSkipped(pictures);
  const { images, psnr, figures } = await reconstructPictures(pictures, { vqgan });
  if (judge) figures.push(...(await likenessFigures(pictures, { ...pictures, images }, { clip: judge })));

  const shown = Math.min(MOST_SHOWN, pictures.count);
  const part = (pixels: Uint8Array): Uint8Array => pixels.subarray(0, shown * pictures.size ** 2 * 3);
  const grid = await pictureGrid(Buffer.concat([part(pictures.images), part(images)]), {
    size: pictures.size,
    columns: shown,
  });
  mkdirSync(dirname(flags.output), { recursive: true });
  const output = writeFileExclusive(flags.output, grid.png);
  const quality = pictures.names.map((file, i) => ({ file, psnr: psnr[i] ?? Number.NaN }));
  if (flags.json) {
    console.log(JSON.stringify({ output, figures: valuesOf(figures), pictures: quality, skipped: pictures.skipped }));
    return;
  }
  for (const { file, psnr: own } of quality.slice(0, shown)) console.log(`${own.toFixed(2)} dB  ${file}`);
  console.log(`${figureTable([{ title: `of ${pictures.count} pictures`, figures }])}\n\n${output}`);
}

function valuesOf(figures: readonly Figure[]): Record<string, number> {
  return Object.fromEntries(figures.flatMap((figure) => ("value" in figure ? [[figure.name, figure.value]] : [])));
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

async function tokensOf(vqgan: Vqgan, file: string): Promise<number[]> {
  const size = vqgan.config.resolution;
  const { data } = await decodeImage(file, { size });
  return noGrad(() =>
    tidy(() =>
      vqgan
        .encode(toPixels(data, { count: 1, size }))
        .indices.flatten()
        .toNumbers(),
    ),
  );
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}
