import type { Job, JobEvent } from "./job-queue.ts";

/**
 * What happens to a job, from where it is now until it is over. Whoever reads slowly misses progress, and nothing else.
 * @param signal ends it, without an error
 */
export async function* eventsOf<Result>(job: Job<Result>, signal: AbortSignal): AsyncGenerator<JobEvent<Result>> {
  if (job.isOver) {
    yield lastEvent(job);
    return;
  }
  let pending: JobEvent<Result>[] = [];
  let wake: (() => void) | undefined;
  const stop = job.listen((event) => {
    // Of progress only the newest counts.
    if (event.type === "progress" && pending.at(-1)?.type === "progress") pending.pop();
    pending.push(event);
    wake?.();
  });
  const aborted = (): void => wake?.();
  signal.addEventListener("abort", aborted, { once: true });
  try {
    while (!signal.aborted) {
      for (const event of pending.splice(0)) {
        yield event;
        if (event.type === "done" || event.type === "failed" || event.type === "cancelled") return;
      }
      if (pending.length > 0 || signal.aborted) continue;
      await new Promise<void>((resume) => {
        wake = resume;
      });
    }
  } finally {
    pending = [];
    stop();
    signal.removeEventListener("abort", aborted);
  }
}

/** Waits until a job is over: how it ended. Nothing where the signal came first. */
export async function endOf<Result>(job: Job<Result>, signal: AbortSignal): Promise<JobEvent<Result> | undefined> {
  for await (const event of eventsOf(job, signal)) {
    if (event.type === "done" || event.type === "failed" || event.type === "cancelled") return event;
  }
  return undefined;
}

function lastEvent<Result>(job: Job<Result>): JobEvent<Result> {
  if (job.state === "done") return { type: "done", results: job.results };
  if (job.state === "failed") return { type: "failed", error: job.error ?? new Error("unknown") };
  return { type: "cancelled" };
}
