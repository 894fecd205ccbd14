import type { Command } from "commander";

export type ConvertFlags = {
  output: string;
  clip?: string;
  vqgan?: string;
  gpt?: string;
  clipActivation?: string;
  gptHeads?: string;
  resolution?: string;
  vqganConfig?: string;
  saveDtype?: "float32" | "bfloat16";
  layout?: string;
};

export function convertCommand(program: Command): void {
  program
    .command("convert")
    .description("published checkpoints to a model's folder, or a network to another layout")
    .argument("[checkpoint]", "one checkpoint, to convert alone")
    .requiredOption("-o, --output <folder>", "the folder to write")
    .option("--clip <path>", "CLIP: OpenAI, open_clip or Hugging Face")
    .option("--vqgan <path>", "VQGAN: taming-transformers, HFAiLab, dalle-mini, min-dalle, LlamaGen")
    .option("--gpt <path>", "GPT: HFAiLab")
    .option(
      "--clip-activation <name>",
      "quick_gelu or gelu, where nothing beside the weights says (default: quick_gelu)",
    )
    .option("--gpt-heads <n>", "attention heads, which shapes cannot tell (default: width / 64)")
    .option("--resolution <n>", "pixels a side (default: what the GPT's tokens or the VQGAN's configuration say)")
    .option("--vqgan-config <file>", "taming-transformers' YAML (default: the one beside the weights)")
    .option("--save-dtype <dtype>", "float32 or bfloat16 (default: as in the checkpoint)")
    .option("--layout <name>", "of one checkpoint: huggingface or open_clip for a CLIP, taming for a VQGAN")
    .action(async (checkpoint: string | undefined, flags: ConvertFlags) => {
      const { runConvert } = await import("./convert-run.ts");
      await runConvert(checkpoint, flags);
    });
}
