import { findPairs, findPictures } from "../pictures.ts";
import type { ByteOptions } from "./byte-source.ts";
import { openBytes } from "./open-bytes.ts";
import { openParquet, recentRows, type RecentRows } from "./parquet-store.ts";
import { fileStore, joinStores, weightedStore, type PictureStore } from "./picture-store.ts";
import { shardCache, shardIndex } from "./shard-index.ts";
import { findShards, isParquet, isShards, splitWeight } from "./shard-list.ts";
import { tarStore } from "./tar-store.ts";

export type OpenOptions = ByteOptions & {
  /** Whether the pictures' captions are wanted, too; pictures without one then count as broken. Default false. */
  captions?: boolean;
  /** Where the indexes of archives are kept. Default: `shardCache()`. */
  cache?: string;
  /** Called after each shard that was looked through. */
  onProgress?: (done: number, total: number) => void;
};

/** Shards that are looked through at the same time. */
const TOGETHER = 8;

/**
 * Pictures of any kind as one store: folders, files and `.jsonl` lists, tar archives as WebDataset has them, and parquet, here or at
 * http(s) addresses. `shards/a-{000..099}.tar` stands for a hundred shards, a folder for the shards in it, and
 * `?weight=2` after any of them for twice as many of its pictures in an epoch.
 * Throws where something is not there, or is damaged, or holds no picture.
 */
export async function openPictures(paths: readonly string[], options: OpenOptions = {}): Promise<PictureStore> {
  const recent = recentRows();
  const stores: PictureStore[] = [];
  // Plain paths of one weight are looked for together, so that a file that two of them lead to comes once.
  const files = new Map<number, string[]>();
  for (const source of paths) {
    const { path, weight } = splitWeight(source);
    if (isShards(path)) stores.push(weightedStore(await openShards(findShards(path), { ...options, recent }), weight));
    else files.set(weight, [...(files.get(weight) ?? []), path]);
  }
  for (const [weight, some] of files) {
    const found = await (options.captions === true ? findPairs(some) : findPictures(some));
    stores.push(weightedStore(fileStore(found), weight));
  }
  return joinStores(stores);
}

async function openShards(
  locations: readonly string[],
  options: OpenOptions & { recent: RecentRows },
): Promise<PictureStore> {
  const stores: PictureStore[] = [];
  let [next, done] = [0, 0];
  const work = async (): Promise<void> => {
    while (next < locations.length) {
      const place = next++;
      stores[place] = await openShard(locations[place] ?? "", options);
      options.onProgress?.((done += 1), locations.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(TOGETHER, locations.length) }, work));
  return joinStores(stores);
}

async function openShard(location: string, options: OpenOptions & { recent: RecentRows }): Promise<PictureStore> {
  const { captions = false, cache = shardCache(), recent } = options;
  const source = await openBytes(location, options);
  if (isParquet(location)) return openParquet(source, { captions, recent });
  return tarStore(source, await shardIndex(source, { cache }), { captions });
}
