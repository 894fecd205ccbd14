import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { writeFileAtomic } from "../atomic.ts";
import { explainDiskError } from "./disk-error.ts";
import type { HubFile } from "./hub-api.ts";
import { hubModelText, isCommit, parseHubModel, type HubModel } from "./hub-name.ts";
import { hubCacheFolder } from "./hub-settings.ts";

// The layout is that of Python's huggingface_hub (file_download.py; docs, "Manage the cache"):
//
//   models--org--name/
//     blobs/<hash>                 the content; <hash>.incomplete while it is downloaded
//     snapshots/<commit>/<path>    a relative link to the blob
//     refs/<revision>              the commit, 40 digits and no line end

/** The folder of a repository in the cache. */
export function repositoryFolder(cache: string, repository: string): string {
  return join(cache, `models--${repository.replace("/", "--")}`);
}

export function blobPath(folder: string, file: HubFile): string {
  return join(folder, "blobs", file.hash);
}

export function snapshotFolder(folder: string, commit: string): string {
  return join(folder, "snapshots", commit);
}

/** The snapshot of a model in the cache; undefined if it is not there. Looks at the disk alone. */
export function findInCache(model: HubModel, cache: string = hubCacheFolder()): string | undefined {
  const folder = repositoryFolder(cache, model.repository);
  const commit = isCommit(model.revision) ? model.revision : readRef(folder, model.revision);
  if (commit === undefined) return undefined;
  const snapshot = snapshotFolder(folder, commit);
  return existsSync(snapshot) ? snapshot : undefined;
}

/**
 * The path of what a user names as a model: a path as it is, `org/name` or `org/name@revision` as its folder in the cache.
 * A path that exists comes first. Downloads nothing. Throws if it could only be a model of the Hub and is not in the cache.
 */
export function resolveModelPath(text: string, cache: string = hubCacheFolder()): string {
  const model = existsSync(text) ? undefined : parseHubModel(text);
  if (model === undefined) return text;
  const found = findInCache(model, cache);
  if (found !== undefined) return found;
  throw new Error(
    `there is no file or folder ${text}, and the Hub's cache (${cache}) does not have it; ` +
      `get it with: clip-gen download ${hubModelText(model)}`,
  );
}

/** Whether a file of a snapshot is there in its full size: as a link to a blob, or by itself. */
export function hasFile(path: string, size: number): boolean {
  // existsSync also says no where a part of the path is a file.
  if (!existsSync(path)) return false;
  const status = statSync(path);
  return status.isFile() && status.size === size;
}

/**
 * Puts files, whose blobs are there, into the snapshot of a commit. Where the system has no symbolic links, a blob that is `fresh`
 * (no other snapshot can need it) is moved, and others are copied, as Python does.
 */
export function linkSnapshot(
  folder: string,
  { commit, files, fresh }: { commit: string; files: readonly HubFile[]; fresh: ReadonlySet<string> },
): void {
  // Where blobs went that were moved: two files of a snapshot may have the same content.
  const moved = new Map<string, string>();
  for (const file of files) {
    const path = join(snapshotFolder(folder, commit), file.path);
    const blob = blobPath(folder, file);
    if (hasFile(path, file.size)) continue;
    try {
      mkdirSync(dirname(path), { recursive: true });
      rmSync(path, { force: true });
      if (makeLink(blob, path)) continue;
      const source = moved.get(file.hash);
      if (source !== undefined || !fresh.has(file.hash)) copyFileSync(source ?? blob, path);
      else {
        renameSync(blob, path);
        moved.set(file.hash, path);
      }
    } catch (error) {
      throw explainDiskError(path, error);
    }
  }
}

function makeLink(blob: string, path: string): boolean {
  try {
    symlinkSync(relative(dirname(path), blob), path);
    return true;
  } catch {
    // Windows without the right to it, FAT, some network shares. A copy fails for any other reason, too, and says so.
    return false;
  }
}

/** Notes which commit a branch or tag means. A commit itself needs no note. */
export function writeRef(folder: string, { revision, commit }: { revision: string; commit: string }): void {
  if (revision === commit || readRef(folder, revision) === commit) return;
  const path = join(folder, "refs", revision);
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw explainDiskError(path, error);
  }
  writeFileAtomic(path, commit);
}

function readRef(folder: string, revision: string): string | undefined {
  const path = join(folder, "refs", revision);
  if (!existsSync(path) || !statSync(path).isFile()) return undefined;
  const commit = readFileSync(path, "utf8").trim();
  return isCommit(commit) ? commit : undefined;
}
