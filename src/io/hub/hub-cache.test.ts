import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findInCache, resolveModelPath } from "./hub-cache.ts";
import { hubModelText, isRevision, parseHubModel } from "./hub-name.ts";

const commit = "0123456789abcdef0123456789abcdef01234567";
let cache: string;
let snapshot: string;

beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "hub-cache-"));
  const folder = join(cache, "models--org--name");
  snapshot = join(folder, "snapshots", commit);
  mkdirSync(snapshot, { recursive: true });
  mkdirSync(join(folder, "refs", "refs", "pr"), { recursive: true });
  writeFileSync(join(folder, "refs", "main"), commit);
  writeFileSync(join(folder, "refs", "refs", "pr", "1"), `${commit}\n`);
  writeFileSync(join(folder, "refs", "evil"), "../../../elsewhere");
  writeFileSync(join(folder, "refs", "gone"), "f".repeat(40));
});

afterEach(() => {
  rmSync(cache, { recursive: true, force: true });
});

test("a model is found by its branch, tag or commit", () => {
  expect(resolveModelPath("org/name", cache)).toBe(snapshot);
  expect(resolveModelPath("org/name@main", cache)).toBe(snapshot);
  expect(resolveModelPath("org/name@refs/pr/1", cache)).toBe(snapshot);
  expect(resolveModelPath(`org/name@${commit}`, cache)).toBe(snapshot);
});

test("paths stay paths: what exists, and what cannot be a model of the Hub", () => {
  expect(resolveModelPath("src/io", cache)).toBe("src/io");
  const paths = [
    "model",
    "./a/b",
    "../a/b",
    "/a/b",
    "a/b/c",
    "a/b/",
    "~/a",
    "a\\b",
    "a/b@",
    "a/b@c d",
    "",
    "@",
    "a/..",
    "a/ b",
  ];
  for (const path of paths) expect(resolveModelPath(path, cache)).toBe(path);
});

test("what is not in the cache is told with the command that gets it", () => {
  expect(() => resolveModelPath("openai/clip-vit-base-patch32", cache)).toThrow(
    `there is no file or folder openai/clip-vit-base-patch32, and the Hub's cache (${cache}) does not have it; ` +
      "get it with: clip-gen download openai/clip-vit-base-patch32",
  );
  expect(() => resolveModelPath("org/name@v2", cache)).toThrow(/get it with: clip-gen download org\/name@v2$/);
});

test("references that are no commit, or whose snapshot is gone, are not followed", () => {
  for (const revision of ["evil", "gone", "refs", "main/more"]) {
    expect(findInCache({ repository: "org/name", revision }, cache)).toBeUndefined();
  }
});

describe("names", () => {
  test("a model's name is read and written", () => {
    for (const text of ["org/name", "org/name@v1.0", "O_1/a.b-c@refs/pr/2"]) {
      const model = parseHubModel(text);
      expect(model && hubModelText(model)).toBe(text);
    }
  });

  test.each([
    "",
    "a..b",
    "../a",
    "/a",
    "a/",
    "a//b",
    "-a",
    ".a",
    "a/.b",
    "a.lock",
    "a@b",
    "a b",
    "a\0",
    "a".repeat(201),
  ])("%j is no revision", (revision) => {
    expect(isRevision(revision)).toBe(false);
  });
});
