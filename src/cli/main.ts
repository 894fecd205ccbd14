import { Command, CommanderError } from "commander";
import { doctorCommand } from "./doctor.ts";
import { reportError } from "./errors.ts";

/** Runs the command line; errors become one message and the exit code 1. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("clip-gen")
    .description("Train a text-to-image generator on pictures without captions, and draw with it.")
    .showHelpAfterError("(clip-gen --help tells more)")
    .enablePositionalOptions();
  try {
    doctorCommand(program);
    // All other commands load the engine. The doctor has to work where it does not load.
    if (argv[2] !== "doctor") {
      const { addCommands } = await import("./commands.ts");
      addCommands(program);
    }
    await program.parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) reportError(error);
    process.exitCode = 1;
  }
}
