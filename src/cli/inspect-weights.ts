import { toDisk } from "../config.ts";
import type { WeightsFile } from "../io/weights-file.ts";
import { allFinite, checkWeight, readWeight, type Weights } from "../io/weight.ts";
import { recognize, type Recognized } from "../models/formats/recognize.ts";
import { describeMismatch } from "../nn/mismatch.ts";
import type { Module } from "../nn/module.ts";

export type WeightsReport = {
  /** What is said of the file, in the order in which it is printed. */
  found: Record<string, unknown>;
  /** Why it would not load, in one line; undefined where it would. */
  problem: string | undefined;
};

/**
 * What a weights file or a network's folder is: container, networks with their configurations, what is missing or left
 * over, and whether all numbers are finite. Reads every tensor once, one at a time; `numbers: false` reads none.
 */
export async function inspectWeights(
  path: string,
  options: { tensors: boolean; numbers: boolean },
): Promise<WeightsReport> {
  const { file, networks } = recognize(path);
  const found: Record<string, unknown> = { file: file.path, ...summaryOf(file) };
  const problems: string[] = [];
  for (const network of networks) {
    const { report, problem } = await inspectNetwork(network);
    found[network.kind.toLowerCase()] = report;
    if (problem !== undefined) problems.push(problem);
  }
  if (networks.length === 0) found["network"] = "none that clip-gen knows";
  const damaged = options.numbers ? firstDamage(file.weights) : undefined;
  found["numbers"] = options.numbers ? (damaged ?? "all finite") : "not read";
  if (damaged !== undefined) problems.push(damaged);
  if (options.tensors) {
    found["list"] = Array.from(
      file.weights,
      ([name, { dtypeName, dtype, shape }]) => `${name} ${dtype ?? dtypeName} [${shape.join(", ")}]`,
    );
  }
  return { found, problem: problems.length === 0 ? undefined : `${path} would not load: ${problems.join("; ")}` };
}

function summaryOf({ format, weights }: WeightsFile): Record<string, unknown> {
  const dtypes = new Set(Array.from(weights.values(), ({ dtype, dtypeName }) => dtype ?? dtypeName));
  return { container: format, tensors: weights.size, parameters: countOf(weights), dtypes: [...dtypes] };
}

function countOf(weights: Weights): number {
  let count = 0;
  for (const { shape } of weights.values()) count += shape.reduce((product, size) => product * size, 1);
  return count;
}

async function inspectNetwork(
  network: Recognized,
): Promise<{ report: Record<string, unknown>; problem: string | undefined }> {
  const { format, config, weights } = network;
  const report: Record<string, unknown> = { format, parameters: countOf(weights), config: toDisk(config) };
  const build = await engine();
  if (typeof build === "string") return { report: { ...report, fit: `not checked: ${build}` }, problem: undefined };
  using module = build(network);
  const mismatch = module.compare(weights);
  for (const [kind, names] of Object.entries(mismatch)) if (names.length > 0) report[kind] = names;
  const problem = describeMismatch(mismatch);
  report["fit"] = problem === undefined ? "every name and shape" : "no";
  return { report, problem: problem === undefined ? undefined : `as ${network.kind}: ${problem}` };
}

type Build = (network: Recognized) => Module;

/** Makes networks, for which the native engine is needed; or says why there is none. */
async function engine(): Promise<Build | string> {
  try {
    const [{ Clip }, { Vqgan }, { Gpt }, { shapesOnly }] = await Promise.all([
      import("../models/clip.ts"),
      import("../models/vqgan.ts"),
      import("../models/gpt.ts"),
      import("../nn/init.ts"),
    ]);
    const build = (network: Recognized): Module => {
      switch (network.kind) {
        case "CLIP":
          return new Clip(network.config);
        case "VQGAN":
          return new Vqgan(network.config);
        case "GPT":
          return new Gpt(network.config);
      }
    };
    return (network) => shapesOnly(() => build(network));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The first tensor that is damaged, or has a number that is NaN or infinite. */
function firstDamage(weights: Weights): string | undefined {
  for (const [name, weight] of weights) {
    try {
      if (weight.dtype === null || checkWeight(name, weight) === 0) continue;
      const { data, dtype } = readWeight(name, weight);
      if (!allFinite(data, dtype)) return `tensor ${name} holds NaN or infinity`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
  return undefined;
}
