import { captionComposition } from "./composition-captions.ts";
import { drawComposition } from "./composition-drawing.ts";
import { type Composition, compositionAt, type CompositionOptions } from "./compositions.ts";
import { captionScene } from "./scene-captions.ts";
import { drawScene } from "./scene-drawing.ts";
import { sceneAt, type Scene } from "./scenes.ts";
import { findImages, type Crops } from "./image-files.ts";
import { loadPairs } from "./pairs.ts";
import { isPictureList, readPictureList } from "./picture-list.ts";
import type { PictureFile, PictureSet, PictureStream } from "./picture-stream.ts";
import { fileStore } from "./shards/picture-store.ts";
import { readStore, streamStore } from "./shards/stored-images.ts";
import { Random } from "../random.ts";

export {
  slicePictures,
  sourceOf,
  streamOf,
  type PictureFile,
  type PictureSet,
  type PictureSource,
  type PictureStream,
} from "./picture-stream.ts";

export type ReadOptions = { size: number; onProgress?: (done: number, total: number) => void };

/** Every picture that the `.jsonl` lists name, whose captions are not looked at, and every one in the folders, recursively. */
export async function findPictures(paths: readonly string[]): Promise<PictureFile[]> {
  const [lists, folders] = [paths.filter(isPictureList), paths.filter((path) => !isPictureList(path))];
  const listed: string[] = [];
  for (const list of lists) listed.push(...(await readPictureList(list)).map(({ file }) => file));
  const found = folders.length > 0 || lists.length === 0 ? await findImages(folders) : [];
  return [...new Set([...listed, ...found])].map((file) => ({ file }));
}

/** Pictures with their captions: from `.jsonl` lists, and from folders with a text beside every picture. */
export async function findPairs(paths: readonly string[]): Promise<PictureFile[]> {
  const pairs: PictureFile[] = [];
  for (const path of paths) pairs.push(...(await loadPairs(path)));
  return pairs;
}

/** Decodes pictures into memory. Unreadable ones are passed over and named in `skipped`. */
export async function readPictures(files: readonly PictureFile[], options: ReadOptions): Promise<PictureSet> {
  return await readStore(fileStore(files), options);
}

/**
 * Picture files as a stream: while a batch is worked on, the next one is read. Unreadable ones are named in the batches'
 * `skipped`; an error at the end where there was no other.
 */
export function streamFiles(files: readonly PictureFile[], options: { size: number; crops?: Crops }): PictureStream {
  const stream = streamStore(fileStore(files), options);
  async function* batches(batchSize: number): AsyncGenerator<PictureSet> {
    let count = 0;
    const skipped: PictureSet["skipped"][number][] = [];
    for await (const batch of stream.batches(batchSize)) {
      count += batch.count;
      skipped.push(...batch.skipped);
      yield batch;
    }
    requireSome(count, skipped);
  }
  return { ...stream, batches };
}

/** Sentences that each drawn scene has. */
const CAPTIONS = 4;

type DrawnSet = PictureSet & { captions: readonly (readonly string[])[] };

export type SceneSet = DrawnSet & { scenes: readonly Scene[] };

/** Synthetic scenes, drawn anew from the seed: no file is read. */
export function drawScenes(options: {
  count: number;
  size: number;
  seed: number;
  /** Whether the combinations that the generator must not see are among them. */
  heldOut: "exclude" | "only" | "include";
}): SceneSet {
  const { count, seed, heldOut } = options;
  const scenes = Array.from({ length: count }, (_, i) => sceneAt(seed, i, { heldOut }));
  const drawn = drawEach(scenes, options, {
    draw: drawScene,
    caption: captionScene,
    name: ({ color, shape }) => `${color} ${shape}`,
  });
  return { ...drawn, scenes };
}

/** Synthetic scenes of one to three objects, drawn anew from the seed. */
export function drawCompositions(
  options: { count: number; size: number; seed: number } & CompositionOptions,
): DrawnSet & {
  compositions: readonly Composition[];
} {
  const { count, size, seed, ...which } = options;
  const compositions = Array.from({ length: count }, (_, i) => compositionAt(seed, i, which));
  const drawn = drawEach(
    compositions,
    { size, seed },
    {
      draw: drawComposition,
      caption: captionComposition,
      name: ({ objects }) => objects.map(({ color, shape }) => `${color} ${shape}`).join(", "),
    },
  );
  return { ...drawn, compositions };
}

function drawEach<S>(
  scenes: readonly S[],
  { size, seed }: { size: number; seed: number },
  as: {
    draw: (scene: S, pixels: number) => Uint8Array;
    caption: (scene: S, random: Random) => string;
    name: (scene: S) => string;
  },
): DrawnSet {
  const images = new Uint8Array(scenes.length * size * size * 3);
  const captions: string[][] = [];
  for (const [i, scene] of scenes.entries()) {
    const random = new Random(seed, "captions", i);
    images.set(as.draw(scene, size), i * size * size * 3);
    captions.push(Array.from({ length: CAPTIONS }, () => as.caption(scene, random)));
  }
  const names = scenes.map((scene, i) => `scene ${i}: ${as.name(scene)}`);
  return { images, size, count: scenes.length, names, captions, skipped: [] };
}

function requireSome(count: number, skipped: readonly { file: string; reason: string }[]): void {
  if (count > 0) return;
  const [first] = skipped;
  throw new Error(
    `none of ${skipped.length} pictures could be read${first ? `; the first, ${first.file}: ${first.reason}` : ""}`,
  );
}
