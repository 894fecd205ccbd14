import { existsSync } from "node:fs";
import { freemem } from "node:os";
import { basename, join, resolve } from "node:path";
import { z } from "zod";
import { fromPixels } from "../data/batches.ts";
import { Clip } from "../models/clip.ts";
import { clipInput } from "../models/clip-images.ts";
import { Gpt } from "../models/gpt.ts";
import { resolveModelPath } from "../io/hub/hub-cache.ts";
import { problemsOf, readJson, writeJson } from "../io/json.ts";
import type { SaveOptions } from "../models/pretrained.ts";
import { KvCache } from "../models/kv-cache.ts";
import { cacheRows, sampleTokens, type SampleOptions } from "../models/sampling.ts";
import { Vqgan } from "../models/vqgan.ts";
import { normalize } from "../nn/functional.ts";
import { noGrad } from "../tensor/autograd.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor, type Device } from "../tensor/tensor.ts";
import { Linear } from "../nn/layers.ts";
import { choosePrecision } from "../train/precision.ts";
import { beamSearch } from "./beam-search.ts";
import { embedPicture, embedTexts } from "./embed.ts";
import { GeneratedPicture, type PictureOrigin } from "./picture.ts";

export type GenerateOptions = Omit<SampleOptions, "seed"> & {
  /** How many pictures to give back. Default 1. */
  count?: number;
  /** How many to draw and rank by CLIP; at least `count`. Default: `count`. */
  candidates?: number;
  /** Seed of the first candidate; the next ones count up. Default 0. */
  seed?: number;
  /** Candidates drawn at the same time. Default: 64, or as many as fit into half of the memory that is free. */
  batchSize?: number;
  /** Beam search with this many beams in place of sampling; gives at most as many pictures. */
  beams?: number;
  onProgress?: (progress: { candidates: number; of: number; tokens: number; length: number }) => void;
};

/**
 * What generation computes in. "auto": bfloat16 where the hardware multiplies it, else float32. "int8" rounds the GPT's
 * weights to 8 bits, so that a picture is drawn in about half of bfloat16's time (docs/performance.md has the loss).
 */
export type GeneratePrecision = "auto" | "float32" | "bfloat16" | "int8";

const MOST_ROWS = 64;

const modelSchema = z.looseObject({ format: z.literal("clip-gen model"), version: z.literal(1) });

/**
 * The three networks together: words or a picture in, pictures out.
 *
 * ```ts
 * const model = await ClipGen.fromPretrained("./my-model");
 * const [best] = await model.generate("a slice of pizza", { candidates: 64, seed: 7 });
 * await best?.save("pizza.png");
 * ```
 */
export class ClipGen {
  readonly clip: Clip;
  readonly vqgan: Vqgan;
  readonly gpt: Gpt;
  readonly name: string;

  constructor(parts: { clip: Clip; vqgan: Vqgan; gpt: Gpt; name?: string }) {
    this.clip = parts.clip.eval();
    this.vqgan = parts.vqgan.eval();
    this.gpt = parts.gpt.eval();
    this.name = parts.name ?? "unnamed";
    const side = this.vqgan.tokenGrid();
    const wanted = {
      codebookSize: this.vqgan.config.codebookSize,
      tokenCount: side * side,
      conditionDim: this.clip.config.embedDim,
    };
    const { codebookSize, tokenCount, conditionDim } = this.gpt.config;
    if (JSON.stringify(wanted) !== JSON.stringify({ codebookSize, tokenCount, conditionDim })) {
      throw new Error(
        `the GPT does not fit CLIP and VQGAN: it has ${JSON.stringify({ codebookSize, tokenCount, conditionDim })}, ` +
          `they need ${JSON.stringify(wanted)}`,
      );
    }
  }

