import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import {
  temporaryFolder,
  tinyClip,
  tinyConditions,
  tinyGpt,
  tinyModel,
  tinyPictures,
  tinyVqgan,
} from "../../test/tiny.ts";
import { readPngText } from "../io/png-text.ts";
import { Clip } from "../models/clip.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { tidy } from "../tensor/scope.ts";
import { decodeRows } from "./decode.ts";
import type { Preview } from "./draw-rows.ts";
import { fitTogether } from "./draw.ts";
import { ClipGen, type GenerateOptions } from "./pipeline.ts";
import { GeneratedPicture } from "./picture.ts";

// Networks this small lose more time to waiting for other threads than they gain.
beforeAll(() => setThreadCount(1));

const model = tinyModel();
const folder = temporaryFolder();
const prompt = "a red circle";
/** Of a model that knows all prompts better than any can be known. */
const calibration = { prompts: 20, low: 2, median: 2, memory: { agreement: 2 } };

type Told = { pixels: Uint8Array; tokens: readonly number[]; origin: GeneratedPicture["origin"] };
const told = (pictures: readonly GeneratedPicture[]): Told[] =>
  pictures.map(({ pixels, tokens, origin }) => ({ pixels, tokens, origin }));

const tokensOf = (pictures: readonly GeneratedPicture[] = []): unknown =>
  pictures.map(({ seed, tokens }) => [seed, tokens]);

