import type { ClipTokenizer, EncodeOptions } from "../io/tokenizers/clip-tokenizer.ts";
import { Tensor, type Device } from "../tensor/tensor.ts";

/**
 * Sentences as `Clip.encodeText` takes them: (N, T) int64, T the longest of them. Positions after the end of a text do
 * not count, so shorter rows cost less and give the same embedding.
 * @throws Error when a text is too long and `truncate` is false
 */
export function tokenTensor(
  tokenizer: ClipTokenizer,
  texts: readonly string[],
  options: EncodeOptions & { device?: Device },
): Tensor {
  const { device = "cpu", ...encoding } = options;
  const rows = tokenizer.encodeBatch(texts, encoding);
  const length = Math.max(...rows.map((row) => row.indexOf(tokenizer.endToken) + 1));
  const ids = rows.flatMap((row) => row.slice(0, length));
  return Tensor.from(ids, [rows.length, length], "int64").to(device);
}
