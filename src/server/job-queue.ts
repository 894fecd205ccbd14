import { randomBytes } from "node:crypto";
import type { DrawHooks, Preview } from "../generate/draw-rows.ts";
import { fitTogether, type DrawRequest } from "../generate/draw.ts";
import type { GeneratedPicture } from "../generate/picture.ts";

export type JobState = "queued" | "running" | "done" | "failed" | "cancelled";

/** What happens to a job, in order; after the last state nothing more does. */
export type JobEvent<Result> =
  | { type: "queued"; ahead: number }
  | { type: "progress"; tokens: number; length: number }
  | { type: "preview"; candidate: number; preview: Preview }
  | { type: "done"; results: Result[] }
  | { type: "failed"; error: Error }
  | { type: "cancelled" };

/** What is still known of a request once it is over: all but the pictures that came with it. */
export type JobAbout = Pick<DrawRequest, "prompt" | "settings"> & {
  /** Token ids of its sentences, and how many pictures it has. */
  textTokens: number;
  pictures: number;
  /** Bytes of these. */
  bytes: number;
};

/** A request on its way to pictures. */
export class Job<Result> {
  readonly id: string;
  readonly about: JobAbout;
  /** Whoever asked, where they said so. */
  readonly user: string | undefined;
  /** Milliseconds since 1970. */
  readonly created = Date.now();
  state: JobState = "queued";
  started: number | undefined;
  ended: number | undefined;
  progress: { tokens: number; length: number } | undefined;
  results: Result[] = [];
  error: Error | undefined;
  #request: DrawRequest | undefined;
  readonly #listeners = new Set<(event: JobEvent<Result>) => void>();

  constructor(request: DrawRequest, user?: string) {
    this.id = `job-${randomBytes(9).toString("base64url")}`;
    this.#request = request;
    this.about = aboutOf(request);
    this.user = user;
  }

