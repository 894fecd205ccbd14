import type {
  GalleryItem,
  GenerationRequest,
  JobView,
  RunDetailsView as RunDetails,
  RunMetricsView as RunMetrics,
  RunView,
} from "../../src/server/schemas.ts";

export type { GalleryItem, GenerationRequest, JobView, RunDetails, RunMetrics, RunView };

/** An error that the server told of, in its words. */
export class Refused extends Error {
  readonly status: number;
  readonly param: string | null;

  constructor(status: number, message: string, param: string | null) {
    super(message);
    this.status = status;
    this.param = param;
  }
}

/** That nothing answers. */
export class ServerGone extends Error {}

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ServerGone("the server does not answer");
  }
  if (response.ok) return response;
  throw await refusal(response);
}

async function refusal(response: Response): Promise<Refused> {
  try {
    const { error } = await response.json();
    return new Refused(response.status, String(error.message), error.param ?? null);
  } catch {
    return new Refused(response.status, `the server answered ${response.status}`, null);
  }
}

const json = (body: unknown): RequestInit => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

export type Health = { status: "loading" | "ready" | "failed"; waiting: number; running: number };
export async function health(): Promise<Health> {
  const response = await fetch("/healthz").catch(() => undefined);
  if (!response || (!response.ok && response.status !== 503)) throw new ServerGone("the server does not answer");
  return await response.json();
}

export type ModelInfo = { id: string; picture_size: number; token_rows: number };
export async function model(): Promise<ModelInfo | undefined> {
  const { data } = await (await call("/v1/models")).json();
  return data[0];
}

export async function startJob(request: GenerationRequest): Promise<JobView> {
  return await (await call("/v1/jobs", json(request))).json();
}

/** A job that draws like a picture. */
export async function startVariation(picture: Blob, name: string, request: GenerationRequest): Promise<JobView> {
  const form = new FormData();
  form.set("image", picture, name);
  for (const [key, value] of Object.entries(request)) {
    const taken = key !== "prompt" && value != null && typeof value !== "object";
    if (taken) form.set(key, String(value));
  }
  return await (await call("/v1/jobs/variations", { method: "POST", body: form })).json();
}

export async function cancelJob(id: string): Promise<JobView> {
  return await (await call(`/v1/jobs/${id}/cancel`, json({}))).json();
}

/** Jobs that are not over, the oldest first. */
export async function openJobs(): Promise<JobView[]> {
  const { data } = await (await call("/v1/jobs?limit=200")).json();
  const jobs: JobView[] = data;
  return jobs.filter(({ state }) => state === "queued" || state === "running").toReversed();
}

export type GalleryPage = { data: GalleryItem[]; has_more: boolean };
export async function gallery(options: { query: string; before?: string | undefined }): Promise<GalleryPage> {
  const query = new URLSearchParams({ limit: "48" });
  if (options.query !== "") query.set("q", options.query);
  if (options.before !== undefined) query.set("before", options.before);
  return await (await call(`/v1/gallery?${query}`)).json();
}

export type Inspected = { origin: GalleryItem["origin"] | null; command: string | null };
export async function inspect(picture: Blob): Promise<Inspected> {
  const form = new FormData();
  form.set("image", picture);
  return await (await call("/v1/pictures/inspect", { method: "POST", body: form })).json();
}

export async function logIn(token: string): Promise<void> {
  await call("/v1/session", json({ token }));
}

export async function listRuns(): Promise<RunView[]> {
  const { data } = await (await call("/v1/runs")).json();
  return data;
}

export async function runDetails(id: string): Promise<RunDetails> {
  return await (await call(`/v1/runs/${id}`)).json();
}

export async function runMetrics(id: string): Promise<RunMetrics> {
  return await (await call(`/v1/runs/${id}/metrics?points=800`)).json();
}

export type JobEvent =
  | { event: "job"; data: JobView }
  | { event: "progress"; data: { tokens: number; length: number; ahead: number } }
  | { event: "preview"; data: { candidate: number; b64_json: string } };

/** What happens to a job until it is over. */
export async function* jobEvents(id: string, signal: AbortSignal): AsyncGenerator<JobEvent> {
  const { body } = await call(`/v1/jobs/${id}/events`, { signal });
  if (!body) return;
  let rest = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (event === "job" || event === "progress" || event === "preview")
        yield { event, data: JSON.parse(data ?? "{}") };
    }
  }
}
