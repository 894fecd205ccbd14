import { BYTE_ALPHABET, cleanText, END_OF_TEXT, END_OF_WORD, START_OF_TEXT, wordPattern } from "./clip-text.ts";
import { ClipTokenizer } from "./clip-tokenizer.ts";

/** Start and end come after all symbols. */
const SPECIAL_TOKENS = 2;

/** The byte symbols, the same as ends of words, start and end. */
const SMALLEST_VOCABULARY = 2 * BYTE_ALPHABET.length + SPECIAL_TOKENS;

/** Far above any use (OpenAI's has 49,408); two ids must fit one exact number. */
const LARGEST_VOCABULARY = 2 ** 24;

/** A pair seen once teaches a spelling, not a habit of the language. */
const MIN_PAIR_COUNT = 2;

/** Longer words are web addresses and junk: they would cost much time and teach nothing. */
const LONGEST_WORD = 128;

type Word = { symbols: number[]; count: number };

type Pair = {
  left: number;
  right: number;
  /** How often it occurs in all captions. */
  count: number;
  /** The count under which the queue has it; 0 where it has not. */
  queuedCount: number;
  /** Words that have it, or had it once. */
  words: Set<number>;
};

/**
 * Learns a vocabulary from captions: again and again the pair of symbols that occurs most often becomes one symbol
 * (Sennrich et al., arXiv 1508.07909), in words as CLIP's tokenizer cuts them.
 *
 * Ties go to the pair with the lower ids, so the same captions in any order give the same vocabulary. Merging stops at
 * `vocabSize`, or where no pair occurs twice: few captions give fewer tokens, so read `vocabSize` from the result. The
 * end token is always the highest id and the start token the one below, as CLIP's pooling wants it.
 *
 * @example
 * const tokenizer = trainBpe(captions, { vocabSize: 8192 });
 * await writeFile("tokenizer.json", JSON.stringify(tokenizer.toJson()));
 */
export function trainBpe(captions: Iterable<string>, options: { vocabSize: number }): ClipTokenizer {
  const { vocabSize } = options;
  if (!Number.isInteger(vocabSize) || vocabSize < SMALLEST_VOCABULARY || vocabSize > LARGEST_VOCABULARY) {
    throw new Error(
      `vocabSize is ${vocabSize}, expected a whole number from ${SMALLEST_VOCABULARY} (bytes, start and end) to ${LARGEST_VOCABULARY}`,
    );
  }
  const learner = new MergeLearner(countWords(captions));
  while (learner.symbols.length < vocabSize - SPECIAL_TOKENS && learner.mergeMostFrequent());
  return ClipTokenizer.fromMerges(learner.merges.join("\n"), { vocabSize: learner.symbols.length + SPECIAL_TOKENS });
}

