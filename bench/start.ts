import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { trainBpe } from "../src/io/tokenizers/train-bpe.ts";
import { clipPresets } from "../src/models/clip-config.ts";
import { Clip } from "../src/models/clip.ts";
import { gptPresets } from "../src/models/gpt-config.ts";
import { Gpt } from "../src/models/gpt.ts";
import { vqganPresets } from "../src/models/vqgan-config.ts";
import { Vqgan } from "../src/models/vqgan.ts";
import { ClipGen } from "../src/generate/pipeline.ts";
import type { Context } from "./context.ts";
import { median, type Measurement } from "./measure.ts";

const command = fileURLToPath(new URL("../../bin/clip-gen.js", import.meta.url));

/** Milliseconds that Node takes with these arguments. */
function duration(args: readonly string[]): number {
  const start = performance.now();
  execFileSync(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  return performance.now() - start;
}

/** `clip-gen generate` with a small model, from the command to the picture, beside Node's own start. */
export async function measureStart({ effort }: Context): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), "clip-gen-start-"));
  try {
    const tokenizer = trainBpe(["a red circle"], { vocabSize: clipPresets.tiny32.text.vocabSize });
    const text = { ...clipPresets.tiny32.text, vocabSize: tokenizer.vocabSize };
    const clipConfig = { ...clipPresets.tiny32, text };
    const vqgan = new Vqgan(vqganPresets.small64);
    const side = vqgan.tokenGrid();
    const { codebookSize } = vqgan.config;
    const gpt = new Gpt({ ...gptPresets.tiny, codebookSize, tokenCount: side ** 2, conditionDim: clipConfig.embedDim });
    await new ClipGen({ clip: new Clip(clipConfig, tokenizer), vqgan, gpt }).savePretrained(folder);
    const output = join(folder, "picture.png");
    const rounds = Math.max(3, Math.round(7 * effort));
    const generate = [command, "generate", "a red circle", "--model", folder, "--output", output];
    const [ours, node] = [generate, ["-e", "0"]].map((args) =>
      median(Array.from({ length: rounds }, () => duration(args))),
    );
    return [
      {
        name: "start: `generate` with a small model, from command to picture, on top of Node's start",
        unit: "ms",
        ours: (ours ?? NaN) - (node ?? NaN),
        details: { node: node ?? NaN, samples: rounds },
        peers: [],
      },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
