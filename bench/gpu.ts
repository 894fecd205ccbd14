// Trains and draws with the paper's GPT on a GPU, beside PyTorch: bench/gpu.sh builds what it needs and runs it.
//
//   node dist-bench/bench/gpu.js [--device cuda] [--batch 64] [--pictures 256] [--seed N] [--small]
//
// --small takes a small network and few repeats, to try it without a GPU: --device cpu --small.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gptTraining } from "../src/config.ts";
import { Gpt } from "../src/models/gpt.ts";
import { gptPresets } from "../src/models/gpt-config.ts";
import { sampleTokens } from "../src/models/sampling.ts";
import { Linear } from "../src/nn/layers.ts";
import { parseDevice, synchronize } from "../src/tensor/engine.ts";
import { ones, randn } from "../src/tensor/functions.generated.ts";
import { manualSeed } from "../src/tensor/random.ts";
import { keep, tidy } from "../src/tensor/scope.ts";
import { gptStage } from "../src/train/gpt.ts";
import { randomSet, stepFlops } from "./gpt-step.ts";
import { thisMachine } from "./machine.ts";
import { alternate, median, own, type Measurement, type Peer } from "./measure.ts";
import { newest, startPeers } from "./python.ts";
import { table } from "./table.ts";

const { values } = parseArgs({
  options: {
    device: { type: "string", default: "cuda" },
    batch: { type: "string", default: "64" },
    pictures: { type: "string", default: "256" },
    seed: { type: "string", default: "0" },
    small: { type: "boolean", default: false },
  },
});
const device = parseDevice(values.device);
const [batch, pictures, seed] = [Number(values.batch), Number(values.pictures), Number(values.seed)];
const size = values.small ? { layers: 2, heads: 2, width: 128, dropout: 0.1 } : gptPresets.paper;
const codes = values.small ? 512 : 16_384;
const model = { ...size, codebookSize: codes, tokenCount: 256, conditionDim: 512 };
const precision = "bfloat16";
manualSeed(seed, device);

/** TFLOP/s of a large product. */
function peakRate(): number {
  const n = values.small ? 512 : 8192;
  using a = keep(tidy(() => randn([n, n]).to(precision).to(device)));
  const once = (): number => {
    const start = performance.now();
    for (let i = 0; i < 10; i += 1) tidy(() => void a.matmul(a));
    synchronize(device);
    return (10 * 2 * n ** 3) / (performance.now() - start) / 1e9;
  };
  return Math.max(...Array.from({ length: 5 }, once));
}

async function train(peak: number): Promise<Measurement> {
  using gpt = new Gpt(model);
  const config = gptTraining.parse({ batchSize: batch, precision, device, seed });
  const stage = gptStage({ gpt, data: randomSet(2 * batch, codes, seed), config });
  let number = 0;
  const step = (): void => {
    void stage.step(number++);
    synchronize(device);
  };
  const { peers, notices } = startPeers(1);
  for (const notice of notices) console.log(notice);
  const python = newest(peers);
  const work = { model, optimizer: config, batch, dtype: precision, device };
  // Processes of their own: what was compiled or kept in one says nothing about the other.
  const processes = python ? [python.fresh(), python.fresh()] : [];
  const rivals = processes.map((process, i) => {
    const { name, run } = process.runner("gpt", i === 0 ? work : { ...work, compile: true });
    return { name: `${name} ${i === 0 ? "eager" : "torch.compile"}`, run };
  });
  const plan = { rounds: 5, count: values.small ? 2 : 10, seconds: 200 };
  const [mine, ...others] = await alternate([own("clip-gen", step), ...rivals], plan);
  for (const peer of [...peers, ...processes]) peer.close();
  if (!mine || mine.error !== undefined) throw new Error(`training broke down: ${mine?.error ?? "nothing ran"}`);
  const ours = median(mine.rounds.flat());
  return {
    name: `train GPT ${size.layers}×${size.width}, ${batch}×256 tokens, ${precision}`,
    unit: "ms",
    ours,
    shareOfPeak: (batch * stepFlops(gpt, model)) / ours / 1e9 / peak,
    details: { peakTflops: peak, tflops: (batch * stepFlops(gpt, model)) / ours / 1e9 },
    peers: others.map(({ name, rounds, error }): Peer => {
      if (error !== undefined) return { name, error };
      return { name, value: median(rounds.flat()), ratio: median(rounds.flat()) / ours };
    }),
    goals: { share: 0.45, ratios: { "torch.compile": 1 } },
  };
}

/** Milliseconds of every token but the first ones. */
async function drawing(rows: number): Promise<number> {
  using gpt = new Gpt(model).to(device).eval().setTrainable(false).setComputeDtype(precision);
  for (const module of gpt.modules()) if (module instanceof Linear) module.setWeightDType(precision);
  using condition = keep(
    tidy(() =>
      ones([rows, 512])
        .div(512 ** 0.5)
        .to(device),
    ),
  );
  const times: number[] = [];
  let start = performance.now();
  for await (const _ of sampleTokens(gpt, condition, { seed })) {
    times.push(performance.now() - start);
    start = performance.now();
    if (values.small && times.length === 32) break;
  }
  return median(times.slice(4));
}

const peak = peakRate();
const step = await drawing(1);
const many = await drawing(pictures);
const results: Measurement[] = [
  { name: "matrix product, bfloat16", unit: "TFLOP/s", ours: peak, details: {}, peers: [] },
  await train(peak),
  { name: "draw 1 picture, a token (goal 0.5)", unit: "ms", ours: step, details: {}, peers: [] },
  {
    name: `draw ${pictures} pictures of 256 tokens (goal 100)`,
    unit: "pictures/s",
    ours: (1000 * pictures) / (256 * many),
    details: { tokenMs: many },
    peers: [],
  },
];
console.log(table(results, thisMachine()));
const folder = join("bench", "results");
mkdirSync(folder, { recursive: true });
const file = join(folder, `gpu-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.json`);
writeFileSync(file, `${JSON.stringify({ ...values, results }, null, 2)}\n`);
console.log(`\nwritten to ${file}`);
