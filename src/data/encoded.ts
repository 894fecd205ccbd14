import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { concat } from "./rows.ts";
import { fromDisk, toDisk } from "../config.ts";
import { writeFileAtomic } from "../io/atomic.ts";
import { problemsOf, readJson } from "../io/json.ts";
import { SafetensorsFile } from "../io/safetensors.ts";
import { writeSafetensors } from "../tensor/safetensors.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Pictures as the GPT sees them: tokens and CLIP embeddings. CLIP and VQGAN are frozen by then, so every picture is
 * encoded once and not in every epoch. A picture has several views where it was also encoded mirrored or cropped; the first
 * is the picture itself.
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

type Index = z.infer<typeof indexSchema>;

/** Bytes after which the next shard begins. */
const SHARD = 64 * 2 ** 20;

/**
 * Writes encoded pictures as they come, in shards, so that never more than a shard of them is in memory. The index comes
 * last: a half-written set does not load, and is written over.
 * @throws Error when the folder holds encoded pictures already, or when none come
 */
export async function writeEncoded(
  folder: string,
  batches: AsyncIterable<EncodedSet> | Iterable<EncodedSet>,
  options: { shardBytes?: number } = {},
): Promise<void> {
  if (existsSync(join(folder, "index.json"))) {
    throw new Error(`${folder} already holds encoded pictures; choose another folder`);
  }
  const { shardBytes = SHARD } = options;
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (/^shard-\d+\.safetensors$/.test(name)) rmSync(join(folder, name));
  const [shards, names, captions]: [string[], string[], (readonly string[])[]] = [[], [], []];
  let first: EncodedSet | undefined;
  let waiting: EncodedSet[] = [];
  let bytes = 0;
  const flush = (): void => {
    const name = `shard-${String(shards.length).padStart(5, "0")}.safetensors`;
    writeShard(join(folder, name), joinEncoded(waiting));
    shards.push(name);
    [waiting, bytes] = [[], 0];
  };
  for await (const batch of batches) {
    first ??= batch;
    names.push(...batch.names);
    captions.push(...(batch.captions ?? []));
    waiting.push(batch);
    bytes += batch.tokens.byteLength + batch.embeddings.byteLength + (batch.pictures?.images.byteLength ?? 0);
    if (bytes >= shardBytes) flush();
  }
  if (!first) throw new Error("there are no pictures to encode");
  if (waiting.length > 0) flush();
  const { views, grid, codebookSize, embedDim, pictures } = first;
  const sizes = { count: names.length, views, grid, codebookSize, embedDim, pictureSize: pictures?.size };
  const index = { format: "clip-gen encoded pictures", version: 1, ...sizes, names, shards };
  const whole = first.captions ? { ...index, captions } : index;
  writeFileAtomic(join(folder, "index.json"), `${JSON.stringify(toDisk(whole))}\n`);
}

function writeShard(path: string, set: EncodedSet): void {
  const { count, views, grid, embedDim, tokens, embeddings, pictures } = set;
  tidy(() => {
    const tensors: [string, Tensor][] = [
      ["tokens", Tensor.from(tokens, [count, views, grid[0] * grid[1]])],
      ["embeddings", Tensor.from(embeddings, [count, views, embedDim])],
    ];
    if (pictures) {
      const { images, size } = pictures;
      tensors.push(["images", Tensor.from(images, [count, views, size, size, 3])]);
    }
    writeSafetensors(path, tensors);
  });
}

/** Batches of one kind as one set. */
export function joinEncoded(batches: readonly EncodedSet[]): EncodedSet {
  const [first] = batches;
  if (!first) throw new RangeError("there are no encoded pictures to join");
  const joined: EncodedSet = {
    ...first,
    count: batches.reduce((sum, { count }) => sum + count, 0),
    tokens: concat(
      batches.map(({ tokens }) => tokens),
      Int32Array,
    ),
    embeddings: concat(
      batches.map(({ embeddings }) => embeddings),
      Float32Array,
    ),
    names: batches.flatMap(({ names }) => names),
  };
  if (first.captions) joined.captions = batches.flatMap(({ captions = [] }) => captions);
  if (first.pictures) {
    const images = concat(
      batches.flatMap(({ pictures }) => (pictures ? [pictures.images] : [])),
      Uint8Array,
    );
    joined.pictures = { ...first.pictures, images };
  }
  return joined;
}

