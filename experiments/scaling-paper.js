// What training the paper's GPT (24×1024) on many GPUs takes, on paper: every table of docs/scaling.md.
//
//   node experiments/scaling-paper.js [--price 3] [--utilisation 0.35] [--peak 989] …        (--help lists the inputs)
//   node experiments/scaling-paper.js --measured bench/results/gpu-….json                   (takes peak and utilisation from there)
//
// The formulas stand in docs/scaling.md in the same order.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

/** Every input: its value, its unit, and where it comes from. */
const inputs = {
  layers: [24, "layers", "the preset `paper`"],
  width: [1024, "numbers", "the preset `paper`"],
  codes: [16_384, "codes", "the published f16 VQGAN"],
  embedding: [512, "numbers", "CLIP ViT-B/32"],
  peak: [989, "TFLOP/s", "assumed: H200, bfloat16 without sparsity, its data sheet"],
  utilisation: [0.35, "of the peak", "assumed: the training step on full batches; the goal of bench/gpu.sh is 0.45"],
  halfTokens: [1024, "tokens a GPU", "assumed: with so many a step reaches half of that utilisation"],
  nvlink: [450, "GB/s a GPU", "assumed: H200, one direction, its data sheet"],
  gpus: [8, "GPUs a machine", "assumed"],
  infiniband: [400, "Gb/s a GPU", "assumed: a card for each GPU"],
  ethernet: [100, "Gb/s a machine", "assumed: one card for all GPUs of a machine"],
  wire: [0.8, "of the bandwidth", "assumed: what an all-reduce reaches"],
  hopNear: [1, "µs", "assumed: a hop of the ring within a machine"],
  hopFar: [5, "µs", "assumed: a hop between two machines"],
  gradientBytes: [4, "bytes", "gradients are float32"],
  bucket: [25, "MB", "assumed: torch DDP's default"],
  hidden: [0.9, "of the way back", "assumed: the time in which an all-reduce costs nothing"],
  criticalBatch: [1, "million tokens", "assumed: GPT-3 of this size trained with 0.5 (arXiv 2005.14165, table 2.1)"],
  referenceBatch: [256, "pictures", "the batch that the number of epochs is meant for"],
  epochsImagenet: [300, "epochs", "assumed: as class-conditional GPTs of this size train"],
  epochsLarge: [5, "epochs", "assumed"],
  encodeFlops: [149.4, "GFLOP", "counted by bench/flops.ts: VQGAN encoder 140.6, CLIP ViT-B/32 8.8"],
  encodeUtilisation: [0.2, "of the peak", "assumed: convolutions, norms in float32"],
  decodeRate: [180, "pictures/s a core", "measured: JPEGs of 500×375 to 256², on a busy AMD EPYC core"],
  cores: [16, "cores a GPU", "assumed"],
  views: [2, "views a picture", "encode's default: the picture, and mirrored"],
  jpegBytes: [110, "kB", "assumed: ImageNet's mean"],
  activations: [0.28, "GB a picture", "measured: 16 and 4 pictures of 256 tokens in docs/performance.md"],
  gpuMemory: [141, "GB", "assumed: H200, its data sheet"],
  price: [3, "$ a GPU and hour", "an example"],
};

const { values } = parseArgs({
  options: {
    ...Object.fromEntries(Object.keys(inputs).map((name) => [name, { type: "string" }])),
    measured: { type: "string" },
    help: { type: "boolean" },
  },
});
if (values.help) {
  for (const [name, [value, unit, source]] of Object.entries(inputs))
    console.log(`--${name} ${value}  ${unit}: ${source}`);
  process.exit();
}

const given = {};
if (values.measured) {
  const { results } = JSON.parse(readFileSync(values.measured, "utf8"));
  const { peakTflops, tflops } = results.find(({ name }) => name.startsWith("train GPT")).details;
  Object.assign(given, { peak: peakTflops, utilisation: tflops / peakTflops });
}
for (const name of Object.keys(inputs)) {
  if (values[name] === undefined) continue;
  given[name] = Number(values[name]);
  if (!(given[name] > 0)) throw new Error(`--${name} ${values[name]}: expected a number greater than 0`);
}
const my = Object.fromEntries(Object.entries(inputs).map(([name, [value]]) => [name, given[name] ?? value]));

const sets = [
  { name: "ImageNet, 1.28M", pictures: 1.28e6, epochs: my.epochsImagenet },
  { name: "100M pictures", pictures: 1e8, epochs: my.epochsLarge },
];
const networks = {
  "400 Gb/s a GPU": (my.infiniband / 8) * my.gpus,
  "100 Gb/s a machine": my.ethernet / 8,
};

const [fast, slow] = Object.values(networks);

// 1. Arithmetic

