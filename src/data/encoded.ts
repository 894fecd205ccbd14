import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { fromDisk, toDisk } from "../config.ts";
import { writeFileAtomic } from "../io/atomic.ts";
import { readSafetensors, writeSafetensors } from "../tensor/safetensors.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Pictures as the GPT sees them: tokens and CLIP embeddings. CLIP and VQGAN are frozen by then, so every picture is
 * encoded once and not in every epoch. A picture has several views where it was also encoded mirrored.
 */
export type EncodedSet = {
  count: number;
  views: number;
  /** Tokens a side of the grid: [h, w]. */
  grid: readonly [number, number];
  codebookSize: number;
  embedDim: number;
  /** (count, views, h·w) */
  tokens: Int32Array;
  /** (count, views, embedDim), L2-normalised. */
  embeddings: Float32Array;
  names: readonly string[];
  /** (count, views, size, size, 3) RGB bytes, where the objective compares pictures. */
  pictures?: { images: Uint8Array; size: number };
  captions?: readonly (readonly string[])[];
};

const indexSchema = z.object({
  format: z.literal("clip-gen encoded pictures"),
  version: z.literal(1),
  count: z.number().int().positive(),
  views: z.number().int().positive(),
  grid: z.tuple([z.number().int().positive(), z.number().int().positive()]),
  codebookSize: z.number().int().positive(),
  embedDim: z.number().int().positive(),
  pictureSize: z.number().int().positive().optional(),
  names: z.array(z.string()),
  captions: z.array(z.array(z.string())).optional(),
  shards: z.array(z.string().regex(/^[\w.-]+$/)).min(1),
});

/** Pictures a file: a shard of 256 tokens and 512 numbers a picture has about 50 MB. */
const SHARD = 16_384;

/** Writes an encoded set as shards with an index; the index comes last, so that a half-written set does not load. */
export function writeEncoded(folder: string, set: EncodedSet): void {
  if (existsSync(join(folder, "index.json"))) {
    throw new Error(`${folder} already holds encoded pictures; choose another folder`);
  }
  mkdirSync(folder, { recursive: true });
  const length = set.grid[0] * set.grid[1];
  const shards: string[] = [];
  for (let start = 0; start < set.count; start += SHARD) {
    const count = Math.min(SHARD, set.count - start);
    const rows = <T extends Int32Array | Float32Array | Uint8Array>(data: T, width: number) =>
      data.subarray(start * set.views * width, (start + count) * set.views * width);
    const name = `shard-${String(shards.length).padStart(5, "0")}.safetensors`;
    tidy(() => {
      const { pictures } = set;
      const tensors: [string, Tensor][] = [
        ["tokens", Tensor.from(rows(set.tokens, length), [count, set.views, length])],
        ["embeddings", Tensor.from(rows(set.embeddings, set.embedDim), [count, set.views, set.embedDim])],
      ];
      if (pictures) {
        const { images, size } = pictures;
        tensors.push(["images", Tensor.from(rows(images, size * size * 3), [count, set.views, size, size, 3])]);
      }
      writeSafetensors(join(folder, name), tensors);
    });
    shards.push(name);
  }
  const { count, views, grid, codebookSize, embedDim, names, captions } = set;
  const sizes = { count, views, grid, codebookSize, embedDim, pictureSize: set.pictures?.size };
  const index = { format: "clip-gen encoded pictures", version: 1, ...sizes, names, captions, shards };
  writeFileAtomic(join(folder, "index.json"), `${JSON.stringify(toDisk(index))}\n`);
}

/** Reads what `writeEncoded` wrote. Errors name the file and what is wrong with it. */
export function readEncoded(folder: string): EncodedSet {
  const file = join(folder, "index.json");
  if (!existsSync(file)) {
    throw new Error(`${folder} holds no encoded pictures (index.json is missing); make them with: clip-gen encode`);
  }
  const parsed = indexSchema.safeParse(fromDisk(JSON.parse(readFileSync(file, "utf8"))));
  if (!parsed.success) throw new Error(`${file} is no index of encoded pictures: ${z.prettifyError(parsed.error)}`);
  const { count, views, grid, codebookSize, embedDim, pictureSize, names, captions, shards } = parsed.data;
  const length = grid[0] * grid[1];
  const tokens = new Int32Array(count * views * length);
  const embeddings = new Float32Array(count * views * embedDim);
  const images = pictureSize === undefined ? undefined : new Uint8Array(count * views * pictureSize ** 2 * 3);
  let start = 0;
  for (const shard of shards) {
    const { rows, parts } = readShard(join(folder, shard));
    place(tokens, parts.tokens, start * views * length, shard);
    place(embeddings, parts.embeddings, start * views * embedDim, shard);
    if (images && pictureSize && parts.images) place(images, parts.images, start * views * pictureSize ** 2 * 3, shard);
    start += rows;
  }
  if (start !== count) throw new Error(`${folder}: the index tells of ${count} pictures, the shards hold ${start}`);
  const set: EncodedSet = { count, views, grid, codebookSize, embedDim, tokens, embeddings, names };
  if (images && pictureSize) set.pictures = { images, size: pictureSize };
  if (captions) set.captions = captions;
  return set;
}

type Shard = { tokens: Int32Array; embeddings: Float32Array; images: Uint8Array | undefined };

function readShard(path: string): { rows: number; parts: Shard } {
  return tidy(() => {
    const tensors = readSafetensors(path);
    const tokens = tensors.get("tokens");
    const embeddings = tensors.get("embeddings");
    if (tokens?.dtype !== "int32" || embeddings?.dtype !== "float32" || tokens.size(0) !== embeddings.size(0)) {
      throw new Error(`${path} needs int32 "tokens" and float32 "embeddings" of the same pictures`);
    }
    const parts = {
      tokens: new Int32Array(tokens.toBytes().buffer),
      embeddings: new Float32Array(embeddings.toBytes().buffer),
      images: tensors.get("images")?.toBytes(),
    };
    return { rows: tokens.size(0), parts };
  });
}

function place<T extends Int32Array | Float32Array | Uint8Array>(all: T, part: T, at: number, shard: string): void {
  if (at + part.length > all.length) throw new Error(`${shard} holds more than the index tells of`);
  all.set(part, at);
}
