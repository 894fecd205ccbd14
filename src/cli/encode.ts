import { Option, type Command } from "commander";
import { addSceneFlags, type SceneFlags } from "./scene-flags.ts";
import type { Precision } from "../train/precision.ts";

export type EncodeFlags = SceneFlags & {
  clip: string;
  vqgan: string;
  output: string;
  size?: string;
  flip: boolean;
  keepPictures?: boolean;
  captions?: boolean;
  crops: string;
  seed: string;
  mostBroken?: string;
  batchSize?: string;
  device: string;
  precision: Precision;
};

export function encodeCommand(program: Command): void {
  const command = program
    .command("encode")
    .description(
      "encode pictures once: VQGAN's tokens and CLIP's embeddings, for train gpt; goes on where it was stopped, and shares " +
        "the work with whoever else runs the same command on the same folder",
    )
    .argument(
      "[pictures...]",
      "folders with pictures, searched through to the bottom, .jsonl lists of pictures, or tar shards and parquet: paths, " +
        "https addresses or folders; shards/{000..099}.tar stands for a hundred, and ?weight=2 after any takes it twice",
    )
    .requiredOption("--clip <folder>", "the frozen CLIP")
    .requiredOption("--vqgan <folder>", "the frozen VQGAN")
    .requiredOption("-o, --output <folder>", "where the tokens and embeddings go")
    .option("--size <pixels>", "side of the pictures; by default the VQGAN's")
    .option("--no-flip", "do not encode mirrored pictures as well")
    .option("--crops <n>", "encode this many random crops of every picture as well", "0")
    .option("--seed <n>", "seed of the crops", "0")
    .option("--keep-pictures", "keep the pictures too, for objectives that compare pictures")
    .option(
      "--captions",
      "the pictures come with captions; keep those too, for the contrastive objective and for --condition caption",
    )
    .option("--most-broken <n>", "pictures that may be broken; by default one in a hundred, at least 100")
    .option("--batch-size <n>", "pictures at a time; by default about a million pixels")
    .option("--device <name>", "cpu, cuda or cuda:N", "cpu")
    .addOption(
      new Option("--precision <name>", "what to compute in").choices(["auto", "float32", "bfloat16"]).default("auto"),
    );
  addSceneFlags(command, "encode this many synthetic scenes in place of pictures");
  command.action(async (paths: string[], flags: EncodeFlags) => {
    const { runEncode } = await import("./encode-run.ts");
    await runEncode(paths, flags);
  });
}
