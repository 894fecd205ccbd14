import type { Progress } from "../train/loop.ts";

/** Prints training, a line a step; on a terminal, and where steps are quick, at most a few lines a second. */
export function progressPrinter(): (progress: Progress) => void {
  let printed = 0;
  return (progress) => {
    const now = performance.now();
    const last = progress.step === progress.steps;
    if (!last && progress.step > 1 && now - printed < 500) return;
    printed = now;
    console.log(progressLine(progress));
  };
}

/** `gpt 120/4000  loss 3.4120  lr 2.9e-4  812 pictures/s  3:12 left` */
export function progressLine({ stage, step, steps, metrics, picturesPerSecond, secondsLeft }: Progress): string {
  const { loss, lr, ...others } = metrics;
  const shown = Object.entries(others).map(([name, value]) => `${name} ${number(value)}`);
  const rate = `${picturesPerSecond < 10 ? picturesPerSecond.toFixed(1) : Math.round(picturesPerSecond)} pictures/s`;
  const parts = [`loss ${number(loss ?? Number.NaN)}`, `lr ${(lr ?? 0).toExponential(1)}`, ...shown, rate];
  return `${stage} ${String(step).padStart(String(steps).length)}/${steps}  ${parts.join("  ")}  ${duration(secondsLeft)} left`;
}

/** Progress of work that is counted and not trained, such as reading pictures. */
export function countPrinter(what: string): (done: number, total: number) => void {
  let printed = 0;
  return (done, total) => {
    const now = performance.now();
    if (done < total && now - printed < 2000) return;
    printed = now;
    console.log(`${what} ${done}/${total}`);
  };
}

/** 75 → `1:15` */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${padded(m)}:${padded(s)}` : `${m}:${padded(s)}`;
}

function padded(value: number): string {
  return String(value).padStart(2, "0");
}

function number(value: number): string {
  return Math.abs(value) >= 1000
    ? value.toFixed(0)
    : Math.abs(value) >= 0.001 || value === 0
      ? value.toFixed(4)
      : value.toExponential(1);
}
