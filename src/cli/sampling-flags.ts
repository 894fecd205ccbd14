import { Option, type Command } from "commander";
import type { BatchPlace, DrawSettings } from "../generate/draw-rows.ts";
import type { GeneratePrecision } from "../generate/pipeline.ts";
import { UserError } from "./errors.ts";
import { numberFlag } from "./number-flag.ts";

/** How tokens are drawn, for every command that draws. */
export type SamplingFlags = {
  seed: string;
  temperature: string;
  topK?: string;
  topP: string;
  guidance: string;
  batchSize?: string;
  batchRow?: string;
  precision: GeneratePrecision;
  device: string;
};

export function addSamplingFlags(command: Command): Command {
  return command
    .option("--seed <n>", "seed of the first candidate; the same seed draws the same picture", "0")
    .option("--temperature <t>", "below 1 is safer, above 1 is wilder; 0 always takes the likeliest token", "1")
    .option("--top-k <k>", "draw only from the k likeliest tokens")
    .option("--top-p <p>", "draw only from the likeliest tokens that together reach this probability", "0.9")
    .option("--guidance <scale>", "how much more the words count; 1 is off", "1")
    .option("--batch-size <n>", "pictures at a time (default: 64, or what fits into memory)")
    .option("--batch-row <row/rows>", "one picture, where it stood in a batch of so many: it rounds as it did then")
    .addOption(
      new Option("--precision <name>", "int8 rounds the GPT's weights to 8 bits: faster, a little worse")
        .choices(["auto", "float32", "bfloat16", "int8"])
        .default("auto"),
    )
    .option("--device <name>", "cpu, cuda or cuda:N", "cpu");
}

export type SamplingSettings = Pick<
  DrawSettings,
  "seed" | "temperature" | "topK" | "topP" | "guidanceScale" | "batchSize" | "batch"
>;

export function samplingSettings(flags: SamplingFlags): SamplingSettings {
  const settings: SamplingSettings = {
    seed: numberFlag("--seed", flags.seed, { least: 0, whole: true }),
    temperature: numberFlag("--temperature", flags.temperature, { least: 0 }),
    topP: numberFlag("--top-p", flags.topP, { least: 0, most: 1 }),
    guidanceScale: numberFlag("--guidance", flags.guidance, { least: 0 }),
  };
  if (flags.batchSize !== undefined)
    settings.batchSize = numberFlag("--batch-size", flags.batchSize, { least: 1, whole: true });
  if (flags.batchRow !== undefined) settings.batch = batchPlace(flags.batchRow);
  if (flags.topK !== undefined) settings.topK = numberFlag("--top-k", flags.topK, { least: 1, whole: true });
  return settings;
}

function batchPlace(text: string): BatchPlace {
  const [, row = "", rows = ""] = /^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? [];
  if (rows === "")
    throw new UserError(`--batch-row ${text}: expected a row from 0 and how many there are, such as 3/16`);
  return { row: Number(row), rows: Number(rows) };
}
