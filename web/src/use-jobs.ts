import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import {
  cancelJob,
  jobEvents,
  openJobs,
  Refused,
  startJob,
  startVariation,
  type GenerationRequest,
  type JobView,
} from "./api.ts";
import type { ServerState } from "./use-server.ts";

/** A job on the page: what the server says of it, and its candidates as far as they are drawn. */
export type OpenJob = { view: JobView; previews: ReadonlyMap<number, string>; lost: boolean };

export type Jobs = {
  open: readonly OpenJob[];
  /** Why the last request was not taken. */
  refused: string | undefined;
  refuse(reason: string | undefined): void;
  /** Whether it was taken. */
  draw(request: GenerationRequest): Promise<boolean>;
  vary(picture: Blob, name: string, request: GenerationRequest): Promise<boolean>;
  cancel(id: string): Promise<void>;
  dismiss(id: string): void;
};

const isOpen = ({ state }: JobView): boolean => state === "queued" || state === "running";

/** The jobs of this page, and those of before it was loaded that are still being drawn. */
export function useJobs(server: ServerState, { onDone }: { onDone: (job: JobView) => void }): Jobs {
  const [open, setOpen] = useState<readonly OpenJob[]>([]);
  const [refused, refuse] = useState<string | undefined>();
  const done = useRef(onDone);
  done.current = onDone;
  const watched = useRef(new Set<string>());

  const update = useCallback((id: string, change: (job: OpenJob) => OpenJob) => {
    setOpen((jobs) => jobs.map((job) => (job.view.id === id ? change(job) : job)));
  }, []);
  const dismiss = useCallback((id: string) => setOpen((jobs) => jobs.filter(({ view }) => view.id !== id)), []);

  const watch = useCallback(
    async (view: JobView) => {
      if (watched.current.has(view.id)) return;
      watched.current.add(view.id);
      setOpen((jobs) => [{ view, previews: new Map(), lost: false }, ...jobs]);
      try {
        for await (const { event, data } of jobEvents(view.id, new AbortController().signal)) {
          if (event === "preview") {
            update(view.id, (job) => ({
              ...job,
              previews: new Map(job.previews).set(data.candidate, `data:image/png;base64,${data.b64_json}`),
            }));
          } else if (event === "progress") {
            const { tokens, length, ahead } = data;
            update(view.id, (job) => ({
              ...job,
              view: { ...job.view, state: "running", ahead, progress: { tokens, length } },
            }));
          } else {
            update(view.id, (job) => ({ ...job, view: data }));
            if (data.state === "done") done.current(data);
            if (data.state === "done" && data.note === undefined) dismiss(view.id);
          }
        }
      } catch {
        update(view.id, (job) => ({ ...job, lost: true }));
      }
      watched.current.delete(view.id);
    },
    [update, dismiss],
  );

  // After a reload, or a restart of the server, what is still drawn comes back.
  useEffect(() => {
    if (server !== "ready") return;
    refuse(undefined);
    setOpen((jobs) => jobs.filter(({ lost }) => !lost));
    openJobs().then(
      (jobs) => jobs.forEach((job) => void watch(job)),
      () => {},
    );
  }, [server, watch]);

  const start = async (begin: () => Promise<JobView>): Promise<boolean> => {
    try {
      const job = await begin();
      refuse(undefined);
      void watch(job);
      return true;
    } catch (error) {
      const full = error instanceof Refused && error.status === 429;
      const reason = error instanceof Error ? error.message : String(error);
      refuse(full ? `The queue is full: ${reason}.` : `${reason[0]?.toUpperCase() ?? ""}${reason.slice(1)}.`);
      return false;
    }
  };

  return {
    open,
    refused,
    refuse,
    draw: async (request) => await start(async () => await startJob(request)),
    vary: async (picture, name, request) => await start(async () => await startVariation(picture, name, request)),
    cancel: async (id) => {
      try {
        const view = await cancelJob(id);
        if (!isOpen(view)) update(id, (job) => ({ ...job, view }));
      } catch (error) {
        refuse(error instanceof Error ? error.message : String(error));
      }
    },
    dismiss,
  };
}
