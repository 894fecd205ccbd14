/** The learning rate of a step, counted from 0. */
export type Schedule = (step: number) => number;

/**
 * lr(t) = min + (base − min)(1 + cos(πt / tMax)) / 2. After tMax the rate rises again, as in PyTorch's
 * `CosineAnnealingLR`. Source: Loshchilov & Hutter 2017 (SGDR), equation 5, without restarts.
 */
export function cosineAnnealing(options: { lr: number; tMax: number; minLr?: number }): Schedule {
  const { lr, tMax, minLr = 0 } = options;
  return (step) => minLr + ((lr - minLr) * (1 + Math.cos((Math.PI * step) / tMax))) / 2;
}

/** Rises linearly from 0 over `warmup` steps, then falls along half a cosine to `minLr` at `total`, and stays there. */
export function cosineWithWarmup(options: { lr: number; warmup: number; total: number; minLr?: number }): Schedule {
  const { lr, warmup, total, minLr = 0 } = options;
  const annealing = cosineAnnealing({ lr, minLr, tMax: Math.max(1, total - warmup) });
  return (step) => (step < warmup ? (lr * step) / warmup : annealing(Math.min(step, total) - warmup));
}

/** The schedule that a training's settings name. */
export function scheduleOf(config: {
  schedule: "cosine" | "constant";
  lr: number;
  minLr: number;
  warmup: number;
  steps: number;
}): Schedule {
  const { schedule, lr, minLr, warmup, steps } = config;
  if (schedule === "cosine") return cosineWithWarmup({ lr, minLr, warmup, total: steps });
  return (step) => (step < warmup ? (lr * step) / warmup : lr);
}
