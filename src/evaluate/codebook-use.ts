export type CodebookUse = {
  /** The share of codes that occur at all. */
  used: number;
  /** e to the entropy of how often codes occur: as many codes, equally often, would say as much. */
  perplexity: number;
};

/** How much of a codebook pictures' tokens use. */
export function codebookUse(tokens: Int32Array, codebookSize: number): CodebookUse {
  const counts = new Float64Array(codebookSize);
  for (const token of tokens) counts[token] = (counts[token] ?? 0) + 1;
  let [used, entropy] = [0, 0];
  for (const count of counts) {
    if (count === 0) continue;
    used += 1;
    entropy -= (count / tokens.length) * Math.log(count / tokens.length);
  }
  return { used: used / codebookSize, perplexity: Math.exp(entropy) };
}
