import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Networks } from "./decode.ts";
import { checkSettings, drawRows, type DrawHooks, type DrawnRow, type DrawSettings } from "./draw.ts";

/** `candidates` are drawn for every condition, of which CLIP picks one. */
export type DrawEachSettings = Omit<DrawSettings, "count" | "beams">;

/** What was drawn for one condition; `ClipGen.generate` draws the same from its seed. */
export type DrawnPicture = DrawnRow & { size: number };

/**
 * Draws a picture for each of many conditions, the best of `candidates`, with many conditions in one batch. Condition i has
 * the seeds from `seed + i · candidates` on, so that no two pictures share their chance, and each is the one that
 * `ClipGen.generate` draws with that seed and as many candidates: exactly in float32. In 16 bits a batch of another size
 * rounds differently, and most pictures come to have other tokens somewhere. Between two tokens the event loop gets a turn.
 * @param networks a `ClipGen`, or its three networks in evaluation mode
 * @param conditions (N, D) unit embeddings, of pictures, or of sentences after `gpt.conditionOfText`
 * @returns N pictures, in the conditions' order
 * @throws RangeError when a setting is out of its range; the signal's reason when it is aborted
 */
export async function drawEach(
  networks: Networks,
  conditions: Tensor,
  settings: DrawEachSettings & DrawHooks = {},
): Promise<DrawnPicture[]> {
  const { onProgress, signal, candidates = 1, seed = 0, ...drawing } = settings;
  checkSettings({ ...drawing, candidates, seed });
  const pictures = conditions.size(0);
  const rows = Array.from({ length: pictures * candidates }, (_, row) => row);
  const owners = rows.map((row) => Math.floor(row / candidates));
  using repeated = keep(
    tidy(() => conditions.indexSelect(0, Tensor.from(owners, [rows.length], "int64").to(conditions.device))),
  );
  const seeds = rows.map((row) => seed + row);
  const best: DrawnPicture[] = [];
  for await (const drawn of drawRows(
    networks,
    { conditions: repeated, seeds, settings: drawing },
    { onProgress, signal },
  )) {
    for (const row of drawn) {
      const owner = Math.floor((row.seed - seed) / candidates);
      if (row.score > (best[owner]?.score ?? -Infinity))
        best[owner] = { ...row, size: networks.vqgan.config.resolution };
    }
  }
  return best;
}
