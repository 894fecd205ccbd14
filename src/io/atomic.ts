import { randomBytes } from "node:crypto";
import {
  accessSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join, parse } from "node:path";

/** What a file is made of: text (UTF-8), bytes, or parts in order, so that large files need not be joined first. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>;

// write(2) moves at most 2 GiB a call.
const CHUNK_BYTES = 2 ** 30;
const MAX_NUMBERED_NAMES = 1_000_000;

/**
 * Writes a file so that a reader, or the next start after a crash, finds the old file or the whole new one.
 * The bytes go to a `.tmp-…` file in the same folder, reach the disk, and the name is moved over.
 * The folder has to exist. Throws, with the old file untouched and the temporary one removed, if anything fails.
 */
export function writeFileAtomic(path: string, data: FileContent): void {
  const temporary = temporaryName(path);
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
      throw new Error(`cannot write ${path}: there is a folder of that name; choose another name`);
    }
    writeAndSync(temporary, data);
    renameSync(temporary, path);
  } catch (error) {
    discard(temporary);
    throw explainWriteError(path, error);
  }
  syncFolder(dirname(path));
}

/**
 * Writes a file under the first free of `name.png`, `name-2.png`, `name-3.png` …, and returns the path it took.
 * Never overwrites, also with several writers at once. Throws like `writeFileAtomic`.
 */
export function writeFileExclusive(path: string, data: FileContent): string {
  const temporary = temporaryName(path);
  try {
    writeAndSync(temporary, data);
    const taken = claimFreeName(temporary, path);
    syncFolder(dirname(path));
    return taken;
  } catch (error) {
    throw explainWriteError(path, error);
  } finally {
    discard(temporary);
  }
}

/**
 * Fills a new folder through `fill`, which gets the path of a `.tmp-…` folder beside the destination, and gives it its
 * name only when everything in it is on the disk. Throws if the destination exists, unless `replace` is set;
 * then the old folder is moved aside first (`.old-…`), and removed last. If `fill` throws, the temporary folder goes.
 */
export async function writeFolderAtomic(
  path: string,
  fill: (folder: string) => Promise<void> | void,
  options: { replace?: boolean } = {},
): Promise<void> {
  const temporary = temporaryName(path);
  try {
    checkFolderDestination(path, options.replace ?? false);
    mkdirSync(temporary);
    await fill(temporary);
    syncTree(temporary);
    // Again, as filling may have taken hours.
    checkFolderDestination(path, options.replace ?? false);
    moveFolder(temporary, path);
  } catch (error) {
    discard(temporary);
    throw explainWriteError(path, error);
  }
  syncFolder(dirname(path));
}

/** Makes a folder and those above it. Throws with the reason in words. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw explainWriteError(path, whyNotWritable(path) ?? error);
  }
}

/** Of a read-only disk Node.js says that the folder is missing; the nearest one that is there knows better. */
function whyNotWritable(path: string): unknown {
  const parent = dirname(path);
  if (!existsSync(parent) && parent !== path) return whyNotWritable(parent);
  try {
    accessSync(parent, constants.W_OK);
    return undefined;
  } catch (error) {
    return error;
  }
}

function checkFolderDestination(path: string, replace: boolean): void {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return;
  if (!status.isDirectory()) throw new Error(`cannot write the folder ${path}: there is a file of that name`);
  if (!replace) throw new Error(`cannot write the folder ${path}: it exists already; choose another name`);
}

function moveFolder(from: string, to: string): void {
  if (!existsSync(to)) {
    renameSync(from, to);
    return;
  }
  const old = join(dirname(to), `.old-${randomBytes(6).toString("hex")}`);
  renameSync(to, old);
  try {
    renameSync(from, to);
  } catch (error) {
    renameSync(old, to);
    throw error;
  }
  rmSync(old, { recursive: true, force: true });
}

/** A hard link fails if the name is taken, which is the one way to claim a name and its whole content in one step. */
function claimFreeName(source: string, wanted: string): string {
  const { dir, name, ext } = parse(wanted);
  for (let number = 1; number <= MAX_NUMBERED_NAMES; number += 1) {
    const candidate = number === 1 ? wanted : join(dir, `${name}-${number}${ext}`);
    try {
      try {
        linkSync(source, candidate);
      } catch (error) {
        if (errorCode(error) === "EEXIST") throw error;
        // Some file systems (FAT, network shares) have no hard links.
        copyFileSync(source, candidate, constants.COPYFILE_EXCL);
      }
      return candidate;
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
    }
  }
  throw new Error(`all names from ${wanted} to ${name}-${MAX_NUMBERED_NAMES}${ext} are taken; choose another name`);
}

/** Failing to clean up must not hide why the write failed. */
function discard(temporary: string): void {
  try {
    rmSync(temporary, { recursive: true, force: true });
  } catch {
    // The leftover is named .tmp-…, so that nothing takes it for a result.
  }
}

function temporaryName(path: string): string {
  return join(dirname(path), `.tmp-${randomBytes(6).toString("hex")}`);
}

function writeAndSync(path: string, data: FileContent): void {
  const fd = openSync(path, "wx");
  try {
    if (typeof data === "string") writeAll(fd, Buffer.from(data, "utf8"));
    else if (data instanceof Uint8Array) writeAll(fd, data);
    else for (const part of data) writeAll(fd, part);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.byteLength) {
    done += writeSync(fd, bytes, done, Math.min(bytes.byteLength - done, CHUNK_BYTES));
  }
}

function syncTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) syncTree(path);
    else if (entry.isFile()) syncPath(path);
  }
  syncFolder(folder);
}

function syncPath(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes a new name durable. Not every system can sync a folder (Windows cannot), and the content is safe by then. */
function syncFolder(folder: string): void {
  try {
    syncPath(folder);
  } catch {
    // The name is in place; only its durability across a power cut is unknown.
  }
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Says in words what the system's code means; anything else passes through unchanged. */
function explainWriteError(path: string, error: unknown): unknown {
  const reasons: Record<string, string> = {
    ENOSPC: "the disk is full; free some space and try again",
    EDQUOT: "the disk quota is used up; free some space and try again",
    EROFS: "the disk is read-only; choose another place",
    EACCES: "no permission; choose another place or change the folder's permissions",
    EPERM: "no permission; choose another place or change the folder's permissions",
    ENOENT: `the folder ${dirname(path)} does not exist; make it first`,
    ENOTDIR: `${dirname(path)} is not a folder`,
    EFBIG: "the file is too large for this file system",
    ENAMETOOLONG: "the name is too long",
  };
  const reason = reasons[errorCode(error) ?? ""];
  return reason === undefined ? error : new Error(`cannot write ${path}: ${reason}`, { cause: error });
}
