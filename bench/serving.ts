// A server under many clients that misbehave: what it answers, how long `/healthz` takes, and whether its memory goes back.
//
//   npm run bench:serve [-- --clients 200] [-- --seconds 60] [-- -m MODEL]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { constants, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { z } from "zod";
import { unrulyClients } from "./clients.ts";

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "200" },
    seconds: { type: "string", default: "60" },
    model: { type: "string", short: "m" },
  },
});
const gallery = mkdtempSync(join(tmpdir(), "clip-gen-bench-gallery-"));
const program = fileURLToPath(new URL("../../bin/clip-gen.js", import.meta.url));
const model = values.model === undefined ? [] : ["-m", values.model];
const child = spawn(process.execPath, [program, "serve", "--port", "0", "--quiet", "--gallery", gallery, ...model], {
  stdio: ["ignore", "pipe", "inherit"],
});
let printed = "";
child.stdout.on("data", (data: Buffer) => (printed += data.toString()));
while (!printed.includes("is ready")) await once(child.stdout, "data");
const url = /http:\S+/.exec(printed)?.[0] ?? "";

async function figure(name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(text)?.[1]);
}
const megabytes = async (): Promise<number> => Math.round((await figure("process_resident_memory_bytes")) / 2 ** 20);

// One drawing starts the thread and plans the kernels: what it takes is no growth.
const warm = { clients: 20, seconds: 5 };
await unrulyClients({ url, ...warm });
await setTimeout(2000);
const before = { memory: await megabytes(), tensors: await figure("clip_gen_tensors") };
const probe = spawn(process.execPath, [fileURLToPath(new URL("./health-probe.js", import.meta.url)), url], {
  stdio: ["pipe", "pipe", "inherit"],
});
let probed = "";
probe.stdout.on("data", (data: Buffer) => (probed += data.toString()));
// Clients have machines of their own, as a rule: here the server goes before them.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
const report = await unrulyClients({ url, clients: Number(values.clients), seconds: Number(values.seconds) });
probe.stdin.end();
await once(probe, "exit");
const health = z
  .array(z.number())
  .parse(JSON.parse(probed))
  .toSorted((a, b) => a - b);
let waiting = 1;
while (waiting > 0) {
  await setTimeout(200);
  waiting = (await figure("clip_gen_jobs_waiting")) + (await figure("clip_gen_jobs_running"));
}
await setTimeout(2000);
const after = { memory: await megabytes(), tensors: await figure("clip_gen_tensors") };
const at = (share: number): string => (health[Math.floor(share * (health.length - 1))] ?? 0).toFixed(1);

console.log(`${values.clients} clients, ${values.seconds} s`);
for (const [what, count] of Object.entries(report.seen).toSorted()) console.log(`  ${what.padEnd(24)} ${count}`);
console.log(
  `/healthz in ms: median ${at(0.5)}, 99th percentile ${at(0.99)}, longest ${at(1)} (${health.length} times, from a process of its own)`,
);
console.log(`memory ${before.memory} → ${after.memory} MiB, tensors ${before.tensors} → ${after.tensors}`);
console.log(`pictures in the gallery: ${readdirSync(gallery).length}; given to clients: ${report.pictures.length}`);
child.kill("SIGTERM");
await once(child, "exit");
rmSync(gallery, { recursive: true });
