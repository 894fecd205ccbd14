import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../test/tiny.ts";
import { gptTraining, vqganTraining, type GptTraining } from "../config.ts";
import { UserError } from "./errors.ts";
import { addSettings } from "./settings-flags.ts";
import { readSettings } from "./settings.ts";

const folder = temporaryFolder();
let files = 0;

/** A settings file with this text. */
const fileOf = (text: string): string => {
  const path = join(folder, `settings-${(files += 1)}.yaml`);
  writeFileSync(path, text);
  return path;
};

/** What the command line makes of these arguments. */
const settingsOf = (args: string[], base: Record<string, unknown> = {}): GptTraining => {
  const command = new Command("gpt").exitOverride().configureOutput({ writeErr: () => {} });
  addSettings(command, gptTraining);
  command.parse(args, { from: "user" });
  return readSettings(gptTraining, command.opts(), base);
};

describe("which setting counts", () => {
  test("flags, then --set, then the file, then the preset, then the default", () => {
    const file = fileOf("lr: 0.2\nwarmup: 2\nsteps: 2\nseed: 2\n");
    const base = { lr: 0.1, warmup: 1, steps: 1, seed: 1, clipGrad: 5 };
    const settings = settingsOf(
      ["--lr", "0.4", "--set", "lr=0.3", "warmup=3", "steps=3", "--warmup", "4", "--config", file],
      base,
    );
    expect(settings).toMatchObject({ lr: 0.4, warmup: 4, steps: 3, seed: 2, clipGrad: 5, minLr: 0 });
  });

  test("nothing at all gives the defaults", () => {
    expect(settingsOf([])).toEqual(gptTraining.parse({}));
  });

  test("objectives are merged by their terms", () => {
    const file = fileOf("objective:\n  embedding: 0.5\n  reconstruction: 0.25\n");
    const { objective } = settingsOf(["--config", file, "--set", "objective.embedding=0.2"], {
      objective: { crossEntropy: 0.75, embedding: 1 },
    });
    expect(objective).toMatchObject({ crossEntropy: 0.75, embedding: 0.2, reconstruction: 0.25, contrastive: 0 });
  });

  test("a switch that is on by default is turned off by --no-, by --set and by the file", () => {
    expect(settingsOf([]).flip).toBe(true);
    expect(settingsOf(["--no-flip"]).flip).toBe(false);
    expect(settingsOf(["--set", "flip=false"]).flip).toBe(false);
    expect(settingsOf(["--config", fileOf("flip: false")]).flip).toBe(false);
    expect(settingsOf(["--no-flip", "--set", "flip=true"]).flip).toBe(false);
  });

  test("files and --set take snake_case, lists and JSON", () => {
    const file = fileOf('{"batch_size": 7, "objective": {"embedding_form": "mse"}}');
    const settings = settingsOf(["--config", file, "--set", "betas=[0.8, 0.7]", "keep_checkpoints=3"]);
    expect(settings).toMatchObject({ batchSize: 7, betas: [0.8, 0.7], keepCheckpoints: 3 });
    expect(settings.objective.embeddingForm).toBe("mse");
  });

  test("the base is not changed by what is read", () => {
    const base = { objective: { embedding: 1 } };
    settingsOf(["--set", "objective.embedding=2"], base);
    expect(base).toEqual({ objective: { embedding: 1 } });
  });
});

describe("what does not work is told by name, as the user's error", () => {
  const folderInPlaceOfFile = join(folder, "folder.yaml");
  mkdirSync(folderInPlaceOfFile);
  const cases: [string[], string][] = [
    [["--lr", "fast"], "lr"],
    [["--min-lr", ""], "minLr"],
    [["--steps", "1.5"], "steps"],
    [["--precision", "int8"], "precision"],
    [["--set", "lr"], "--set lr: expected key=value"],
    [["--set", "=3"], "--set =3: expected key=value"],
    [["--set", "lr=[1"], "--set lr=[1 is no YAML"],
    [["--set", "learning_rate=1"], "unknown setting learningRate; known: steps, batchSize"],
    [["--set", "objective.embeding=1"], "embeding"],
    [["--set", "objective=3"], "objective"],
    [["--config", join(folder, "none.yaml")], "none.yaml cannot be read"],
    [["--config", folderInPlaceOfFile], "folder.yaml cannot be read"],
    [["--config", fileOf("lr: [1\n")], "is no YAML"],
    [["--config", fileOf("just words")], "expected names with values"],
    [["--config", fileOf("- 1\n- 2\n")], "expected names with values"],
    [["--config", fileOf("lr: 1\nlearning: 2\n")], "unknown setting learning;"],
  ];
  test.each(cases)("%j", (args, message) => {
    const run = (): GptTraining => settingsOf(args);
    expect(run).toThrow(UserError);
    expect(run).toThrow(message);
    expect(run).not.toThrow(/ at .*\.ts/);
  });

  test("two mistakes are told at once", () => {
    expect(() => settingsOf(["--lr", "-1", "--set", "steps=0"])).toThrow(/lr[^]*steps|steps[^]*lr/);
  });
});

describe("flags", () => {
  test("every plain field of a stage has one, with what it means and its default", () => {
    const command = new Command("vqgan");
    addSettings(command, vqganTraining);
    const help = command.helpInformation();
    for (const flag of ["--disc-weight", "--no-flip", "--pixel-loss <l1|l2>", "--revive-every", "--config", "--set"]) {
      expect(help).toContain(flag);
    }
    expect(help).not.toContain("--betas");
    expect(help.replaceAll(/\s+/g, " ")).toContain("greatest norm of the gradient; 0 is no limit (default: 1)");
  });
});
