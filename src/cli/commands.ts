import type { Command } from "commander";
import { demoCommand } from "./demo.ts";
import { encodeCommand } from "./encode.ts";
import { generateCommand, varyCommand } from "./generate.ts";
import { inspectCommand } from "./inspect.ts";
import { embedCommand, reconstructCommand, tokenizeCommand } from "./parts.ts";
import { trainAllCommand } from "./train-all.ts";
import { trainClipCommand } from "./train-clip.ts";
import { trainGptCommand } from "./train-gpt.ts";
import { trainVqganCommand } from "./train-vqgan.ts";

/** Adds every command that needs the engine. */
export function addCommands(program: Command): void {
  demoCommand(program);
  // Options after `train clip` belong to `train clip`, although `train` by itself has some of the same.
  const train = trainAllCommand(program).enablePositionalOptions();
  trainClipCommand(train);
  trainVqganCommand(train);
  trainGptCommand(train);
  encodeCommand(program);
  generateCommand(program);
  varyCommand(program);
  embedCommand(program);
  tokenizeCommand(program);
  reconstructCommand(program);
  inspectCommand(program);
}
