import { native } from "./native.ts";
import type { Device } from "./tensor.ts";

/** Live tensors and generators, the bytes of the storages they own, and the process's resident memory. */
export type MemoryFigures = { tensors: number; generators: number; bytes: number; resident: number };

export function memoryFigures(): MemoryFigures {
  const [tensors, generators, bytes] = native.memory();
  return { tensors, generators, bytes, resident: process.memoryUsage.rss() };
}

/** How many threads an operator may use. */
export function threadCount(): number {
  return native.threads();
}

export function setThreadCount(count: number): void {
  native.setThreads(count);
}

/** The kernels of `native/kernels/` that are in use unless a test chose others: the newest that this CPU runs. */
export function kernelSet(): string {
  return process.env["CLIP_GEN_KERNELS"] ?? native.kernels().at(-1) ?? "portable";
}

/** The version of libtorch and how it was built. */
export function engineInfo(): { version: string; configuration: string } {
  return { version: native.version(), configuration: native.configuration() };
}

/** The devices that this libtorch can compute on, the CPU first. */
export function availableDevices(): Device[] {
  return ["cpu", ...Array.from({ length: native.cudaDevices() }, (_, i): Device => `cuda:${i}`)];
}

/** Waits until a device has done all that it was given; a CPU always has. */
export function synchronize(device: Device): void {
  native.synchronize(device);
}

/** A device by name: `cpu`, `cuda`, `cuda:1`. Throws when this machine does not have it. */
export function parseDevice(name: string): Device {
  const available = availableDevices();
  const device = name === "cuda" ? "cuda:0" : name;
  const found = available.find((known) => known === device);
  if (!found) throw new Error(`there is no device ${name} here; available: ${available.join(", ")}`);
  return found;
}