/** Parameters that products multiply by, of the blocks and of the head; and those that are looked up. */
const blocks = my.layers * (12 * my.width ** 2 + 13 * my.width);
const head = my.codes * my.width + my.codes + 2 * my.width;
const tables = (tokens) => (my.codes + tokens) * my.width;
const multiplied = blocks + head + (my.embedding + 1) * my.width;
const parameters = (tokens) => multiplied + tables(tokens);
/** Operations of a step, forwards and backwards, a token. */
const tokenFlops = (tokens) => 6 * multiplied + 12 * my.layers * my.width * tokens;
const pictureFlops = (tokens) => tokens * tokenFlops(tokens);

// 2. Exchange of gradients

/** Seconds of a ring all-reduce of all gradients over W GPUs, whose machines are joined by so many GB/s each. */
function allReduce(W, link, bucket = my.bucket) {
  const bytes = parameters(256) * my.gradientBytes;
  const machines = Math.ceil(W / my.gpus);
  const bandwidth = 1e9 * my.wire * (machines > 1 ? Math.min(my.nvlink, link) : my.nvlink);
  const far = machines > 1 ? machines : 0;
  const hops = 2e-6 * ((W - far) * my.hopNear + far * my.hopFar);
  const buckets = Math.ceil(bytes / (bucket * 1e6));
  return W === 1 ? 0 : ((2 * (W - 1)) / W) * (bytes / bandwidth) + buckets * hops;
}

// 3. A step

function step(W, local, tokens, link) {
  const load = local * tokens;
  const utilisation = (my.utilisation * load) / (load + my.halfTokens);
  const compute = (local * pictureFlops(tokens)) / (my.peak * 1e12 * utilisation);
  const back = (2 / 3) * compute;
  const exchange = allReduce(W, link);
  const exposed = Math.max(0, exchange - my.hidden * back);
  return { seconds: compute + exposed, exchange, exposed, compute };
}

// 4. A run

/** How many pictures have to be seen with a batch to come as far as with the reference one (arXiv 1812.06162, equation 2.11). */
function needed(views, batch, tokens) {
  const critical = (my.criticalBatch * 1e6) / tokens;
  return (views * (1 + batch / critical)) / (1 + my.referenceBatch / critical);
}

/** A run over W GPUs, with the batch that ends it soonest. */
function run(W, { pictures, epochs }, tokens, link) {
  const runs = Array.from({ length: 9 }, (_, i) => {
    const local = 2 ** i;
    const batch = local * W;
    const seen = needed(pictures * epochs, batch, tokens);
    const one = step(W, local, tokens, link);
    return {
      W,
      local,
      batch,
      ...one,
      steps: seen / batch,
      hours: ((seen / batch) * one.seconds) / 3600,
      more: seen / (pictures * epochs),
    };
  }).filter(({ local }) => (local * my.activations * tokens) / 256 < my.gpuMemory - (16 * parameters(tokens)) / 1e9);
  return runs.reduce((best, each) => (each.hours < best.hours ? each : best));
}

// Tables

