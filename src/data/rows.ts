/** Rows of data that lies in one flat array. */

type Numbers = Int32Array | Float32Array | Uint8Array;

/** Fills `into` with some rows of the data, and gives it back. */
export function gather<T extends Numbers>(into: T, data: T, rows: readonly number[]): T {
  const width = into.length / rows.length;
  for (const [i, row] of rows.entries()) into.set(data.subarray(row * width, (row + 1) * width), i * width);
  return into;
}

/** Data one after the other, in an array of its own. */
export function concat<T extends Numbers>(parts: readonly T[], Kind: new (length: number) => T): T {
  const whole = new Kind(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** At most `wanted` of `count` rows, evenly apart from the first on: neighbours in a folder tend to be alike. */
export function spread(count: number, wanted: number): number[] {
  const shown = Math.min(count, wanted);
  return Array.from({ length: shown }, (_, i) => Math.floor((i * count) / shown));
}
