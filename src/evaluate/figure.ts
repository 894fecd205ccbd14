import type { Spread } from "./distributions.ts";

/** What a figure is, for people. */
export type FigureAbout = {
  /** In snake_case, as `metrics.json` has it. */
  name: string;
  label: string;
  /** One sentence. */
  meaning: string;
  /** Which direction is better; none for what only describes. */
  better?: "higher" | "lower";
  unit?: string;
};

/** A figure that was measured, or why it was not. */
export type Figure = FigureAbout & ({ value: number; std?: number; note?: string } | { leftOut: string });

/**
 * Measures a figure.
 * @param options.unless why it cannot be measured here, if so
 * @param options.note what to know of this value
 */
export function figure(
  about: FigureAbout,
  measure: () => number | Spread,
  options: { unless?: string | false | undefined; note?: string | undefined } = {},
): Figure {
  const { unless, note } = options;
  if (typeof unless === "string") return { ...about, leftOut: unless };
  const measured = measure();
  const { mean: value, std } = typeof measured === "number" ? { mean: measured, std: undefined } : measured;
  if (!Number.isFinite(value)) return { ...about, leftOut: "it comes out as no finite number" };
  return { ...about, value, ...(std !== undefined && { std }), ...(note !== undefined && { note }) };
}

/** Why a figure is left out that needs so many pictures of each set; undefined where there are enough. */
export function tooFew(needed: number, counts: Readonly<Record<string, number>>): string | undefined {
  const short = Object.entries(counts).find(([, count]) => count < needed);
  return short && `it needs ${needed} ${short[0]}, there ${short[1] === 1 ? "is" : "are"} ${short[1]}`;
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The value that a share of all values lies below, between the two nearest ones. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)] ?? Number.NaN, sorted[Math.ceil(place)] ?? Number.NaN];
  return below + (above - below) * (place - Math.floor(place));
}

/** `21.34 dB`, `0.4312`, `3.1e-5`; `–` where there is no value. */
export function formatFigure(shown: Figure): string {
  if ("leftOut" in shown) return "–";
  const spread = shown.std === undefined ? "" : ` ± ${formatNumber(shown.std)}`;
  return `${formatNumber(shown.value)}${spread}${shown.unit === undefined ? "" : ` ${shown.unit}`}`;
}

export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && size < 0.001) return value.toExponential(1);
  return value.toFixed(size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4);
}
