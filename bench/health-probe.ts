// A process of its own that asks for `/healthz` again and again, since 200 clients in one process keep one another waiting.
//
//   node health-probe.js URL        prints the milliseconds of each answer when its standard input ends
import { setTimeout } from "node:timers/promises";

const PAUSE_MS = 25;
const [url = ""] = process.argv.slice(2);
const times: number[] = [];
process.stdin.resume();
while (!process.stdin.readableEnded) {
  const start = performance.now();
  const answer = await fetch(`${url}/healthz`);
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`/healthz answered ${answer.status}`);
  times.push(performance.now() - start);
  await setTimeout(PAUSE_MS);
}
console.log(JSON.stringify(times));
