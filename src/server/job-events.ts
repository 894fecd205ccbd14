import type { Job, JobEvent } from "./job-queue.ts";

/**
 * What happens to a job, from where it is now until it is over. Whoever reads slowly misses progress and previews that newer
 * ones have taken the place of, and nothing else.
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
    pending = pending.filter((other) => !isOutdated(other, event));
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

/** Of progress, and of a candidate's previews, only the newest counts. */
function isOutdated<Result>(other: JobEvent<Result>, event: JobEvent<Result>): boolean {
  if (event.type === "preview") return other.type === "preview" && other.candidate === event.candidate;
  return event.type === "progress" && other.type === "progress";
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