/** Prints a table; columns are to the right where they hold numbers. */
function table(title, rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const isNumber = widths.map((_, i) => i > 0 && rows.slice(1).every((row) => /^[×$\d]/.test(row[i])));
  const line = (row) =>
    `| ${row.map((cell, i) => (isNumber[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(" | ")} |`;
  const rule = widths.map((width, i) => (isNumber[i] ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  console.log(`\n${title}\n\n${[line(rows[0]), line(rule), ...rows.slice(1).map(line)].join("\n")}`);
}

/** What something gives with other inputs. */
function withInputs(changes, compute) {
  const before = { ...my };
  Object.assign(my, changes);
  try {
    return compute();
  } finally {
    Object.assign(my, before);
  }
}

const percent = (share) => `${(100 * share).toFixed(0)} %`;
const ms = (seconds) => `${(1000 * seconds).toFixed(1)} ms`;
const time = (hours) =>
  hours >= 48
    ? `${(hours / 24).toFixed(1)} d`
    : hours >= 1
      ? `${hours.toFixed(1)} h`
      : `${(60 * hours).toFixed(0)} min`;
const money = (amount) => `$ ${Math.round(amount).toLocaleString("en-US")}`;
const size = (bytes) => (bytes >= 1e12 ? `${(bytes / 1e12).toFixed(1)} TB` : `${(bytes / 1e9).toFixed(1)} GB`);
const count = (number) => Math.round(number).toLocaleString("en-US");

table("Inputs", [
  ["input", "value", "unit", "where from"],
  ...Object.entries(inputs).map(([name, [, unit, source]]) => [
    name,
    String(Number(my[name].toPrecision(6))),
    unit,
    name in given ? (values[name] === undefined ? `measured: ${values.measured}` : "given") : source,
  ]),
]);

table("The network", [
  ["", "256 tokens (256², f16)", "1024 tokens (512², f16)"],
  ["parameters", ...[256, 1024].map((tokens) => `${(parameters(tokens) / 1e6).toFixed(1)}M`)],
  ["operations a token", ...[256, 1024].map((tokens) => `${(tokenFlops(tokens) / 1e9).toFixed(2)} GFLOP`)],
  ["of these attention", ...[256, 1024].map((tokens) => percent(1 - (6 * multiplied) / tokenFlops(tokens)))],
  ["operations a picture", ...[256, 1024].map((tokens) => `${(pictureFlops(tokens) / 1e12).toFixed(2)} TFLOP`)],
  ["pictures/s, one GPU, 64 at a time", ...[256, 1024].map((tokens) => count(64 / step(1, 64, tokens, 0).compute))],
]);

const sizes = [8, 64, 512];
table("Gradients, all of them, once", [
  ["GPUs", ...Object.keys(networks), "the same, buckets of 1 MB", "of 200 MB"],
  ...sizes.map((W) => {
    return [
      String(W),
      ms(allReduce(W, fast)),
      ms(allReduce(W, slow)),
      ms(allReduce(W, fast, 1)),
      ms(allReduce(W, fast, 200)),
    ];
  }),
]);

for (const tokens of [256, 1024]) {
  for (const [network, link] of Object.entries(networks)) {
    table(`Training, ${tokens} tokens, ${network}`, [
      ["pictures", "GPUs", "batch (each)", "a step", "waiting", "steps", "more pictures", "time", "cost"],
      ...sets.flatMap((set) =>
        sizes.map((W) => {
          const r = run(W, set, tokens, link);
          return [
            `${set.name} × ${set.epochs}`,
            String(W),
            `${count(r.batch)} (${r.local})`,
            ms(r.seconds),
            percent(r.exposed / r.seconds),
            count(r.steps),
            `× ${r.more.toFixed(2)}`,
            time(r.hours),
            money(r.hours * W * my.price),
          ];
        }),
      ),
    ]);
  }
}

const half = { gradientBytes: my.gradientBytes / 2 };
const changes = {
  "as above": {},
  "buckets of 200 MB": { bucket: 200 },
  "gradients of 2 bytes": half,
  both: { bucket: 200, ...half },
  "both, and batches useful up to 4 million tokens": { bucket: 200, ...half, criticalBatch: 4 },
  "both, at a utilisation of 0.5": { bucket: 200, ...half, utilisation: 0.5 },
  "both, at a utilisation of 0.25": { bucket: 200, ...half, utilisation: 0.25 },
};
table("What moves 512 GPUs, and 64 on the slow network: ImageNet, 256 tokens", [
  ["", "512, 400 Gb/s a GPU", "batch", "cost", "64, 100 Gb/s a machine", "batch", "cost"],
  ...Object.entries(changes).map(([name, changed]) =>
    withInputs(changed, () => {
      const cells = [
        [512, fast],
        [64, slow],
      ].flatMap(([W, link]) => {
        const { hours, batch } = run(W, sets[0], 256, link);
        return [time(hours), count(batch), money(hours * W * my.price)];
      });
      return [name].concat(cells);
    }),
  ),
]);

const encodeRate = (my.peak * 1e3 * my.encodeUtilisation) / my.encodeFlops;
const decodeRate = my.decodeRate * my.cores * my.views;
const rate = Math.min(encodeRate, decodeRate);
table("Encoding once (256², CLIP and VQGAN)", [
  ["pictures", "views/s a GPU: networks", "decoding", "GPU hours", "8 GPUs", "64 GPUs", "cost"],
  ...sets.map(({ name, pictures }) => {
    const hours = (pictures * my.views) / rate / 3600;
    return [
      name,
      count(encodeRate),
      count(decodeRate),
      hours.toFixed(1),
      time(hours / 8),
      time(hours / 64),
      money(hours * my.price),
    ];
  }),
]);

const viewBytes = (tokens) => 4 * tokens + 4 * my.embedding;
table("Storage", [
  ["pictures", "as JPEG", "encoded, 256 tokens", "encoded, 1024 tokens", "tokens of 2 bytes, embeddings of 2"],
  ...sets.map(({ name, pictures }) => [
    name,
    size(pictures * my.jpegBytes * 1e3),
    size(pictures * my.views * viewBytes(256)),
    size(pictures * my.views * viewBytes(1024)),
    size((pictures * my.views * viewBytes(256)) / 2),
  ]),
]);

const checkpoint = 12 * parameters(256);
table("A checkpoint, and what a run reads", [
  ["", ""],
  ["weights and AdamW's two moments, float32", size(checkpoint)],
  ["two kept, and one being written", size(3 * checkpoint)],
  ["written at 2 GB/s in", `${(checkpoint / 2e9).toFixed(1)} s`],
  ["read by a GPU, 256 tokens", `${((viewBytes(256) * 64) / step(1, 64, 256, 0).compute / 1e6).toFixed(1)} MB/s`],
  ["read by 512 GPUs", `${((512 * viewBytes(256) * 64) / step(1, 64, 256, 0).compute / 1e9).toFixed(2)} GB/s`],
]);
