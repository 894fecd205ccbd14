import { Tensor } from "../tensor/tensor.ts";
import type { Networks } from "./decode.ts";
import { checkSettings, drawRows, type DrawHooks, type DrawnRow, type DrawSettings } from "./draw-rows.ts";
import type { Targets } from "./targets.ts";

/** `candidates` are drawn for every target, of which CLIP picks one. */
export type DrawEachSettings = Omit<DrawSettings, "count" | "beams">;

/** What was drawn for one target; `ClipGen.generate` draws the same from its seed. */
export type DrawnPicture = DrawnRow & { size: number };

/**
 * Draws a picture for each of many targets, the best of `candidates`, with many targets in one batch. Target i has
 * the seeds from `seed + i · candidates` on, so that no two pictures share their chance, and each is the one that
 * `ClipGen.generate` draws with that seed and as many candidates: exactly in float32. In 16 bits a batch of another size
 * rounds differently, and most pictures come to have other tokens somewhere. Between two tokens the event loop gets a turn.
 * @param networks a `ClipGen`, or its three networks in evaluation mode
 * @param targets N of them: `textTargets(networks, sentences)`, or `new Targets(embeddings)` of pictures
 * @returns N pictures, in the targets' order
 * @throws RangeError when a setting is out of its range; the signal's reason when it is aborted
 */
export async function drawEach(
  networks: Networks,
  targets: Targets,
  settings: DrawEachSettings & DrawHooks = {},
): Promise<DrawnPicture[]> {
  const { onProgress, signal, candidates = 1, seed = 0, ...drawing } = settings;
  checkSettings({ ...drawing, candidates, seed });
  const rows = Array.from({ length: targets.count * candidates }, (_, row) => row);
  const owners = rows.map((row) => Math.floor(row / candidates));
  using repeated = targets.map((each) =>
    each.indexSelect(0, Tensor.from(owners, [rows.length], "int64").to(each.device)),
  );
  const seeds = rows.map((row) => seed + row);
  const best: DrawnPicture[] = [];
  for await (const drawn of drawRows(
    networks,
    { targets: repeated, seeds, settings: drawing },
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
