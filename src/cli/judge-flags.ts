import type { Command } from "commander";

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