  /** @throws Error once it is over */
  get request(): DrawRequest {
    if (!this.#request) throw new Error("the job is over");
    return this.#request;
  }

  get isOver(): boolean {
    return this.state !== "queued" && this.state !== "running";
  }

  /** Candidates, each a row of the batch. */
  get rows(): number {
    const { count = 1, candidates = count, beams } = this.about.settings;
    return beams ?? candidates;
  }

  /** Calls back for what happens from now on; gives what stops that. */
  listen(listener: (event: JobEvent<Result>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(event: JobEvent<Result>): void {
    for (const listener of this.#listeners) listener(event);
  }

  end(state: "done" | "failed" | "cancelled", outcome: { results?: Result[]; error?: Error } = {}): void {
    if (this.isOver) return;
    this.state = state;
    this.ended = Date.now();
    this.#request = undefined;
    this.results = outcome.results ?? [];
    this.error = outcome.error;
    if (state === "done") this.tell({ type: "done", results: this.results });
    else if (state === "failed") this.tell({ type: "failed", error: outcome.error ?? new Error("unknown") });
    else this.tell({ type: "cancelled" });
    this.#listeners.clear();
  }
}

export type JobQueueOptions<Result> = {
  /** Draws a batch. */
  draw: (requests: readonly DrawRequest[], hooks: DrawHooks) => Promise<GeneratedPicture[][]>;
  /** What becomes of a job's pictures. */
  finish: (pictures: readonly GeneratedPicture[], job: Job<Result>) => Promise<Result[]>;
  /** Jobs that may wait, and bytes of pictures that may wait with them; more are refused. */
  mostWaiting: number;
  mostBytes: number;
  /** Candidates that are drawn at once. */
  mostRows: number;
  /** Jobs that are over and still known. */
  mostKept: number;
};

/** That there are as many jobs waiting as may. */
export class QueueFull extends Error {}

/**
 * Jobs in the order in which they came, one batch at a time. Those that wait and are sampled alike go into the batch of the
 * one whose turn it is.
 */
export class JobQueue<Result> {
  readonly #options: JobQueueOptions<Result>;
  readonly #known = new Map<string, Job<Result>>();
  #waiting: Job<Result>[] = [];
  #batch: Job<Result>[] = [];
  #abort: AbortController | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: JobQueueOptions<Result>) {
    this.#options = options;
  }

  /** @throws QueueFull */
  add(job: Job<Result>): void {
    if (this.#closed) throw new QueueFull("the server is stopping");
    if (this.#waiting.length >= this.#options.mostWaiting) {
      throw new QueueFull(`${this.#waiting.length} requests wait already; try again later`);
    }
    const bytes = this.#waiting.reduce((sum, { about }) => sum + about.bytes, job.about.bytes);
    if (bytes > this.#options.mostBytes) throw new QueueFull("too many pictures wait already; try again later");
    this.#known.set(job.id, job);
    this.#waiting.push(job);
    this.#running ??= this.#run();
  }

  get(id: string): Job<Result> | undefined {
    return this.#known.get(id);
  }

  /** The newest last. */
  get jobs(): Job<Result>[] {
    return [...this.#known.values()];
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get running(): number {
    return this.#batch.length;
  }

  /** How many jobs come before this one. */
  ahead(job: Job<Result>): number {
    const place = this.#waiting.indexOf(job);
    return place < 0 ? 0 : place + this.#batch.length;
  }

  /** Ends a job that is not over; a batch that nobody waits for any more ends within a token. */
  cancel(job: Job<Result>): void {
    this.#waiting = this.#waiting.filter((other) => other !== job);
    job.end("cancelled");
    if (this.#batch.length > 0 && this.#batch.every(({ isOver }) => isOver)) this.#abort?.abort();
    this.#forget();
  }

  /** Cancels all jobs, and resolves when nothing is drawn any more. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const job of [...this.#waiting, ...this.#batch]) this.cancel(job);
    await this.#running;
  }

  async #run(): Promise<void> {
    // Requests that come in the same turn of the event loop can go together.
    await new Promise((resume) => setImmediate(resume));
    while (this.#waiting.length > 0) {
      this.#batch = this.#next();
      await this.#drawBatch(this.#batch);
      this.#batch = [];
      this.#forget();
    }
    this.#running = undefined;
  }

  /** The job whose turn it is, and those behind it that fit into its batch. */
  #next(): Job<Result>[] {
    const [first, ...others] = this.#waiting;
    if (!first) return [];
    const batch = [first];
    let { rows } = first;
    for (const job of others) {
      if (rows + job.rows > this.#options.mostRows || !fitTogether(first.request, job.request)) continue;
      batch.push(job);
      rows += job.rows;
    }
    this.#waiting = this.#waiting.filter((job) => !batch.includes(job));
    return batch;
  }

  async #drawBatch(batch: readonly Job<Result>[]): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    for (const job of batch) {
      job.state = "running";
      job.started = Date.now();
    }
    const owners = batch.flatMap((job) => Array.from({ length: job.rows }, (_, candidate) => ({ job, candidate })));
    const requests = batch.map(({ request }) => request);
    try {
      const drawn = await this.#options.draw(requests, {
        signal: abort.signal,
        onProgress: ({ tokens, length }) => {
          for (const job of batch) {
            job.progress = { tokens, length };
            job.tell({ type: "progress", tokens, length });
          }
        },
        onPreview: (preview) => {
          const { job, candidate } = owners[preview.row] ?? {};
          job?.tell({ type: "preview", candidate: candidate ?? 0, preview });
        },
      });
      await Promise.all(batch.map((job, i) => this.#finish(job, drawn[i] ?? [])));
    } catch (error) {
      for (const job of batch) job.end("failed", { error: asError(error) });
    }
  }

  async #finish(job: Job<Result>, pictures: readonly GeneratedPicture[]): Promise<void> {
    if (job.isOver) return;
    try {
      job.end("done", { results: await this.#options.finish(pictures, job) });
    } catch (error) {
      job.end("failed", { error: asError(error) });
    }
  }

  /** The oldest jobs that are over, beyond those that are kept. */
  #forget(): void {
    const over = this.jobs.filter(({ isOver }) => isOver);
    for (const job of over.slice(0, Math.max(0, over.length - this.#options.mostKept))) this.#known.delete(job.id);
  }
}

function aboutOf({ prompt, settings, subjects }: DrawRequest): JobAbout {
  let [textTokens, pictures, bytes] = [0, 0, 0];
  for (const subject of subjects) {
    if ("ids" in subject) textTokens += subject.ids.length;
    else {
      pictures += 1;
      bytes += typeof subject.picture === "string" ? 0 : subject.picture.byteLength;
    }
  }
  return { prompt, settings, textTokens, pictures, bytes };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
