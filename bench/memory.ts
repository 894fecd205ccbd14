import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { gptPresets } from "../src/models/gpt-config.ts";
import type { Context } from "./context.ts";
import type { Measurement } from "./measure.ts";

/** What `memory-once.ts` is asked, and what it prints. */
export type TrainingSetting = { batch: number; accumulate: number; checkpointActivations: boolean };
export type TrainingMemory = { peakBytes: number; parameters: number; stepMs: number };

const child = fileURLToPath(new URL("./memory-once.js", import.meta.url));

const TOKENS = 256;

/**
 * The most memory of steps of `train gpt`, 24×1024 with AdamW, each setting in a process of its own, whose libraries count. The limit is
 * what the setting needs: weights, gradients and moments, and the activations that the way back reads.
 */
export function measureMemory(context: Context): Promise<Measurement[]> {
  const batch = context.batch ?? 4;
  const settings: (TrainingSetting & { name: string })[] = [
    { name: "", batch, accumulate: 1, checkpointActivations: false },
    { name: "", batch: 4 * batch, accumulate: 1, checkpointActivations: false },
    { name: ", --accumulate 4", batch: 4 * batch, accumulate: 4, checkpointActivations: false },
    { name: ", --checkpoint-activations", batch: 4 * batch, accumulate: 1, checkpointActivations: true },
  ];
  return Promise.resolve(
    settings.map(({ name, ...setting }) => {
      const argument = JSON.stringify({ ...setting, seed: context.seed });
      const found: TrainingMemory = JSON.parse(execFileSync(process.execPath, [child, argument], { encoding: "utf8" }));
      const needed = 16 * found.parameters + activationBytes(setting);
      return {
        name: `memory, train GPT 24×1024, ${setting.batch}×${TOKENS} tokens${name}`,
        unit: "GB",
        ours: found.peakBytes / 1e9,
        shareOfPeak: needed / found.peakBytes,
        details: { neededGB: needed / 1e9, stepMs: found.stepMs },
        peers: [],
        goals: { share: 0.87 },
      };
    }),
  );
}

/**
 * In bfloat16, of a token and a layer: what goes into both norms and comes out of them, queries, keys and values, what attention gives, the MLP
 * before and after its GELU (16 · width in all), and attention's weights (heads · tokens). With checkpoints each layer keeps its input, and one
 * layer at a time the rest. The logits and their gradient come at the end.
 */
function activationBytes({ batch, accumulate, checkpointActivations }: TrainingSetting): number {
  const { layers, heads, width } = gptPresets.paper;
  const rows = (batch / accumulate) * TOKENS;
  const layer = 2 * rows * (16 * width + heads * TOKENS);
  const inside = checkpointActivations ? layer + layers * 2 * rows * width : layers * layer;
  return inside + 2 * 2 * rows * 16_384;
}
