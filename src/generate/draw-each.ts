import { sampleTokens } from "../models/sampling.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { decodeTokens, rowsThatFit, type Networks } from "./decode.ts";
import { checkSettings, type DrawHooks, type DrawSettings } from "./draw.ts";

/** `candidates` are drawn for every condition, of which CLIP picks one. */
export type DrawEachSettings = Omit<DrawSettings, "count" | "beams">;

/** What was drawn for one condition. */
export type DrawnPicture = {
  /** (size, size, 3) RGB bytes. */
  pixels: Uint8Array;
  size: number;
  /** (h·w) VQGAN's tokens. */
  tokens: readonly number[];
  /** Cosine between CLIP's embedding of the picture and its condition. */
  score: number;
  /** With it, `ClipGen.generate` draws the same picture for the same condition. */
  seed: number;
};

/**
 * Draws a picture for each of many conditions, the best of `candidates`, with many conditions in one batch. Condition i has
 * the seeds from `seed + i · candidates` on, so that no two pictures share their chance, and each is the one that
 * `ClipGen.generate` draws with that seed and as many candidates: exactly in float32, while 16 bits round differently in
 * batches of another size, which now and then gives another token. Between two tokens the event loop gets a turn.
 * @param networks a `ClipGen`, or its three networks in evaluation mode
 * @param conditions (N, D) unit embeddings, of sentences (`embedTexts`) or of pictures
 * @returns N pictures, in the conditions' order
 * @throws RangeError when a setting is out of its range; the signal's reason when it is aborted
 */
export async function drawEach(
  networks: Networks,
  conditions: Tensor,
  settings: DrawEachSettings & DrawHooks = {},
): Promise<DrawnPicture[]> {
  const { onProgress, signal, candidates = 1, seed = 0, batchSize, ...sampling } = settings;
  checkSettings({ candidates, seed, ...(batchSize !== undefined && { batchSize }) });
  const { gpt, vqgan } = networks;
  const of = conditions.size(0) * candidates;
  const rowsAtOnce = batchSize ?? rowsThatFit(gpt, sampling.guidanceScale ?? 1);
  const best: DrawnPicture[] = [];
  for (let start = 0; start < of; start += rowsAtOnce) {
    const rows = Array.from({ length: Math.min(rowsAtOnce, of - start) }, (_, i) => start + i);
    const owners = rows.map((row) => Math.floor(row / candidates));
    using condition = keep(
      tidy(() =>
        conditions.indexSelect(0, Tensor.from(owners, [owners.length], "int64").to(conditions.device)).to(gpt.device),
      ),
    );
    const seeds = rows.map((row) => seed + row);
    const tokens: number[][] = rows.map(() => []);
    for await (const column of sampleTokens(gpt, condition, { ...sampling, seed: seeds, ...(signal && { signal }) })) {
      for (const [row, token] of column.entries()) tokens[row]?.push(token);
      const done = tokens[0]?.length ?? 0;
      onProgress?.({ candidates: start + rows.length, of, tokens: done, length: gpt.config.tokenCount });
    }
    for (const [row, { pixels, score }] of (await decodeTokens(networks, { tokens, condition }, signal)).entries()) {
      const [owner = 0, own] = [owners[row], tokens[row] ?? []];
      if (score <= (best[owner]?.score ?? -Infinity)) continue;
      best[owner] = { pixels, size: vqgan.config.resolution, tokens: own, score, seed: seeds[row] ?? seed };
    }
  }
  return best;
}
