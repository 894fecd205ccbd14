// Measures this machine, our engine and our training steps, side by side with plain PyTorch.
//
//   npm run bench [-- --quick] [-- --only limits,overhead,gpt,vqgan,generate,pictures,files,start,load,memory] [-- --seed N] [-- --batch N]
//
// CLIP_GEN_PEER_PYTHON=python3,/path/to/python names what to compare with; CLIP_GEN_NATIVE another build of the add-on.

// First: it sets what has to be set before the add-on loads.
import { environment } from "./environment.ts";
import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Context } from "./context.ts";
import { measureFiles } from "./encode-files.ts";
import { measureGeneration } from "./generate.ts";
import { measureGpt } from "./gpt-step.ts";
import { measureLoads } from "./load.ts";
import { thisMachine } from "./machine.ts";
import { measureLimits } from "./matmul.ts";
import type { Measurement } from "./measure.ts";
import { measureMemory } from "./memory.ts";
import { measureOverhead } from "./operator-overhead.ts";
import { measurePictures } from "./pictures.ts";
import { startPeers } from "./python.ts";
import { measureStart } from "./start.ts";
import { machineLine, table } from "./table.ts";
import { measureVqgan } from "./vqgan-step.ts";

const benchmarks: Record<string, (context: Context) => Promise<Measurement[]>> = {
  limits: measureLimits,
  overhead: measureOverhead,
  gpt: measureGpt,
  vqgan: measureVqgan,
  generate: measureGeneration,
  pictures: measurePictures,
  files: measureFiles,
  start: measureStart,
  load: measureLoads,
  memory: measureMemory,
};

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    seed: { type: "string", default: "0" },
    batch: { type: "string" },
  },
});
const context = {
  effort: values.quick ? 0.1 : 1,
  seed: Number(values.seed),
  batch: values.batch === undefined ? undefined : Number(values.batch),
};
const chosen = values.only?.split(",") ?? Object.keys(benchmarks);
const unknown = chosen.filter((name) => !(name in benchmarks));
if (unknown.length > 0) {
  throw new Error(`no benchmark ${unknown.join(", ")}; there are ${Object.keys(benchmarks).join(", ")}`);
}

/** What broke down is told, and the others are measured all the same. */
async function measured(name: string): Promise<Measurement[]> {
  try {
    return (await benchmarks[name]?.({ peers, ...context })) ?? [];
  } catch (error) {
    console.log(`${name} broke down: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
    return [];
  }
}

const machine = thisMachine();
const loadBefore = loadavg()[0] ?? 0;
const start = performance.now();
const { peers, notices } = startPeers(machine.threads);
for (const notice of notices) console.log(notice);
console.log(machineLine(machine));
if (loadBefore > 1) console.log(`the machine has other work (load ${loadBefore.toFixed(1)}): only ratios mean much`);

const results: Measurement[] = [];
try {
  for (const name of chosen) {
    const found = await measured(name);
    for (const line of found) {
      for (const peer of line.peers)
        if (peer.error !== undefined) console.log(`${line.name}: ${peer.name}: ${peer.error}`);
    }
    results.push(...found);
    console.log(`${name} measured after ${((performance.now() - start) / 1000).toFixed(0)} s`);
  }
} finally {
  for (const peer of peers) peer.close();
}

console.log(`\n${table(results, machine)}`);
const date = new Date().toISOString();
const folder = join("bench", "results");
mkdirSync(folder, { recursive: true });
const file = join(folder, `${date.slice(0, 19).replaceAll(":", "-")}.json`);
const loads = { before: loadBefore, after: loadavg()[0] ?? 0 };
writeFileSync(file, `${JSON.stringify({ date, machine, environment, loads, ...context, results }, null, 2)}\n`);
console.log(`\nwritten to ${file}`);
