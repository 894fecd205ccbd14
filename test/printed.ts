import { afterEach, beforeEach, vi } from "vitest";

export type Printed = {
  /** What went to `console.log`. */
  log: string[];
  /** What went to `console.error`. */
  error: string[];
  /** Both, in their order. */
  all: string[];
  clear: () => void;
};

/** What commands print in the tests of a file, line by line; empty before each test. */
export function printedLines(): Printed {
  const lists: Omit<Printed, "clear"> = { log: [], error: [], all: [] };
  const clear = (): void => {
    for (const list of Object.values(lists)) list.length = 0;
  };
  beforeEach(() => {
    clear();
    for (const stream of ["log", "error"] as const) {
      vi.spyOn(console, stream).mockImplementation((text: string) => {
        lists[stream].push(text);
        lists.all.push(text);
      });
    }
  });
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = 0;
  });
  return { ...lists, clear };
}
