/** Folders of pictures: which files there are, and all of them as one array. */

import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { extname, join } from "node:path";
import { Random } from "../random.ts";
import { decodeImage, ImageError, imageExtensions, isImageFile, type Image } from "./images.ts";

/**
 * The picture files under these folders, at any depth, each once, in a stable order: as the paths were given, and
 * sorted by name within a folder. A path to a file is taken as it is, whatever its name. Hidden files and folders
 * (".name") are passed over, and a folder that links lead to twice is read once.
 * Throws where a path does not exist, and where there is no picture at all.
 */
export async function findImages(paths: readonly string[] | string): Promise<string[]> {
  const roots = typeof paths === "string" ? [paths] : paths;
  const search: Search = { found: new Set(), visited: new Set(), others: new Map() };
  for (const root of roots) {
    const info = await stat(root).catch((error: unknown) => {
      throw new Error(`cannot find pictures in ${root}: there is no such file or folder`, { cause: error });
    });
    if (info.isDirectory()) await searchFolder(root, search);
    else search.found.add(root);
  }
  if (search.found.size === 0) throw new Error(nothingFound(roots, search.others));
  return [...search.found];
}

type Search = { found: Set<string>; visited: Set<string>; others: Map<string, number> };

async function searchFolder(folder: string, search: Search): Promise<void> {
  const real = await realpath(folder);
  if (search.visited.has(real)) return;
  search.visited.add(real);
  const entries = await readdir(folder, { withFileTypes: true });
  // By code unit and not by locale, so that every machine finds the same order.
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    const kind = await kindOf(entry, path);
    if (kind === "folder") await searchFolder(path, search);
    else if (kind === "file" && isImageFile(path)) search.found.add(path);
    else if (kind === "file") {
      const extension = extname(entry.name).toLowerCase() || "no extension";
      search.others.set(extension, (search.others.get(extension) ?? 0) + 1);
    }
  }
}

async function kindOf(entry: Dirent, path: string): Promise<"folder" | "file" | "other"> {
  // A link that leads nowhere is no reason to stop.
  const target = entry.isSymbolicLink() ? await stat(path).catch(() => null) : entry;
  if (target?.isDirectory() === true) return "folder";
  return target?.isFile() === true ? "file" : "other";
}

function nothingFound(roots: readonly string[], others: ReadonlyMap<string, number>): string {
  const total = [...others.values()].reduce((sum, count) => sum + count, 0);
  const most = [...others].sort((a, b) => b[1] - a[1]).slice(0, 5);
  const seen = most.map(([extension, count]) => `${count} × ${extension}`).join(", ");
  return (
    `no picture in ${roots.join(", ") || "an empty list of paths"}: ` +
    `${total} other ${total === 1 ? "file" : "files"} seen${seen === "" ? "" : ` (${seen})`}; ` +
    `read are ${imageExtensions.join(" ")}`
  );
}

/** Random squares of a picture, each of 80 to 100 % of its area and resized. */
export type Crops = {
  /** How many of each picture. */
  count: number;
  /** Mirrors each half of the time. */
  flip: boolean;
  seed: number;
};

export type LoadOptions = {
  /** Side of every picture in pixels: shorter side to `size`, middle square. */
  size: number;
  /** Random crops that are wanted as well. Default: none. */
  crops?: Crops;
  /** The first file's number, which the crops follow from. Default 0. */
  start?: number;
  /** How many pictures are decoded at the same time. Default: the number of cores. */
  concurrency?: number;
  /** Called after each picture, kept or not. */
  onProgress?: (done: number, total: number) => void;
};

export type LoadedImages = {
  /** (kept.length, 1 + crops, size, size, 3) RGB bytes: of each file first the middle square. */
  images: Uint8Array;
  /** Which of the files were read, in order. */
  kept: number[];
  /** The files that could not be read, and why. */
  skipped: { file: string; reason: string }[];
};

/** A picture that is got at when its turn comes: its name, and how to come by its path or its bytes. */
export type LoadablePicture = { name: string; open: () => Promise<string | Uint8Array> };

/**
 * Decodes all files to one array in memory. Files that cannot be read are named in `skipped`.
 * Throws RangeError where the array would be too large for one buffer.
 */
export async function loadImages(
  files: readonly (string | LoadablePicture)[],
  options: LoadOptions,
): Promise<LoadedImages> {
  const { size, crops, start = 0, onProgress, concurrency = availableParallelism() } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new RangeError(`concurrency must be a whole number of at least 1, got ${concurrency}`);
  }
  const views = 1 + (crops?.count ?? 0);
  const bytesEach = views * size * size * 3;
  const images = allocate(files.length * views, size);
  const reasons = new Map<number, string>();
  let [next, done] = [0, 0];
  const work = async (): Promise<void> => {
    while (next < files.length) {
      const index = next++;
      try {
        const file = files[index] ?? "";
        const input = typeof file === "string" ? file : await file.open();
        const seen = await decodeViews(input, { size, crops, number: start + index });
        for (const [view, { data }] of seen.entries()) images.set(data, index * bytesEach + view * data.length);
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        reasons.set(index, error.reason);
      }
      done++;
      onProgress?.(done, files.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, files.length) }, work));

  const kept: number[] = [];
  const skipped: LoadedImages["skipped"] = [];
  for (const [index, file] of files.entries()) {
    const reason = reasons.get(index);
    if (reason !== undefined) {
      skipped.push({ file: typeof file === "string" ? file : file.name, reason });
      continue;
    }
    if (kept.length < index) images.copyWithin(kept.length * bytesEach, index * bytesEach, (index + 1) * bytesEach);
    kept.push(index);
  }
  return { images: images.subarray(0, kept.length * bytesEach), kept, skipped };
}

/** The middle square, and random ones. */
async function decodeViews(
  file: string | Uint8Array,
  { size, crops, number }: { size: number; crops: Crops | undefined; number: number },
): Promise<Image[]> {
  const views = [await decodeImage(file, { size })];
  if (!crops) return views;
  const random = new Random(crops.seed, "crops", number);
  for (let i = 0; i < crops.count; i += 1) {
    views.push(await decodeImage(file, { size, crop: "random", flip: crops.flip, random }));
  }
  return views;
}

function allocate(count: number, size: number): Uint8Array {
  const bytes = count * size * size * 3;
  try {
    return new Uint8Array(bytes);
  } catch (error) {
    const needed = (bytes / 2 ** 30).toFixed(1);
    throw new RangeError(
      `${count} pictures of ${size}×${size} need ${needed} GiB in one buffer, more than can be had: ` +
        "take a smaller size or fewer pictures",
      { cause: error },
    );
  }
}
