import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../../test/tiny.ts";
import { expandBraces, findShards, isParquet, isShards, splitWeight } from "./shard-list.ts";

const folder = temporaryFolder();

test.each([
  ["a.tar", ["a.tar"]],
  ["a-{008..010}.tar", ["a-008.tar", "a-009.tar", "a-010.tar"]],
  ["a-{8..10}.tar", ["a-8.tar", "a-9.tar", "a-10.tar"]],
  [
    "http://host/{train,test}-{0..1}.tar",
    ["http://host/train-0.tar", "http://host/train-1.tar", "http://host/test-0.tar", "http://host/test-1.tar"],
  ],
])("braces: %s", (text, names) => {
  expect(expandBraces(text)).toEqual(names);
});

test.each([
  ["a-{}.tar", "expected {000..099} or {a,b} in braces, got {}"],
  ["a-{9..1}.tar", "expected a range such as {000..099}, got {9..1}"],
  ["a-{0..99999999}.tar", "expected a range"],
  ["{0..9999}-{0..9999}.tar", "names more than 1000000 shards"],
])("braces that are wrong: %s", (text, message) => {
  expect(() => expandBraces(text)).toThrow(message);
});

test.each([
  ["a.tar", "a.tar", 1],
  ["a.tar?weight=2", "a.tar", 2],
  ["http://host/a.tar?key=1&weight=2.5&more=2", "http://host/a.tar?key=1&more=2", 2.5],
  ["list.jsonl?split=train&weight=3", "list.jsonl?split=train", 3],
  ["list.jsonl?split=train", "list.jsonl?split=train", 1],
])("weights: %s", (source, path, weight) => {
  expect(splitWeight(source)).toEqual({ path, weight });
});

test.each(["a.tar?weight=0.5", "a.tar?weight=-1", "a.tar?weight=x", "a.tar?weight="])(
  "weights that are none: %s",
  (source) => {
    expect(() => splitWeight(source)).toThrow("expected a weight from 1 to 1000");
  },
);

test("folders of shards, in order", () => {
  const shards = join(folder, "shards");
  mkdirSync(shards);
  for (const name of ["b.tar", "a.parquet", "c.TAR", "notes.txt", ".hidden.tar"]) writeFileSync(join(shards, name), "");
  expect(isShards(shards)).toBe(true);
  expect(findShards(shards)).toEqual(["a.parquet", "b.tar", "c.TAR"].map((name) => join(shards, name)));
  writeFileSync(join(shards, "cat.png"), "");
  expect(() => findShards(shards)).toThrow(
    `${shards} holds shards, and also cat.png, in which pictures may be; give the shards by name, such as`,
  );
  rmSync(join(shards, "cat.png"));
  for (const name of [".cache", "cats"]) mkdirSync(join(shards, name));
  expect(() => findShards(shards)).toThrow("and also cats");
});

test("what is no shard", () => {
  expect([folder, "a.jsonl", join(folder, "none")].map(isShards)).toEqual([false, false, false]);
  expect(["a.tar", "http://host/a", "a-{0..1}.parquet"].map(isShards)).toEqual([true, true, true]);
  expect(["http://host/a.parquet?x=1", "a.tar"].map(isParquet)).toEqual([true, false]);
});

test("a file whose own name has braces or a question is that file", () => {
  const [braces, question] = [join(folder, "a{1,2}.tar"), join(folder, "a?weight=2")];
  for (const path of [braces, question]) writeFileSync(path, "");
  expect(findShards(braces)).toEqual([braces]);
  expect(splitWeight(question)).toEqual({ path: question, weight: 1 });
});