describe("drawing", () => {
  test("gives pictures with their tokens, seeds and scores", async () => {
    const pictures = await model.generate(prompt, { count: 3, seed: 40 });
    expect(pictures.map(({ seed }) => seed).toSorted()).toEqual([40, 41, 42]);
    for (const { pixels, size, tokens, origin, score } of pictures) {
      expect(size).toBe(16);
      expect(pixels).toHaveLength(16 * 16 * 3);
      expect(tokens).toHaveLength(16);
      expect(origin).toMatchObject({ prompt, model: "tiny", temperature: 1, topP: 0.9, guidanceScale: 1 });
      expect(origin).not.toHaveProperty("topK");
      expect(Math.abs(score)).toBeLessThanOrEqual(1.0001);
    }
    expect(new Set(pictures.map(({ tokens }) => String(tokens))).size).toBe(3);
  });

  test("tells how familiar the GPT is with a sentence, where it has a memory", async () => {
    const gpt = tinyGpt({ memorySize: 3 });
    gpt.memory = tinyConditions(3);
    const remembering = new ClipGen({ clip: model.clip, vqgan: model.vqgan, gpt, calibration });
    using embedding = remembering.embedText([prompt]);
    const expected = tidy(() => gpt.agreement(embedding).item());
    const pictures = await remembering.generate(prompt, { count: 2 });
    const found = await remembering.generate(prompt, { beams: 2 });
    for (const { agreement } of [...pictures, ...found]) expect(agreement).toBeCloseTo(expected, 5);
    expect(remembering.remarkOn(pictures)).toContain("little in common");

    const png = (await pictures[0]?.toPng()) ?? new Uint8Array();
    const blend = [{ prompt: "a blue star", weight: 0.5 }];
    for (const others of [await remembering.vary(png), await remembering.generate(prompt, { blend })]) {
      expect(others[0]?.agreement).toBeUndefined();
      expect(remembering.remarkOn(others)).toBeUndefined();
    }
    expect((await model.generate(prompt))[0]?.agreement).toBeUndefined();
  });

  test("ranks candidates by their score, and draws the same whatever the batches", async () => {
    const all = await model.generate(prompt, { count: 6, seed: 5 });
    const scores = all.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    const progress: string[] = [];
    const best = await model.generate(prompt, {
      count: 2,
      candidates: 6,
      seed: 5,
      batchSize: 4,
      onProgress: ({ candidates, of, tokens, length }) => progress.push(`${candidates}/${of} ${tokens}/${length}`),
    });
    expect(best.map(({ seed, tokens }) => [seed, tokens])).toEqual(
      all.slice(0, 2).map(({ seed, tokens }) => [seed, tokens]),
    );
    expect(progress).toHaveLength(32);
    expect([progress[0], progress[15], progress[31]]).toEqual(["4/6 1/16", "4/6 16/16", "6/6 16/16"]);
  });

  test("draws several requests in one batch as it draws each alone", async () => {
    const options = [{ count: 2, candidates: 3, seed: 4 }, { seed: 90 }, { candidates: 2, seed: 4 }];
    const [some] = await model.generate(prompt);
    const picture = (await some?.toPng()) ?? new Uint8Array();
    const drawn = [{ prompt }, { prompt: "a blue star" }, { picture }];
    const requests = drawn.map((subject, i) => model.prepare(subject, { ...options[i], temperature: 0.9 }));
    const together = await model.draw(requests);
    expect(together.map((pictures) => pictures.length)).toEqual([2, 1, 1]);
    for (const [i, request] of requests.entries()) {
      const [alone = []] = await model.draw([request]);
      expect(tokensOf(together[i])).toEqual(tokensOf(alone));
    }
    expect(await model.draw([])).toEqual([]);
  });

  test("refuses to draw together what is sampled differently", async () => {
    const [one, other] = [model.prepare({ prompt }), model.prepare({ prompt }, { topK: 3 })];
    const searched = model.prepare({ prompt }, { beams: 2 });
    expect(fitTogether(one, model.prepare({ prompt: "x" }, { seed: 5, count: 3 }))).toBe(true);
    await expect(model.draw([one, other])).rejects.toThrow("sampled differently");
    await expect(model.draw([searched, searched])).rejects.toThrow("sampled differently");
  });

  test("shows the first candidates row by row, as they will be", async () => {
    const seen: Preview[] = [];
    const settings = { count: 2, candidates: 3, seed: 8, previews: 3 };
    const pictures = await model.generate(prompt, { ...settings, onPreview: (preview) => seen.push(preview) });
    expect(seen.map(({ row, drawn, size }) => [row, drawn, size])).toEqual(
      [4, 8, 12].flatMap((drawn) => [0, 1].map((row) => [row, drawn, 16])),
    );
    expect(told(await model.generate(prompt, { count: 2, candidates: 3, seed: 8 }))).toEqual(told(pictures));
    const [first] = await model.generate(prompt, { seed: 8 });
    expect(seen.at(-2)).toEqual({ row: 0, ...decodeRows(model, first?.tokens.slice(0, 12) ?? []) });
    expect(decodeRows(model, first?.tokens ?? []).pixels).toEqual(first?.pixels);
  });

  test("the seed of a picture draws it again", async () => {
    const settings: GenerateOptions = { topK: 10, temperature: 0.8, guidanceScale: 1.5 };
    const [best] = await model.generate(prompt, { ...settings, candidates: 5 });
    const [again] = await model.generate(prompt, { ...settings, seed: best?.seed ?? -1 });
    expect(again?.tokens).toEqual(best?.tokens);
    expect(again?.origin).toMatchObject({ topK: 10, temperature: 0.8, guidanceScale: 1.5 });
  });

  test("a blend goes from one sentence to another, and to a picture", async () => {
    const draw = async (options: GenerateOptions): Promise<(readonly number[])[]> =>
      (await model.generate(prompt, { ...options, count: 3 })).map(({ tokens }) => tokens).toSorted();
    const other = "a blue square";
    const plain = await draw({});
    expect(await draw({ blend: [{ prompt: other, weight: 0 }] })).toEqual(plain);
    const whole = (await model.generate(other, { count: 3 })).map(({ tokens }) => tokens).toSorted();
    expect(await draw({ blend: [{ prompt: other, weight: 1 }] })).toEqual(whole);
    const [drawn] = await model.generate(other, { seed: 4 });
    const picture = (await drawn?.toPng()) ?? new Uint8Array();
    const blend = [
      { prompt: other, weight: 0.25 },
      { picture, weight: 0.5 },
    ];
    const [mixed] = await model.generate(prompt, { blend });
    using words = model.embedText([prompt, other]);
    using seen = await model.embedImage(picture);
    using own = await model.embedImage((await mixed?.toPng()) ?? new Uint8Array());
    const cosine = tidy(() => {
      const sum = words.select(0, 0).mul(0.25).add(words.select(0, 1).mul(0.25)).add(seen.flatten().mul(0.5));
      return own.flatten().mul(sum).sum().item() / Math.sqrt(sum.square().sum().item());
    });
    expect(mixed?.score).toBeCloseTo(cosine, 3);
    expect(mixed?.origin.blend).toEqual([
      { prompt: other, weight: 0.25 },
      { picture: "picture", weight: 0.5 },
    ]);
    const tooMuch = [0.7, 0.6].map((weight) => ({ prompt: other, weight }));
    await expect(model.generate(prompt, { blend: tooMuch })).rejects.toThrow(/add up to 1.30, expected at most 1/);
    const negative = [{ prompt: other, weight: -1 }];
    await expect(model.generate(prompt, { blend: negative })).rejects.toThrow(/weight of blend is -1/);
  });

  test.each<GenerateOptions>([{}, { beams: 2 }])(
    "leads away from a negative prompt, and tells it (%j)",
    async (options) => {
      const draw = async (more: GenerateOptions): Promise<GeneratedPicture | undefined> =>
        (await model.generate(prompt, { ...options, ...more, seed: 3 }))[0];
      const plain = await draw({});
      const same = await draw({ guidanceScale: 6, negativePrompt: prompt });
      expect(same?.tokens).toEqual(plain?.tokens);
      expect(plain?.origin).not.toHaveProperty("negativePrompt");
      const away = await draw({ guidanceScale: 6, negativePrompt: "a blue star on a white background" });
      expect(away?.tokens).not.toEqual((await draw({ guidanceScale: 6 }))?.tokens);
      const inside: unknown = JSON.parse(readPngText((await away?.toPng()) ?? new Uint8Array())["clip-gen"] ?? "");
      expect(inside).toEqual(away?.origin);
      expect(inside).toMatchObject({ prompt, negativePrompt: "a blue star on a white background", guidanceScale: 6 });
      await expect(draw({ negativePrompt: "a blue star" })).rejects.toThrow(/works through guidance, which is off/);
    },
  );

  test("a score is the cosine of the words and the picture as it is saved", async () => {
    const [picture] = await model.generate(prompt);
    using words = model.embedText([prompt]);
    using seen = await model.embedImage((await picture?.toPng()) ?? new Uint8Array());
    const cosine = tidy(() => seen.matmul(words.t()).item());
    expect(Math.abs(cosine - (picture?.score ?? Number.NaN))).toBeLessThan(0.01);
  });

  test("embeddings are unit vectors, of words and of pictures", async () => {
    using words = model.embedText([prompt, "a blue star at the top left", ""]);
    expect(words.shape).toEqual([3, 8]);
    for (const length of tidy(() => words.vectorNorm(2, [-1]).toNumbers())) expect(length).toBeCloseTo(1, 5);
  });

  test("beams give the likeliest pictures, without chance", async () => {
    const [first, ...others] = await model.generate(prompt, { beams: 3, count: 2, seed: 1 });
    const [again] = await model.generate(prompt, { beams: 3, seed: 2 });
    const [greedy] = await model.generate(prompt, { beams: 1 });
    const [coldest] = await model.generate(prompt, { temperature: 0 });
    expect(others).toHaveLength(1);
    expect(again?.pixels).toEqual(first?.pixels);
    expect(first?.origin).toMatchObject({ beams: 3, seed: 0 });
    expect(first?.origin).not.toHaveProperty("temperature");
    expect(greedy?.tokens).toEqual(coldest?.tokens);
    const [guided] = await model.generate(prompt, { beams: 1, guidanceScale: 4 });
    const [guidedColdest] = await model.generate(prompt, { temperature: 0, guidanceScale: 4 });
    expect(guided?.tokens).toEqual(guidedColdest?.tokens);
  });

  test("varies a picture from a file or from bytes", async () => {
    const [drawn] = await model.generate(prompt);
    const file = (await drawn?.save(join(folder, "varied.png"))) ?? "";
    const fromFile = await model.vary(file, { count: 2 });
    const fromBytes = await model.vary(readFileSync(file), { count: 2 });
    expect(fromFile.map(({ tokens }) => tokens)).toEqual(fromBytes.map(({ tokens }) => tokens));
    expect([fromFile[0]?.origin.prompt, fromBytes[0]?.origin.prompt]).toEqual(["varied.png", "picture"]);
    await expect(model.vary(join(folder, "none.png"))).rejects.toThrow("none.png");
  });

  test("takes sentences longer than the context, and empty ones", async () => {
    const long = `${"a very ".repeat(100)}red circle`;
    const [picture] = await model.generate(long);
    expect(picture?.origin.prompt).toBe(long);
    expect(picture?.tokens).toHaveLength(16);
    expect(await model.generate("")).toHaveLength(1);
    expect(await model.generate("кот 🐈 \n\t <|endoftext|> x")).toHaveLength(1);
  });

  const wrong: [GenerateOptions, string][] = [
    [{ count: 3, candidates: 2 }, "3 pictures need at least as many candidates, got 2"],
    [{ count: 0 }, "count is 0, expected a whole number from 1"],
    [{ count: 1.5 }, "count is 1.5, expected a whole number from 1"],
    [{ batchSize: 0 }, "batchSize is 0, expected a whole number from 1"],
    [{ candidates: Number.NaN }, "candidates is NaN, expected a whole number from 1"],
    [{ seed: 0.5 }, "seed is 0.5, expected a whole number"],
    [{ beams: -1 }, "beams is -1, expected a whole number from 1"],
    [{ topP: 2 }, "topP is 2, expected a number from 0 to 1"],
    [{ signal: AbortSignal.abort(new Error("enough")) }, "enough"],
    [{ beams: 2, signal: AbortSignal.abort(new Error("enough")) }, "enough"],
  ];
  test.each(wrong)("%j ends with a clear error", async (options, message) => {
    await expect(model.generate(prompt, options)).rejects.toThrow(message);
  });
});

