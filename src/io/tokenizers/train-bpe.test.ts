import { describe, expect, test } from "vitest";
import { z } from "zod";
import { ClipTokenizer } from "./clip-tokenizer.ts";
import { trainBpe } from "./train-bpe.ts";

const colours = ["red", "green", "blue", "yellow", "größer", "красный", "赤い"];
const shapes = ["circle", "square", "triangle", "banana", "🐱‍👤"];
const captions = colours.flatMap((colour, i) =>
  shapes.map((shape, j) => `A ${colour} ${shape} above ${i * j} ${shapes[(i + j) % shapes.length]}s, it's small.`),
);

const jsonSchema = z.object({
  model: z.object({ vocab: z.record(z.string(), z.int()), merges: z.array(z.string()) }),
});

function mergesOf(tokenizer: ClipTokenizer): string[] {
  return jsonSchema.parse(tokenizer.toJson()).model.merges;
}

/** The definition: count all pairs anew for every merge. Ids are places in `symbols`. */
function learnNaively(words: readonly string[], count: number): string[] {
  const { vocab } = jsonSchema.parse(trainBpe([], { vocabSize: 514 }).toJson()).model;
  const ids = new Map(Object.entries(vocab).filter(([, id]) => id < 512));
  let split = words.map((word) => Array.from(word, (letter, i) => (i === word.length - 1 ? `${letter}</w>` : letter)));
  const merges: string[] = [];
  for (let n = 0; n < count; n++) {
    const counts = new Map<string, number>();
    for (const word of split) {
      for (let i = 1; i < word.length; i++) {
        const pair = `${word[i - 1]} ${word[i]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const idsOf = (pair: string): number[] => pair.split(" ").map((symbol) => ids.get(symbol) ?? Number.NaN);
    const [best] = [...counts].sort(([a, countA], [b, countB]) => {
      const [leftA = 0, rightA = 0] = idsOf(a);
      const [leftB = 0, rightB = 0] = idsOf(b);
      return countB - countA || leftA - leftB || rightA - rightB;
    });
    if (best === undefined || best[1] < 2) break;
    const [left = "", right = ""] = best[0].split(" ");
    merges.push(best[0]);
    if (!ids.has(left + right)) ids.set(left + right, ids.size);
    split = split.map((word) => {
      const joined: string[] = [];
      for (let i = 0; i < word.length; i++) {
        const isPair = word[i] === left && word[i + 1] === right;
        joined.push(isPair ? left + right : (word[i] ?? ""));
        if (isPair) i++;
      }
      return joined;
    });
  }
  return merges;
}

describe("trainBpe", () => {
  test("learns the merges that counting every pair anew gives", () => {
    const words = "banana bananas bandana band bands an ananas aaaa aaaaa aaa abcabc bcabc abab cabs".split(" ");
    const text = [...words, ...words.slice(3, 9), ...words.slice(5)];
    const expected = learnNaively(text, 100);
    expect(expected.length).toBeGreaterThan(20);
    expect(mergesOf(trainBpe(text, { vocabSize: 700 }))).toEqual(expected);
    expect(mergesOf(trainBpe([text.join(" ")], { vocabSize: 524 }))).toEqual(expected.slice(0, 10));
  });

  test("captions come back, in lower case, with words apart", () => {
    const tokenizer = trainBpe(captions, { vocabSize: 700 });
    for (const caption of captions) {
      const decoded = tokenizer.decode(tokenizer.encode(caption));
      expect(decoded.replaceAll(" ", "")).toBe(caption.toLowerCase().replaceAll(" ", ""));
    }
    expect(tokenizer.decode(tokenizer.encode("A red circle"))).toBe("a red circle ");
    expect(tokenizer.encode("circle")).toHaveLength(3);
  });

  test("texts that it has not seen come back too", () => {
    const tokenizer = trainBpe(captions, { vocabSize: 600 });
    for (const text of ["quartz", "ångström", "한국어", "👩🏽‍🚀", "e̱", "\ufffd"]) {
      expect(tokenizer.decode(tokenizer.encode(text)).replaceAll(" ", "")).toBe(text);
    }
    expect(tokenizer.encode("")).toEqual([tokenizer.startToken, tokenizer.endToken]);
    expect(tokenizer.decode(tokenizer.encode(""))).toBe("");
  });

  test("the special tokens are the highest ids, also in a row that was cut", () => {
    const tokenizer = trainBpe(captions, { vocabSize: 560 });
    expect([tokenizer.vocabSize, tokenizer.startToken, tokenizer.endToken]).toEqual([560, 558, 559]);
    const [row = []] = tokenizer.encodeBatch([captions.join(" ")], { contextLength: 16 });
    expect(row).toHaveLength(16);
    expect([row[0], row.indexOf(Math.max(...row))]).toEqual([558, 15]);
  });

  test("its tokenizer.json gives identical ids", () => {
    const tokenizer = trainBpe(captions, { vocabSize: 700 });
    const json: unknown = JSON.parse(JSON.stringify(tokenizer.toJson()));
    const copy = ClipTokenizer.fromJson(json);
    for (const text of [...captions, "unseen Wörter 42", "🐱"])
      expect(copy.encode(text)).toEqual(tokenizer.encode(text));
    expect(copy.toJson()).toEqual(tokenizer.toJson());
    expect(json).toMatchObject({
      added_tokens: [
        { content: "<|startoftext|>", id: tokenizer.startToken },
        { content: "<|endoftext|>", id: tokenizer.endToken },
      ],
      post_processor: { cls: ["<|startoftext|>", tokenizer.startToken], sep: ["<|endoftext|>", tokenizer.endToken] },
      model: { type: "BPE", end_of_word_suffix: "</w>" },
    });
  });

  test("the order of the captions does not matter", () => {
    const forwards = trainBpe(captions, { vocabSize: 650 });
    const backwards = trainBpe(captions.toReversed(), { vocabSize: 650 });
    expect(backwards.toJson()).toEqual(forwards.toJson());
  });

  test("stops where no pair occurs twice, and needs no captions at all", () => {
    const few = trainBpe(["ab ab"], { vocabSize: 5000 });
    expect([few.vocabSize, few.endToken]).toEqual([515, 514]);
    const none = trainBpe(["", " ", "<|endoftext|> <|endoftext|>"], { vocabSize: 5000 });
    expect([none.vocabSize, none.decode(none.encode("a cat"))]).toEqual([514, "a cat "]);
  });

  test("the smallest vocabulary is the bytes, start and end", () => {
    expect(trainBpe(captions, { vocabSize: 514 }).vocabSize).toBe(514);
    for (const vocabSize of [513, 0, 600.5, Number.NaN, 1e9]) {
      expect(() => trainBpe(captions, { vocabSize })).toThrow(`vocabSize is ${vocabSize}`);
    }
  });

  test("a caption of one endless word costs no time", () => {
    const tokenizer = trainBpe(["ab".repeat(1_000_000), "cd cd"], { vocabSize: 600 });
    expect(mergesOf(tokenizer)).toEqual(["c d</w>"]);
  }, 10_000);
});
