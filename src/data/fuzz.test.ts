import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { damage, fuzzed, tried } from "../../test/fuzz.ts";
import { type Json, mutate, mutateJson } from "../../test/mutate.ts";
import { temporaryFolder } from "../../test/tiny.ts";
import { Random } from "../random.ts";
import { decodeImage } from "./images.ts";
import { loadPairs } from "./pairs.ts";
import { readPictureList } from "./picture-list.ts";

const folder = temporaryFolder();
const SIDE = 24;

describe("pictures that anyone may have written", () => {
  const formats = ["png", "jpeg", "webp", "gif", "tiff", "avif"] as const;
  const pictures = new Map<string, Buffer>();
  beforeAll(async () => {
    const random = new Random("fuzz");
    const noise = Buffer.from(Array.from({ length: SIDE * SIDE * 4 }, () => random.int(256)));
    for (const format of formats) {
      const raw = sharp(noise, { raw: { width: SIDE, height: SIDE, channels: 4 } });
      pictures.set(format, await raw.withMetadata({ orientation: 6 }).toFormat(format).toBuffer());
    }
  });

  test.each(formats)("%s: damaged ones are decoded or refused in one line", async (format) => {
    const whole = pictures.get(format) ?? Buffer.alloc(0);
    expect((await decodeImage(whole, { size: 8 })).width).toBe(8);
    await fc.assert(
      fc.asyncProperty(damage, async (random) => {
        const bytes = mutate(whole, random);
        const crop = random.chance(0.5) ? "random" : "center";
        const read = async (): Promise<void> => {
          const { data, width, height } = await decodeImage(bytes, { size: 8, crop, random });
          expect([width, height, data.length]).toEqual([8, 8, 192]);
        };
        expect(await tried(read)).toBeNull();
      }),
      fuzzed(150),
    );
  });

  test.each(formats)("%s: cut short anywhere it ends", async (format) => {
    const whole = pictures.get(format) ?? Buffer.alloc(0);
    for (let part = 0; part < 40; part += 1) {
      const bytes = whole.subarray(0, Math.floor((whole.length * part) / 40));
      expect(await tried(async () => await decodeImage(bytes, { size: 8 }))).toBeNull();
    }
  });

  test("what is no picture at all", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        expect(await tried(async () => await decodeImage(bytes, { size: 8 }))).toBeNull();
      }),
      fuzzed(200),
    );
  });
});

const hostileText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom("\0", "a\n\u001b[2J", "__proto__", "../../etc/passwd", "x".repeat(1e5), "\ud800", "?split=", "%ff"),
);

/** Reads a list of these bytes, or the part that the question asks for; what goes wrong beyond an honest error. */
async function listed(bytes: Uint8Array, question: string): Promise<string | null> {
  const path = join(folder, "fuzz.jsonl");
  writeFileSync(path, bytes);
  return (
    (await tried(async () => await readPictureList(path + question))) ??
    (await tried(async () => await loadPairs(path + question)))
  );
}

describe("lists of pictures that anyone may have written", () => {
  const lines: Json[] = [
    { file: "a.png", caption: "a cat", split: "train", id: 1 },
    { file_name: "b/c.png", text: "a dog", style: "flat", split: "test" },
    { file: "d.png", captions: ["one", "two"], keywords: ["x", "y"] },
    { file: "e.png", name: "bell", keywords: ["sound"], split: "train" },
  ];
  const whole = Buffer.from(lines.map((line) => JSON.stringify(line)).join("\n"));
  const questions = [
    "",
    "?split=train",
    "?as=photo&split=train,test",
    "?fold=1-2/3&by=split",
    "?caption=name",
    "?id=1",
  ];

  test("damaged lines are read or refused in one line", async () => {
    await fc.assert(
      fc.asyncProperty(damage, fc.constantFrom(...questions), async (random, question) => {
        const line = random.int(lines.length);
        const damaged = lines.map((each, i) => (i === line ? mutateJson(each, random) : JSON.stringify(each)));
        const bytes = random.chance(0.3) ? mutate(whole, random) : Buffer.from(damaged.join("\n"));
        expect(await listed(bytes, question)).toBeNull();
      }),
      fuzzed(1000),
    );
  });

  test("every field may hold anything", async () => {
    const value = fc.oneof(hostileText, fc.jsonValue(), fc.constant({ toString: 1 }), fc.constant([[[1]]]));
    const keys = [
      "file",
      "file_name",
      "caption",
      "captions",
      "text",
      "name",
      "keywords",
      "style",
      "split",
      "__proto__",
    ];
    const line = fc
      .dictionary(fc.constantFrom(...keys), value)
      .map((fields) => Object.assign({ file: "a.png" }, fields));
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(...questions),
        async (all, q) => {
          expect(await listed(Buffer.from(all.map((each) => JSON.stringify(each)).join("\n")), q)).toBeNull();
        },
      ),
      fuzzed(500),
    );
  });

  test("and the question may be anything", async () => {
    await fc.assert(
      fc.asyncProperty(hostileText, hostileText, async (key, text) => {
        expect(await listed(whole, `?${key}=${text}`)).toBeNull();
        expect(await listed(whole, `?fold=${text}&by=${key}`)).toBeNull();
        expect(await listed(whole, `?caption=${text}`)).toBeNull();
      }),
      fuzzed(100),
    );
  });
});
