import { Command } from "commander";
import { reportError } from "./errors.ts";
import { encodeCommand } from "./encode.ts";
import { trainClipCommand } from "./train-clip.ts";
import { trainGptCommand } from "./train-gpt.ts";
import { trainVqganCommand } from "./train-vqgan.ts";

export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("clip-gen")
    .description("Train a text-to-image generator on pictures without captions, and draw with it.")
    .showHelpAfterError("(clip-gen --help tells more)");
  const train = program.command("train").description("train networks");
  trainClipCommand(train);
  trainVqganCommand(train);
  trainGptCommand(train);
  encodeCommand(program);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    reportError(error);
    process.exitCode = 1;
  }
}
