import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { readJson } from "../io/json.ts";
import { cpuFlags } from "../tensor/cpu.ts";
import { choosePrecision } from "../train/precision.ts";
import type { DoctorFlags } from "./doctor.ts";
import { UserError } from "./errors.ts";

// Only what needs no engine is imported at the top: the doctor has to work where the engine does not load.

/** Below this a matrix product in float32 is slow for any optimised BLAS; the reference BLAS reaches 2. */
const SLOW_GFLOPS = 8;
/** Instruction sets that decide how fast matrix products are. */
const FLAGS = ["avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16"];
const OPTIMISED_BLAS = /openblas|mkl|blis|armpl|atlas/;

type Engine = {
  libtorch: string;
  blas: string[];
  devices: string[];
  threads: number;
  /** The set of native/kernels that this CPU runs. */
  kernels: string;
  gflops: { float32: number; bfloat16: number };
};

type Report = {
  node: string;
  cpu: string;
  cores: number;
  cpuFlags: string[];
  memory: { freeGib: number; totalGib: number };
  precision: string;
  /** What the add-on was built with. */
  built?: Built;
  engine?: Engine;
  advice: string[];
};

const built = z.object({ version: z.string(), source: z.string(), lib: z.string() });
type Built = z.infer<typeof built>;

/** Prints what this machine has; the exit code is 1 where the engine cannot be used. */
export async function runDoctor(flags: DoctorFlags): Promise<void> {
  if (flags.build) build();
  const report = await examine();
  if (flags.json) console.log(JSON.stringify(report, undefined, 2));
  else print(report);
  if (!report.engine) process.exitCode = 1;
}

function build(): void {
  const script = fileURLToPath(new URL("../../scripts/build-native.js", import.meta.url));
  // What the script says goes to stderr: stdout may have to be JSON.
  const { status } = spawnSync(process.execPath, [script], { stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new UserError("the native add-on could not be built; the reason stands above");
}

async function examine(): Promise<Report> {
  const { dtype, reason } = choosePrecision("auto", "cpu");
  const known = cpuFlags();
  const report: Report = {
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    cpuFlags: FLAGS.filter((flag) => known.has(flag)),
    memory: { freeGib: gib(freemem()), totalGib: gib(totalmem()) },
    precision: `${dtype} (${reason})`,
    advice: [],
  };
  const record = builtWith();
  if (record) report.built = record;
  try {
    report.engine = await examineEngine();
    report.advice.push(...adviceOn(report.engine));
  } catch (error) {
    report.advice.push(error instanceof Error ? error.message : String(error));
  }
  return report;
}

/** What `scripts/build-native.js` wrote beside the add-on. */
function builtWith(): Built | undefined {
  const file = fileURLToPath(new URL("../../native/build/clip_gen.node.json", import.meta.url));
  if (process.env["CLIP_GEN_NATIVE"] !== undefined || !existsSync(file)) return undefined;
  return built.safeParse(readJson(file)).data;
}

async function examineEngine(): Promise<Engine> {
  const { engineInfo, availableDevices, kernelSet, threadCount } = await import("../tensor/engine.ts");
  const { matmulGflops } = await import("../train/calibrate.ts");
  const gflops = { float32: matmulGflops("float32"), bfloat16: matmulGflops("bfloat16") };
  const engine = {
    libtorch: engineInfo().version,
    devices: availableDevices(),
    threads: threadCount(),
    kernels: kernelSet(),
  };
  return { ...engine, gflops, blas: loadedBlas() };
}

/** The BLAS libraries of this process. A libtorch that carries its own, such as Python's, shows none. */
function loadedBlas(): string[] {
  if (!existsSync("/proc/self/maps")) return [];
  const paths = readFileSync("/proc/self/maps", "utf8").matchAll(
    /\s(\/\S*\/lib(?:open)?(?:blas|mkl|blis|armpl)[^/\s]*)$/gm,
  );
  return [...new Set(Array.from(paths, ([, path = ""]) => path))];
}

function adviceOn({ blas, gflops, threads }: Engine): string[] {
  if (blas.length > 0 && !blas.some((path) => OPTIMISED_BLAS.test(path))) {
    return [
      `libtorch computes with the reference BLAS (${blas.join(", ")}), which is some 70 times slower than OpenBLAS. ` +
        "Run: sudo apt-get install libopenblas0-openmp",
    ];
  }
  if (gflops.float32 >= SLOW_GFLOPS * threads) return [];
  return [
    `${gflops.float32.toFixed(0)} GFLOP/s in float32 are few for ${threads} threads: ` +
      "the machine is busy, or its CPU is throttled or has no AVX2. Run the doctor again when it is idle.",
  ];
}

function print(report: Report): void {
  const { engine, memory } = report;
  const lines: [string, string][] = [
    ["Node.js", report.node],
    ["CPU", `${report.cpu}, ${report.cores} cores, ${report.cpuFlags.join(" ") || "no instruction set that matters"}`],
    ["memory", `${memory.freeGib} GiB free of ${memory.totalGib} GiB`],
    ["precision", report.precision],
    [
      "built with",
      report.built ? `libtorch ${report.built.version}, ${report.built.source} (${report.built.lib})` : "?",
    ],
  ];
  if (engine) {
    const { float32, bfloat16 } = engine.gflops;
    lines.push(
      ["libtorch", engine.libtorch],
      ["BLAS", `${engine.blas.join(", ") || "inside libtorch"}${blasCore()}`],
      ["kernels", engine.kernels],
      ["devices", engine.devices.join(", ")],
      ["threads", `${engine.threads}, ${threadReason()}`],
      ["matrix product", `${float32.toFixed(0)} GFLOP/s in float32, ${bfloat16.toFixed(0)} in bfloat16 (1024³)`],
    );
  } else lines.push(["libtorch", "not usable"]);
  for (const [name, value] of lines) console.log(`${name.padEnd(16)}${value}`);
  for (const advice of report.advice) console.log(`\n! ${advice}`);
}

/** Which kernels OpenBLAS was told to take, and who told it. */
function blasCore(): string {
  const core = process.env["OPENBLAS_CORETYPE"];
  return core === undefined ? "" : ` with kernels for ${core} (OPENBLAS_CORETYPE)`;
}

function threadReason(): string {
  return process.env["OMP_NUM_THREADS"] === undefined
    ? "one a core; OMP_NUM_THREADS changes it"
    : `as OMP_NUM_THREADS=${process.env["OMP_NUM_THREADS"]} asks`;
}

function gib(bytes: number): number {
  return Math.round((bytes / 2 ** 30) * 10) / 10;
}
