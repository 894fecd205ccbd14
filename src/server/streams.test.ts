import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { tinyStudio, type TinyStudio } from "../../test/studio.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { readEvents } from "../../test/sse.ts";
import { job as jobSchema } from "./schemas.ts";

let tiny: TinyStudio;
beforeAll(async () => {
  setThreadCount(1);
  tiny = await tinyStudio({ mostWaiting: 3 });
});
afterAll(async () => await tiny.close());

async function post(path: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  const headers = { "Content-Type": "application/json" };
  return await tiny.app.request(path, { method: "POST", headers, body: JSON.stringify(body), ...init });
}
type JobView = z.infer<typeof jobSchema>;
async function jobOf(response: Response): Promise<JobView> {
  expect(response.status).toBe(200);
  return jobSchema.parse(await response.json());
}
async function untilOver(id: string): Promise<JobView> {
  for (;;) {
    const found = await jobOf(await tiny.app.request(`/v1/jobs/${id}`));
    if (!["queued", "running"].includes(found.state)) return found;
    await setTimeout(2);
  }
}
function batchesOf(metrics: string): number {
  return Number(/clip_gen_batch_jobs_count (\d+)/.exec(metrics)?.[1]);
}
const partial = z.object({
  type: z.string(),
  b64_json: z.string(),
  partial_image_index: z.number(),
  image_index: z.number(),
});
const completed = z.object({ type: z.string(), b64_json: z.string(), seed: z.number(), image_index: z.number() });

describe("a drawing that streams", () => {
  test("shows rows as they are drawn, then the pictures, in OpenAI's events", async () => {
    const body = { prompt: "a red circle", n: 2, seed: 3, stream: true, partial_images: 3 };
    const response = await post("/v1/images/generations", body);
    expect(response.headers.get("Content-Type")).toMatch(/^text\/event-stream/);
    const events = await readEvents(response);
    const partials = events
      .filter(({ event }) => event === "image_generation.partial_image")
      .map(({ data }) => partial.parse(data));
    // A newer one takes the place of one that has not been sent yet: there may be fewer than asked for.
    for (const image of [0, 1]) {
      const shown = partials.filter(({ image_index }) => image_index === image);
      expect(shown.length).toBeLessThanOrEqual(3);
      expect(shown.map(({ partial_image_index }) => partial_image_index)).toEqual([...shown.keys()]);
    }
    expect(partials.length).toBeGreaterThan(0);
    const images = events.slice(partials.length).map(({ data }) => completed.parse(data));
    expect(images.map(({ type }) => type)).toEqual(Array.from({ length: 2 }, () => "image_generation.completed"));
    const whole = await post("/v1/images/generations", { prompt: "a red circle", n: 2, seed: 3 });
    const expected = z.object({ data: z.array(z.object({ b64_json: z.string() })) }).parse(await whole.json());
    expect(images.map(({ b64_json }) => b64_json)).toEqual(expected.data.map(({ b64_json }) => b64_json));
  });
});

describe("jobs", () => {
  test("are drawn although nobody waits, and can be looked at", async () => {
    const { id, state, ahead } = await jobOf(await post("/v1/jobs", { prompt: "a blue star", n: 2, seed: 11 }));
    expect([state, ahead]).toEqual(["queued", 0]);
    const over = await untilOver(id);
    expect(over).toMatchObject({
      state: "done",
      prompt: "a blue star",
      count: 2,
      seed: 11,
      progress: { tokens: 16, length: 16 },
    });
    expect(over.pictures).toHaveLength(2);
    for (const { url } of over.pictures) expect((await tiny.app.request(url)).status).toBe(200);
    const listed = z
      .object({ data: z.array(jobSchema) })
      .parse(await (await tiny.app.request("/v1/jobs?limit=1")).json());
    expect(listed.data.map((each) => each.id)).toEqual([id]);
    expect((await tiny.app.request("/v1/jobs/job-nobody")).status).toBe(404);
  });

  test("tell what happens to them, also to who comes late", async () => {
    const { id } = await jobOf(await post("/v1/jobs", { prompt: "a ring", stream: true, partial_images: 1 }));
    const [events, more] = await Promise.all(
      [1, 2].map(async () => await readEvents(await tiny.app.request(`/v1/jobs/${id}/events`))),
    );
    // Of progress only the newest counts, so that two who watch may see another number of it.
    for (const seen of [events, more]) {
      expect(seen?.map(({ event }) => event).filter((name) => name !== "progress")).toEqual(["job", "preview", "job"]);
    }
    const late = await readEvents(await tiny.app.request(`/v1/jobs/${id}/events`));
    expect(late.map(({ data }) => jobSchema.parse(data).state)).toEqual(["done", "done"]);
  });

  test("of one kind go into one batch; more than may wait are refused; the others are cancelled at will", async () => {
    const before = await tiny.studio.metrics.registry.getSingleMetricAsString("clip_gen_batch_jobs");
    const waiting = await Promise.all(
      [1, 2, 3].map(async (seed) => await jobOf(await post("/v1/jobs", { prompt: "a ring", seed }))),
    );
    const [first, second, third] = waiting;
    const refused = await post("/v1/jobs", { prompt: "a ring" });
    expect(refused.status).toBe(429);
    expect(refused.headers.get("Retry-After")).toBe("5");
    const cancelled = await jobOf(await post(`/v1/jobs/${second?.id}/cancel`, {}));
    expect(cancelled.state).toBe("cancelled");
    expect((await untilOver(first?.id ?? "")).state).toBe("done");
    expect((await untilOver(third?.id ?? "")).state).toBe("done");
    expect((await jobOf(await post(`/v1/jobs/${third?.id}/cancel`, {}))).state).toBe("done");
    const after = await tiny.studio.metrics.registry.getSingleMetricAsString("clip_gen_batch_jobs");
    expect(batchesOf(after) - batchesOf(before)).toBeLessThanOrEqual(2);
  });

  test("end when whoever waits for them goes away", async () => {
    const controller = new AbortController();
    const body = { prompt: "a square", n: 16, candidates: 64, guidance_scale: 2 };
    const gone = post("/v1/images/generations", body, { signal: controller.signal });
    while (tiny.studio.queue.running === 0) await setTimeout(1);
    controller.abort();
    await gone.catch(() => undefined);
    const newest = tiny.studio.queue.jobs.at(-1);
    while (tiny.studio.queue.running > 0) await setTimeout(1);
    expect(newest?.state).toBe("cancelled");
  });
});
