import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { DrawRequest } from "../generate/draw.ts";
import { memoryFigures } from "../tensor/engine.ts";

/** What Prometheus reads at /metrics. */
export class Metrics {
  readonly registry = new Registry();
  readonly #requests: Counter<"method" | "route" | "status">;
  readonly #jobs: Counter<"state">;
  readonly #pictures: Counter;
  readonly #seconds: Histogram;
  readonly #batch: Histogram;

  constructor() {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#requests = new Counter({
      name: "clip_gen_http_requests_total",
      help: "Requests that were answered",
      labelNames: ["method", "route", "status"],
      registers,
    });
    this.#jobs = new Counter({
      name: "clip_gen_jobs_total",
      help: "Jobs that are over",
      labelNames: ["state"],
      registers,
    });
    this.#pictures = new Counter({ name: "clip_gen_candidates_total", help: "Candidates that were drawn", registers });
    this.#seconds = new Histogram({
      name: "clip_gen_batch_seconds",
      help: "Time to draw a batch",
      buckets: [0.1, 0.3, 1, 3, 10, 30, 100, 300],
      registers,
    });
    this.#batch = new Histogram({
      name: "clip_gen_batch_jobs",
      help: "Jobs that were drawn in one batch",
      buckets: [1, 2, 4, 8, 16, 32, 64],
      registers,
    });
  }

  /** Numbers that are read when they are asked for. */
  watch(gauges: Readonly<Record<string, { help: string; read: () => number }>>): void {
    for (const [name, { help, read }] of Object.entries(gauges)) {
      const gauge: Gauge = new Gauge({ name, help, registers: [this.registry], collect: () => gauge.set(read()) });
    }
    const tensors: Gauge = new Gauge({
      name: "clip_gen_tensors",
      help: "Tensors that are alive",
      registers: [this.registry],
      collect: () => tensors.set(memoryFigures().tensors),
    });
  }

  answered(labels: { method: string; route: string; status: number }): void {
    this.#requests.inc(labels);
  }

  jobOver(state: "done" | "failed" | "cancelled"): void {
    this.#jobs.inc({ state });
  }

  /** Measures how long a batch takes. */
  async drawing<T>(requests: readonly DrawRequest[], draw: () => Promise<T>): Promise<T> {
    this.#batch.observe(requests.length);
    const end = this.#seconds.startTimer();
    try {
      const drawn = await draw();
      this.#pictures.inc(
        requests.reduce((sum, { settings: { count = 1, candidates = count } }) => sum + candidates, 0),
      );
      return drawn;
    } finally {
      end();
    }
  }
}
