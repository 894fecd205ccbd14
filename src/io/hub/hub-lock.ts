import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { explainDiskError } from "./disk-error.ts";

/**
 * Holds a repository's folder against a second download at the same time, which would write into the same files.
 * Returns how to let go. What a process that is gone has left is taken over; Python's own locks are neither heeded nor needed:
 * its present versions write to names of their own, and ours are verified.
 */
export function lockRepository(folder: string): () => void {
  const path = join(dirname(folder), ".locks", basename(folder), "clip-gen.lock");
  try {
    mkdirSync(dirname(path), { recursive: true });
    if (!claim(path)) {
      const owner = readOwner(path);
      if (!isGone(owner)) {
        throw new Error(
          `another clip-gen (process ${owner || "unknown"}) is downloading this model; wait for it, or remove ${path} if it is gone`,
        );
      }
      rmSync(path, { force: true });
      if (!claim(path)) throw new Error("another clip-gen has just begun to download this model; wait for it");
    }
  } catch (error) {
    throw explainDiskError(path, error);
  }
  return () => rmSync(path, { force: true });
}

function claim(path: string): boolean {
  try {
    writeFileSync(path, `${process.pid} on ${hostname()}`, { flag: "wx" });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

function readOwner(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Only of a process on this machine can be said that it is gone. */
function isGone(owner: string): boolean {
  const [, id, host] = /^(\d+) on (.*)$/.exec(owner) ?? [];
  if (id === undefined || host !== hostname()) return false;
  try {
    process.kill(Number(id), 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}
