import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { fromDisk, toDisk } from "../config.ts";
import { writeFileAtomic } from "../io/atomic.ts";
import { problemsOf, readJson } from "../io/json.ts";
import { SafetensorsFile } from "../io/safetensors.ts";
import type { EncodedSet } from "./encoded-set.ts";
import {
  brokenSchema,
  checkNumbers,
  fileName,
  MAX_NAMED,
  readShard,
  readTokens,
  ShardWriter,
  sizesSchema,
  type EncodedShard,
} from "./encoded-shards.ts";

export { joinEncoded, type EncodedSet } from "./encoded-set.ts";

const common = sizesSchema.extend({
  format: z.literal("clip-gen encoded pictures"),
  count: z.number().int().positive(),
  shards: z.array(fileName).min(1),
});
const indexSchema = z.discriminatedUnion("version", [
  // Names and captions of all pictures in the index, and shards that are files of numbers.
  common.extend({
    version: z.literal(1),
    names: z.array(z.string()),
    captions: z.array(z.array(z.string())).optional(),
  }),
  // Shards are `.json` files, which tell of their names, captions and files.
  common.extend({ version: z.literal(2), ...brokenSchema.shape }),
]);

type Index = z.infer<typeof indexSchema>;

/**
 * Writes encoded pictures as they come, so that never more than a file of them is in memory. The index comes last: a
 * half-written set does not load, and is written over.
 * @throws Error when the folder holds encoded pictures already, or when none come
 */
export async function writeEncoded(
  folder: string,
  batches: AsyncIterable<EncodedSet> | Iterable<EncodedSet>,
  options: { fileBytes?: number } = {},
): Promise<void> {
  if (existsSync(join(folder, "index.json"))) {
    throw new Error(`${folder} already holds encoded pictures; choose another folder`);
  }
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    if (/^shard-[\d-]+\.(safetensors|json)$/.test(name)) rmSync(join(folder, name));
  }
  const shard = new ShardWriter({ folder, number: 0, settings: "", ...options });
  for await (const batch of batches) await shard.add(batch);
  writeIndex(folder, new Map([["shard-000000.json", await shard.finish()]]));
}

/** What an index has to know of a shard. */
export type ShardAbout = Pick<EncodedShard, "count" | "sizes" | "broken" | "skipped">;

/** Writes the index of shards that are whole. Throws where they have no picture, or are of different sizes. */
export function writeIndex(folder: string, shards: ReadonlyMap<string, ShardAbout>): void {
  const filled = [...shards].filter(([, { count }]) => count > 0);
  const [first] = filled;
  if (!first) throw new Error("there are no pictures to encode");
  const [firstName, { sizes }] = first;
  const other = filled.find(([, shard]) => JSON.stringify(shard.sizes) !== JSON.stringify(sizes));
  if (other) throw new Error(`in ${folder}, ${other[0]} has pictures of other sizes than ${firstName}`);
  const index = {
    format: "clip-gen encoded pictures",
    version: 2,
    count: filled.reduce((sum, [, { count }]) => sum + count, 0),
    ...sizes,
    ...brokenIn([...shards.values()]),
    shards: filled.map(([name]) => name),
  };
  writeFileAtomic(join(folder, "index.json"), `${JSON.stringify(toDisk(index))}\n`);
}

/** How many pictures of some shards are broken, and the first of them. */
export function brokenIn(shards: readonly Pick<EncodedShard, "broken" | "skipped">[]): z.infer<typeof brokenSchema> {
  const broken = shards.reduce((sum, shard) => sum + shard.broken, 0);
  return { broken, skipped: shards.flatMap(({ skipped }) => skipped).slice(0, MAX_NAMED) };
}

/** How many pictures a set has, how many were broken when it was made, and the first of those. */
export function encodedSummary(folder: string): { count: number } & z.infer<typeof brokenSchema> {
  const index = readIndex(folder);
  const { broken, skipped } = index.version === 1 ? { broken: 0, skipped: [] } : index;
  return { count: index.count, broken, skipped };
}

/** Reads what `writeEncoded` or `encodeFolder` wrote. Errors name the file and what is wrong with it. */
export function readEncoded(folder: string): EncodedSet {
  const index = readIndex(folder);
  const { count, views, grid, codebookSize, embedDim, pictureSize } = index;
  const { names, captions, files } = contentsOf(folder, index);
  // Before the memory is taken, as a damaged index can tell of any number of pictures.
  const rows = files.map((file) => checkNumbers(file, index));
  const held = rows.reduce((sum, each) => sum + each, 0);
  if (held !== count) throw new Error(`${folder}: the index tells of ${count} pictures, the shards hold ${held}`);
  if (names.length !== count || (captions ?? names).length !== count) {
    throw new Error(
      `${folder} has ${count} pictures, but ${names.length} names and captions for ${(captions ?? names).length}`,
    );
  }

  const width = { tokens: views * grid[0] * grid[1], embeddings: views * embedDim, images: views * bytesEach(index) };
  const tokens = new Int32Array(count * width.tokens);
  const embeddings = new Float32Array(count * width.embeddings);
  const images = new Uint8Array(count * width.images);
  let start = 0;
  for (const [i, path] of files.entries()) {
    const file = new SafetensorsFile(path);
    tokens.set(readTokens(path, index), start * width.tokens);
    // The bytes are a copy of their own, so the numbers are aligned.
    embeddings.set(new Float32Array(new Uint8Array(file.read("embeddings").data).buffer), start * width.embeddings);
    if (pictureSize !== undefined) images.set(file.read("images").data, start * width.images);
    start += rows[i] ?? 0;
  }
  const set: EncodedSet = { count, views, grid, codebookSize, embedDim, tokens, embeddings, names };
  if (pictureSize !== undefined) set.pictures = { images, size: pictureSize };
  if (captions) set.captions = captions;
  return set;
}

type Contents = { names: string[]; captions: (readonly string[])[] | undefined; files: string[] };

function contentsOf(folder: string, index: Index): Contents {
  const paths = index.shards.map((name) => join(folder, name));
  if (index.version === 1) return { names: index.names, captions: index.captions, files: paths };
  const [names, captions, files]: [string[], (readonly string[])[], string[]] = [[], [], []];
  let isCaptioned = false;
  for (const path of paths) {
    const shard = readShard(path);
    for (const name of shard.names) names.push(name);
    for (const each of shard.captions ?? []) captions.push(each);
    for (const { name } of shard.files) files.push(join(folder, name));
    isCaptioned ||= shard.captions !== undefined;
  }
  return { names, captions: isCaptioned ? captions : undefined, files };
}

function readIndex(folder: string): Index {
  const file = join(folder, "index.json");
  if (!existsSync(file)) {
    throw new Error(
      `${folder} holds no encoded pictures, or not all of them yet (index.json is missing); ` +
        "make them with: clip-gen encode",
    );
  }
  const parsed = indexSchema.safeParse(fromDisk(readJson(file)));
  if (!parsed.success) throw new Error(`${file} is no index of encoded pictures: ${problemsOf(parsed.error)}`);
  return parsed.data;
}

function bytesEach({ pictureSize = 0 }: Index): number {
  return pictureSize ** 2 * 3;
}
