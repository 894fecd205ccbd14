import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Rows of tables, without the spaces that align them. */
function rowsOf(text: string): string[] {
  const rows = text.split("\n").filter((line) => line.startsWith("|"));
  return rows.map((row) => row.replaceAll(/ +/g, " ").replaceAll(/-+/g, "-"));
}

function calculate(...flags: string[]): string[] {
  const { stdout, stderr } = spawnSync("node", ["experiments/scaling-paper.js", ...flags], {
    cwd: root,
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  return rowsOf(stdout);
}

test("the tables of docs/scaling.md are what its script prints", () => {
  const rows = calculate();
  expect(rows.length).toBeGreaterThan(60);
  expect(rowsOf(readFileSync(`${root}docs/scaling.md`, "utf8"))).toEqual(rows);
});

test("an input changes what follows from it", () => {
  const rows = calculate("--price", "6");
  expect(rows.some((row) => row.startsWith("| price | 6 |") && row.includes("given"))).toBe(true);
  expect(rows.some((row) => /\$ 1,06[12] /.test(row))).toBe(true);
});
