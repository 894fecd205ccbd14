import type { Command } from "commander";
import { Clip } from "../models/clip.ts";
import { Inception } from "../models/inception.ts";
import type { Device } from "../tensor/tensor.ts";
import { partOf } from "./parts-run.ts";

export type JudgeFlags = { judge?: string; inception?: string };

/** Networks in whose eyes drawings are compared. */
export function addJudgeFlags(command: Command): Command {
  return command
    .option("--judge <folder>", "a CLIP that was trained apart from the model, for all figures that need a CLIP")
    .option(
      "--inception <file>",
      "weights of the FID Inception, as pytorch-fid has them: for FID, KID, Inception Score",
    );
}

export async function readJudges(
  flags: JudgeFlags,
  device: Device,
): Promise<{ judge: Clip | undefined; inception: Inception | undefined }> {
  const judge = flags.judge === undefined ? undefined : await Clip.fromPretrained(partOf(flags.judge, "clip"));
  const inception = flags.inception === undefined ? undefined : Inception.fromFile(flags.inception);
  return { judge: judge?.to(device).eval(), inception: inception?.to(device).eval() };
}
