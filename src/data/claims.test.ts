import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { temporaryFolder } from "../../test/tiny.ts";
import { ClaimWatch, takeClaim } from "./claims.ts";

const folder = temporaryFolder();
let made = 0;
const newPath = (): string => join(folder, `${(made += 1)}.claim`);

afterEach(() => {
  vi.useRealTimers();
});

test("one process at a time holds a claim", () => {
  const path = newPath();
  const claim = takeClaim(path);
  expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ host: hostname(), pid: process.pid });
  expect(takeClaim(path)).toBeUndefined();
  claim?.release();
  expect(existsSync(path)).toBe(false);
  takeClaim(path)?.release();
});

test("a claim that shows signs of life is left alone, whatever its clock says", () => {
  vi.useFakeTimers();
  const path = newPath();
  const claim = takeClaim(path);
  const watch = new ClaimWatch({ staleMs: 12_000 });
  for (let look = 0; look < 10; look += 1) {
    vi.advanceTimersByTime(6000);
    expect(watch.clear(path)).toBe(false);
  }
  claim?.release();
});

test("a claim without a sign of life goes, after it was looked at for long enough", () => {
  vi.useFakeTimers();
  const path = newPath();
  writeFileSync(path, JSON.stringify({ host: "elsewhere", pid: 1 }));
  utimesSync(path, 1, 1);
  const watch = new ClaimWatch({ staleMs: 10_000 });
  expect(watch.clear(path)).toBe(false);
  vi.advanceTimersByTime(9000);
  expect(watch.clear(path)).toBe(false);
  vi.advanceTimersByTime(2000);
  expect(watch.clear(path)).toBe(true);
  expect(readdirSync(folder)).toEqual([]);
  expect(watch.clear(path)).toBe(true);
});

test("the claim of a process of this machine that is gone goes at once", () => {
  const path = newPath();
  const pid = Number(execFileSync(process.execPath, ["-p", "process.pid"], { encoding: "utf8" }));
  writeFileSync(path, JSON.stringify({ host: hostname(), pid }));
  expect(new ClaimWatch().clear(path)).toBe(true);
  for (const content of ["", "{}", "null", JSON.stringify({ host: hostname(), pid: process.pid })]) {
    writeFileSync(path, content);
    expect(new ClaimWatch().clear(path)).toBe(false);
  }
});

test("who has lost a claim neither keeps the new one alive nor takes it away", () => {
  vi.useFakeTimers();
  const path = newPath();
  const lost = takeClaim(path);
  renameSync(path, `${path}-aside`);
  writeFileSync(path, "another's");
  utimesSync(path, 1, 1);
  const watch = new ClaimWatch({ staleMs: 10_000 });
  watch.clear(path);
  lost?.release();
  expect(readFileSync(path, "utf8")).toBe("another's");
  vi.advanceTimersByTime(11_000);
  expect(watch.clear(path)).toBe(true);
});
