import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findImages, loadImages } from "./image-files.ts";

let root = "";
const at = (...parts: string[]): string => join(root, ...parts);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "clip-gen-files-"));
  for (const folder of ["a/deep", "b", ".hidden", "texts", "bare"]) await mkdir(at(folder), { recursive: true });
  for (const [index, path] of [
    "a/2.png",
    "a/10.JPG",
    "a/deep/x.webp",
    "b/y.png",
    ".hidden/no.png",
    "a/.no.png",
  ].entries()) {
    const background = { r: index * 20, g: 0, b: 0 };
    const format = path.endsWith("JPG") ? "jpeg" : path.endsWith("webp") ? "webp" : "png";
    const picture = sharp({ create: { width: 12, height: 8, channels: 3, background } });
    await writeFile(at(path), await picture.toFormat(format, { quality: 100 }).toBuffer());
  }
  await writeFile(at("a/broken.png"), "no picture");
  for (const path of ["texts/one.txt", "texts/two.txt", "texts/three.csv", "texts/README"])
    await writeFile(at(path), "");
  await symlink(at("a"), at("a/deep/loop"));
  await symlink(at("nowhere.png"), at("b/dangling.png"));
});
afterAll(async () => rm(root, { recursive: true }));

describe("findImages", () => {
  test("finds pictures at any depth in a stable order, passing over hidden ones, loops and dead links", async () => {
    const expected = ["a/10.JPG", "a/2.png", "a/broken.png", "a/deep/x.webp", "b/y.png"].map((path) => at(path));
    expect(await findImages(root)).toEqual(expected);
  });

  test("keeps the order of the paths and names each file once", async () => {
    const files = await findImages([at("b/y.png"), at("b"), at("a/deep")]);
    expect(files.slice(0, 2)).toEqual([at("b/y.png"), at("a/deep/loop/10.JPG")]);
    expect(new Set(files).size).toBe(files.length);
  });

  test("names a path that does not exist", async () => {
    await expect(findImages(at("missing"))).rejects.toThrow(`${at("missing")}: there is no such file or folder`);
  });

  test("says what it saw where there is no picture", async () => {
    await expect(findImages(at("texts"))).rejects.toThrow(
      /4 other files seen \(2 × \.txt, 1 × no extension, 1 × \.csv\); read are \.png \.jpg/,
    );
    await expect(findImages(at("bare"))).rejects.toThrow("0 other files seen;");
    await expect(findImages([])).rejects.toThrow("an empty list of paths");
  });
});

describe("loadImages", () => {
  test("keeps the order, closes the gaps and names what it passed over", async () => {
    const given = [at("a/2.png"), at("a/broken.png"), at("missing.png"), at("b/y.png")];
    const progress: string[] = [];
    const loaded = await loadImages(given, {
      size: 4,
      concurrency: 2,
      onProgress: (...step) => progress.push(step.join("/")),
    });
    expect(loaded.kept).toEqual([0, 3]);
    expect(loaded.images.length).toBe(2 * 4 * 4 * 3);
    expect([loaded.images[0], loaded.images[48]]).toEqual([0, 60]);
    expect(loaded.skipped.map(({ file }) => file)).toEqual([at("a/broken.png"), at("missing.png")]);
    expect(loaded.skipped[1]?.reason).toBe("there is no such file");
    expect(progress).toEqual(["1/4", "2/4", "3/4", "4/4"]);
  });

  test("adds random crops, which follow from the seed and the file's number alone", async () => {
    const given = [at("a/2.png"), at("missing.png"), at("b/y.png")];
    const crops = { count: 3, flip: true, seed: 5 };
    const { images, kept } = await loadImages(given, { size: 4, crops });
    const each = 4 * 4 * 4 * 3;
    expect([images.length, kept]).toEqual([2 * each, [0, 2]]);
    const last = await loadImages([at("b/y.png")], { size: 4, crops, start: 2 });
    expect(last.images).toEqual(images.subarray(each));
    const plain = await loadImages([at("b/y.png")], { size: 4 });
    expect(plain.images).toEqual(images.subarray(each, each + plain.images.length));
  });

  test("says how much memory was asked for where that is too much", async () => {
    const files = Array.from({ length: 100_000 }, () => "x.png");
    await expect(loadImages(files, { size: 4096 })).rejects.toThrow("need 4687.5 GiB");
  });

  test("passes errors in the options on", async () => {
    await expect(loadImages([at("a/2.png")], { size: 0.5 })).rejects.toThrow(RangeError);
    await expect(loadImages([at("a/2.png")], { size: 4, concurrency: 0 })).rejects.toThrow("concurrency must be");
  });

  test("gives an empty array for no files", async () => {
    expect((await loadImages([], { size: 4 })).images.length).toBe(0);
  });
});
