import { problemsOf } from "../json.ts";
import { z } from "zod";
import { END_OF_WORD } from "./clip-text.ts";

/** A byte-pair encoding with nothing derived: the vocabulary in the order of ids, and the merges in the order of rank. */
export type BpeTables = {
  tokens: readonly string[];
  merges: readonly MergePair[];
  startToken: number;
  endToken: number;
};

/** Two symbols that become one. */
export type MergePair = readonly [left: string, right: string];

/** The content of a `tokenizer.json`, ready for `JSON.stringify`. */
export type TokenizerJson = Readonly<Record<string, unknown>>;

/** Names of the special tokens: OpenAI's, then open_clip's. */
const START_NAMES = ["<|startoftext|>", "<start_of_text>"];
const END_NAMES = ["<|endoftext|>", "<end_of_text>"];

const tokenizerSchema = z.looseObject({
  added_tokens: z.array(z.looseObject({ id: z.int().nonnegative(), content: z.string() })).default([]),
  model: z.looseObject({
    type: z.literal("BPE").default("BPE"),
    end_of_word_suffix: z.literal(END_OF_WORD),
    vocab: z.record(z.string(), z.int().nonnegative()),
    // Older files write "a b", newer ones ["a", "b"]; a symbol never holds a space.
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  }),
});

/**
 * Reads the parsed content of a Hugging Face `tokenizer.json` of CLIP. Its normalizer and pre-tokenizer are not run:
 * they only approximate what openai/CLIP does, which this project follows.
 * Throws where it is no byte-pair encoding with `</w>`, where ids are not 0, 1, 2… or where a special token is missing.
 */
export function parseTokenizerJson(json: unknown): BpeTables {
  const parsed = tokenizerSchema.safeParse(json);
  if (!parsed.success) {
    throw new Error(
      `this is no tokenizer.json of a CLIP model (byte-pair encoding with "${END_OF_WORD}"): ${problemsOf(parsed.error)}`,
    );
  }
  const { model, added_tokens: addedTokens } = parsed.data;
  const ids = new Map(Object.entries(model.vocab));
  for (const { content, id } of addedTokens) ids.set(content, id);
  return {
    tokens: tokensInOrder(ids),
    merges: model.merges.map((merge, rank) => (typeof merge === "string" ? parseMerge(merge, rank + 1) : merge)),
    startToken: specialId(ids, START_NAMES),
    endToken: specialId(ids, END_NAMES),
  };
}

/** Reads one line of a merges file: two symbols and a space between them. `line` is for the error alone. */
export function parseMerge(text: string, line: number): MergePair {
  const [left, right, ...rest] = text.split(" ");
  if (!left || !right || rest.length > 0) {
    throw new Error(
      `merge ${line} is ${JSON.stringify(text.slice(0, 80))}, expected two symbols with one space between them`,
    );
  }
  return [left, right];
}

/** The `tokenizer.json` that Hugging Face's libraries read for CLIP (their `CLIPTokenizerFast`). */
export function buildTokenizerJson({ tokens, merges, startToken, endToken }: BpeTables): TokenizerJson {
  const start = tokens[startToken] ?? "";
  const end = tokens[endToken] ?? "";
  const words = String.raw`'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`;
  const special = { single_word: false, lstrip: false, rstrip: false, normalized: true, special: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [
      { id: startToken, content: start, ...special },
      { id: endToken, content: end, ...special },
    ].sort((a, b) => a.id - b.id),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFC" },
        { type: "Replace", pattern: { Regex: String.raw`\s+` }, content: " " },
        { type: "Lowercase" },
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: words }, behavior: "Removed", invert: true },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: "RobertaProcessing",
      sep: [end, endToken],
      cls: [start, startToken],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: end,
      continuing_subword_prefix: "",
      end_of_word_suffix: END_OF_WORD,
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map(([left, right]) => `${left} ${right}`),
    },
  };
}

function tokensInOrder(ids: ReadonlyMap<string, number>): string[] {
  const tokens = new Map<number, string>();
  for (const [token, id] of ids) {
    const other = tokens.get(id);
    if (other !== undefined) {
      throw new Error(`tokenizer.json gives id ${id} to ${JSON.stringify(other)} and to ${JSON.stringify(token)}`);
    }
    tokens.set(id, token);
  }
  return Array.from({ length: tokens.size }, (_, id) => {
    const token = tokens.get(id);
    if (token === undefined) {
      throw new Error(
        `tokenizer.json has ${tokens.size} tokens and none with id ${id}; ids must be 0 to ${tokens.size - 1}`,
      );
    }
    return token;
  });
}

function specialId(ids: ReadonlyMap<string, number>, names: readonly string[]): number {
  for (const name of names) {
    const id = ids.get(name);
    if (id !== undefined) return id;
  }
  throw new Error(
    `tokenizer.json has none of the special tokens ${names.join(", ")}; is it the tokenizer of a CLIP model?`,
  );
}
