import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { ClipTokenizer } from "./clip-tokenizer.ts";

const golden = new URL("../../../../shared/golden/clip-tokenizer/", import.meta.url);
const hasGolden = existsSync(golden);

const rowSchema = z.object({
  text: z.string(),
  ids: z.array(z.int()),
  decoded: z.string(),
  error_without_truncate: z.boolean(),
  truncated: z.array(z.int()).optional(),
});

describe.skipIf(!hasGolden)(
  "against openai/CLIP on 1,878 strings (skipped where ../shared/golden/clip-tokenizer is missing)",
  () => {
    let tokenizer: ClipTokenizer;
    let rows: z.infer<typeof rowSchema>[];
    beforeAll(() => {
      tokenizer = ClipTokenizer.fromMerges(readFileSync(new URL("bpe_simple_vocab_16e6.txt.gz", golden)));
      const lines = readFileSync(new URL("strings.jsonl", golden), "utf8").trim().split("\n");
      rows = lines.map((line) => rowSchema.parse(JSON.parse(line)));
    });

    test("the vocabulary has OpenAI's size and special ids", () => {
      expect(rows).toHaveLength(1878);
      expect([tokenizer.vocabSize, tokenizer.startToken, tokenizer.endToken]).toEqual([49_408, 49_406, 49_407]);
    });

    test("every string gets the same ids", () => {
      const wrong = rows.filter(({ text, ids }) => tokenizer.encode(text).join() !== ids.join());
      expect(wrong.map(({ text }) => text)).toEqual([]);
    });

    test("every string decodes to the same text", () => {
      const wrong = rows.filter(
        ({ ids, decoded }) => tokenizer.decode(ids.slice(1, -1), { specialTokens: true }) !== decoded,
      );
      expect(wrong.map(({ text }) => text)).toEqual([]);
    });

    test("texts that are too long are cut alike, and are errors where truncation is not allowed", () => {
      for (const { text, ids, truncated, error_without_truncate: isTooLong } of rows) {
        const [row = []] = tokenizer.encodeBatch([text], { contextLength: 77 });
        expect(row.join()).toBe((truncated ?? [...ids, ...Array<number>(77 - ids.length).fill(0)]).join());
        const strict = (): unknown => tokenizer.encodeBatch([text], { contextLength: 77, truncate: false });
        if (isTooLong) expect(strict).toThrow("the context holds 77");
        else expect(strict).not.toThrow();
      }
    });

    test("its tokenizer.json gives the same ids", () => {
      const copy = ClipTokenizer.fromJson(JSON.parse(JSON.stringify(tokenizer.toJson())));
      for (const { text, ids } of rows) expect(copy.encode(text).join()).toBe(ids.join());
    });
  },
);

