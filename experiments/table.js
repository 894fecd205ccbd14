// Prints a Markdown table of what runs measured: a row for each run, a column for each figure.
//
//   node experiments/table.js FOLDER [set:]figure …        reads FOLDER/row.set.json, or FOLDER/row.json
//
// Several seeds of a row (row@0, row@1, …) become a mean and the half width of its 95 % interval.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [folder, ...columns] = process.argv.slice(2);
if (!folder || columns.length === 0) throw new Error("usage: node experiments/table.js FOLDER [set:]figure …");

const figureOf = (run, column) => {
  const [set, name] = column.includes(":") ? column.split(":") : [undefined, column];
  const file = join(folder, set ? `${run}.${set}.json` : `${run}.json`);
  if (!existsSync(file)) return undefined;
  return JSON.parse(readFileSync(file, "utf8")).figures[name];
};

const shown = (values) => {
  const known = values.filter((value) => typeof value === "number");
  if (known.length === 0) return "–";
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const digits = Math.abs(mean) >= 100 ? 1 : Math.abs(mean) >= 1 ? 2 : 3;
  if (known.length === 1) return mean.toFixed(digits);
  const variance = known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (known.length - 1);
  return `${mean.toFixed(digits)} ± ${(1.96 * Math.sqrt(variance / known.length)).toFixed(digits)}`;
};

const runs = [
  ...new Set(readdirSync(folder).flatMap((file) => /^(.+?)(\.[a-z]+)?\.json$/.exec(file)?.[1] ?? [])),
].sort();
const rows = [...new Set(runs.map((run) => run.replace(/@\d+$/, "")))];
const cells = rows.map((row) => {
  const seeds = runs.filter((run) => run.replace(/@\d+$/, "") === row);
  return [row].concat(columns.map((column) => shown(seeds.map((run) => figureOf(run, column)))));
});
const table = [["run", ...columns.map((column) => column.replace(":", ", ").replaceAll("_", " "))], ...cells];
const widths = table[0].map((_, i) => Math.max(...table.map((row) => row[i].length)));
const line = (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`;
console.log([line(table[0]), line(widths.map((width) => "-".repeat(width))), ...table.slice(1).map(line)].join("\n"));
