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

/** What is wrong with an error; null for one that a user can be shown. Some messages have several lines by intent. */
export function problemOf(error: unknown, { lines = false }: { lines?: boolean } = {}): string | null {
  if (!(error instanceof Error)) return "no error was thrown, but a value";
  if (!lines && /[\n\r]/.test(error.message)) return `the message has several lines: ${error.message}`;
  // A terminal does what these say.
  if (/[^\P{Cc}\n\t]/u.test(error.message))
    return `the message has control characters: ${JSON.stringify(error.message)}`;
  if (error.message.length > MAX_MESSAGE_CHARACTERS) return `the message has ${error.message.length} characters`;
  // A mistake of the program may be wrapped in a fine message.
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ReferenceError) return String(cause.stack);
    const isExpected = "code" in cause || cause.message === "Offset is outside the bounds of the DataView";
    if ((cause instanceof TypeError || cause instanceof RangeError) && !isExpected) return String(cause.stack);
  }
  return null;
}

/** Runs what reads something hostile: null where it ends in time with a result, or an error that a user can be shown. */
export async function tried(
  run: () => unknown,
  { lines = false, seconds = 5 }: { lines?: boolean; seconds?: number } = {},
): Promise<string | null> {
  const start = performance.now();
  const before = Reflect.ownKeys(Object.prototype).length;
  let problem: string | null = null;
  try {
    await run();
  } catch (error) {
    problem = problemOf(error, { lines });
  }
  if (Reflect.ownKeys(Object.prototype).length !== before) return "Object.prototype was changed";
  const took = (performance.now() - start) / 1000;
  return problem ?? (took > seconds ? `it took ${took.toFixed(1)} s` : null);
}
