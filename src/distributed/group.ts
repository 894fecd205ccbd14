import { noGrad } from "../tensor/autograd.ts";
import { native, type Native, type NativeGroup } from "../tensor/native.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor, type Device } from "../tensor/tensor.ts";
import { ownAddress } from "./address.ts";
import type { Launched } from "./environment.ts";
import { Heartbeat } from "./heartbeat.ts";

// The processes that train together, each with a part of every batch. As in PyTorch there is one group a process, so that
// whatever looks at a whole batch (a loss, a normalisation, the count of codes in use) can ask for it where it stands. In a
// process that trains alone every function here gives back what it got.

/** How long one waits for the others at the beginning. */
const JOIN_MS = 5 * 60_000;
/** How long a collective may take: one process may be drawing samples or saving. Who has died is found out much sooner. */
const WAIT_MS = 60 * 60_000;
/** Gradients that go on their way together; PyTorch's choice. */
const BUCKET_BYTES = 25 * 2 ** 20;

let joined: { rank: number; size: number; heartbeat: Heartbeat } | undefined;

/** This process's number, from 0, and how many there are. */
export function group(): { rank: number; size: number } {
  return joined ?? { rank: 0, size: 1 };
}

/** Whether this process is the one that writes and speaks for all. */
export function isFirst(): boolean {
  return group().rank === 0;
}

/**
 * Joins the other processes; waits for them. Gloo carries what is on CPUs, NCCL what is on GPUs where libtorch has it.
 * @throws Error when they do not come, or when libtorch was built without c10d
 */
export async function joinGroup(
  launched: Launched,
  device: Device,
  { joinMs = JOIN_MS }: { joinMs?: number } = {},
): Promise<void> {
  const { rank, size, host, port, attempt, storeElsewhere } = launched;
  const c10d = engine();
  const onCuda = device !== "cpu";
  const address = await ownAddress(host, port);
  const serves = rank === 0 && !storeElsewhere;
  const join = (backend: string): void =>
    c10d.joinGroup(backend, rank, size, host, port, serves, address, `clip-gen/${attempt}`, joinMs, WAIT_MS);
  try {
    join(onCuda && c10d.groupBackends().includes("nccl") ? "nccl" : onCuda ? "gloo-cuda" : "gloo");
  } catch (error) {
    throw new Error(
      `process ${rank} of ${size} could not join the others at ${host}:${port}: ${reasonOf(error)}. ` +
        "Do all run, with the same MASTER_ADDR and MASTER_PORT, and can they reach one another?",
      { cause: error },
    );
  }
  const heartbeat = await Heartbeat.start({ rank, size, address, store: { set: c10d.groupSet, get: c10d.groupGet } });
  joined = { rank, size, heartbeat };
}

/** Says goodbye: from now on nobody misses this process. */
export async function leaveGroup(): Promise<void> {
  if (!joined) return;
  await joined.heartbeat.stop();
  joined = undefined;
  engine().leaveGroup();
}

/** Which rows of a batch are this process's own. All processes have as many. */
export function ownRows(batchSize: number, { rank, size } = group()): { start: number; length: number } {
  if (batchSize % size !== 0) {
    throw new RangeError(
      `a batch of ${batchSize} cannot be shared among ${size} processes; take a multiple of ${size}`,
    );
  }
  return { start: (rank * batchSize) / size, length: batchSize / size };
}

/** The rows of all processes, one after the other; gradients go back to the rows' owners. (B / n, …) → (B, …) */
export function gatherRows(own: Tensor): Tensor {
  return joined ? collective((c10d) => new Tensor(c10d.gatherRows(own.handle))) : own;
}

/** The mean over all processes, of any shape; gradients go back to all. */
export function meanOverProcesses(own: Tensor): Tensor {
  if (!joined) return own;
  return collective((c10d) => new Tensor(c10d.sumOverProcesses(own.handle))).div(joined.size);
}

/** The sum over all processes, in place and without a gradient. */
export function sumInPlace(tensor: Tensor): void {
  if (joined) collective((c10d) => c10d.allReduce(tensor.handle, "sum"));
}

/** What process 0 has, in place in all others; on its way over the device that the group is for. */
export function broadcastInPlace(tensor: Tensor, device: Device): void {
  if (!joined) return;
  const there = tensor.to(device);
  collective((c10d) => c10d.broadcast(there.handle));
  if (there !== tensor) noGrad(() => tensor.copy_(there));
}

/** Means of numbers over all processes, by name; each gives the same names. */
export function meansOverProcesses(own: Readonly<Record<string, number>>, device: Device): Record<string, number> {
  if (!joined) return { ...own };
  const { size } = joined;
  const names = Object.keys(own);
  const sums = tidy(() => {
    const numbers = Tensor.from(Object.values(own), [names.length], "float64").to(device);
    sumInPlace(numbers);
    return numbers.toNumbers();
  });
  return Object.fromEntries(names.map((name, i) => [name, (sums[i] ?? Number.NaN) / size]));
}

/** Whether any process says so. */
export function anyProcess(own: boolean, device: Device): boolean {
  if (!joined) return own;
  return (meansOverProcesses({ own: own ? 1 : 0 }, device)["own"] ?? 0) > 0;
}

/**
 * Gradients of a batch that several processes share: the mean of theirs, in buckets that go on their way while the backward
 * pass still computes the others (Li et al. 2020, PyTorch Distributed, arXiv 2006.15704).
 */
export class GradientAverage {
  readonly #number: number | undefined;

  constructor(parameters: readonly Parameter[]) {
    const handles = parameters.map(({ handle }) => handle);
    this.#number = joined && engine().averageGradients(handles, BUCKET_BYTES);
  }

  /** Runs the last backward pass of a step, in which every gradient comes once; buckets go on their way as they fill. */
  during<T>(backward: () => T): T {
    if (this.#number !== undefined) engine().watchGradients(this.#number);
    return backward();
  }

  /** Waits for the averages, which are the gradients from now on. What has not gone on its way goes now. */
  finish(): void {
    const number = this.#number;
    if (number !== undefined) collective((c10d) => c10d.finishGradients(number));
  }

  dispose(): void {
    if (this.#number !== undefined) engine().forgetGradients(this.#number);
  }
}

/** A collective fails when another process is gone. Which one is, the heartbeat finds out. */
function collective<T>(run: (c10d: NativeGroup) => T): T {
  try {
    return run(engine());
  } catch (error) {
    joined?.heartbeat.awaitVerdict();
    throw new Error(`the other processes cannot be reached any more: ${reasonOf(error)}`, { cause: error });
  }
}

function engine(): NativeGroup {
  if (hasGroups(native)) return native;
  throw new Error("this libtorch was built without c10d, which several processes need to train together");
}

function hasGroups(addOn: Native): addOn is Native & NativeGroup {
  return addOn.joinGroup !== undefined;
}

function reasonOf(error: unknown): string {
  // libtorch adds where in its own code it was.
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
