import { setTimeout } from "node:timers/promises";
import { z } from "zod";

export type ClientOptions = { url: string; clients: number; seconds: number };
export type ClientReport = {
  /** What every kind of client saw, by status, or by what happened. */
  seen: Record<string, number>;
  /** Jobs that were taken. */
  jobs: string[];
  /** Pictures that were given, by their id. */
  pictures: string[];
  /** Milliseconds that `/healthz` took, sorted. */
  health: number[];
};

/**
 * Clients that ask, wait, watch, go away in the middle, cancel, and send what is no request, for some seconds. Every client does
 * one thing after the other.
 */
export async function unrulyClients({ url, clients, seconds }: ClientOptions): Promise<ClientReport> {
  const report: ClientReport = { seen: {}, jobs: [], pictures: [], health: [] };
  const end = Date.now() + seconds * 1000;
  const count = (what: string): void => {
    report.seen[what] = (report.seen[what] ?? 0) + 1;
  };
  const probe = async (): Promise<void> => {
    while (Date.now() < end) {
      const started = performance.now();
      const { status } = await fetch(`${url}/healthz`);
      report.health.push(performance.now() - started);
      count(`health ${status}`);
      await setTimeout(20);
    }
  };
  const client = async (number: number): Promise<void> => {
    for (let turn = 0; Date.now() < end; turn += 1) {
      const act = acts[(number + turn) % acts.length];
      if (!act) return;
      try {
        count(await act({ url, report, prompt: `client ${number}, turn ${turn}` }));
      } catch (error) {
        count(error instanceof Error && error.name === "AbortError" ? "went away" : `error: ${String(error)}`);
      }
    }
  };
  await Promise.all([probe(), ...Array.from({ length: clients }, (_, number) => client(number))]);
  report.health.sort((a, b) => a - b);
  return report;
}

type Act = (context: { url: string; report: ClientReport; prompt: string }) => Promise<string>;

const images = z.object({ data: z.array(z.object({ id: z.string() })).default([]) });
const job = z.object({ id: z.string().optional() });

function post(url: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const headers = { "Content-Type": "application/json" };
  return fetch(url, { method: "POST", headers, body: JSON.stringify(body), ...(signal && { signal }) });
}

const acts: readonly Act[] = [
  async function draw({ url, report, prompt }) {
    const response = await post(`${url}/v1/images/generations`, { prompt, n: 2 });
    const { data } = images.parse(await response.json());
    for (const { id } of data) report.pictures.push(id);
    return `draw ${response.status}`;
  },
  async function goAway({ url, prompt }) {
    const controller = new AbortController();
    const going = setTimeout(Math.random() * 200).then(() => controller.abort());
    const response = await post(
      `${url}/v1/images/generations`,
      { prompt, n: 8, stream: true, partial_images: 3 },
      controller.signal,
    );
    await response.text();
    await going;
    return `stream ${response.status}`;
  },
  async function wait({ url, report, prompt }) {
    const response = await post(`${url}/v1/jobs`, { prompt, n: 1, guidance_scale: 2 });
    const { id } = job.parse(await response.json());
    if (id !== undefined) report.jobs.push(id);
    return `job ${response.status}`;
  },
  async function cancel({ url, report, prompt }) {
    const response = await post(`${url}/v1/jobs`, { prompt, n: 4 });
    const { id } = job.parse(await response.json());
    if (id === undefined) return `job ${response.status}`;
    report.jobs.push(id);
    await setTimeout(Math.random() * 50);
    return `cancel ${(await post(`${url}/v1/jobs/${id}/cancel`, {})).status}`;
  },
  async function nonsense({ url, prompt }) {
    const response = await fetch(`${url}/v1/images/generations`, { method: "POST", body: `{"prompt": ${prompt}` });
    await response.text();
    return `nonsense ${response.status}`;
  },
  async function look({ url }) {
    const response = await fetch(`${url}/v1/gallery?q=client&limit=20`);
    await response.text();
    return `look ${response.status}`;
  },
];
