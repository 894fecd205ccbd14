import type { OpenJob } from "./use-jobs.ts";

/** A job on its way: its place in the queue, then its pictures row by row. */
export function JobCard({ job, onCancel, onDismiss }: { job: OpenJob; onCancel: () => void; onDismiss: () => void }) {
  const { view, previews, lost } = job;
  const { state, progress, ahead, count, prompt } = view;
  const isOver = lost || (state !== "queued" && state !== "running");
  const share = progress ? progress.tokens / progress.length : 0;
  return (
    <section class={isOver ? "job over" : "job"} aria-label={prompt} aria-busy={!isOver}>
      <p class="title">
        <q>{prompt}</q> <span class="state">{toldOf(job)}</span>
        {isOver ? (
          <button type="button" class="quiet" onClick={onDismiss}>
            Put it away
          </button>
        ) : (
          <button type="button" onClick={onCancel}>
            Cancel
          </button>
        )}
      </p>
      {view.note !== undefined && <p class="note">{view.note}</p>}
      {!isOver && (
        <>
          <progress
            max={1}
            value={state === "queued" ? 0 : share}
            aria-label={ahead > 0 ? `${ahead} before it` : "drawn"}
          />
          <div class="tiles">
            {Array.from({ length: count }, (_, candidate) => (
              <div class="tile" key={candidate}>
                {previews.has(candidate) && <img src={previews.get(candidate)} alt="" />}
              </div>
            ))}
          </div>
        </>
      )}
    </section>
  );
}

function toldOf({ view: { state, ahead, progress, error }, lost }: OpenJob): string {
  if (lost) return "the connection was lost; what is finished is in the gallery";
  if (state === "queued") return ahead === 0 ? "is next" : `waits, ${ahead} before it`;
  if (state === "running") {
    return progress ? `${Math.round((100 * progress.tokens) / progress.length)} % drawn` : "begins";
  }
  if (state === "failed") return `failed: ${error ?? "nobody knows why"}`;
  return state === "cancelled" ? "cancelled" : "done";
}
