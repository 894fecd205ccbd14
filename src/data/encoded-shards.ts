/**
 * The shards of an encoded set: `shard-000012.json` tells of the pictures, `shard-000012-000.safetensors` and on hold their numbers.
 * The `.json` is written last, and where it is, the shard is whole.
 */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { fromDisk, toDisk } from "../config.ts";
import { writeFileAtomic } from "../io/atomic.ts";
import { problemsOf, readJson } from "../io/json.ts";
import { SafetensorsFile } from "../io/safetensors.ts";
import { writeSafetensors } from "../tensor/safetensors.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { joinEncoded, type EncodedSet } from "./encoded-set.ts";
import type { Skipped } from "./shards/broken.ts";

const whole = z.number().int().positive();

/** What an index and every shard tell of the numbers in their files. */
export const sizesSchema = z.object({
  views: whole,
  grid: z.tuple([whole, whole]),
  codebookSize: whole,
  embedDim: whole,
  pictureSize: whole.optional(),
});

export type DiskSizes = z.infer<typeof sizesSchema>;

/** Names in a folder, and nothing that leads out of it. */
export const fileName = z.string().regex(/^[\w-][\w.-]*$/);

/** Pictures that could not be read, and the first of them by name. */
export const brokenSchema = z.object({
  broken: z.number().int().min(0),
  skipped: z.array(z.object({ file: z.string(), reason: z.string() })),
});

const shardSchema = brokenSchema.extend({
  format: z.literal("clip-gen encoded shard"),
  version: z.literal(1),
  /** Of what it was made, and how; empty where that is not to be compared. */
  settings: z.string(),
  count: z.number().int().min(0),
  /** Not there where no picture could be read. */
  sizes: sizesSchema.optional(),
  files: z.array(z.object({ name: fileName, count: whole, sha256: z.string() })),
  names: z.array(z.string()),
  captions: z.array(z.array(z.string()).readonly()).optional(),
});

/** What a shard's `.json` tells. */
export type EncodedShard = z.infer<typeof shardSchema>;

export type ShardOptions = {
  folder: string;
  /** Its place among all shards. */
  number: number;
  /** Of what it is made, and how. */
  settings: string;
  /** Bytes after which the next file begins. Default: 64 MiB. */
  fileBytes?: number;
};

const FILE_BYTES = 64 * 2 ** 20;
/** More broken pictures are counted and no longer named. */
export const MAX_NAMED = 100;

/** `shard-000012` */
export function shardName(number: number): string {
  return `shard-${String(number).padStart(6, "0")}`;
}

/** Writes a shard as its pictures come, so that never more than one file of them is in memory. */
export class ShardWriter {
  readonly #options: ShardOptions;
  readonly #shard: EncodedShard;
  #waiting: EncodedSet[] = [];
  #bytes = 0;

  constructor(options: ShardOptions) {
    this.#options = options;
    this.#shard = {
      format: "clip-gen encoded shard",
      version: 1,
      settings: options.settings,
      count: 0,
      files: [],
      names: [],
      broken: 0,
      skipped: [],
    };
  }

  async add(batch: EncodedSet): Promise<void> {
    const { count, names, captions, tokens, embeddings, pictures } = batch;
    this.#shard.count += count;
    this.#shard.sizes ??= diskSizes(batch);
    this.#shard.names.push(...names);
    if (captions) (this.#shard.captions ??= []).push(...captions);
    this.#waiting.push(batch);
    this.#bytes += tokens.byteLength + embeddings.byteLength + (pictures?.images.byteLength ?? 0);
    if (this.#bytes >= (this.#options.fileBytes ?? FILE_BYTES)) await this.#flush();
  }

  /** Counts pictures that could not be read. */
  skip(pictures: readonly Skipped[]): void {
    this.#shard.broken += pictures.length;
    this.#shard.skipped.push(...pictures.slice(0, MAX_NAMED - this.#shard.skipped.length));
  }

  /** Writes what is left, and then the `.json`. */
  async finish(): Promise<EncodedShard> {
    if (this.#waiting.length > 0) await this.#flush();
    const { folder, number } = this.#options;
    writeFileAtomic(join(folder, `${shardName(number)}.json`), `${JSON.stringify(toDisk(this.#shard))}\n`);
    return this.#shard;
  }

  async #flush(): Promise<void> {
    const { folder, number } = this.#options;
    const { files } = this.#shard;
    const set = joinEncoded(this.#waiting);
    [this.#waiting, this.#bytes] = [[], 0];
    const name = `${shardName(number)}-${String(files.length).padStart(3, "0")}.safetensors`;
    writeNumbers(join(folder, name), set);
    files.push({ name, count: set.count, sha256: await sha256Of(join(folder, name)) });
  }
}

function diskSizes({ views, grid, codebookSize, embedDim, pictures }: EncodedSet): DiskSizes {
  const [h, w] = grid;
  return { views, grid: [h, w], codebookSize, embedDim, ...(pictures && { pictureSize: pictures.size }) };
}

function writeNumbers(path: string, set: EncodedSet): void {
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

/** What a shard's `.json` tells. Throws where it is damaged, or does not add up. */
export function readShard(path: string): EncodedShard {
  const parsed = shardSchema.safeParse(fromDisk(readJson(path)));
  if (!parsed.success) throw new Error(`${path} is no shard of encoded pictures: ${problemsOf(parsed.error)}`);
  const { count, files, names, captions = names } = parsed.data;
  const held = files.reduce((sum, file) => sum + file.count, 0);
  if (held === count && names.length === count && captions.length === count) return parsed.data;
  throw new Error(
    `${path} tells of ${count} pictures, but has ${names.length} names, captions for ${captions.length} and ${held} in its files`,
  );
}

/** Reads all that a shard has written, and throws where it is not what the `.json` tells. */
export async function checkShard(folder: string, { files, sizes }: EncodedShard): Promise<void> {
  for (const { name, count, sha256 } of files) {
    const path = join(folder, name);
    if (!sizes) throw new Error(`${path} has pictures of no size`);
    const rows = checkNumbers(path, sizes);
    if (rows !== count) throw new Error(`${path} has ${rows} pictures, expected ${count}`);
    const found = await sha256Of(path);
    if (found !== sha256) throw new Error(`${path} has the SHA-256 ${found}, expected ${sha256}`);
    readTokens(path, sizes);
  }
}

/** How many pictures a file has; an error unless its tensors are those that the sizes tell of. */
export function checkNumbers(path: string, { views, grid, embedDim, pictureSize: size }: DiskSizes): number {
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

/** The tokens of a file; an error where one is beyond the codebook. */
export function readTokens(path: string, { codebookSize }: DiskSizes): Int32Array {
  // The bytes are a copy of their own, so the numbers are aligned.
  const tokens = new Int32Array(new Uint8Array(new SafetensorsFile(path).read("tokens").data).buffer);
  const wrong = tokens.find((token) => token < 0 || token >= codebookSize);
  if (wrong !== undefined) throw new Error(`${path} holds the token ${wrong}, the codebook has ${codebookSize}`);
  return tokens;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
