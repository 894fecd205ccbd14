import { setTimeout as sleep } from "node:timers/promises";
import { TemporaryError, type RequestOptions } from "./http.ts";

const ATTEMPTS = 5;
const MAX_DELAY_MS = 10_000;
// A server that wants a longer pause should be asked again by a person.
const MAX_WAIT_MS = 60_000;

/**
 * Runs something until it succeeds or throws something else than a `TemporaryError`: five times without progress, waiting
 * twice as long each time, or as long as the server asks for. `progress` counts what has been reached: while it grows,
 * the tries start over, so that a bad line gets a large file in the end.
 */
export async function withRetries<T>(
  run: () => Promise<T>,
  options: Pick<RequestOptions, "signal" | "retryDelayMs"> & { progress?: () => number },
): Promise<T> {
  const { signal, retryDelayMs = 500, progress = () => 0 } = options;
  let reached = progress();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof TemporaryError)) throw error;
      if (progress() > reached) attempt = 1;
      reached = Math.max(reached, progress());
      const wait = error.waitMs ?? Math.min(retryDelayMs * 2 ** (attempt - 1), MAX_DELAY_MS) * (1 + Math.random() / 4);
      if (wait > MAX_WAIT_MS) {
        throw new Error(`${error.message}; it asks to come back in ${Math.ceil(wait / 1000)} seconds`, {
          cause: error,
        });
      }
      if (attempt >= ATTEMPTS) {
        throw new Error(`${error.message} (tried ${ATTEMPTS} times); run the same command again to go on`, {
          cause: error,
        });
      }
      await pause(wait, signal);
    }
  }
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal && { signal });
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : error;
  }
}

/** `Retry-After` in milliseconds: seconds, or a date (RFC 9110, section 10.2.3). */
export function retryAfter(headers: Headers, now: number = Date.now()): number | undefined {
  const text = headers.get("retry-after")?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
