import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { encodeCommand } from "../src/cli/encode.ts";
import { launchCommand } from "../src/cli/launch.ts";
import { trainAllCommand } from "../src/cli/train-all.ts";
import { trainClipCommand } from "../src/cli/train-clip.ts";
import { trainGptCommand } from "../src/cli/train-gpt.ts";
import { trainVqganCommand } from "../src/cli/train-vqgan.ts";
import { indexedJob, pyTorchJob } from "./manifests.ts";
import { temporaryFolder } from "./tiny.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const read = (path: string): string => readFileSync(join(root, "deploy", path), "utf8");
const manifest = (path: string): unknown => parse(read(path), { stringKeys: true });

const program = new Command("clip-gen").enablePositionalOptions();
const train = trainAllCommand(program);
trainClipCommand(train);
trainVqganCommand(train);
trainGptCommand(train);
encodeCommand(program);
launchCommand(program);

/** The flags of a command line that its command does not have; the command's words come first. */
function unknownFlags(words: readonly string[]): string[] {
  const rest = [...words];
  if (rest[0] === "launch") {
    const at = rest.indexOf("train");
    const own = rest.splice(0, at < 0 ? rest.length : at).slice(1);
    const known = program.commands.find((each) => each.name() === "launch");
    const unknown = known === undefined ? [] : flagsUnknownTo(known, own);
    return at < 0 ? unknown : [...unknown, ...unknownFlags(rest)];
  }
  let command = program;
  for (;;) {
    const next = command.commands.find((each) => each.name() === rest[0]);
    if (next === undefined) break;
    command = next;
    rest.shift();
  }
  return command === program ? [`no command ${rest[0]}`] : flagsUnknownTo(command, rest);
}

function flagsUnknownTo(command: Command, words: readonly string[]): string[] {
  const known = new Set(command.options.flatMap(({ long, short }) => [long, short]));
  return words.flatMap((word) => /^--?[a-z][a-z-]*/.exec(word)?.[0] ?? []).filter((flag) => !known.has(flag));
}

