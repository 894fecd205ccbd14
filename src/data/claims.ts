/**
 * Claims to pieces of work, for processes that share nothing but a folder. A claim is a file that only one process can make,
 * and whose time it changes every few seconds. Work has to be such that doing it twice does no harm, as two processes
 * can come to hold the same claim: one that was silent for too long, and one that took it for dead.
 */

import { randomBytes } from "node:crypto";
import {
  closeSync,
  fstatSync,
  futimesSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";

/** How often a claim's time is changed, in milliseconds. */
const HEARTBEAT_MS = 5000;

export type Claim = {
  /** Gives it back. Whatever was done under it has to be on the disk. */
  release: () => void;
};

/** Claims what a path stands for; undefined where another process has. Throws where the folder cannot be written. */
export function takeClaim(path: string): Claim | undefined {
  const fd = openExclusive(path);
  if (fd === undefined) return undefined;
  writeSync(fd, `${JSON.stringify({ host: hostname(), pid: process.pid, since: new Date().toISOString() })}\n`);
  // By the open file and not by its name, which may have become another's claim.
  const beat = setInterval(() => {
    try {
      const now = new Date();
      futimesSync(fd, now, now);
    } catch {
      // A network's file system says so where another machine has taken the claim away, and nothing else than that is lost.
      clearInterval(beat);
    }
  }, HEARTBEAT_MS);
  beat.unref();
  const { ino } = fstatSync(fd);
  const release = (): void => {
    clearInterval(beat);
    const isOwn = statSync(path, { throwIfNoEntry: false })?.ino === ino;
    closeSync(fd);
    if (isOwn) rmSync(path, { force: true });
  };
  return { release };
}

function openExclusive(path: string): number | undefined {
  try {
    return openSync(path, "wx");
  } catch (error) {
    if (errorCode(error) === "EEXIST") return undefined;
    throw error;
  }
}

/**
 * Watches claims of others. Compares their times with one another and never with a clock, as machines' clocks differ: what
 * has not changed for as long as this process looks is stale.
 */
export class ClaimWatch {
  readonly #staleMs: number;
  readonly #seen: Map<string, { mark: string; since: number }> = new Map();

  /** `staleMs`: how long a claim may stay as it is, in milliseconds. Default: two minutes. */
  constructor({ staleMs = 120_000 }: { staleMs?: number } = {}) {
    this.#staleMs = staleMs;
  }

  /** Takes a stale claim away, so that it can be taken. Returns whether there is none any more. */
  clear(path: string): boolean {
    const info = statSync(path, { throwIfNoEntry: false });
    if (!info) return true;
    const mark = `${info.ino} ${info.mtimeMs}`;
    const known = this.#seen.get(path);
    const now = performance.now();
    if (known?.mark !== mark) this.#seen.set(path, { mark, since: now });
    const isStale = known?.mark === mark && now - known.since > this.#staleMs;
    if (!isStale && !isGone(path)) return false;
    this.#seen.delete(path);
    // Of several that find it stale, one can rename it.
    const aside = `${path}-${randomBytes(6).toString("hex")}`;
    try {
      renameSync(path, aside);
      rmSync(aside, { force: true });
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
    }
    return true;
  }
}

/** Whether the process that holds a claim is gone, which can be said of this machine's alone. */
function isGone(path: string): boolean {
  try {
    const owner: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof owner !== "object" || owner === null || !("host" in owner) || !("pid" in owner)) return false;
    if (owner.host !== hostname() || typeof owner.pid !== "number") return false;
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return errorCode(error) === "ESRCH";
  }
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