describe("a picture", () => {
  test("carries its origin in the PNG, beside exactly its pixels", async () => {
    // The second one is not at the start of the batch's bytes.
    for (const picture of await model.generate(prompt, { count: 2, topK: 20 })) {
      const png = await picture.toPng();
      const text = readPngText(png);
      expect(text).toMatchObject({ Software: "clip-gen", Description: prompt });
      expect(JSON.parse(text["clip-gen"] ?? "")).toEqual(picture.origin);
      const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
      expect([info.width, info.height, info.channels]).toEqual([16, 16, 3]);
      expect(new Uint8Array(data)).toEqual(new Uint8Array(picture.pixels));
    }
  });

  test("never overwrites a file", async () => {
    const [picture] = await model.generate(prompt);
    const path = join(folder, "pizza.png");
    writeFileSync(path, "mine");
    const saved = [await picture?.save(path), await picture?.save(path)];
    expect(saved).toEqual([join(folder, "pizza-2.png"), join(folder, "pizza-3.png")]);
    expect(readFileSync(path, "utf8")).toBe("mine");
    await expect(picture?.save(join(folder, "nowhere", "pizza.png"))).rejects.toThrow("does not exist; make it first");
  });

  test("can be saved whatever stands in its sentence", async () => {
    const { images: pixels, size } = tinyPictures(1);
    const [drawn] = await model.generate("a\0b кот");
    const origin = drawn?.origin;
    expect(origin).toBeDefined();
    if (!origin) return;
    const text = readPngText(await new GeneratedPicture({ pixels, size, origin, tokens: [] }).toPng());
    expect(text["Description"]).toBe("ab кот");
    expect(JSON.parse(text["clip-gen"] ?? "")).toEqual(origin);
  });
});