describe("the manifests of Kubernetes", () => {
  const training = pyTorchJob.parse(manifest("kubernetes/pytorchjob.yaml"));
  const encoding = indexedJob.parse(manifest("kubernetes/encode-job.yaml"));
  const { Master: first, Worker: others } = training.spec.pytorchReplicaSpecs;
  const pods = [first.template.spec, others.template.spec, encoding.spec.template.spec];

  test("mount what they have, and a field that is misspelt would be found", () => {
    for (const { containers, volumes } of pods) {
      const mounted = containers.flatMap(({ volumeMounts }) => volumeMounts.map((mount) => mount.name));
      expect(mounted.toSorted()).toEqual(volumes.map((volume) => volume.name).toSorted());
    }
    const misspelt = read("kubernetes/encode-job.yaml").replace(
      "terminationGracePeriodSeconds",
      "terminationGraceSeconds",
    );
    expect(indexedJob.safeParse(parse(misspelt)).success).toBe(false);
  });

  test("leave time to save, and restarts for every pod", () => {
    expect(first.template.spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(120);
    expect(training.spec.runPolicy.backoffLimit).toBeGreaterThanOrEqual(10 * (first.replicas + others.replicas));
    // What the operator looks for.
    expect(first.template.spec.containers[0]?.name).toBe("pytorch");
    expect(encoding.spec.parallelism).toBeLessThanOrEqual(encoding.spec.completions);
  });

  test("give the program flags that it has", () => {
    const [script = "", name, ...words] = first.template.spec.containers[0]?.args ?? [];
    expect(name).toBe("clip-gen");
    const [, added = ""] = /exec node bin\/clip-gen\.js "\$@" (.*)$/m.exec(script) ?? [];
    expect(unknownFlags([...words, ...added.split(" "), "--resume"])).toEqual([]);
    expect(unknownFlags(encoding.spec.template.spec.containers[0]?.args ?? [])).toEqual([]);
    expect(unknownFlags(["train", "gpt", "x", "--batchsize=3", "-q"])).toEqual(["--batchsize", "-q"]);
  });

  test.each([
    ["nothing is there", [], "0", false],
    ["the run was made and never saved, for the first pod", ["config.json"], "0", false],
    ["the run was made and never saved, for another pod", ["config.json"], "3", false],
    ["a checkpoint is there", ["config.json", "checkpoints/step-0000100"], "3", true],
  ])("go on from a checkpoint alone: %s", (_, files, rank, resumes) => {
    const folder = join(temporary, `pod-${(numbers += 1)}`);
    mkdirSync(join(folder, "run/checkpoints"), { recursive: true });
    for (const file of files) writeFileSync(join(folder, "run", file), "x");
    const script = first.template.spec.containers[0]?.args[0] ?? "";
    const local = script.replace("/data/runs/gpt", join(folder, "run")).replace("exec node bin/clip-gen.js", "echo");
    const env = { ...process.env, RANK: rank };
    const { status, stdout, stderr } = spawnSync("bash", ["-c", local, "clip-gen", "train", "gpt"], {
      env,
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout.includes("--resume")).toBe(resumes);
    expect(existsSync(join(folder, "run/config.json"))).toBe(files.length > 0 && (rank !== "0" || resumes));
  });
});

const temporary = temporaryFolder();
let numbers = 0;

describe("the Slurm script", () => {
  const file = join(root, "deploy/slurm/train.sbatch");

  test("is Bash that parses, and shellcheck has nothing to say where it is installed", () => {
    expect(spawnSync("bash", ["-n", file], { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
    const check = spawnSync("shellcheck", [file], { encoding: "utf8" });
    if (check.error === undefined) expect(check.stdout).toBe("");
  });

  test("asks for what sbatch knows", () => {
    const directives = [...read("slurm/train.sbatch").matchAll(/^#SBATCH (\S+)$/gm)].map(([, text = ""]) => text);
    // https://slurm.schedmd.com/sbatch.html
    const known: Record<string, RegExp> = {
      "--job-name": /^[\w-]+$/,
      "--nodes": /^\d+$/,
      "--ntasks-per-node": /^\d+$/,
      "--gpus-per-node": /^\d+$/,
      "--cpus-per-task": /^\d+$/,
      "--time": /^(\d+-)?\d+:\d\d:\d\d$/,
      "--signal": /^(R:|B:)?[A-Z]+@\d+$/,
      "--requeue": /^$/,
      "--open-mode": /^(append|truncate)$/,
      "--output": /^[\w%.-]+$/,
    };
    for (const directive of directives) {
      const [name = "", value = ""] = directive.split("=");
      expect(value, directive).toMatch(known[name] ?? /^unknown$/);
    }
    expect(directives).toHaveLength(Object.keys(known).length);
  });

  /** Runs the script with a Slurm of our own, in which one task runs and the program ends as it is told to. */
  function submit(options: { exit: number; before?: string[]; saves?: boolean; args?: string[] }): {
    status: number | null;
    said: string;
    run: string;
  } {
    const folder = join(temporary, `job-${(numbers += 1)}`);
    const run = join(folder, "run");
    mkdirSync(join(folder, "bin"), { recursive: true });
    mkdirSync(join(run, "checkpoints"), { recursive: true });
    for (const name of options.before ?? []) {
      writeFileSync(join(run, name), "x");
      utimesSync(join(run, name), 1000, 1000);
    }
    const saving = options.saves ? `require("node:fs").writeFileSync("${run}/checkpoints/step-0000007", "x");` : "";
    writeFileSync(
      join(folder, "bin/clip-gen.js"),
      `const { RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT } = process.env;
       console.log("ran", [RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT].join(" "), process.argv.slice(2).join(" "));
       ${saving} process.exit(${options.exit});`,
    );
    const tools = {
      scontrol: 'if [ "$1" = show ]; then printf "node1\\nnode2\\n"; else echo "scontrol $*"; fi',
      srun: 'while [ "${1#--}" != "$1" ]; do shift; done; SLURM_PROCID=9 SLURM_LOCALID=1 SLURM_NTASKS=16 exec "$@"',
    };
    for (const [name, body] of Object.entries(tools)) {
      writeFileSync(join(folder, "bin", name), `#!/bin/bash\n${body}\n`);
      chmodSync(join(folder, "bin", name), 0o755);
    }
    const env = {
      ...process.env,
      PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`,
      SLURM_SUBMIT_DIR: folder,
      SLURM_JOB_ID: "123456",
      SLURM_JOB_NODELIST: "node[1-2]",
    };
    const args = options.args ?? [run, "train", "gpt", "encoded", "--preset", "paper"];
    const { status, stdout, stderr } = spawnSync("bash", [file, ...args], { env, encoding: "utf8" });
    return { status, said: stdout + stderr, run };
  }

  test("tells a task what torchrun would, and starts a new run", () => {
    const { status, said, run } = submit({ exit: 0 });
    expect(said).toBe(`ran 9 1 16 node1 23456 train gpt encoded --preset paper -o ${run} --device cuda\n`);
    expect(status).toBe(0);
    const [, , , , , , , ...words] = said.trim().split(" ");
    expect(unknownFlags(["train", ...words])).toEqual([]);
  });

  test("goes on with a run that is there", () => {
    expect(submit({ exit: 0, before: ["config.json"] }).said).toContain("--preset paper --resume -o");
  });

  test("goes back into the queue when it was stopped, or failed after it had saved, and not when it failed at once", () => {
    const requeued = "scontrol requeue 123456";
    expect(submit({ exit: 130 })).toMatchObject({ status: 130, said: expect.stringContaining(requeued) });
    expect(submit({ exit: 1, saves: true })).toMatchObject({ status: 1, said: expect.stringContaining(requeued) });
    const old = submit({ exit: 1, before: ["config.json", "checkpoints/step-0000001"] });
    expect(old).toMatchObject({ status: 1, said: expect.not.stringContaining(requeued) });
    expect(submit({ exit: 0, saves: true }).said).not.toContain(requeued);
  });

  test("says how it is used", () => {
    expect(submit({ exit: 0, args: ["only-a-run"] })).toMatchObject({
      status: 2,
      said: expect.stringMatching(/^usage:/),
    });
  });
});

describe("the README", () => {
  const text = read("README.md");

  test("names flags that the program has, and files that are there", () => {
    const lines = [...text.matchAll(/clip-gen(?:\.js)? ((?:launch|train|encode) [^`'\n]*)/g)].map(
      ([, words = ""]) => words,
    );
    expect(lines.length).toBeGreaterThanOrEqual(2);
    for (const line of lines) expect(unknownFlags(line.trim().split(/\s+/)), line).toEqual([]);
    for (const [path] of text.matchAll(/(?:deploy|test)\/[\w./-]+\w/g))
      expect(existsSync(join(root, path)), path).toBe(true);
  });
});
