import type { Measurement, Peer } from "./measure.ts";

export type Machine = {
  cpu: string;
  cores: number;
  threads: number;
  memoryGiB: number;
  node: string;
  libtorch: string;
};

/** One line that says what a run was measured on. */
export function machineLine(machine: Machine): string {
  const { cpu, cores, threads, memoryGiB, node, libtorch } = machine;
  return `${cpu}, ${cores} cores, ${threads} threads, ${memoryGiB} GiB, Node ${node}, libtorch ${libtorch}`;
}

/** The results as a table in Markdown that also reads well in a terminal; goals stand in brackets. */
export function table(results: readonly Measurement[], machine: Machine): string {
  const head = ["", "", `clip-gen (libtorch ${machine.libtorch})`, "of the limit", "times as fast as"];
  const rows = results.map((line) => [
    line.name,
    line.unit,
    cell(line, line.ours, line.details),
    line.shareOfPeak === undefined ? "" : `${line.shareOfPeak.toFixed(2)}${goal(line.goals?.share)}`,
    line.peers.map((peer) => against(line, peer)).join("; "),
  ]);
  const widths = head.map((title, column) =>
    Math.max(...[title, ...rows.map((row) => row[column] ?? "")].map(lengthOf)),
  );
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((text, i) => (isText(i) ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0)));
    return `| ${padded.join(" | ")} |`;
  };
  const rule = widths.map((width, i) => (isText(i) ? "-".repeat(width) : `${"-".repeat(Math.max(1, width - 1))}:`));
  return [line(head), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n");
}

function against({ goals }: Measurement, { name, ratio, error }: Peer): string {
  if (ratio === undefined) return `${name}: ${error === undefined ? "–" : "broke down"}`;
  const wanted = Object.entries(goals?.ratios ?? {}).find(([label]) => name.endsWith(label));
  return `${name} ${ratio.toFixed(2)}×${goal(wanted?.[1])}`;
}

function isText(column: number): boolean {
  return column < 2 || column === 4;
}

function goal(value: number | undefined): string {
  return value === undefined ? "" : ` (≥ ${value})`;
}

/** A value, with the 99th percentile where the unit announces it. */
function cell({ unit }: Measurement, value: number | undefined, details: Record<string, number> = {}): string {
  if (value === undefined) return "–";
  const { p99 } = details;
  return p99 !== undefined && unit.includes("p99") ? `${figure(value)} (${figure(p99)})` : figure(value);
}

function lengthOf(text: string): number {
  return text.length;
}

/** Three or four digits, as many as mean something. */
function figure(value: number): string {
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(3);
}
