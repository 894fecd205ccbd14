import { writeSync } from "node:fs";
import { createServer, connect, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { native } from "../tensor/native.ts";

export type HeartbeatData = {
  rank: number;
  size: number;
  /** Where this machine is reached. */
  address: string;
  /** `address:port` of process 0; undefined in it. */
  first: string | undefined;
  host: string;
};

export type ToHeartbeat = "goodbye";

/** A line of one process to another: who it is, that it lives, that it leaves, or that a third one is gone. */
type Line =
  | { is: "here"; rank: number; host: string }
  | { is: "alive" }
  | { is: "leaving" }
  | { is: "gone"; who: string };

const BEAT_MS = 2000;
/** Silence for so long is death: long enough for a busy machine, short enough for a run that is paid by the hour. */
const SILENT_MS = 30_000;
const STDERR = 2;

/** A connection to one other process. */
class Peer {
  readonly #socket: Socket;
  readonly #told: (peer: Peer, line: Line) => void;
  readonly #lost: (peer: Peer, why: string) => void;
  name: string;
  #rest = "";
  #leaving = false;
  #heard = performance.now();

  constructor(
    socket: Socket,
    name: string,
    { told, lost }: { told: (peer: Peer, line: Line) => void; lost: (peer: Peer, why: string) => void },
  ) {
    [this.#socket, this.name, this.#told, this.#lost] = [socket, name, told, lost];
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#hear(String(chunk)));
    socket.on("error", () => this.#end("broke its connection off"));
    socket.on("close", () => this.#end("ended"));
  }

  say(line: Line): void {
    if (this.#socket.writable) this.#socket.write(`${JSON.stringify(line)}\n`);
  }

  /** Waits until what was said is on its way. */
  async close(): Promise<void> {
    this.#leaving = true;
    await new Promise<void>((resolve) => void this.#socket.end(resolve));
  }

  /** Looks at the clock. A socket's own timeout would count what is said to it, too. */
  check(): void {
    if (performance.now() - this.#heard > SILENT_MS) this.#end(`has been silent for ${SILENT_MS / 1000} s`);
  }

  #hear(text: string): void {
    this.#heard = performance.now();
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const each of lines) {
      const line: Line = JSON.parse(each);
      if (line.is === "leaving") this.#leaving = true;
      this.#told(this, line);
    }
  }

  #end(why: string): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#lost(this, why);
  }
}

if (!parentPort) throw new Error("this is a thread of heartbeat.ts");
const port = parentPort;
const answer = (message: string): void => port.postMessage(message);
const data: HeartbeatData = workerData;
const peers = new Set<Peer>();

function keep(peer: Peer): Peer {
  peers.add(peer);
  return peer;
}

/** In process 0: somebody is gone. The others are told, and all end. */
function lostOne(peer: Peer, why: string): void {
  peers.delete(peer);
  endAll(`${peer.name} ${why}`);
}

function endAll(who: string): void {
  for (const peer of peers) peer.say({ is: "gone", who });
  end(`${who}, so the run ends; --resume goes on from its newest checkpoint`);
}

function end(message: string): void {
  // Before the others' lines are lost with this process.
  setTimeout(() => {
    writeSync(STDERR, `clip-gen: ${message}\n`);
    native.endProcess(1);
  }, 200);
}

function listen(): void {
  const server = createServer((socket) => {
    keep(
      new Peer(socket, "a process", {
        told: (peer, line) => {
          if (line.is === "here") peer.name = `process ${line.rank} on ${line.host}`;
          if (line.is === "leaving") peers.delete(peer);
        },
        lost: lostOne,
      }),
    );
  });
  server.listen(0, data.address, () => {
    const address = server.address();
    if (address && typeof address === "object") answer(`${data.address}:${address.port}`);
  });
  server.unref();
}

function follow(first: string): void {
  const at = first.lastIndexOf(":");
  const socket = connect(Number(first.slice(at + 1)), first.slice(0, at), () => {
    peer.say({ is: "here", rank: data.rank, host: data.host });
    answer("ready");
  });
  const peer = keep(
    new Peer(socket, `process 0 at ${first.slice(0, at)}`, {
      told: (_, line) => {
        // Process 0 says it aloud.
        if (line.is === "gone") setTimeout(() => native.endProcess(1), 200);
      },
      lost: (lost, why) =>
        end(`${lost.name} ${why}, so process ${data.rank} ends; --resume goes on from the newest checkpoint`),
    }),
  );
}

setInterval(() => {
  for (const peer of peers) {
    peer.say({ is: "alive" });
    peer.check();
  }
}, BEAT_MS).unref();

port.on("message", (message: ToHeartbeat) => {
  if (message !== "goodbye") return;
  for (const peer of peers) peer.say({ is: "leaving" });
  void Promise.all(Array.from(peers, (peer) => peer.close())).then(() => process.exit(0));
});

if (data.first === undefined) listen();
else follow(data.first);
