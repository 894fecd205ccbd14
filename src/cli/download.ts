import type { Command } from "commander";

export type DownloadFlags = { revision?: string; include?: string[]; all?: boolean; json?: boolean };

export function downloadCommand(program: Command): void {
  program
    .command("download")
    .description("get a model from the Hugging Face Hub into the cache; its name then stands for its path everywhere")
    .argument("<repository>", "org/name, such as openai/clip-vit-base-patch32, or org/name@revision")
    .option("--revision <name>", "a branch, tag or commit (default: main)")
    .option("--include <pattern...>", "names of files, or patterns with *, in place of what clip-gen can use")
    .option("--all", "every file of the repository")
    .option("--json", "print the result, and nothing else, as JSON")
    .addHelpText(
      "after",
      "\nHF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE mean what they mean to Python's huggingface_hub.",
    )
    .action(async (repository: string, flags: DownloadFlags) => {
      const { runDownload } = await import("./download-run.ts");
      await runDownload(repository, flags);
    });
}