describe("a vocabulary of three merges", () => {
  const tokenizer = ClipTokenizer.fromMerges("#version: 0.2\nc a\nca t</w>\na t</w>\n");
  const cat = 513; // After 512 byte symbols and "ca".

  test("has the bytes, the merges, start and end", () => {
    expect([tokenizer.vocabSize, tokenizer.startToken, tokenizer.endToken]).toEqual([517, 515, 516]);
    expect(tokenizer.encode("Cat  CAT\n")).toEqual([515, cat, cat, 516]);
    expect(tokenizer.encode("")).toEqual([515, 516]);
  });

  test("pads with zeros, and keeps the end token when it cuts", () => {
    expect(tokenizer.encodeBatch(["cat", "cat cat cat"], { contextLength: 4 })).toEqual([
      [515, cat, 516, 0],
      [515, cat, cat, 516],
    ]);
    expect(() => tokenizer.encodeBatch(["cat"], { contextLength: 1 })).toThrow("contextLength is 1");
  });

  test("decodes without special tokens and padding, or with them", () => {
    expect(tokenizer.decode([515, cat, 516, 0, 0])).toBe("cat ");
    expect(tokenizer.decode([515, cat, 516], { specialTokens: true })).toBe("<|startoftext|>cat <|endoftext|>");
    expect(() => tokenizer.decode([517])).toThrow("token id 517 is not in the vocabulary of 517");
  });

  test("a text that spells a special token gets its id", () => {
    expect(tokenizer.encode("cat<|EndOfText|>")).toEqual([515, cat, 516, 516]);
  });

  test("merges that are skipped leave smaller pieces of the same text, and are not remembered", () => {
    const [c, at] = [tokenizer.encode("c a t", () => true)[1] ?? 0, 514];
    expect(tokenizer.encode("cat", () => false)).toEqual([515, cat, 516]);
    expect(tokenizer.encode("cat", () => true)).toHaveLength(5);
    // "ca" is asked for first; without it "at" can be joined.
    let asked = 0;
    const apart = tokenizer.encode("cat", () => (asked += 1) === 1);
    expect(apart).toEqual([515, apart[1], at, 516]);
    expect(apart[1]).not.toBe(c); // In the middle of a word.
    expect(tokenizer.decode(apart)).toBe("cat ");
    expect(tokenizer.encode("cat")).toEqual([515, cat, 516]);
    const lengths = tokenizer.encodeBatch(["cat", "cat"], {
      contextLength: 8,
      skipMergeOf: (text) => () => text === 1,
    });
    expect(lengths.map((ids) => ids.indexOf(516))).toEqual([2, 4]);
  });

  test("megabytes without a space are encoded in seconds", () => {
    expect(tokenizer.encode("cat".repeat(300_000))).toHaveLength(600_001);
  });

  test("a file is read as merges, packed merges or tokenizer.json", () => {
    const folder = mkdtempSync(join(tmpdir(), "tokenizer-"));
    const write = (name: string, content: string | Uint8Array): string => {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    };
    try {
      for (const content of ["c a\nca t</w>", gzipSync("c a\nca t</w>"), JSON.stringify(tokenizer.toJson())]) {
        expect(ClipTokenizer.fromFile(write("tokenizer", content)).decode([cat])).toBe("cat ");
      }
      const cut = gzipSync("c a\nca t</w>").subarray(0, 20);
      expect(() => ClipTokenizer.fromFile(write("cut.gz", cut))).toThrow(/cannot read the tokenizer .*cut\.gz/);
      expect(() => ClipTokenizer.fromFile(write("empty.txt", ""))).toThrow("the merges file has no merges");
      expect(() => ClipTokenizer.fromFile(write("binary.txt", Uint8Array.of(1, 0xff)))).toThrow("cannot read");
      expect(() => ClipTokenizer.fromFile(join(folder, "none.json"))).toThrow("none.json");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("bad merges and bad tokenizer.json", () => {
  const merges = ClipTokenizer.fromMerges("c a");
  const change = (model: Record<string, unknown>): unknown => {
    const json = z.looseObject({ model: z.looseObject({}) }).parse(merges.toJson());
    return { ...json, model: { ...json.model, ...model } };
  };
  const vocab = z.object({ model: z.object({ vocab: z.record(z.string(), z.int()) }) }).parse(merges.toJson())
    .model.vocab;

  test.each([
    ["a line that is no merge", "c a t", {}, "merge 1 is"],
    ["a merge of unknown symbols", "ca t", {}, 'lacks "ca"'],
    ["too few merges for the size", "c a", { vocabSize: 600 }, "vocabSize is 600"],
    ["a size below the bytes", "c a", { vocabSize: 100 }, "vocabSize is 100"],
  ])("%s is an error", (_name, text, options, message) => {
    expect(() => ClipTokenizer.fromMerges(text, options)).toThrow(message);
  });

  test.each([
    ["nothing", null, "no tokenizer.json of a CLIP model"],
    ["another kind of model", change({ type: "WordPiece" }), "no tokenizer.json of a CLIP model"],
    ["a vocabulary without end-of-word suffix", change({ end_of_word_suffix: null }), "end_of_word_suffix"],
    ["two tokens with one id", change({ vocab: { ...vocab, ca: 0 } }), "gives id 0 to"],
    ["a gap in the ids", change({ vocab: { ...vocab, ca: 9999 } }), "none with id 512"],
    ["a merge of unknown symbols", change({ merges: [["ca", "zz"]] }), 'lacks "zz"'],
  ])("%s is an error", (_name, json, message) => {
    expect(() => ClipTokenizer.fromJson(json)).toThrow(message);
  });

  test("merges may be pairs, and special tokens may have open_clip's names and stand outside the vocabulary", () => {
    const entries = Object.entries(vocab).filter(([token]) => !token.startsWith("<|"));
    const tokenizer = ClipTokenizer.fromJson({
      model: { type: "BPE", end_of_word_suffix: "</w>", vocab: Object.fromEntries(entries), merges: [["c", "a"]] },
      added_tokens: [
        { id: 513, content: "<start_of_text>" },
        { id: 514, content: "<end_of_text>" },
      ],
    });
    expect(tokenizer.encode("cat <end_of_text>")).toEqual([513, ...merges.encode("cat").slice(1, -1), 514, 514]);
  });
});
