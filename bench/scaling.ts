// How cost grows with batch, tokens, width, depth, pictures and candidates: writes docs/images/scaling.svg.
//
//   npx tsc -p tsconfig.bench.json && node dist-bench/bench/scaling.js [OUT.svg]
//
// One thing changes at a time, all else stays. Every panel has the measured milliseconds, and the line of proportional growth through
// its largest point: below it, a smaller size is less well used.
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

async function panel(title: string, axis: string, sizes: number[], cost: (size: number) => number | Promise<number>) {
  const points: Point[] = [];
  for (const size of sizes) points.push({ size, ms: await cost(size) });
  console.log(`${title}: ${points.map(({ size, ms }) => `${size} ${ms.toFixed(0)} ms`).join(", ")}`);
  return { title, axis, points };
}

const [WIDTH, HEIGHT, GAP] = [300, 200, 16];

/** Where a value lies between two others, on a logarithmic scale: 0 to 1. */
function between(value: number, [low, high]: readonly [number, number]): number {
  return (Math.log2(value) - Math.log2(low)) / (Math.log2(high) - Math.log2(low) || 1);
}

function label(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toPrecision(3)} s`;
}

function draw({ title, axis, points }: Panel, index: number): string {
  const [left, right, top, bottom] = [52, 12, 28, 34];
  const [sizes, costs] = [points.map(({ size }) => size), points.map(({ ms }) => ms)];
  const last = points.at(-1) ?? { size: 1, ms: 1 };
  const proportional = points.map(({ size }) => ({ size, ms: (last.ms * size) / last.size }));
  const all = [...costs, ...proportional.map(({ ms }) => ms)];
  const x = (size: number): string =>
    (left + between(size, [Math.min(...sizes), Math.max(...sizes)]) * (WIDTH - left - right)).toFixed(1);
  const y = (ms: number): string =>
    (HEIGHT - bottom - between(ms, [Math.min(...all), Math.max(...all)]) * (HEIGHT - top - bottom)).toFixed(1);
  const line = (some: readonly Point[]): string => some.map(({ size, ms }) => `${x(size)},${y(ms)}`).join(" ");
  return `<g transform="translate(${(index % 3) * (WIDTH + GAP)} ${Math.floor(index / 3) * (HEIGHT + GAP)})">
<text x="${left}" y="16" font-weight="bold">${title}</text>
<path d="M${left} ${top}V${HEIGHT - bottom}H${WIDTH - right}" fill="none" stroke="#888"/>
<polyline points="${line(proportional)}" fill="none" stroke="#bbb" stroke-dasharray="4 3"/>
<polyline points="${line(points)}" fill="none" stroke="#2b6cb0" stroke-width="1.5"/>
${points.map(({ size, ms }) => `<circle cx="${x(size)}" cy="${y(ms)}" r="2.5" fill="#2b6cb0"/><text x="${x(size)}" y="${HEIGHT - bottom + 13}" text-anchor="middle">${size}</text>`).join("\n")}
${[points[0], last].map((point) => (point ? `<text x="${left - 5}" y="${Number(y(point.ms)) + 4}" text-anchor="end">${label(point.ms)}</text>` : "")).join("\n")}
<text x="${(left + WIDTH - right) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${axis}</text></g>`;
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
const rows = Math.ceil(panels.length / 3);
const file = process.argv[2] ?? "docs/images/scaling.svg";
writeFileSync(
  file,
  `<svg xmlns="http://www.w3.org/2000/svg" width="${3 * (WIDTH + GAP) - GAP}" height="${rows * (HEIGHT + GAP) - GAP}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
${panels.map(draw).join("\n")}
</svg>
`,
);
console.log(`written to ${file}`);
