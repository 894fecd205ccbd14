import { Option, type Command } from "commander";

export type SceneFlags = { scenes?: string; sceneKind: "single" | "composed" };

/** `--scenes` and `--scene-kind`, for commands that can do without picture files. */
export function addSceneFlags(command: Command, use: string): Command {
  return command
    .option("--scenes <n>", use)
    .addOption(
      new Option(
        "--scene-kind <name>",
        "what scenes show: one shape in a picture, or one to three with relations and numbers",
      )
        .choices(["single", "composed"])
        .default("single"),
    );
}
