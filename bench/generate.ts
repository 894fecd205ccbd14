import { Gpt } from "../src/models/gpt.ts";
import { gptPresets, type GptConfig } from "../src/models/gpt-config.ts";
import { sampleTokens } from "../src/models/sampling.ts";
import { Linear } from "../src/nn/layers.ts";
import { normalize } from "../src/nn/functional.ts";
import { ones, randn } from "../src/tensor/functions.generated.ts";
import { manualSeed } from "../src/tensor/random.ts";
import { keep, tidy } from "../src/tensor/scope.ts";
import { bestPrecision, type Context, type Precision } from "./context.ts";
import { peakProduct } from "./matmul.ts";
import { median, type Measurement, type Peer } from "./measure.ts";
import { newest, type PythonPeer } from "./python.ts";

const model: GptConfig = { ...gptPresets.paper, codebookSize: 16_384, tokenCount: 256, conditionDim: 512 };

type Format = Precision | "int8";

/** Drawing the 256 tokens of pictures with a GPT of 24×1024: one, 64, and 64 with guidance. */
export async function measureGeneration(context: Context): Promise<Measurement[]> {
  const rival = newest(context.peers)?.fresh();
  try {
    const slow = rival && {
      cached: await pictureTime(rival, { cached: true, batch: 1 }),
      single: await pictureTime(rival, { cached: false, batch: 1 }),
      many: await pictureTime(rival, { cached: false, batch: 8 }),
    };
    const name = rival?.name ?? "";
    const best = bestPrecision();
    const formats: { format: Format; uncached: number; cached?: number }[] = [
      { format: "float32", uncached: 0 },
      { format: "bfloat16", uncached: 25, cached: 3 },
      { format: "int8", uncached: 60, cached: 3 },
    ];
    const results: Measurement[] = [];
    for (const { format, uncached, cached } of formats) {
      const run = await draw(context, { format, rows: 1, guidance: 1 });
      results.push({
        name: `draw 1 picture of 256 tokens, ${format}`,
        unit: "s",
        ours: run.seconds,
        shareOfPeak: run.weightBytes / run.tokenSeconds / run.bandwidth,
        details: { tokenMs: run.tokenSeconds * 1000, weightMB: run.weightBytes / 1e6, readGBs: run.bandwidth / 1e9 },
        peers: slow
          ? [
              ratio(`${name} float32 without a cache`, slow.single, run.seconds),
              ratio(`${name} float32 with a cache`, slow.cached, run.seconds),
            ]
          : [],
        goals: {
          share: 0.6,
          ratios: {
            ...(uncached > 0 && { "without a cache": uncached }),
            ...(cached !== undefined && { "with a cache": cached }),
          },
        },
      });
    }
    for (const guidance of [1, 3]) {
      const run = await draw(context, { format: best, rows: 64, guidance });
      results.push({
        name: `draw 64 pictures${guidance === 1 ? "" : " with guidance"}, ${best}`,
        unit: "s",
        ours: run.seconds,
        shareOfPeak: Math.max(run.flops / run.peak, run.bytes / run.bandwidth) / run.tokenSeconds,
        details: { tokenMs: run.tokenSeconds * 1000, gflops: run.flops / run.tokenSeconds / 1e9 },
        peers: slow
          ? [ratio(`${name} float32 without a cache`, slow.many * 64 * (guidance === 1 ? 1 : 2), run.seconds)]
          : [],
        goals: { share: 0.5, ratios: { "without a cache": 60 } },
      });
    }
    return results;
  } finally {
    rival?.close();
  }
}

function ratio(name: string, peerSeconds: number, seconds: number): Peer {
  return { name, value: peerSeconds, ratio: peerSeconds / seconds };
}

/** Seconds a picture: some positions measured, and what lies between them on straight lines. */
async function pictureTime(peer: PythonPeer, options: { cached: boolean; batch: number }): Promise<number> {
  const positions = [1, 64, 128, 192, 255];
  const times: number[] = [];
  for (const position of positions) {
    const { run } = peer.runner("sample", { model, position, ...options });
    await run(1);
    times.push(median(await run(options.batch === 1 ? 5 : 1)) / 1000 / options.batch);
  }
  let sum = 0;
  for (const [i, end] of positions.entries()) {
    const start = positions[i - 1];
    if (start !== undefined) sum += ((times[i - 1] ?? 0) + (times[i] ?? 0)) * 0.5 * (end - start);
  }
  return (sum * 256) / 254;
}

type Run = {
  seconds: number;
  tokenSeconds: number;
  weightBytes: number;
  /** Of a token: arithmetic, and weights with half of the cache that a whole picture fills. */
  flops: number;
  bytes: number;
  /** Of this machine, measured on the way. */
  peak: number;
  bandwidth: number;
};

async function draw(context: Context, work: { format: Format; rows: number; guidance: number }): Promise<Run> {
  const { format, rows, guidance } = work;
  manualSeed(context.seed);
  using gpt = new Gpt(model).eval().setTrainable(false);
  gpt.setComputeDtype(format === "float32" ? "float32" : bestPrecision());
  let [weightBytes, products] = [0, 0];
  for (const module of gpt.modules()) {
    if (!(module instanceof Linear)) continue;
    if (format === "int8") module.quantize();
    else module.setWeightDType(format);
    products += module.weight.numel;
    weightBytes += module.weight.numel * { float32: 4, bfloat16: 2, int8: 1 }[format];
  }
  using condition = keep(tidy(() => normalize(randn([rows, model.conditionDim]))));
  using memory = keep(ones([2 ** 26]));
  using peak = peakProduct(bestPrecision());
  let [fastest, widest] = [0, 0];
  const gauge = (): void => {
    fastest = Math.max(fastest, peak.flops / timed(peak.step));
    widest = Math.max(widest, 2 ** 28 / timed(() => tidy(() => void memory.sum().item())));
  };
  const tokens = Math.max(16, Math.round(model.tokenCount * Math.min(1, context.effort)));
  const times: number[] = [];
  let start = performance.now();
  for await (const _ of sampleTokens(gpt, condition, { seed: context.seed, guidanceScale: guidance })) {
    times.push((performance.now() - start) / 1000);
    if (times.length >= tokens) break;
    if (times.length % 16 === 1) gauge();
    start = performance.now();
  }
  const tokenSeconds = times.reduce((sum, time) => sum + time, 0) / times.length;
  const batch = rows * (guidance === 1 ? 1 : 2);
  const cacheBytes = 2 * model.layers * model.width * model.tokenCount * (format === "float32" ? 4 : 2);
  return {
    seconds: tokenSeconds * model.tokenCount,
    tokenSeconds,
    weightBytes,
    flops: batch * (2 * products + 2 * model.layers * model.width * model.tokenCount),
    bytes: weightBytes + (batch * cacheBytes) / 2,
    peak: fastest,
    bandwidth: widest,
  };
}

/** Seconds. */
function timed(run: () => void): number {
  const start = performance.now();
  run();
  return (performance.now() - start) / 1000;
}
