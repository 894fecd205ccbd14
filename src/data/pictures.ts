import { captionScene } from "./scene-captions.ts";
import { drawScene } from "./scene-drawing.ts";
import { sceneAt, type Scene } from "./scenes.ts";
import { loadImages, findImages } from "./image-files.ts";
import { loadPairs } from "./pairs.ts";
import { isPictureList, readPictureList } from "./picture-list.ts";
import { Random } from "../random.ts";

/** Pictures of one size, decoded and in memory: what every stage trains on. */
export type PictureSet = {
  /** (count, size, size, 3) RGB bytes. */
  images: Uint8Array;
  size: number;
  count: number;
  /** Where each picture came from. */
  names: readonly string[];
  /** Sentences for each picture, where there are any. Only CLIP's training and scoring may look at them. */
  captions?: readonly (readonly string[])[];
  skipped: readonly { file: string; reason: string }[];
};

export type ReadOptions = { size: number; onProgress?: (done: number, total: number) => void };

/**
 * Every picture that the `.jsonl` lists name, whose captions are not looked at, and every one in the folders, recursively.
 * Unreadable ones are passed over and named in `skipped`.
 */
export async function readPictures(paths: readonly string[], options: ReadOptions): Promise<PictureSet> {
  const [lists, folders] = [paths.filter(isPictureList), paths.filter((path) => !isPictureList(path))];
  const listed: string[] = [];
  for (const list of lists) listed.push(...(await readPictureList(list)).map(({ file }) => file));
  const found = folders.length > 0 || lists.length === 0 ? await findImages(folders) : [];
  const files = [...new Set([...listed, ...found])];
  const { images, files: kept, skipped } = await loadImages(files, options);
  requireSome(kept.length, skipped);
  return { images, size: options.size, count: kept.length, names: kept, skipped };
}

/** Pictures with their captions: a `.jsonl` list, or a folder with a text beside every picture. */
export async function readPairs(path: string, options: ReadOptions): Promise<PictureSet> {
  const pairs = await loadPairs(path);
  const captionsOf = new Map(pairs.map((pair) => [pair.file, pair.captions]));
  const files = pairs.map((pair) => pair.file);
  const { images, files: kept, skipped } = await loadImages(files, options);
  requireSome(kept.length, skipped);
  const captions = kept.map((file) => captionsOf.get(file) ?? []);
  return { images, size: options.size, count: kept.length, names: kept, captions, skipped };
}

/** Several sets of one size as one; it has captions where all of them have. */
export function joinPictures(sets: readonly PictureSet[]): PictureSet {
  const [first] = sets;
  if (!first) throw new RangeError("no pictures to join");
  const captions = sets.flatMap((set) => set.captions ?? []);
  const joined = {
    images: Buffer.concat(sets.map((set) => set.images)),
    size: first.size,
    count: sets.reduce((sum, set) => sum + set.count, 0),
    names: sets.flatMap((set) => set.names),
    skipped: sets.flatMap((set) => set.skipped),
  };
  return captions.length === joined.count ? { ...joined, captions } : joined;
}

export type SceneSet = PictureSet & { scenes: readonly Scene[]; captions: readonly (readonly string[])[] };

/** Synthetic scenes, drawn anew from the seed: no file is read. */
export function drawScenes(options: {
  count: number;
  size: number;
  seed: number;
  /** Whether the combinations that the generator must not see are among them. */
  heldOut: "exclude" | "only" | "include";
}): SceneSet {
  const { count, size, seed, heldOut } = options;
  const images = new Uint8Array(count * size * size * 3);
  const scenes: Scene[] = [];
  const captions: string[][] = [];
  for (let i = 0; i < count; i += 1) {
    const scene = sceneAt(seed, i, { heldOut });
    const random = new Random(seed, "captions", i);
    images.set(drawScene(scene, size), i * size * size * 3);
    scenes.push(scene);
    captions.push(Array.from({ length: 4 }, () => captionScene(scene, random)));
  }
  const names = scenes.map((scene, i) => `scene ${i}: ${scene.color} ${scene.shape}`);
  return { images, size, count, names, captions, scenes, skipped: [] };
}

function requireSome(count: number, skipped: readonly { file: string; reason: string }[]): void {
  if (count > 0) return;
  const [first] = skipped;
  throw new Error(
    `none of ${skipped.length} pictures could be read${first ? `; the first, ${first.file}: ${first.reason}` : ""}`,
  );
}