/** Reads what `writeEncoded` wrote. Errors name the file and what is wrong with it. */
export function readEncoded(folder: string): EncodedSet {
  const index = readIndex(folder);
  const { count, views, grid, codebookSize, embedDim, pictureSize, names, captions } = index;
  const shards = index.shards.map((name) => join(folder, name));
  // Before the memory is taken, as a damaged index can tell of any number of pictures.
  const rows = shards.map((shard) => shardRows(shard, index));
  const held = rows.reduce((sum, each) => sum + each, 0);
  if (held !== count) throw new Error(`${folder}: the index tells of ${count} pictures, the shards hold ${held}`);

  const width = { tokens: views * grid[0] * grid[1], embeddings: views * embedDim, images: views * bytesEach(index) };
  const tokens = new Int32Array(count * width.tokens);
  const embeddings = new Float32Array(count * width.embeddings);
  const images = new Uint8Array(count * width.images);
  let start = 0;
  for (const [i, shard] of shards.entries()) {
    const file = new SafetensorsFile(shard);
    // The bytes are a copy of their own, so the numbers are aligned.
    const read = (name: string): ArrayBuffer => new Uint8Array(file.read(name).data).buffer;
    const own = new Int32Array(read("tokens"));
    const wrong = own.find((token) => token < 0 || token >= codebookSize);
    if (wrong !== undefined) throw new Error(`${shard} holds the token ${wrong}, the codebook has ${codebookSize}`);
    tokens.set(own, start * width.tokens);
    embeddings.set(new Float32Array(read("embeddings")), start * width.embeddings);
    if (pictureSize !== undefined) images.set(file.read("images").data, start * width.images);
    start += rows[i] ?? 0;
  }
  const set: EncodedSet = { count, views, grid, codebookSize, embedDim, tokens, embeddings, names };
  if (pictureSize !== undefined) set.pictures = { images, size: pictureSize };
  if (captions) set.captions = captions;
  return set;
}

function readIndex(folder: string): Index {
  const file = join(folder, "index.json");
  if (!existsSync(file)) {
    throw new Error(`${folder} holds no encoded pictures (index.json is missing); make them with: clip-gen encode`);
  }
  const parsed = indexSchema.safeParse(fromDisk(readJson(file)));
  if (!parsed.success) throw new Error(`${file} is no index of encoded pictures: ${problemsOf(parsed.error)}`);
  const { count, names, captions = names } = parsed.data;
  if (names.length !== count || captions.length !== count) {
    throw new Error(
      `${file} tells of ${count} pictures, but has ${names.length} names and captions for ${captions.length}`,
    );
  }
  return parsed.data;
}

/** How many pictures a shard holds; an error unless its tensors are those that the index tells of. */
function shardRows(path: string, index: Index): number {
  const { views, grid, embedDim, pictureSize: size } = index;
  const file = new SafetensorsFile(path);
  const [rows = 0] = file.weight("tokens").shape;
  const expected: Record<string, string> = {
    tokens: `int32 [${[rows, views, grid[0] * grid[1]].join(", ")}]`,
    embeddings: `float32 [${[rows, views, embedDim].join(", ")}]`,
    ...(size !== undefined && { images: `uint8 [${[rows, views, size, size, 3].join(", ")}]` }),
  };
  for (const [name, wanted] of Object.entries(expected)) {
    const { dtypeName, dtype, shape } = file.weight(name);
    const found = `${dtype ?? dtypeName} [${shape.join(", ")}]`;
    if (found !== wanted) throw new Error(`${path}: ${name} is ${found}, the index asks for ${wanted}`);
  }
  return rows;
}

function bytesEach({ pictureSize = 0 }: Index): number {
  return pictureSize ** 2 * 3;
}
