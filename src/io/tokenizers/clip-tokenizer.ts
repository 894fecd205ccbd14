import { readFileSync, statSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { BYTE_ALPHABET, cleanText, END_OF_TEXT, END_OF_WORD, START_OF_TEXT, wordPattern } from "./clip-text.ts";
import { oneLine } from "../read-error.ts";
import { buildTokenizerJson, parseMerge, parseTokenizerJson } from "./tokenizer-json.ts";
import type { BpeTables, MergePair, TokenizerJson } from "./tokenizer-json.ts";

/** OpenAI's vocabulary: 512 byte symbols, 48,894 merges, start and end. Its merges file holds more than it uses. */
const OPENAI_VOCAB_SIZE = 49_408;

/** OpenAI's own file is 1.4 MB packed, 3.2 MB unpacked; anything near this is no tokenizer. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** Captions repeat their words; this many are remembered, which is some 20 MB. */
const CACHED_WORDS = 65_536;

/** Asked before a pair of pieces may be joined, whether to leave it apart this time (BPE-dropout, arXiv 1910.13267). */
export type SkipMerge = () => boolean;

export type EncodeOptions = {
  /** T */
  contextLength: number;
  /** Whether longer texts are cut. Default true; an error otherwise. */
  truncate?: boolean;
  /** For training: gives text i its `SkipMerge`. */
  skipMergeOf?: ((text: number) => SkipMerge) | undefined;
};

/**
 * CLIP's tokenizer: lower-case byte-pair encoding with 256 byte symbols, the same 256 as ends of words, merges, start
 * and end. No text is unknown to it.
 * Source: `SimpleTokenizer` and `tokenize` of openai/CLIP; `fixText` tells how its clean-up differs from ftfy's.
 *
 * @example
 * const tokenizer = ClipTokenizer.fromFile("clip/tokenizer.json");
 * const rows = tokenizer.encodeBatch(["a slice of pizza"], { contextLength: 77 });
 */
export class ClipTokenizer {
  readonly vocabSize: number;
  readonly startToken: number;
  readonly endToken: number;

  private readonly tables: BpeTables;
  private readonly words: RegExp;
  private readonly specialIds: ReadonlyMap<string, number>;
  /** Ids of the byte symbols, by byte: inside a word, and as its end. */
  private readonly insideIds: readonly number[];
  private readonly endIds: readonly number[];
  /** Pair of ids (`pairKey`) to the rank of its merge, and rank to the id that it makes. */
  private readonly ranks = new Map<number, number>();
  private readonly mergedIds: readonly number[];
  private readonly cache = new Map<string, readonly number[]>();

  private constructor(tables: BpeTables) {
    this.tables = tables;
    this.vocabSize = tables.tokens.length;
    this.startToken = tables.startToken;
    this.endToken = tables.endToken;

    const ids = new Map(tables.tokens.map((token, id) => [token, id]));
    const idOf = (token: string): number => {
      const id = ids.get(token);
      if (id === undefined)
        throw new Error(`the vocabulary lacks ${JSON.stringify(token)}, which its bytes and merges need`);
      return id;
    };
    const byByte = BYTE_ALPHABET.toSorted((a, b) => a.byte - b.byte);
    this.insideIds = byByte.map(({ symbol }) => idOf(symbol));
    this.endIds = byByte.map(({ symbol }) => idOf(symbol + END_OF_WORD));
    this.mergedIds = tables.merges.map(([left, right], rank) => {
      const key = this.pairKey(idOf(left), idOf(right));
      // A pair that is listed twice keeps its better rank.
      if (!this.ranks.has(key)) this.ranks.set(key, rank);
      return idOf(left + right);
    });

    const special = [tables.startToken, tables.endToken].map((id) => tables.tokens[id] ?? "");
    this.specialIds = new Map(special.map((token) => [token, idOf(token)]));
    this.words = wordPattern(special);
  }

  /**
   * Reads a `tokenizer.json`, or a merges file (`merges.txt`, `bpe_simple_vocab_16e6.txt.gz`).
   * Throws where it is neither; the error names the file.
   */
  static fromFile(path: string): ClipTokenizer {
    try {
      const { size } = statSync(path);
      if (size > MAX_FILE_BYTES) throw new Error(`it has ${size} bytes, no tokenizer has more than ${MAX_FILE_BYTES}`);
      const text = decodeText(readFileSync(path));
      return /^\s*\{/.test(text) ? ClipTokenizer.fromJson(JSON.parse(text)) : ClipTokenizer.fromMerges(text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`cannot read the tokenizer ${path}: ${oneLine(reason)}`, { cause: error });
    }
  }

  /** Reads the parsed content of a `tokenizer.json` (`parseTokenizerJson` tells what it must hold). */
  static fromJson(json: unknown): ClipTokenizer {
    return new ClipTokenizer(parseTokenizerJson(json));
  }

  /**
   * Builds the vocabulary from a merges file, packed or not: one merge a line, best first, after an optional line with
   * "#version". The last ids are start and end.
   *
   * `vocabSize` cuts a longer file, as openai/CLIP does; without it, files of OpenAI's length and more give OpenAI's
   * 49,408 tokens, and shorter ones give all they have. Throws where there are too few for `vocabSize`, or none.
   */
  static fromMerges(merges: string | Uint8Array, options: { vocabSize?: number } = {}): ClipTokenizer {
    const lines = (typeof merges === "string" ? merges : decodeText(merges)).split(/\r?\n/);
    const firstMerge = lines[0]?.includes("#version") ? 1 : 0;
    const bytes = BYTE_ALPHABET.map(({ symbol }) => symbol);
    const tokens = new Set([...bytes, ...bytes.map((symbol) => symbol + END_OF_WORD)]);
    const pairs: MergePair[] = [];
    const maxTokens = (options.vocabSize ?? OPENAI_VOCAB_SIZE) - 2;
    for (let i = firstMerge; i < lines.length && tokens.size < maxTokens; i++) {
      const line = lines[i] ?? "";
      if (line === "") continue;
      const pair = parseMerge(line, i + 1);
      pairs.push(pair);
      tokens.add(pair[0] + pair[1]);
    }
    if (options.vocabSize === undefined && pairs.length === 0) throw new Error("the merges file has no merges");
    if (options.vocabSize !== undefined && tokens.size !== maxTokens) {
      throw new Error(
        `vocabSize is ${options.vocabSize}, but these merges give ${tokens.size + 2} tokens with start and end`,
      );
    }
    return new ClipTokenizer({
      tokens: [...tokens, START_OF_TEXT, END_OF_TEXT],
      merges: pairs,
      startToken: tokens.size,
      endToken: tokens.size + 1,
    });
  }

  /** The ids of a text of any length, with start and end. A text that spells a special token gets its id, as in CLIP. */
  encode(text: string, skipMerge?: SkipMerge): number[] {
    const ids = [this.startToken];
    for (const [word] of cleanText(text).matchAll(this.words)) {
      for (const id of this.encodeWord(word, skipMerge)) ids.push(id);
    }
    ids.push(this.endToken);
    return ids;
  }

  /**
   * One row of `contextLength` ids a text, padded with 0. A longer text is cut and its last id becomes the end token;
   * with `truncate: false` it is an error instead. Source: `tokenize` of openai/CLIP.
   */
  encodeBatch(texts: readonly string[], options: EncodeOptions): number[][] {
    const { contextLength, truncate = true, skipMergeOf } = options;
    if (!Number.isInteger(contextLength) || contextLength < 2) {
      throw new Error(`contextLength is ${contextLength}, expected a whole number of 2 (start and end) or more`);
    }
    return texts.map((text, i) => {
      const ids = this.encode(text, skipMergeOf?.(i));
      if (ids.length > contextLength) {
        if (!truncate) {
          const beginning = JSON.stringify(text.slice(0, 60));
          throw new Error(
            `text ${i}, ${beginning}, has ${ids.length} tokens and the context holds ${contextLength}; shorten it or allow truncation`,
          );
        }
        ids.length = contextLength;
        ids[contextLength - 1] = this.endToken;
      }
      while (ids.length < contextLength) ids.push(0);
      return ids;
    });
  }

  /**
   * The text of ids: lower case, a space after every word. The start token is left out, and the end token ends it,
   * because the zeros after it are padding; `specialTokens: true` decodes every id, as openai/CLIP does.
   * Ids that cut a character apart give U+FFFD. Throws on an id outside the vocabulary.
   */
  decode(ids: Iterable<number>, options: { specialTokens?: boolean } = {}): string {
    const { specialTokens = false } = options;
    let symbols = "";
    for (const id of ids) {
      const token = this.tables.tokens[id];
      if (token === undefined) throw new Error(`token id ${id} is not in the vocabulary of ${this.vocabSize}`);
      if (!specialTokens && id === this.endToken) break;
      if (!specialTokens && id === this.startToken) continue;
      symbols += token;
    }
    const bytes = Uint8Array.from(symbols, byteOfSymbol);
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).replaceAll(END_OF_WORD, " ");
  }

  /** The `tokenizer.json` of this vocabulary in Hugging Face's format, for `JSON.stringify` and `fromJson`. */
  toJson(): TokenizerJson {
    return buildTokenizerJson(this.tables);
  }

  private pairKey(left: number, right: number): number {
    return left * this.vocabSize + right;
  }

  private encodeWord(word: string, skipMerge?: SkipMerge): readonly number[] {
    const special = this.specialIds.get(word);
    if (special !== undefined) return [special];
    if (skipMerge) return this.mergeWord(new TextEncoder().encode(word), skipMerge);
    const cached = this.cache.get(word);
    if (cached !== undefined) return cached;
    const ids = this.mergeWord(new TextEncoder().encode(word));
    // Long "words" are junk that does not come back.
    if (word.length <= 64) {
      if (this.cache.size >= CACHED_WORDS) this.cache.clear();
      this.cache.set(word, ids);
    }
    return ids;
  }

  /** Byte-pair encoding: joins all places of the pair with the best rank, until no pair has one. */
  private mergeWord(bytes: Uint8Array, skipMerge?: SkipMerge): number[] {
    let ids = Array.from(bytes, (byte, i) => (i === bytes.length - 1 ? this.endIds : this.insideIds)[byte] ?? 0);
    while (ids.length > 1) {
      const ranks = this.pairRanks(ids, skipMerge);
      const best = ranks.reduce((least, rank) => Math.min(least, rank), Infinity);
      if (best === Infinity) break;
      const joined: number[] = [];
      for (let i = 0; i < ids.length; i++) {
        if (ranks[i] === best) {
          joined.push(this.mergedIds[best] ?? 0);
          i++;
        } else {
          joined.push(ids[i] ?? 0);
        }
      }
      ids = joined;
    }
    return ids;
  }

  /** The rank of each pair of neighbours; Infinity where it has none, or is skipped. */
  private pairRanks(ids: readonly number[], skipMerge?: SkipMerge): number[] {
    return Array.from({ length: ids.length - 1 }, (_, i) => {
      const rank = this.ranks.get(this.pairKey(ids[i] ?? 0, ids[i + 1] ?? 0));
      return rank === undefined || skipMerge?.() ? Infinity : rank;
    });
  }
}

const BYTE_OF_SYMBOL = new Map(BYTE_ALPHABET.map(({ byte, symbol }) => [symbol, byte]));

function byteOfSymbol(symbol: string): number {
  const byte = BYTE_OF_SYMBOL.get(symbol);
  if (byte === undefined)
    throw new Error(`the vocabulary has the letter ${JSON.stringify(symbol)}, which stands for no byte`);
  return byte;
}

/** UTF-8 text, unpacked first where it starts like gzip. */
function decodeText(content: Uint8Array): string {
  const isGzip = content[0] === 0x1f && content[1] === 0x8b;
  const bytes = isGzip ? gunzipSync(content, { maxOutputLength: MAX_FILE_BYTES }) : content;
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}
