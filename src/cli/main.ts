import { Command, CommanderError } from "commander";
import { baselineCommand } from "./baseline.ts";
import { benchmarkCommand } from "./benchmark.ts";
import { calibrateCommand } from "./calibrate.ts";
import { convertCommand } from "./convert.ts";
import { demoCommand } from "./demo.ts";
import { doctorCommand } from "./doctor.ts";
import { downloadCommand } from "./download.ts";
import { encodeCommand } from "./encode.ts";
import { reportError } from "./errors.ts";
import { evaluateCommand } from "./evaluate.ts";
import { generateCommand, varyCommand } from "./generate.ts";
import { inspectCommand } from "./inspect.ts";
import { journeyCommand } from "./journey.ts";
import { launchCommand } from "./launch.ts";
import { embedCommand, reconstructCommand, tokenizeCommand } from "./parts.ts";
import { reportCommand } from "./report.ts";
import { serveCommand } from "./serve.ts";
import { trainAllCommand } from "./train-all.ts";
import { trainClipCommand } from "./train-clip.ts";
import { trainGptCommand } from "./train-gpt.ts";
import { trainVqganCommand } from "./train-vqgan.ts";

// A command's file has its flags alone, and imports what it runs when it runs: help is quick that way, and comes where
// the engine does not load.

/** Runs the command line; errors become one message and the exit code 1. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("clip-gen")
    .description("Train a text-to-image generator on pictures without captions, and draw with it.")
    .showHelpAfterError("(clip-gen --help tells more)")
    .enablePositionalOptions();
  demoCommand(program);
  // Options after `train clip` belong to `train clip`, although `train` by itself has some of the same.
  const train = trainAllCommand(program).enablePositionalOptions();
  trainClipCommand(train);
  trainVqganCommand(train);
  trainGptCommand(train);
  launchCommand(program);
  encodeCommand(program);
  generateCommand(program);
  varyCommand(program);
  journeyCommand(program);
  serveCommand(program);
  reportCommand(program);
  baselineCommand(program);
  calibrateCommand(program);
  evaluateCommand(program);
  benchmarkCommand(program);
  embedCommand(program);
  tokenizeCommand(program);
  reconstructCommand(program);
  downloadCommand(program);
  convertCommand(program);
  inspectCommand(program);
  doctorCommand(program);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) reportError(error);
    process.exitCode = 1;
  }
}
