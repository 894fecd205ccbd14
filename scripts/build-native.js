// Finds libtorch and builds the native add-on against it.
//
//   node scripts/build-native.js [--if-possible] [--output FILE]
//
// libtorch is looked for in this order: LIBTORCH=/path, the `torch` of the Python on the PATH (CUDA comes with it), the
// system's libtorch-dev. With --if-possible a machine without libtorch or compiler gets a notice in place of an error, so
// that installing the package does not fail; the command says again what to install when it is run.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const native = join(root, "native");

const HOW_TO_INSTALL = `clip-gen needs libtorch (1.13 or newer) and a C++ compiler. Any one of these gives libtorch:
  sudo apt-get install g++ libtorch-dev libopenblas0-openmp      Debian 12 and newer
  pip install torch                                              Ubuntu and others; brings CUDA along
  LIBTORCH=/path/to/libtorch                                     an unpacked libtorch archive
Then run: npx clip-gen doctor --build`;

class SetupError extends Error {}

/** A folder with `include/` and `lib/` is a libtorch when the dispatcher's header and the library are there. */
function inspectFolder(folder, source) {
  const include = join(folder, "include");
  const lib = join(folder, "lib");
  if (!existsSync(join(include, "ATen/core/dispatch/Dispatcher.h")) || !existsSync(join(lib, "libtorch_cpu.so")))
    return undefined;
  return { source, folder, includes: [include, join(include, "torch/csrc/api/include")], lib };
}

function pythonTorch() {
  const script =
    "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')";
  // scripts/setup makes this environment where the distribution's libtorch is too old.
  for (const python of [join(root, ".setup/python/bin/python3"), "python3", "python"]) {
    const { status, stdout } = spawnSync(python, ["-c", script], { encoding: "utf8" });
    const folder = status === 0 ? stdout.trim() : "";
    const found = folder && inspectFolder(folder, `the torch of ${python}`);
    if (found) return found;
  }
  return undefined;
}

function systemTorch() {
  const header = "/usr/include/ATen/core/dispatch/Dispatcher.h";
  const machine = { x64: "x86_64", arm64: "aarch64" }[process.arch] ?? process.arch;
  const libraries = [`/usr/lib/${machine}-linux-gnu`, "/usr/lib64", "/usr/lib", "/usr/local/lib"];
  const lib = libraries.find((folder) => existsSync(join(folder, "libtorch_cpu.so")));
  if (!existsSync(header) || !lib) return undefined;
  return {
    source: "the system's libtorch-dev",
    folder: "/usr",
    includes: ["/usr/include/torch/csrc/api/include"],
    lib,
  };
}

function findLibtorch() {
  const named = process.env.LIBTORCH;
  if (named) {
    const found = inspectFolder(resolve(named), "LIBTORCH");
    if (!found) throw new SetupError(`LIBTORCH=${named} is no libtorch: it needs include/ATen and lib/libtorch_cpu.so`);
    return found;
  }
  const found = pythonTorch() ?? systemTorch();
  if (!found) throw new SetupError(`No libtorch was found.\n${HOW_TO_INSTALL}`);
  return found;
}

function versionOf(libtorch) {
  for (const include of [...libtorch.includes, "/usr/include"]) {
    for (const name of ["torch/headeronly/version.h", "torch/version.h"]) {
      const file = join(include, name);
      const text = existsSync(file) ? readFileSync(file, "utf8") : "";
      const parts = ["MAJOR", "MINOR", "PATCH"].map(
        (part) => new RegExp(`TORCH_VERSION_${part} (\\d+)`).exec(text)?.[1],
      );
      if (parts[0] !== undefined) return parts.join(".");
    }
  }
  throw new SetupError(`${libtorch.folder}: no version header; is this libtorch complete?`);
}

function compilerFlags(libtorch, version) {
  const [major, minor] = version.split(".").map(Number);
  if (major < 1 || (major === 1 && minor < 13))
    throw new SetupError(`libtorch ${version} is too old: 1.13 or newer is needed`);
  // The old string ABI of libtorch's early wheels shows in the names of its symbols.
  const newAbi = readFileSync(join(libtorch.lib, "libc10.so")).includes("__cxx11");
  const napi = createRequire(import.meta.url)("node-api-headers").include_dir;
  return [
    `-std=${major > 2 || (major === 2 && minor >= 9) ? "c++20" : "c++17"}`,
    "-O2",
    "-fPIC",
    "-fvisibility=hidden",
    // For at::parallel_for, which is a header's. Nothing is linked for it: its functions come from the OpenMP library that
    // libtorch itself has loaded, since two of them would keep two sets of threads waiting on the same cores.
    "-fopenmp",
    `-D_GLIBCXX_USE_CXX11_ABI=${newAbi ? 1 : 0}`,
    ...distributedFlags(libtorch),
    ...[napi, ...libtorch.includes].flatMap((folder) => ["-isystem", folder]),
  ];
}

// What c10d of this libtorch can do: Gloo on CPUs, and NCCL where its header is at hand.
function distributedFlags(libtorch) {
  const has = (library, name) =>
    existsSync(join(libtorch.lib, library)) && readFileSync(join(libtorch.lib, library)).includes(name);
  if (!has("libtorch_cpu.so", "ProcessGroupGloo")) return [];
  const flags = ["-DCLIP_GEN_GLOO", "-DUSE_C10D_GLOO", "-isystem", join(native, "declarations")];
  const nccl = [...libtorch.includes, join(libtorch.folder, "../nvidia/nccl/include"), "/usr/include"].find((folder) =>
    existsSync(join(folder, "nccl.h")),
  );
  if (!nccl || !has("libtorch_cuda.so", "ProcessGroupNCCL")) return flags;
  return [...flags, "-DCLIP_GEN_NCCL", "-DUSE_C10D_NCCL", "-isystem", nccl];
}

