import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, expect, test, vi } from "vitest";
import { printedLines } from "../../test/printed.ts";
import { tar, type TarEntry } from "../../test/tar-files.ts";
import { temporaryFolder, tinyClip, tinyPictures, tinyVqgan } from "../../test/tiny.ts";
import { readEncoded } from "../data/encoded.ts";
import { main } from "./main.ts";

const folder = temporaryFolder();
const printed = printedLines();
const pictures = join(folder, "pictures");
const shards = join(folder, "shards");
const count = 9;

beforeAll(async () => {
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  for (const path of [pictures, shards]) mkdirSync(path);
  for (const [name, network] of Object.entries({ clip: tinyClip(), vqgan: tinyVqgan(), other: tinyVqgan({}, 9) })) {
    await network.savePretrained(join(folder, name));
  }
  const { images, size, captions } = tinyPictures(count);
  const entries: TarEntry[] = [];
  for (let i = 0; i < count; i += 1) {
    const raw = images.subarray(i * size * size * 3, (i + 1) * size * size * 3);
    const data = await sharp(raw, { raw: { width: size, height: size, channels: 3 } })
      .png()
      .toBuffer();
    writeFileSync(join(pictures, `${i}.png`), data);
    entries.push({ name: `${i}.png`, data }, { name: `${i}.json`, data: JSON.stringify({ captions: captions[i] }) });
  }
  writeFileSync(join(shards, "a-0.tar"), tar(entries.slice(0, 8)));
  writeFileSync(join(shards, "a-1.tar"), tar([...entries.slice(8), { name: "broken.png", data: "no picture" }]));
});

async function encode(...args: string[]): Promise<string[]> {
  printed.clear();
  const networks = ["--clip", join(folder, "clip"), "--vqgan", join(folder, "vqgan"), "--precision", "float32"];
  await main(["node", "clip-gen", "encode", ...networks, ...args]);
  return [...printed.all];
}

function bytes(path: string): Record<string, string> {
  return Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name), "hex")]));
}

test("encode gives the same of shards as of a folder, and names what is broken", async () => {
  const [ofFolder, ofShards] = [join(folder, "of-folder"), join(folder, "of-shards")];
  expect(await encode(pictures, "-o", ofFolder)).toContain("9 pictures");
  const lines = await encode(join(shards, "a-{0..1}.tar"), "-o", ofShards);
  expect(lines.slice(-4)).toEqual([
    "9 pictures",
    "1 could not be read and are passed over:",
    `  ${join(shards, "a-1.tar")}:broken.png: it is not a picture of a known format, or is damaged`,
    `finished: ${ofShards}`,
  ]);
  const { names, ...set } = readEncoded(ofShards);
  expect({ ...set, names: readEncoded(ofFolder).names }).toEqual(readEncoded(ofFolder));
  expect(names[8]).toBe(`${join(shards, "a-1.tar")}:8.png`);
});

test("encode goes on where it was, with the same settings alone", async () => {
  const output = join(folder, "again");
  const flags = [shards, "-o", output, "--captions", "--keep-pictures", "--crops", "1"];
  expect(await encode(...flags)).toContain("9 pictures");
  const whole = bytes(output);
  expect(readEncoded(output)).toMatchObject({ count: 9, views: 3, pictures: { size: 16 } });
  expect(readEncoded(output).captions).toEqual(tinyPictures(count).captions);
  expect(await encode(...flags)).toEqual([`clip-gen: ${output} exists already`]);
  rmSync(join(output, "index.json"));
  const other = (await encode(...flags, "--seed", "5", "--vqgan", join(folder, "other"))).join("\n");
  expect(other).toMatch(/was begun with other settings: vqgan was [0-9a-f]{64}, is [0-9a-f]{64}; seed was 0, is 5/);
  rmSync(join(output, "shard-000000.json"));
  await encode(...flags);
  expect(bytes(output)).toEqual(whole);
});

test("encode takes scenes, and refuses too many broken pictures", async () => {
  const output = join(folder, "scenes");
  expect(await encode("--scenes", "5", "-o", output)).toContain("5 pictures");
  expect(readEncoded(output)).toMatchObject({ count: 5, views: 2 });
  const few = await encode(shards, "-o", join(folder, "few"), "--most-broken", "0");
  expect(few.at(-1)).toMatch(
    /^clip-gen: 1 of 10 pictures cannot be read, expected 0 at most; the first, .*broken\.png/,
  );
  expect(await encode("-o", join(folder, "none"))).toEqual([
    "clip-gen: give folders with pictures or shards, or --scenes 20000",
  ]);
});
