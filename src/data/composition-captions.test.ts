import { describe, expect, test } from "vitest";
import { trainBpe } from "../io/tokenizers/train-bpe.ts";
import { Random } from "../random.ts";
import { captionComposition, mostTrainingWords, trainingSentence, wordCount } from "./composition-captions.ts";
import { isAllRight, checkComposition } from "./composition-checker.ts";
import { drawComposition } from "./composition-drawing.ts";
import { testSentence, testSplits, type TestSentence } from "./composition-splits.ts";
import { compositionAt } from "./compositions.ts";
import { backgrounds, colors, isHeldOut, shapes } from "./scenes.ts";

const captions = Array.from({ length: 6000 }, (_, index) =>
  captionComposition(compositionAt(1, index), new Random(1, index)),
);

function sentencesOf(split: (typeof testSplits)[number], count = 400): TestSentence[] {
  return Array.from({ length: count }, (_, index) => testSentence(split, 7, index));
}

/** The words that occur in the text, also as plurals. */
function said(words: readonly string[], text: string): string[] {
  return words.filter((word) => new RegExp(`\\b${word}(s|es)?\\b`).test(text)).toSorted();
}

/** The share of the training sentences that it fits. */
function share(pattern: RegExp): number {
  return captions.filter((text) => pattern.test(text)).length / captions.length;
}

describe("trainingSentence", () => {
  test("says what its description wants, and nothing else", () => {
    for (let index = 0; index < 2000; index++) {
      const { text, wanted } = trainingSentence(compositionAt(5, index), new Random(index));
      const { objects, background, count } = wanted;
      expect(said(colors, text)).toEqual([...new Set(objects.map(({ color }) => color))].toSorted());
      expect(said(shapes, text)).toEqual([...new Set(objects.map(({ shape }) => shape))].toSorted());
      expect(said(backgrounds, text)).toEqual(background === undefined ? [] : [background]);
      const sizes = text.match(/\b(small|little|large|big)\b/g) ?? [];
      expect(sizes.length).toBe(objects.filter(({ size }) => size !== undefined).length);
      const textures = text.match(/\b(plain|striped|dotted|stripes|dots)\b/g) ?? [];
      expect(textures.length).toBe(objects.filter(({ texture }) => texture !== undefined).length);
      expect(/left of|right of|above|below|over|under/.test(text)).toBe(wanted.relation !== undefined);
      expect(/\b(two|three)\b/.test(text)).toBe(count > objects.length);
    }
  });

  test("is never longer than it may be, and has hundreds of forms", () => {
    expect(Math.max(...captions.map(wordCount))).toBeLessThanOrEqual(mostTrainingWords);
    const forms = captions.map((text) =>
      text.replaceAll(new RegExp(`\\b(${[...colors, ...shapes, ...backgrounds].join("|")})`, "g"), "_"),
    );
    expect(new Set(forms).size).toBeGreaterThan(300);
  });

  test("uses rare words rarely", () => {
    expect(share(/\b(big|little)\b/)).toBeGreaterThan(0.01);
    expect(share(/\b(big|little)\b/)).toBeLessThan(0.1 * share(/\b(large|small)\b/));
    expect(share(/\b(over|under)\b/)).toBeLessThan(0.1 * share(/\b(above|below)\b/));
  });
});

describe("testSentence", () => {
  test("repeats a sentence, and gives others for other seeds and splits", () => {
    expect(testSentence("long", 1, 2)).toEqual(testSentence("long", 1, 2));
    expect(testSentence("long", 1, 2)).not.toEqual(testSentence("long", 2, 2));
    expect(testSentence("relation", 1, 2).composition).not.toEqual(testSentence("unseen pair", 1, 2).composition);
  });

  test.each(testSplits)("asks for what its own composition shows: %s", (split) => {
    const wrong = sentencesOf(split).filter(({ composition, wanted }) => {
      return !isAllRight(checkComposition(drawComposition(composition, 32), 32, wanted));
    });
    expect(wrong.length).toBeLessThanOrEqual(4);
  });

  test("long sentences tell everything, are longer than any training sentence and fit a small CLIP's 32 tokens", () => {
    const tokenizer = trainBpe(captions, { vocabSize: 768 });
    const longest = sentencesOf("long", 2000);
    for (const { text, wanted } of longest) {
      expect(wordCount(text)).toBeGreaterThan(mostTrainingWords + 3);
      expect(Object.keys(wanted).toSorted()).toEqual(["background", "count", "objects", "relation"]);
      expect(wanted.objects.every((object) => Object.keys(object).length === 5)).toBe(true);
    }
    const texts = longest.map(({ text }) => text);
    expect(() => tokenizer.encodeBatch(texts, { contextLength: 32, truncate: false })).not.toThrow();
  });

  test("paraphrases have a phrasing that training has not, and but for four small ones words that it has", () => {
    const phrasing = /\b(that|it|them|they)\b|^(?!there).* there is\b/;
    expect(captions.filter((text) => phrasing.test(text))).toEqual([]);
    const known = new Set(captions.flatMap((text) => text.split(" ")));
    const unknown = new Set<string>();
    for (const { text } of sentencesOf("paraphrase", 1000)) {
      expect(text).toMatch(phrasing);
      for (const word of text.split(" ")) if (!known.has(word)) unknown.add(word);
    }
    expect([...unknown].toSorted()).toEqual(["it", "that", "them", "they"]);
  });

  test("only the unseen splits hold what the generator does not train on", () => {
    for (const split of testSplits) {
      const apart = sentencesOf(split, 100).filter(({ composition }) => composition.objects.some(isHeldOut));
      expect(apart.length).toBe(split === "unseen" ? 100 : 0);
    }
  });
});
