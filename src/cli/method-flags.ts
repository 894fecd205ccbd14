import type { DrawingMethod } from "../evaluate/drawers.ts";
import { Option, type Command } from "commander";

export type MethodFlags = { method: DrawingMethod; steps: string };

/** What draws, for commands that compare. */
export function addMethodFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--method <name>",
        "what draws: the model; or, to compare with, CLIP's gradient, or the training's nearest picture",
      )
        .choices(["generate", "optimise", "retrieve"])
        .default("generate"),
    )
    .option("--steps <n>", "steps of the optimisation", "300");
}
