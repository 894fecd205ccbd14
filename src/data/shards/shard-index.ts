import { createHash } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { SafetensorsFile, writeSafetensorsFile } from "../../io/safetensors.ts";
import type { StoredTensor } from "../../io/stored-tensor.ts";
import { imageExtensions } from "../images.ts";
import type { ByteSource } from "./byte-source.ts";
import { tarMembers, TAR_BLOCK, type TarMember } from "./tar.ts";

/**
 * Where the pictures of a tar archive lie, and their captions. Flat arrays and no object a picture: 21 bytes and the name,
 * so that a hundred million pictures take some 4 GB.
 */
export type ShardIndex = {
  count: number;
  /** (count) Where each picture begins, in blocks of 512 bytes. */
  blocks: Int32Array;
  /** (count) Bytes of each picture. */
  lengths: Int32Array;
  /** (count) Where each caption begins, in blocks; 0 where there is none. */
  captionBlocks: Int32Array;
  /** (count) Bytes of each caption. */
  captionLengths: Int32Array;
  /** (count) 1 where the caption is JSON. */
  captionIsJson: Uint8Array;
  /** The names one after the other, UTF-8. */
  names: Uint8Array;
  /** (count) Where each name ends in `names`. */
  nameEnds: Int32Array;
};

/**
 * The index of an archive: from the cache, or made by reading through it once, and put there. `cache` is its folder.
 * Throws where the archive is damaged, and where it has no picture.
 */
export async function shardIndex(source: ByteSource, { cache }: { cache: string }): Promise<ShardIndex> {
  const key = createHash("sha256").update(`${source.location}\n${source.version}`).digest("hex");
  const path = join(cache, `${key}.safetensors`);
  const known = readIndex(path);
  if (known) return known;
  const index = await buildIndex(source);
  try {
    mkdirSync(cache, { recursive: true });
    writeIndex(path, index, source.location);
  } catch {
    // A full or read-only disk makes the next start slower, and is no reason to stop this one.
  }
  return index;
}

/** Where indexes are kept: `clip-gen/shards` in XDG_CACHE_HOME, or in `~/.cache`. */
export function shardCache(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "clip-gen", "shards");
}

/** What belongs together, while it is read. */
type Sample = { key: string; picture?: TarMember; text?: TarMember; json?: TarMember };

/**
 * Goes through an archive once. Members that follow one another and have the same key, which is the path up to the first dot
 * of the last part, belong together (WebDataset's rule).
 */
export async function buildIndex(source: ByteSource): Promise<ShardIndex> {
  const samples = new IndexBuilder();
  const others = new Set<string>();
  let sample: Sample = { key: "" };
  for await (const member of tarMembers(source)) {
    const { key, extension } = splitName(member.name);
    // ".DS_Store" and what macOS puts beside every file ("._a.png").
    if (basename(key) === "" || key.endsWith("/")) continue;
    if (key !== sample.key) {
      samples.add(sample, source);
      sample = { key };
    }
    if (imageExtensions.includes(extension)) sample.picture ??= member;
    else if (extension === ".txt") sample.text ??= member;
    else if (extension === ".json") sample.json ??= member;
    else if (others.size < 5) others.add(extension);
  }
  samples.add(sample, source);
  const index = samples.finish();
  if (index.count > 0) return index;
  const seen = others.size === 0 ? "" : `, but ${[...others].map((name) => name || "no extension").join(" ")}`;
  throw new Error(`${source.name} has no picture${seen}; read are ${imageExtensions.join(" ")}`);
}

/** `a/b.c.jpg` → `a/b` and `.c.jpg`, which is no picture: the picture of `a/b` is `a/b.jpg`. */
function splitName(name: string): { key: string; extension: string } {
  const dot = name.indexOf(".", name.lastIndexOf("/") + 1);
  if (dot < 0) return { key: name, extension: "" };
  return { key: name.slice(0, dot), extension: name.slice(dot).toLowerCase() };
}

class IndexBuilder {
  readonly #blocks: number[] = [];
  readonly #lengths: number[] = [];
  readonly #captionBlocks: number[] = [];
  readonly #captionLengths: number[] = [];
  readonly #captionIsJson: number[] = [];
  readonly #names: Uint8Array[] = [];
  readonly #nameEnds: number[] = [];

  add({ picture, text, json }: Sample, source: ByteSource): void {
    if (!picture) return;
    const caption = text ?? json;
    this.#blocks.push(picture.offset / TAR_BLOCK);
    this.#lengths.push(picture.size);
    this.#captionBlocks.push(caption ? caption.offset / TAR_BLOCK : 0);
    this.#captionLengths.push(caption?.size ?? 0);
    this.#captionIsJson.push(text || !json ? 0 : 1);
    const name = new TextEncoder().encode(picture.name);
    this.#names.push(name);
    this.#nameEnds.push((this.#nameEnds.at(-1) ?? 0) + name.length);
    if (Math.max(picture.size, caption?.size ?? 0, picture.offset / TAR_BLOCK) >= 2 ** 31) {
      throw new Error(`${source.name} has a picture of more than 2 GiB, or more than a TiB of them; split it`);
    }
  }

  finish(): ShardIndex {
    return {
      count: this.#blocks.length,
      blocks: Int32Array.from(this.#blocks),
      lengths: Int32Array.from(this.#lengths),
      captionBlocks: Int32Array.from(this.#captionBlocks),
      captionLengths: Int32Array.from(this.#captionLengths),
      captionIsJson: Uint8Array.from(this.#captionIsJson),
      names: Buffer.concat(this.#names),
      nameEnds: Int32Array.from(this.#nameEnds),
    };
  }
}

// Another number makes all indexes be built anew.
const FORMAT = "clip-gen shard index 1";

const FIELDS = ["blocks", "lengths", "captionBlocks", "captionLengths", "nameEnds"] as const;

function writeIndex(path: string, index: ShardIndex, location: string): void {
  const { count, captionIsJson, names } = index;
  writeSafetensorsFile(
    path,
    [
      ...FIELDS.map((name): [string, StoredTensor] => {
        const { buffer, byteOffset, byteLength } = index[name];
        return [name, { dtype: "int32", shape: [count], data: new Uint8Array(buffer, byteOffset, byteLength) }];
      }),
      ["captionIsJson", { dtype: "uint8", shape: [count], data: captionIsJson }],
      ["names", { dtype: "uint8", shape: [names.length], data: names }],
    ],
    { format: FORMAT, location },
  );
}

/** Nothing where there is none, or where it is damaged: it can be made again. */
function readIndex(path: string): ShardIndex | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const file = new SafetensorsFile(path);
    if (file.metadata["format"] !== FORMAT) return undefined;
    const bytes = (name: string): Uint8Array => new Uint8Array(file.read(name).data);
    const numbers = (name: (typeof FIELDS)[number]): Int32Array => new Int32Array(bytes(name).buffer);
    const nameEnds = numbers("nameEnds");
    return {
      count: nameEnds.length,
      blocks: numbers("blocks"),
      lengths: numbers("lengths"),
      captionBlocks: numbers("captionBlocks"),
      captionLengths: numbers("captionLengths"),
      captionIsJson: bytes("captionIsJson"),
      names: bytes("names"),
      nameEnds,
    };
  } catch {
    return undefined;
  }
}