  /** Reads a model's folder, `model.json`, `clip/`, `vqgan/`, `gpt/`, or the one of that name in the Hub's cache. */
  static async fromPretrained(
    path: string,
    options: { device?: Device; precision?: GeneratePrecision } = {},
  ): Promise<ClipGen> {
    const folder = resolveModelPath(path);
    const file = join(folder, "model.json");
    if (!existsSync(file)) throw new Error(`${folder} holds no model (model.json is missing)`);
    const parsed = modelSchema.safeParse(readJson(file));
    if (!parsed.success) throw new Error(`${file} describes no model: ${problemsOf(parsed.error)}`);
    const [clip, vqgan, gpt] = await Promise.all([
      Clip.fromPretrained(join(folder, "clip")),
      Vqgan.fromPretrained(join(folder, "vqgan")),
      Gpt.fromPretrained(join(folder, "gpt")),
    ]);
    const model = new ClipGen({ clip, vqgan, gpt, name: basename(resolve(folder)) });
    if (options.device) model.to(options.device);
    return model.setPrecision(options.precision ?? "auto");
  }

  /** Decides what the networks compute in; int8 is for good, and such a model cannot be saved. */
  setPrecision(precision: GeneratePrecision): this {
    const { dtype } = choosePrecision(precision === "int8" ? "auto" : precision, this.device);
    const computeDtype = dtype === "bfloat16" ? "bfloat16" : "float32";
    for (const network of [this.clip, this.vqgan, this.gpt]) network.setComputeDtype(computeDtype);
    for (const module of this.gpt.modules()) {
      if (!(module instanceof Linear)) continue;
      // Every token multiplies by all weights of the GPT: they lie in what is read quickest.
      if (precision === "int8") module.quantize();
      else module.setWeightDType(computeDtype);
    }
    return this;
  }

  /** Writes the three networks and `model.json`, with what else is to be told of the model. */
  async savePretrained(folder: string, options: SaveOptions & { about?: Record<string, unknown> } = {}): Promise<void> {
    const { about = {}, ...precision } = options;
    await this.clip.savePretrained(join(folder, "clip"), precision);
    await this.vqgan.savePretrained(join(folder, "vqgan"), precision);
    await this.gpt.savePretrained(join(folder, "gpt"), precision);
    writeJson(join(folder, "model.json"), { ...about, format: "clip-gen model", version: 1 });
  }

  to(device: Device): this {
    for (const network of [this.clip, this.vqgan, this.gpt]) network.to(device);
    return this;
  }

  get device(): Device {
    return this.gpt.device;
  }

  /**
   * Draws a sentence; the best pictures first: those that CLIP finds closest, with beam search the likeliest ones.
   * A sentence that is longer than CLIP's context is cut.
   * @throws RangeError when a setting is out of its range; the signal's reason when it is aborted
   */
  async generate(prompt: string, options: GenerateOptions = {}): Promise<GeneratedPicture[]> {
    using condition = this.embedText([prompt]);
    return await this.#draw(condition, prompt, options);
  }

  /** Draws pictures like a picture: a file's path or its bytes. */
  async vary(picture: string | Uint8Array, options: GenerateOptions = {}): Promise<GeneratedPicture[]> {
    using condition = await this.embedImage(picture);
    return await this.#draw(condition, typeof picture === "string" ? basename(picture) : "picture", options);
  }

  /** Sentences to unit embeddings: (N, D). Dispose of the tensor when done. */
  embedText(texts: readonly string[]): Tensor {
    return embedTexts(this.clip, texts);
  }

  /** A picture to its unit embedding: (1, D). Dispose of the tensor when done. */
  async embedImage(picture: string | Uint8Array): Promise<Tensor> {
    return await embedPicture(this.clip, picture);
  }