// From the plainest to the newest: the last one that the CPU can run is taken, when the add-on is loaded.
const KERNEL_SETS = [
  { name: "portable", flags: [] },
  ...(process.arch === "x64"
    ? [
        { name: "avx2", flags: ["-march=x86-64-v3"] },
        { name: "avx512", flags: ["-march=x86-64-v4", "-mprefer-vector-width=512"] },
        {
          name: "avx512_bf16",
          flags: ["-march=x86-64-v4", "-mavx512bf16", "-mavx512vnni", "-mprefer-vector-width=512"],
        },
      ]
    : []),
];

// Sums may be taken in any order, which vector instructions need; NaN and infinity keep their meaning.
const KERNEL_FLAGS = [
  "-std=c++17",
  "-O3",
  "-fPIC",
  "-fvisibility=hidden",
  "-fno-exceptions",
  "-fno-math-errno",
  "-fno-trapping-math",
  "-fno-signed-zeros",
  "-fassociative-math",
];

function linkerFlags(libtorch) {
  const libraries = ["-ltorch", "-ltorch_cpu", "-lc10"];
  if (existsSync(join(libtorch.lib, "libtorch_cuda.so"))) libraries.push("-ltorch_cuda", "-lc10_cuda");
  // No symbol of libtorch_cuda is used by name; its kernels register themselves when it is loaded.
  return ["-shared", `-L${libtorch.lib}`, `-Wl,-rpath,${libtorch.lib}`, "-Wl,--no-as-needed", ...libraries];
}

function run(command, args) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", () => fail(new SetupError(`${command} cannot be run.\n${HOW_TO_INSTALL}`)));
    child.on("exit", (code) =>
      code === 0 ? done() : fail(new SetupError(`${command} failed with code ${code}: ${args.at(-1)}`)),
    );
  });
}

const newest = (files) => Math.max(...files.map((file) => statSync(file).mtimeMs));

/** Every object to be made: of each source file one, and of the kernels one for each instruction set. */
function translations(flags) {
  const sources = readdirSync(native).filter((name) => name.endsWith(".cpp"));
  const names = KERNEL_SETS.map(({ name }) => `SET(${name})`).join(" ");
  return [
    ...sources.map((name) => ({ source: name, object: name.replace(/\.cpp$/, ".o"), flags })),
    { source: "kernels/kernels.cpp", object: "kernels.o", flags: [...KERNEL_FLAGS, `-DKERNEL_SETS=${names}`] },
    ...KERNEL_SETS.map((set) => ({
      source: "kernels/kernel-set.cpp",
      object: `kernels-${set.name}.o`,
      flags: [...KERNEL_FLAGS, ...set.flags, `-DKERNEL_SET=${set.name}`],
    })),
  ];
}

async function compile(flags, folder) {
  const files = [native, join(native, "kernels")].flatMap((at) => readdirSync(at).map((name) => join(at, name)));
  const headers = newest(files.filter((name) => name.endsWith(".h")));
  const jobs = [];
  const objects = [];
  for (const translation of translations(flags)) {
    const source = join(native, translation.source);
    const object = join(folder, translation.object);
    objects.push(object);
    if (existsSync(object) && statSync(object).mtimeMs > Math.max(headers, newest([source]))) continue;
    jobs.push(() => run("g++", [...translation.flags, "-c", "-o", object, source]));
  }
  const worker = async () => {
    for (let job = jobs.pop(); job; job = jobs.pop()) await job();
  };
  const changed = jobs.length > 0;
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return { objects, changed };
}

async function build(output) {
  const libtorch = findLibtorch();
  const version = versionOf(libtorch);
  const flags = compilerFlags(libtorch, version);
  // One folder of objects for each libtorch, so that two can be built side by side.
  const objects = join(native, "build", `objects-${version}`);
  mkdirSync(objects, { recursive: true });
  const stamp = join(objects, "flags.json");
  const settings = JSON.stringify({ flags: translations(flags), lib: libtorch.lib });
  const fresh = !existsSync(stamp) || readFileSync(stamp, "utf8") !== settings;
  console.log(`clip-gen: libtorch ${version} from ${libtorch.source} (${libtorch.lib})`);
  const start = Date.now();
  if (fresh) for (const name of readdirSync(objects)) rmSync(join(objects, name));
  // Before: what was compiled until an error came need not be compiled again.
  writeFileSync(stamp, settings);
  const compiled = await compile(flags, objects);
  if (!compiled.changed && existsSync(output) && statSync(output).mtimeMs > newest(compiled.objects)) {
    console.log("clip-gen: the native add-on is up to date");
    return;
  }
  const temporary = `${output}.${process.pid}`;
  await run("g++", [...compiled.objects, ...linkerFlags(libtorch), "-o", temporary]);
  renameSync(temporary, output);
  writeFileSync(
    `${output}.json`,
    `${JSON.stringify({ version, source: libtorch.source, lib: libtorch.lib }, null, 2)}\n`,
  );
  console.log(`clip-gen: built the native add-on in ${((Date.now() - start) / 1000).toFixed(0)} s`);
}

const args = process.argv.slice(2);
const at = args.indexOf("--output");
const output = at >= 0 && args[at + 1] ? resolve(args[at + 1]) : join(native, "build", "clip_gen.node");
mkdirSync(dirname(output), { recursive: true });
try {
  await build(output);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`clip-gen: the native add-on was not built. ${error.message}`);
  if (!args.includes("--if-possible")) process.exitCode = 1;
}
