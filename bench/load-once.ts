// Loads one network and prints how long it took and how far memory grew: node load-once.js clip|gpt <folder>
import { openSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { Clip } from "../src/models/clip.ts";
import { Gpt } from "../src/models/gpt.ts";
import type { Load } from "./load.ts";

const [, , kind, folder = ""] = process.argv;
const mebibytes = (field: string): number => {
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
};

const before = mebibytes("VmRSS");
const start = performance.now();
const network = await (kind === "clip" ? Clip : Gpt).fromPretrained(folder);
const ms = performance.now() - start;
const peakMiB = mebibytes("VmHWM") - before;
network.dispose();

const file = join(folder, "model.safetensors");
const { size } = statSync(file);
const buffer = new Uint8Array(size).fill(1);
const descriptor = openSync(file, "r");
const readStart = performance.now();
for (let done = 0; done < size;) done += readSync(descriptor, buffer, done, size - done, done);
const load: Load = { ms, readMs: performance.now() - readStart, fileMiB: size / 2 ** 20, peakMiB };
console.log(JSON.stringify(load));
