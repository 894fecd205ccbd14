import { mkdirSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { explainDiskError } from "./disk-error.ts";
import { listHubFiles, type HubFile } from "./hub-api.ts";
import { fetchBlob } from "./hub-blob.ts";
import { blobPath, hasFile, linkSnapshot, repositoryFolder, snapshotFolder, writeRef } from "./hub-cache.ts";
import { chooseFiles, type HubChoice } from "./hub-choice.ts";
import type { HubRequestOptions } from "./hub-http.ts";
import { lockRepository } from "./hub-lock.ts";
import { hubModelText, isRepository, isRevision, type HubModel } from "./hub-name.ts";
import { hubSettings, type HubSettings } from "./hub-settings.ts";

/** Where a download is, in bytes. `done` counts what an earlier, broken one has left; `fetched` does not. */
export type HubProgress = { file: string; done: number; total: number; fetched: number };

export type DownloadOptions = HubChoice &
  Omit<HubRequestOptions, "settings"> & {
    /** Default: what the environment says. */
    settings?: HubSettings | undefined;
    onProgress?: ((progress: HubProgress) => void) | undefined;
  };

/** `folder` is the snapshot; `fetched` are the bytes that came over the network, 0 where all was there. */
export type Downloaded = { folder: string; commit: string; files: string[]; bytes: number; fetched: number };

/**
 * Downloads files of a model into the cache that Python's huggingface_hub has, too, and returns the folder with them.
 * Each file is verified before it gets its name; the snapshot appears when all of them are there, and the revision changes last:
 * whatever breaks leaves the former snapshot as it was, and the same call goes on where it stopped.
 * Throws if HF_HUB_OFFLINE is set, and one line for everything that the Hub, the network or the disk refuses.
 */
export async function downloadModel(model: HubModel, options: DownloadOptions = {}): Promise<Downloaded> {
  checkModel(model);
  const settings = options.settings ?? hubSettings();
  if (settings.offline) {
    throw new Error(
      `HF_HUB_OFFLINE is set, so ${hubModelText(model)} cannot be downloaded; unset it to allow the network`,
    );
  }
  const request: HubRequestOptions = { ...options, settings };
  options.signal?.throwIfAborted();
  const { commit, files: listed } = await listHubFiles(model, request);
  const names = new Set(
    chooseFiles(
      listed.map(({ path }) => path),
      options,
    ),
  );
  const files = listed.filter(({ path }) => names.has(path));

  const folder = repositoryFolder(settings.cache, model.repository);
  const snapshot = snapshotFolder(folder, commit);
  const isComplete = files.every(({ path, size }) => hasFile(join(snapshot, path), size));
  // Without a lock: a cache that has everything may be read-only.
  const fetched = isComplete
    ? 0
    : await fillSnapshot(files, { model, commit, folder, request, onProgress: options.onProgress });
  writeRef(folder, { revision: model.revision, commit });
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return { folder: snapshot, commit, files: files.map(({ path }) => path), bytes, fetched };
}

type Fetching = {
  model: HubModel;
  commit: string;
  folder: string;
  request: HubRequestOptions;
  onProgress: DownloadOptions["onProgress"];
};

async function fillSnapshot(files: readonly HubFile[], fetching: Fetching): Promise<number> {
  const { folder, commit } = fetching;
  const unlock = lockRepository(folder);
  try {
    const missing = missingBlobs(folder, commit, files);
    makeFolder(join(folder, "blobs"));
    checkSpace(folder, missing);
    const fetched = await fetchAll(missing, fetching);
    linkSnapshot(folder, { commit, files, fresh: new Set(missing.map(({ hash }) => hash)) });
    return fetched;
  } finally {
    unlock();
  }
}

async function fetchAll(
  files: readonly HubFile[],
  { model, commit, folder, request, onProgress }: Fetching,
): Promise<number> {
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  let fetchedBefore = 0;
  for (const file of files) {
    let fetched = 0;
    await fetchBlob(
      { model, commit, file, blob: blobPath(folder, file) },
      {
        ...request,
        onProgress: (onDisk, received) => {
          fetched = received;
          onProgress?.({ file: file.path, done: before + onDisk, total, fetched: fetchedBefore + received });
        },
      },
    );
    before += file.size;
    fetchedBefore += fetched;
  }
  return fetchedBefore;
}

/** What has to be fetched, each content once. */
function missingBlobs(folder: string, commit: string, files: readonly HubFile[]): HubFile[] {
  const snapshot = snapshotFolder(folder, commit);
  const missing = new Map<string, HubFile>();
  for (const file of files) {
    if (hasFile(join(snapshot, file.path), file.size) || hasFile(blobPath(folder, file), file.size)) continue;
    missing.set(file.hash, file);
  }
  return [...missing.values()];
}

function checkModel(model: HubModel): void {
  if (!isRepository(model.repository)) {
    throw new Error(
      `${model.repository} is no repository of the Hub, expected org/name, such as openai/clip-vit-base-patch32`,
    );
  }
  if (!isRevision(model.revision)) {
    throw new Error(`${model.revision} is no revision, expected a branch, a tag or a commit, such as main`);
  }
}

/** Before hours are spent: whether what is missing fits on the disk. */
function checkSpace(folder: string, files: readonly HubFile[]): void {
  const { bavail, bsize, blocks } = statfsSync(folder);
  const there = (file: HubFile): number => {
    return statSync(`${blobPath(folder, file)}.incomplete`, { throwIfNoEntry: false })?.size ?? 0;
  };
  const needed = files.reduce((sum, file) => sum + Math.max(0, file.size - there(file)), 0);
  // Some network shares do not tell their size.
  if (blocks === 0 || needed <= bavail * bsize) return;
  throw new Error(
    `${gigabytes(needed)} are to be downloaded, but ${folder} has ${gigabytes(bavail * bsize)} free; ` +
      "free some space, or set HF_HUB_CACHE to a folder on another disk",
  );
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw explainDiskError(path, error);
  }
}
