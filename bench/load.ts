import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { clipPresets } from "../src/models/clip-config.ts";
import { Clip } from "../src/models/clip.ts";
import { gptPresets } from "../src/models/gpt-config.ts";
import { Gpt } from "../src/models/gpt.ts";
import type { Context } from "./context.ts";
import { median, type Measurement } from "./measure.ts";

/** What `load-once.ts` prints. */
export type Load = { ms: number; readMs: number; fileMiB: number; peakMiB: number };

const child = fileURLToPath(new URL("./load-once.js", import.meta.url));

/**
 * Seconds from a weights file to a network, each in a process of its own, once the file is in the system's cache. The limit is
 * reading the file into memory that is there already. `memory` is what the process grew by at most, in sizes of the file.
 */
export async function measureLoads({ effort }: Context): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), "clip-gen-load-"));
  try {
    const [clip, gpt] = [join(folder, "clip"), join(folder, "gpt")];
    const published = new Clip(clipPresets["vit-b-32"]).to("float16");
    await published.savePretrained(clip);
    published.dispose();
    const paper = new Gpt({ ...gptPresets.paper, codebookSize: 16_384, tokenCount: 256, conditionDim: 512 });
    await paper.savePretrained(gpt);
    paper.dispose();
    const rounds = Math.max(3, Math.round(9 * effort));
    return [
      measure("load CLIP ViT-B/32, float16", ["clip", clip], rounds),
      measure("load GPT 24×1024, float32", ["gpt", gpt], rounds),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function measure(name: string, args: string[], rounds: number): Measurement {
  const once = (): Load => JSON.parse(execFileSync(process.execPath, [child, ...args], { encoding: "utf8" }));
  once(); // fills the system's cache
  const loads = Array.from({ length: rounds }, once);
  return {
    name,
    unit: "ms",
    ours: median(loads.map(({ ms }) => ms)),
    shareOfPeak: median(loads.map(({ ms, readMs }) => readMs / ms)),
    details: { memory: median(loads.map(({ peakMiB, fileMiB }) => peakMiB / fileMiB)), samples: rounds },
    peers: [],
  };
}
