import { expect, test, vi } from "vitest";
import { bar, countPrinter, duration, progressPrinter } from "./progress.ts";

const terminal = (): { isTTY: boolean; columns: number; written: string[]; write(text: string): void } => {
  const written: string[] = [];
  return { isTTY: true, columns: 50, written, write: (text) => void written.push(text) };
};

test("on a terminal one line is written over, cut to its width, and ends with the work", () => {
  const stream = terminal();
  const print = countPrinter("reading pictures of a folder with a very long name", stream);
  print(1, 4);
  print(4, 4);
  expect(stream.written).toHaveLength(2);
  const start = "\r\u001b[K";
  for (const text of stream.written) {
    expect(text.startsWith(start)).toBe(true);
    expect(text.slice(start.length)).toMatch(/^[█▏▎▍▌▋▊▉░]{20} reading pictures/);
  }
  expect(stream.written[1]?.endsWith("\n")).toBe(true);
  expect(stream.written[0]?.replace("\r\u001b[K", "").length).toBe(49);
});

test("elsewhere there are plain lines, the first and the last of a training among them", () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const print = progressPrinter({ write: () => {} });
  for (let step = 1; step <= 100; step += 1) {
    print({ stage: "gpt", step, steps: 100, metrics: { loss: 2, lr: 1e-3 }, picturesPerSecond: 812, secondsLeft: 192 });
  }
  const lines = log.mock.calls.map(([line]) => String(line));
  expect(lines[0]).toBe("gpt   1/100  loss 2.0000  lr 1.0e-3  812 pictures/s  3:12 left");
  expect(lines.at(-1)).toMatch(/^gpt 100\/100 /);
  expect(lines.length).toBeLessThan(10);
  log.mockRestore();
});

test("a bar is as full as the work is done", () => {
  expect([bar(0), bar(0.5), bar(1), bar(2)]).toEqual([
    "░".repeat(20),
    `${"█".repeat(10)}${"░".repeat(10)}`,
    "█".repeat(20),
    "█".repeat(20),
  ]);
  expect(bar(0.52)).toBe(`${"█".repeat(10)}▍${"░".repeat(9)}`);
});

test("times are told as people do", () =>
  expect([0, 75, 3725].map((seconds) => duration(seconds))).toEqual(["0:00", "1:15", "1:02:05"]));
