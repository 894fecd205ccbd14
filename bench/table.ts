import type { Measurement } from "./measure.ts";

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

/** The results as a table in Markdown that also reads well in a terminal. × says how many times as fast ours is. */
export function table(results: readonly Measurement[], machine: Machine): string {
  const peers = [...new Set(results.flatMap((line) => line.peers.map((peer) => peer.name)))];
  const head = ["", "", `clip-gen (libtorch ${machine.libtorch})`, "of peak", ...peers.flatMap((name) => [name, "×"])];
  const rows = results.map((line) => [
    line.name,
    line.unit,
    cell(line, line.ours, line.details),
    line.shareOfPeak === undefined ? "" : `${(line.shareOfPeak * 100).toFixed(0)} %`,
    ...peers.flatMap((name) => {
      const peer = line.peers.find((candidate) => candidate.name === name);
      return [cell(line, peer?.value, peer?.details), peer?.ratio?.toFixed(2) ?? "–"];
    }),
  ]);
  const widths = head.map((title, column) =>
    Math.max(...[title, ...rows.map((row) => row[column] ?? "")].map(lengthOf)),
  );
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((text, i) => (i < 2 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0)));
    return `| ${padded.join(" | ")} |`;
  };
  const rule = widths.map((width, i) => (i < 2 ? "-".repeat(width) : `${"-".repeat(Math.max(1, width - 1))}:`));
  return [line(head), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n");
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