/** The distinct words of the captions with their counts. Special tokens that a caption spells are no words. */
function countWords(captions: Iterable<string>): Map<string, number> {
  const pattern = wordPattern([START_OF_TEXT, END_OF_TEXT]);
  const counts = new Map<string, number>();
  for (const caption of captions) {
    for (const [word] of cleanText(caption).matchAll(pattern)) {
      if (word.length <= LONGEST_WORD) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  counts.delete(START_OF_TEXT);
  counts.delete(END_OF_TEXT);
  return counts;
}

/** The words as sequences of symbols, and the pairs in them, kept up to date while merges are learnt. */
class MergeLearner {
  /** Id to symbol: the bytes, the bytes as ends of words, then what merges made. */
  readonly symbols: string[];
  /** The merges as lines of a merges file, best first. */
  readonly merges: string[] = [];

  private readonly ids: Map<string, number>;
  private readonly words: Word[];
  private readonly pairs = new Map<number, Pair>();
  private readonly queue = new PairQueue();

  constructor(wordCounts: ReadonlyMap<string, number>) {
    const bytes = BYTE_ALPHABET.map(({ symbol }) => symbol);
    this.symbols = [...bytes, ...bytes.map((symbol) => symbol + END_OF_WORD)];
    this.ids = new Map(this.symbols.map((symbol, id) => [symbol, id]));

    const idOfByte = new Map(BYTE_ALPHABET.map(({ byte }, id) => [byte, id]));
    const encoder = new TextEncoder();
    this.words = Array.from(wordCounts, ([text, count]) => {
      const symbols = Array.from(encoder.encode(text), (byte) => idOfByte.get(byte) ?? 0);
      symbols.push((symbols.pop() ?? 0) + BYTE_ALPHABET.length); // The last one as an end of word.
      return { symbols, count };
    });
    for (const [index, word] of this.words.entries()) this.countPairs(word, index, word.count);
    for (const pair of this.pairs.values()) this.queue.push(pair);
  }

  /** Learns one merge; false where no pair is left that occurs often enough. */
  mergeMostFrequent(): boolean {
    const pair = this.queue.pop();
    if (pair === undefined) return false;
    const left = this.symbols[pair.left] ?? "";
    const right = this.symbols[pair.right] ?? "";
    this.merges.push(`${left} ${right}`);

    // Two different merges can make the same symbol, "a"+"bc" and "ab"+"c"; it gets one id.
    const joined = this.ids.get(left + right) ?? this.symbols.length;
    if (joined === this.symbols.length) {
      this.symbols.push(left + right);
      this.ids.set(left + right, joined);
    }
    const changed = new Set<Pair>();
    for (const index of pair.words) {
      const word = this.words[index];
      if (word === undefined) continue;
      this.countPairs(word, index, -word.count);
      word.symbols = joinPair(word.symbols, pair, joined);
      for (const other of this.countPairs(word, index, word.count)) changed.add(other);
    }
    this.pairs.delete(pairKey(pair.left, pair.right));
    for (const other of changed) if (other.count > other.queuedCount) this.queue.push(other);
    return true;
  }

  /** Adds `amount` to the count of every pair in the word, and returns these pairs. */
  private countPairs(word: Word, index: number, amount: number): Pair[] {
    const found: Pair[] = [];
    for (let i = 1; i < word.symbols.length; i++) {
      const left = word.symbols[i - 1] ?? 0;
      const right = word.symbols[i] ?? 0;
      const key = pairKey(left, right);
      let pair = this.pairs.get(key);
      if (pair === undefined) {
        pair = { left, right, count: 0, queuedCount: 0, words: new Set() };
        this.pairs.set(key, pair);
      }
      pair.count += amount;
      pair.words.add(index);
      found.push(pair);
    }
    return found;
  }
}

function pairKey(left: number, right: number): number {
  return left * LARGEST_VOCABULARY + right;
}

function joinPair(symbols: readonly number[], { left, right }: Pair, joined: number): number[] {
  const result: number[] = [];
  for (let i = 0; i < symbols.length; i++) {
    const symbol = symbols[i] ?? 0;
    if (symbol === left && symbols[i + 1] === right) {
      result.push(joined);
      i++;
    } else {
      result.push(symbol);
    }
  }
  return result;
}

/** A pair with the count that it was queued with. */
type Entry = { pair: Pair; count: number };

/**
 * Binary heap of pairs, the most frequent first. Counts change while pairs wait: a pair that has grown is pushed again,
 * one that has shrunk is noticed when it comes up.
 */
class PairQueue {
  private readonly heap: Entry[] = [];

  push(pair: Pair): void {
    if (pair.count < MIN_PAIR_COUNT) {
      pair.queuedCount = 0;
      return;
    }
    pair.queuedCount = pair.count;
    const entry = { pair, count: pair.count };
    let place = this.heap.push(entry) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.heap[above];
      if (parent === undefined || !isBefore(entry, parent)) break;
      this.heap[place] = parent;
      place = above;
    }
    this.heap[place] = entry;
  }

  /** The most frequent pair, by its count of now. */
  pop(): Pair | undefined {
    for (let entry = this.popEntry(); entry !== undefined; entry = this.popEntry()) {
      const { pair, count } = entry;
      if (count !== pair.queuedCount) continue; // It was pushed again since.
      if (count === pair.count) return pair;
      this.push(pair);
    }
    return undefined;
  }

  private popEntry(): Entry | undefined {
    const [first] = this.heap;
    const last = this.heap.pop();
    if (last === undefined || this.heap.length === 0) return last;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      let child = this.heap[below];
      const other = this.heap[below + 1];
      if (child !== undefined && other !== undefined && isBefore(other, child)) {
        below++;
        child = other;
      }
      if (child === undefined || !isBefore(child, last)) break;
      this.heap[place] = child;
      place = below;
    }
    this.heap[place] = last;
    return first;
  }
}

/** More frequent first, then lower ids. */
function isBefore(a: Entry, b: Entry): boolean {
  return (b.count - a.count || a.pair.left - b.pair.left || a.pair.right - b.pair.right) < 0;
}
