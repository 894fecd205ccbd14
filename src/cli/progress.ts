import type { Progress } from "../train/loop.ts";

/** Where progress goes: a terminal, on which a line is written over and over, or anything else, which gets plain lines. */
export type ProgressStream = { isTTY?: boolean; columns?: number; write(text: string): unknown };

/** Between two lines, where lines stay. */
const LINE_MS = { training: 500, counting: 2000 };
/** Between two looks of a line that is written over. */
const REDRAW_MS = 100;
const BAR_CELLS = 20;

/** Prints training: on a terminal in one line with a bar, else a line a step, at most a few a second. */
export function progressPrinter(stream: ProgressStream = process.stdout): (progress: Progress) => void {
  const show = shower(stream, LINE_MS.training);
  return (progress) => {
    const { step, steps } = progress;
    show({ line: () => progressLine(progress), share: step / steps, isFirst: step <= 1, isLast: step === steps });
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
export function countPrinter(
  what: string,
  stream: ProgressStream = process.stdout,
): (done: number, total: number) => void {
  const show = shower(stream, LINE_MS.counting);
  const started = performance.now();
  return (done, total) => {
    const left = (((performance.now() - started) / 1000) * (total - done)) / Math.max(1, done);
    const line = (): string => `${what} ${done}/${total}${stream.isTTY ? `  ${duration(left)} left` : ""}`;
    show({ line, share: total === 0 ? 1 : done / total, isFirst: false, isLast: done >= total });
  };
}

type Shown = { line: () => string; share: number; isFirst: boolean; isLast: boolean };

function shower(stream: ProgressStream, lineMs: number): (shown: Shown) => void {
  let printed = -Infinity;
  return ({ line, share, isFirst, isLast }) => {
    const now = performance.now();
    if (!isLast && !isFirst && now - printed < (stream.isTTY ? REDRAW_MS : lineMs)) return;
    printed = now;
    if (!stream.isTTY) {
      console.log(line());
      return;
    }
    const text = `${bar(share)} ${line()}`.slice(0, (stream.columns || 80) - 1);
    stream.write(`\r\u001b[K${text}${isLast ? "\n" : ""}`);
  };
}

/** A share as cells, the last of them in eighths. */
export function bar(share: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * BAR_CELLS * 8);
  const part = " ▏▎▍▌▋▊▉"[eighths % 8] ?? "";
  return `${"█".repeat(Math.floor(eighths / 8))}${eighths % 8 === 0 ? "" : part}`.padEnd(BAR_CELLS, "░");
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