  async #draw(condition: Tensor, prompt: string, options: GenerateOptions): Promise<GeneratedPicture[]> {
    const { count = 1, candidates = count, seed = 0, beams, guidanceScale = 1 } = options;
    const { batchSize = this.#rowsThatFit(cacheRows(1, guidanceScale)) } = options;
    requireCounts({ count, candidates, batchSize });
    if (!Number.isSafeInteger(seed)) throw new RangeError(`seed is ${seed}, expected a whole number`);
    if (candidates < count)
      throw new RangeError(`${count} pictures need at least as many candidates, got ${candidates}`);
    const { temperature = 1, topK, topP = 0.9 } = options;
    const settings = { temperature, topP, guidanceScale, ...(topK !== undefined && { topK }) };
    const described = { prompt, ...settings, model: this.name };
    if (beams !== undefined) {
      const signal = options.signal && { signal: options.signal };
      const found = await beamSearch(this.gpt, condition, { beams, guidanceScale, ...signal });
      const rows = found.slice(0, count).map((beam) => beam.tokens);
      return this.#decode(rows, condition, (_, score) => ({
        prompt,
        seed: 0,
        beams,
        guidanceScale,
        score,
        model: this.name,
      }));
    }
    const pictures: GeneratedPicture[] = [];
    for (let start = 0; start < candidates; start += batchSize) {
      const rows = Math.min(batchSize, candidates - start);
      const seeds = Array.from({ length: rows }, (_, i) => seed + start + i);
      const tokens: number[][] = Array.from({ length: rows }, () => []);
      using batch = keep(tidy(() => condition.expand([rows, -1]).contiguous()));
      for await (const column of sampleTokens(this.gpt, batch, {
        ...settings,
        seed: seeds,
        ...(options.signal && { signal: options.signal }),
      })) {
        for (const [row, token] of column.entries()) tokens[row]?.push(token);
        const done = tokens[0]?.length ?? 0;
        options.onProgress?.({
          candidates: start + rows,
          of: candidates,
          tokens: done,
          length: this.gpt.config.tokenCount,
        });
      }
      const origin = (row: number, score: number): PictureOrigin => ({ ...described, seed: seeds[row] ?? seed, score });
      pictures.push(...this.#decode(tokens, condition, origin));
    }
    return pictures.sort((a, b) => b.score - a.score).slice(0, count);
  }

  /** Pictures whose keys and values fit into half of the memory that is free. */
  #rowsThatFit(rowsAPicture: number): number {
    const { layers, width } = this.gpt.config;
    const bytesPerNumber = this.gpt.computeDtype === "float32" ? 4 : 2;
    const row = KvCache.bytesPerRow({ layers, width, length: this.gpt.positions, bytesPerNumber });
    return Math.max(1, Math.min(MOST_ROWS, Math.floor(freemem() / 2 / (row * rowsAPicture))));
  }

  /** Tokens to pictures, with CLIP's opinion of each: the pictures come to CLIP in its size, mean and deviation. */
  #decode(
    tokens: readonly (readonly number[])[],
    condition: Tensor,
    origin: (row: number, score: number) => PictureOrigin,
  ): GeneratedPicture[] {
    const side = this.vqgan.tokenGrid();
    const size = this.vqgan.config.resolution;
    const { pixels, scores } = noGrad(() =>
      tidy(() => {
        const indices = Tensor.from(tokens.flat(), [tokens.length, side, side], "int64").to(this.device);
        const images = this.vqgan.decode(indices).clamp(-1, 1);
        const seen = normalize(this.clip.encodeImage(clipInput(images, this.clip.config)));
        return { pixels: fromPixels(images), scores: seen.matmul(condition.t()).flatten().toNumbers() };
      }),
    );
    const bytes = size * size * 3;
    return tokens.map((row, i) => {
      const own = pixels.subarray(i * bytes, (i + 1) * bytes);
      return new GeneratedPicture({ pixels: own, size, tokens: row, origin: origin(i, scores[i] ?? Number.NaN) });
    });
  }
}

function requireCounts(counts: Record<string, number>): void {
  for (const [name, value] of Object.entries(counts)) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`${name} is ${value}, expected a whole number from 1`);
    }
  }
}
