import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Runner } from "./measure.ts";

// This file runs as dist-bench/bench/python.js.
const SERVER = fileURLToPath(new URL("../../bench/peer/main.py", import.meta.url));
const LONGEST_ANSWER = 300_000; // ms

type Answer = { times: number[] } | { error: string };

/** A Python with PyTorch that measures what it is told, in a process of its own. */
export class PythonPeer {
  readonly name: string;
  readonly version: string;
  readonly #options: { python: string; version: string; threads: number };
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #complaints = "";

  constructor(options: { python: string; version: string; threads: number }) {
    const { python, version, threads } = options;
    this.name = `PyTorch ${version}`;
    this.version = version;
    this.#options = options;
    this.#child = spawn(python, ["-B", SERVER, String(threads)]);
    // A write to a process that has died shows up as a missing answer.
    this.#child.stdin.on("error", () => {});
    this.#child.on("error", () => {});
    this.#child.stderr.on("data", (data: Buffer) => {
      this.#complaints = (this.#complaints + data.toString()).slice(-500);
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** What `bench/peer/` calls `workload`, with these settings. */
  runner(workload: string, settings: unknown): Runner {
    return { name: this.name, run: (count) => this.#ask({ workload, settings, count }) };
  }

  /** The same in a process of its own, whose memory goes with it. */
  fresh(): PythonPeer {
    return new PythonPeer(this.#options);
  }

  close(): void {
    this.#child.stdin.end();
  }

  async #ask(request: { workload: string; settings: unknown; count: number }): Promise<number[]> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const timer = setTimeout(() => this.#child.kill(), LONGEST_ANSWER);
    const line = await this.#lines.next();
    clearTimeout(timer);
    if (line.done) throw new Error(`the process ended: ${this.#complaints.trim()}`);
    const answer: Answer = JSON.parse(line.value);
    if ("error" in answer) throw new Error(answer.error);
    return answer.times;
  }
}

/** The peer that users would take. */
export function newest(peers: readonly PythonPeer[]): PythonPeer | undefined {
  const order = (peer: PythonPeer): number =>
    Number(/^\d+\.\d+/.exec(peer.version)?.[0].replace(/\.(\d)$/, ".0$1") ?? 0);
  return peers.toSorted((a, b) => order(b) - order(a))[0];
}

/**
 * Starts every Python of `CLIP_GEN_PEER_PYTHON` (separated by commas) that has PyTorch, each PyTorch once.
 * @returns the peers, and a notice for every interpreter that is not among them
 */
export function startPeers(threads: number): { peers: PythonPeer[]; notices: string[] } {
  const interpreters = (process.env["CLIP_GEN_PEER_PYTHON"] ?? "python3,/usr/bin/python3").split(",");
  const peers: PythonPeer[] = [];
  const notices: string[] = [];
  const known = new Set<string>();
  for (const python of interpreters.map((name) => name.trim()).filter(Boolean)) {
    const probe = spawnSync(python, ["-c", "import torch; print(torch.__version__); print(torch.__file__)"], {
      encoding: "utf8",
    });
    const [version, file] = probe.status === 0 ? probe.stdout.trim().split("\n") : [];
    if (version === undefined || file === undefined) notices.push(`${python} has no PyTorch and is left out`);
    else if (!known.has(file)) peers.push(new PythonPeer({ python, version, threads }));
    if (file !== undefined) known.add(file);
  }
  if (peers.length === 0) notices.push("no PyTorch to compare with; set CLIP_GEN_PEER_PYTHON to a Python that has it");
  return { peers, notices };
}
