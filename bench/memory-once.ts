// Trains for a few steps and prints the most memory that the process had: node memory-once.js '{"batch":4, …}'
import { gptTraining } from "../src/config.ts";
import { Gpt } from "../src/models/gpt.ts";
import { gptPresets } from "../src/models/gpt-config.ts";
import { gptStage } from "../src/train/gpt.ts";
import { bestPrecision } from "./context.ts";
import { randomSet } from "./gpt-step.ts";
import type { TrainingMemory } from "./memory.ts";

const { batch, seed, ...settings } = JSON.parse(process.argv[2] ?? "{}");
const gpt = new Gpt({ ...gptPresets.paper, codebookSize: 16_384, tokenCount: 256, conditionDim: 512 });
const config = gptTraining.parse({ ...settings, seed, batchSize: batch, precision: bestPrecision() });
const stage = gptStage({ gpt, data: randomSet(64, 16_384, seed), config });
let stepMs = 0;
for (let number = 0; number < 3; number += 1) {
  const start = performance.now();
  await stage.step(number);
  stepMs = performance.now() - start;
}
const peakBytes = process.resourceUsage().maxRSS * 1024;
const memory: TrainingMemory = { peakBytes, parameters: gpt.parameterCount, stepMs };
console.log(JSON.stringify(memory));
