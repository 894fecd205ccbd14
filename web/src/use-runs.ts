import { useEffect, useState } from "preact/hooks";
import { listRuns, runMetrics, type RunMetrics, type RunView } from "./api.ts";

const EVERY_MS = 3000;

/** The training runs, asked for again and again while this is shown. Nothing at first. */
export function useRuns(): readonly RunView[] | undefined {
  const [runs, setRuns] = useState<readonly RunView[] | undefined>();
  useRepeated(async () => setRuns(await listRuns()), []);
  return runs;
}

/** The figures of some runs, as they grow. */
export function useRunMetrics(ids: readonly string[]): ReadonlyMap<string, RunMetrics> {
  const [metrics, setMetrics] = useState<ReadonlyMap<string, RunMetrics>>(new Map());
  const key = ids.join(" ");
  useRepeated(async () => {
    const found = await Promise.all(ids.map(async (id) => [id, await runMetrics(id)] as const));
    setMetrics(new Map(found));
  }, [key]);
  return metrics;
}

function useRepeated(look: () => Promise<void>, of: readonly string[]): void {
  useEffect(() => {
    let over = false;
    let timer: number | undefined;
    const again = async (): Promise<void> => {
      // What is shown stays where the server does not answer.
      await look().catch(() => {});
      if (!over) timer = window.setTimeout(() => void again(), EVERY_MS);
    };
    void again();
    return () => {
      over = true;
      window.clearTimeout(timer);
    };
  }, of);
}
