import * as fc from "fast-check";
import { Random } from "../src/random.ts";

const MAX_MESSAGE_CHARACTERS = 2000;

/**
 * How often a property is tried, and from which seed. CLIP_GEN_FUZZ=1000000 looks for longer: the first cases are the same, then
 * come new ones. CLIP_GEN_FUZZ_SEED gives others from the start.
 */
export function fuzzed(runs: number): { numRuns: number; seed: number } {
  return {
    numRuns: Number(process.env["CLIP_GEN_FUZZ"] ?? runs),
    seed: Number(process.env["CLIP_GEN_FUZZ_SEED"] ?? 1),
  };
}

/** What damages a file: one number, which a failure names, decides all of it. */
export const damage: fc.Arbitrary<Random> = fc.nat().map((seed) => new Random(seed));

export type Allowed = {
  /** Messages of several lines, where they are meant. */
  lines?: boolean;
  /** RangeErrors and TypeErrors that this program throws by itself, on purpose. */
  thrown?: boolean;
};

/** How V8's own errors begin: what a mistake of the program looks like. */
const MISTAKE =
  /^(Cannot (read|set|convert|destructure|access|use|mix)|Maximum call stack|Invalid (array|typed array|string|count|Date|code point)|Array buffer allocation|.* is not (a function|a constructor|iterable|defined|extensible)|.* (object null|undefined is not)|Reduce of empty|The number .* cannot be converted)/;

/** What is wrong with an error; null for one that a user can be shown. */
export function problemOf(error: unknown, { lines = false, thrown = false }: Allowed = {}): string | null {
  if (!(error instanceof Error)) return "no error was thrown, but a value";
  if (!lines && /[\n\r]/.test(error.message)) return `the message has several lines: ${error.message}`;
  // A terminal does what these say.
  if (/[^\P{Cc}\n\t]/u.test(error.message))
    return `the message has control characters: ${JSON.stringify(error.message)}`;
  if (error.message.length > MAX_MESSAGE_CHARACTERS) return `the message has ${error.message.length} characters`;
  // A mistake of the program may be wrapped in a fine message.
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (MISTAKE.test(cause.message)) return String(cause.stack);
    const isExpected = thrown || "code" in cause || cause.message === "Offset is outside the bounds of the DataView";
    if ((cause instanceof TypeError || cause instanceof RangeError) && !isExpected) return String(cause.stack);
  }
  return null;
}

/** Runs what reads something hostile: null where it ends in time with a result, or an error that a user can be shown. */
export async function tried(
  run: () => unknown,
  { seconds = 5, ...allowed }: Allowed & { seconds?: number } = {},
): Promise<string | null> {
  const start = performance.now();
  const before = Reflect.ownKeys(Object.prototype).length;
  let problem: string | null = null;
  try {
    await run();
  } catch (error) {
    problem = problemOf(error, allowed);
  }
  if (Reflect.ownKeys(Object.prototype).length !== before) return "Object.prototype was changed";
  const took = (performance.now() - start) / 1000;
  return problem ?? (took > seconds ? `it took ${took.toFixed(1)} s` : null);
}
