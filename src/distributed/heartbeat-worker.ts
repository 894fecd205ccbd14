import { writeSync } from "node:fs";
import { createServer, connect, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { z } from "zod";
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
const lineSchema = z.discriminatedUnion("is", [
  z.object({ is: z.literal("here"), rank: z.number().int(), host: z.string().max(255) }),
  z.object({ is: z.literal("alive") }),
  z.object({ is: z.literal("leaving") }),
  z.object({ is: z.literal("gone") }),
]);
type Line = z.infer<typeof lineSchema>;

const BEAT_MS = 2000;
/** Silence for so long is death: long enough for a busy machine, short enough for a run that is paid by the hour. */
const SILENT_MS = 30_000;
const STDERR = 2;

/** No line is longer; who sends more is none of us. */
const MOST_CHARACTERS = 1000;

/** A connection to one other process, or to whoever else has found the port. */
class Peer {
  readonly #socket: Socket;
  readonly #told: (peer: Peer, line: Line) => void;
  readonly #lost: (name: string, why: string) => void;
  /** Who it is, once that is known. Only those are missed. */
  name: string | undefined;
  #rest = "";
  #leaving = false;
  #heard = performance.now();

  constructor(
    socket: Socket,
    { told, lost }: { told: (peer: Peer, line: Line) => void; lost: (name: string, why: string) => void },
  ) {
    [this.#socket, this.#told, this.#lost] = [socket, told, lost];
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
      const line = parseLine(each);
      if (!line || this.#rest.length > MOST_CHARACTERS) {
        this.#socket.destroy();
        return;
      }
      if (line.is === "leaving") this.#leaving = true;
      this.#told(this, line);
    }
  }

  #end(why: string): void {
    peers.delete(this);
    if (this.#leaving || this.name === undefined) return;
    this.#leaving = true;
    this.#lost(this.name, why);
  }
}

function parseLine(text: string): Line | undefined {
  try {
    return lineSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

if (!parentPort) throw new Error("this is a thread of heartbeat.ts");
const port = parentPort;
const answer = (message: string): void => port.postMessage(message);
const data: HeartbeatData = workerData;
const peers = new Set<Peer>();

function end(message: string): void {
  // Before the others' lines are lost with this process.
  setTimeout(() => {
    writeSync(STDERR, `clip-gen: ${message}\n`);
    native.endProcess(1);
  }, 200);
}

/** In process 0: when somebody is gone, the others are told, and all end. */
function endAll(name: string, why: string): void {
  for (const peer of peers) peer.say({ is: "gone" });
  end(`${name} ${why}, so the run ends; --resume goes on from its newest checkpoint`);
}

function nameIt(peer: Peer, line: Line): void {
  if (line.is === "here") peer.name = `process ${line.rank} on ${line.host}`;
}

function listen(): void {
  const server = createServer((socket) => void peers.add(new Peer(socket, { told: nameIt, lost: endAll })));
  server.listen(0, data.address, () => {
    const address = server.address();
    if (address && typeof address === "object") answer(`${data.address}:${address.port}`);
  });
  server.unref();
}

/** In all others: they tell process 0 that they are there, and end with it. */
function follow(first: string): void {
  const at = first.lastIndexOf(":");
  const socket = connect(Number(first.slice(at + 1)), first.slice(0, at), () => {
    peer.say({ is: "here", rank: data.rank, host: data.host });
    answer("ready");
  });
  const peer = new Peer(socket, {
    told: (_, line) => {
      // Process 0 says it aloud.
      if (line.is === "gone") setTimeout(() => native.endProcess(1), 200);
    },
    lost: (name, why) =>
      end(`${name} ${why}, so process ${data.rank} ends; --resume goes on from the newest checkpoint`),
  });
  peer.name = `process 0 at ${first.slice(0, at)}`;
  peers.add(peer);
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
