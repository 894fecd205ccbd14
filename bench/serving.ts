// A server under many clients that misbehave: what it answers, how long `/healthz` takes, and whether its memory goes back.
//
//   npm run bench:serve [-- --clients 200] [-- --seconds 60] [-- --rounds 2] [-- -m MODEL]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { constants, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { z } from "zod";
import { unrulyClients, type ClientReport } from "./clients.ts";

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "200" },
    seconds: { type: "string", default: "60" },
    rounds: { type: "string", default: "1" },
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

async function showHeld(): Promise<void> {
  const bytes = await figure("process_resident_memory_bytes");
  console.log(`it holds ${Math.round(bytes / 2 ** 20)} MiB, ${await figure("clip_gen_tensors")} tensors`);
}

/** The clients' time, and how long each `/healthz` took in it: ms, asked by a process of its own. */
async function round(): Promise<ClientReport & { health: number[] }> {
  const probe = spawn(process.execPath, [fileURLToPath(new URL("./health-probe.js", import.meta.url)), url], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let probed = "";
  probe.stdout.on("data", (data: Buffer) => (probed += data.toString()));
  const report = await unrulyClients({ url, clients: Number(values.clients), seconds: Number(values.seconds) });
  probe.stdin.end();
  await once(probe, "exit");
  return { ...report, health: z.array(z.number()).parse(JSON.parse(probed)) };
}

async function settled(): Promise<void> {
  while ((await figure("clip_gen_jobs_waiting")) + (await figure("clip_gen_jobs_running")) > 0) await setTimeout(200);
  await setTimeout(2000);
}

// One drawing starts the thread and plans the kernels: what it takes is no growth.
await unrulyClients({ url, clients: 20, seconds: 5 });
await settled();
await showHeld();
// Clients have machines of their own, as a rule: here the server goes before them.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
let given = 0;
for (let i = 0; i < Number(values.rounds); i++) {
  const { seen, pictures, health } = await round();
  given += pictures.length;
  health.sort((a, b) => a - b);
  const at = (share: number): string => (health[Math.floor(share * (health.length - 1))] ?? 0).toFixed(1);
  console.log(`${values.clients} clients, ${values.seconds} s`);
  for (const [what, count] of Object.entries(seen).toSorted()) console.log(`  ${what.padEnd(24)} ${count}`);
  console.log(
    `/healthz in ms: median ${at(0.5)}, 99th percentile ${at(0.99)}, longest ${at(1)} (${health.length} times)`,
  );
  await settled();
  await showHeld();
}
console.log(`pictures in the gallery: ${readdirSync(gallery).length}; given to clients: ${given}`);
child.kill("SIGTERM");
await once(child, "exit");
rmSync(gallery, { recursive: true });
