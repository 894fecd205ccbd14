import { Option, type Command } from "commander";
import type { GeneratePrecision } from "../generate/pipeline.ts";
import { addModelFlag } from "./bundled.ts";

export type ServeFlags = {
  model: string;
  host: string;
  port: string;
  gallery?: string;
  runs: string[];
  tokenFile?: string;
  queue: string;
  precision: GeneratePrecision;
  device: string;
  quiet?: boolean;
  logPrompts?: boolean;
};

export function serveCommand(program: Command): void {
  const command = program.command("serve").description("a page to draw on, and an API that OpenAI's clients speak");
  addModelFlag(command)
    .option("--host <address>", "where to listen; beyond this machine a token is needed", "127.0.0.1")
    .option("--port <n>", "0 takes one that is free", "7860")
    .option("--gallery <folder>", "where pictures are kept (default: clip-gen/gallery in the user's data folder)")
    .option("--runs <folder...>", "folders below which there are training runs to watch", ["."])
    .option("--token-file <file>", "holds the token that clients send; CLIP_GEN_TOKEN does as well")
    .option("--queue <n>", "requests that may wait; more are refused", "1000")
    .addOption(
      new Option("--precision <name>", "int8 rounds the GPT's weights to 8 bits: faster, a little worse")
        .choices(["auto", "float32", "bfloat16", "int8"])
        .default("auto"),
    )
    .option("--device <name>", "cpu, cuda or cuda:N", "cpu")
    .option("--quiet", "no line for every request")
    .option("--log-prompts", "tell in the log what was asked for; without it no words of anybody are in it")
    .action(async (flags: ServeFlags) => {
      const { runServe } = await import("./serve-run.ts");
      await runServe(flags);
    });
}
