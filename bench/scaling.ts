// How cost grows with batch, tokens, width, depth, pictures and candidates: one thing changes at a time, all else stays.
//
//   npx tsc -p tsconfig.bench.json && node dist-bench/bench/scaling.js [OUT.json]
//   node scripts/plot-scaling.js bench/results/scaling.json docs/images/scaling.svg
import { environment } from "./environment.ts";
import { writeFileSync } from "node:fs";
import { gptTraining, vqganTraining } from "../src/config.ts";
import { Random } from "../src/random.ts";
import { Gpt } from "../src/models/gpt.ts";
import type { GptConfig } from "../src/models/gpt-config.ts";
import { sampleTokens } from "../src/models/sampling.ts";
import { Vqgan } from "../src/models/vqgan.ts";
import { vqganPresets } from "../src/models/vqgan-config.ts";
import { Linear } from "../src/nn/layers.ts";
import { ones } from "../src/tensor/functions.generated.ts";
import { keep } from "../src/tensor/scope.ts";
import { gptStage } from "../src/train/gpt.ts";
import { vqganStage } from "../src/train/vqgan.ts";
import { bestPrecision } from "./context.ts";
import { median } from "./measure.ts";

type Point = { size: number; ms: number };
/** What scripts/plot-scaling.js draws. */
type Panel = { title: string; axis: string; points: Point[] };

const precision = bestPrecision();
const base = { layers: 6, heads: 4, width: 256, dropout: 0.1, codebookSize: 1024, tokenCount: 256, conditionDim: 512 };

/** Milliseconds of a run: the median of a few after the first. */
function time(run: (round: number) => void, rounds = 5): number {
  run(0);
  return median(
    Array.from({ length: rounds }, (_, i) => {
      const start = performance.now();
      run(i + 1);
      return performance.now() - start;
    }),
  );
}

function gptStep(model: GptConfig, batch: number): number {
  using gpt = new Gpt(model);
  const random = new Random(0, "scaling");
  const { tokenCount, codebookSize, conditionDim } = model;
  const count = 64;
  const side = Math.sqrt(tokenCount);
  const data = {
    count,
    views: 1,
    grid: [side, side] as [number, number],
    codebookSize,
    embedDim: conditionDim,
    tokens: Int32Array.from({ length: count * tokenCount }, () => random.int(codebookSize)),
    embeddings: new Float32Array(count * conditionDim).fill(conditionDim ** -0.5),
    names: Array.from({ length: count }, (_, i) => String(i)),
  };
  const stage = gptStage({ gpt, data, config: gptTraining.parse({ batchSize: batch, precision }) });
  return time((round) => void stage.step(round));
}

function vqganStep(batch: number): number {
  const model = vqganPresets.small64;
  using vqgan = new Vqgan(model);
  const random = new Random(0, "scaling");
  const { resolution: size } = model;
  const count = 64;
  const pictures = {
    images: Uint8Array.from({ length: count * size * size * 3 }, () => random.int(256)),
    size,
    count,
    names: Array.from({ length: count }, (_, i) => String(i)),
    skipped: [],
  };
  const config = vqganTraining.parse({ batchSize: batch, precision, discStart: 0, reviveEvery: 0 });
  const stage = vqganStage({ vqgan, pictures, config });
  return time((round) => void stage.step(round));
}

/** Milliseconds that the 256 tokens of a batch of pictures take. */
async function drawing(rows: number): Promise<number> {
  using gpt = new Gpt(base).eval().setTrainable(false).setComputeDtype(precision);
  for (const module of gpt.modules()) if (module instanceof Linear) module.setWeightDType(precision);
  using condition = keep(ones([rows, base.conditionDim]).mul(base.conditionDim ** -0.5));
  const times: number[] = [];
  let start = performance.now();
  for await (const _ of sampleTokens(gpt, condition)) {
    times.push(performance.now() - start);
    start = performance.now();
  }
  return times.reduce((sum, each) => sum + each, 0);
}

async function panel(
  title: string,
  axis: string,
  sizes: number[],
  cost: (size: number) => number | Promise<number>,
): Promise<Panel> {
  const points: Point[] = [];
  for (const size of sizes) points.push({ size, ms: await cost(size) });
  console.log(`${title}: ${points.map(({ size, ms }) => `${size} ${ms.toFixed(0)} ms`).join(", ")}`);
  return { title, axis, points };
}

console.log(`${precision}, environment ${JSON.stringify(environment)}`);
gptStep(base, 2); // the first network of a process is slower than all others
const panels = [
  await panel("GPT step by batch", "pictures of 256 tokens, 6×256", [1, 2, 4, 8, 16, 32], (n) => gptStep(base, n)),
  await panel("GPT step by tokens", "tokens, 4 pictures, 6×256", [64, 144, 256, 576], (n) =>
    gptStep({ ...base, tokenCount: n }, 4),
  ),
  await panel("GPT step by width", "width, 6 layers, 4 pictures", [128, 256, 512, 1024], (n) =>
    gptStep({ ...base, width: n, heads: n / 64 }, 4),
  ),
  await panel("GPT step by depth", "layers of 256, 4 pictures", [2, 4, 8, 16], (n) =>
    gptStep({ ...base, layers: n }, 4),
  ),
  await panel("VQGAN step by batch", "pictures of 64², small64", [4, 8, 16, 32, 64], vqganStep),
  await panel("Drawing by candidates", "pictures of 256 tokens, 6×256", [1, 2, 4, 8, 16, 32, 64], drawing),
];
const file = process.argv[2] ?? "bench/results/scaling.json";
writeFileSync(file, `${JSON.stringify({ precision, environment, panels }, null, 2)}\n`);
console.log(`written to ${file}`);
