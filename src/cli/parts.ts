import type { Command } from "commander";

// The parts of a model on their own: embeddings, tokens, reconstructions.

export type PartsFlags = { model: string; json?: boolean };

export type ReconstructFlags = PartsFlags & { output: string; judge?: string; tiles: string };

export function embedCommand(program: Command): void {
  program
    .command("embed")
    .description("CLIP's embedding of sentences and pictures, and how alike they are")
    .argument("<inputs...>", "sentences, and files of pictures")
    .requiredOption("-m, --model <path>", "the model, or a CLIP alone")
    .option("--json", "print the embeddings as JSON")
    .action(async (inputs: string[], flags: PartsFlags) => {
      const { runEmbed } = await import("./parts-run.ts");
      await runEmbed(inputs, flags);
    });
}

export function tokenizeCommand(program: Command): void {
  program
    .command("tokenize")
    .description("VQGAN's tokens of pictures, and CLIP's tokens of sentences")
    .argument("<inputs...>", "files of pictures, and sentences")
    .requiredOption("-m, --model <path>", "the model, or a VQGAN or CLIP alone")
    .option("--json", "print the tokens as JSON")
    .action(async (inputs: string[], flags: PartsFlags) => {
      const { runTokenize } = await import("./parts-run.ts");
      await runTokenize(inputs, flags);
    });
}

export function reconstructCommand(program: Command): void {
  program
    .command("reconstruct")
    .description("pictures through VQGAN and back: the first ones above what is left of them, and the quality of all")
    .argument("<pictures...>", "files of pictures, folders, or .jsonl lists")
    .requiredOption("-m, --model <path>", "the model, or a VQGAN alone")
    .option("-o, --output <file>", "the PNG to write", "reconstruction.png")
    .option("--tiles <n>", "cut the middle square of each picture into n × n pictures", "1")
    .option("--judge <path>", "a CLIP, or a model's: how far reconstructions are from pictures in its eyes")
    .option("--json", "print the quality of every picture as JSON")
    .action(async (files: string[], flags: ReconstructFlags) => {
      const { runReconstruct } = await import("./parts-run.ts");
      await runReconstruct(files, flags);
    });
}