describe("a model on disk", () => {
  test.each(["float32", "bfloat16"] as const)("draws the same after it was saved as %s and read", async (dtype) => {
    const path = join(folder, `model-${dtype}`, "tiny");
    await model.savePretrained(path, { dtype, about: { pictures: "scenes", version: "one" } });
    const read = await ClipGen.fromPretrained(`${path}/`, { precision: "float32", thread: "main" });
    const wanted =
      dtype === "float32" ? model : await ClipGen.fromPretrained(path, { precision: "float32", thread: "main" });
    const options = { count: 3, seed: 9 };
    expect(told(await read.generate(prompt, options))).toEqual(told(await wanted.generate(prompt, options)));
    expect(read.name).toBe("tiny");
    const described: unknown = JSON.parse(readFileSync(join(path, "model.json"), "utf8"));
    expect(described).toEqual({ pictures: "scenes", format: "clip-gen model", version: 1 });
  });

  test("is not written when its weights were rounded to 8 bits", async () => {
    const path = join(folder, "rounded");
    await tinyModel().savePretrained(path);
    const rounded = await ClipGen.fromPretrained(path, { precision: "int8", thread: "main" });
    await expect(rounded.savePretrained(join(folder, "never"))).rejects.toThrow("rounded to 8 bits cannot be saved");
  });

  test("is told apart from what is none", async () => {
    await expect(ClipGen.fromPretrained(join(folder, "nothing"))).rejects.toThrow(
      "holds no model (model.json is missing)",
    );
    const path = join(folder, "broken");
    mkdirSync(path);
    writeFileSync(join(path, "model.json"), "{");
    await expect(ClipGen.fromPretrained(path)).rejects.toThrow("model.json is no JSON");
    writeFileSync(join(path, "model.json"), '{"format":"clip-gen model","version":7}');
    await expect(ClipGen.fromPretrained(path)).rejects.toThrow("describes no model");
  });

  test("of parts that do not fit is refused, with what each has", async () => {
    const path = join(folder, "mixed");
    await model.savePretrained(path);
    rmSync(join(path, "gpt"), { recursive: true });
    await tinyGpt({ codebookSize: 30 }).savePretrained(join(path, "gpt"));
    await expect(ClipGen.fromPretrained(path)).rejects.toThrow(
      'the GPT does not fit CLIP and VQGAN: it has {"codebookSize":30,"tokenCount":16,"conditionDim":8}, ' +
        'they need {"codebookSize":24,"tokenCount":16,"conditionDim":8}',
    );
    cpSync(join(path, "clip"), join(path, "gpt"), { recursive: true });
    await expect(ClipGen.fromPretrained(path)).rejects.toThrow("describes a clip, expected a clip_gen_gpt");
  });

  test("without a vocabulary draws from pictures, and says what it lacks for words", async () => {
    const clip = tinyClip();
    const silent = new ClipGen({ clip: new Clip(clip.config), vqgan: tinyVqgan(), gpt: tinyGpt() });
    await expect(silent.generate(prompt)).rejects.toThrow("this CLIP has no vocabulary");
    const [drawn] = await model.generate(prompt);
    expect(await silent.vary((await drawn?.toPng()) ?? new Uint8Array())).toHaveLength(1);
  });
});
