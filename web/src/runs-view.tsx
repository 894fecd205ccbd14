import { useEffect, useState } from "preact/hooks";
import { runDetails, type RunDetails, type RunView } from "./api.ts";
import { Chart, type Curve } from "./chart.tsx";
import { useRunMetrics, useRuns } from "./use-runs.ts";
import { useRunsShown } from "./use-view.ts";

/** Okabe and Ito's colours, which most eyes can tell apart. */
const COLORS = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const HIDDEN = new Set(["lr", "total_loss"]);

/** Training runs: curves of one or several over one another, sample grids through time, and how a run was set. */
export function RunsView() {
  const runs = useRuns();
  const [{ chosen, log }, show] = useRunsShown();
  const ids = chosen ?? runs?.slice(0, 1).map(({ id }) => id) ?? [];
  const metrics = useRunMetrics(ids);
  if (!runs) return <p class="empty">Looking…</p>;
  if (runs.length === 0) {
    return (
      <p class="empty">
        No training run was found. <code>clip-gen serve --runs FOLDER</code> says where they are.
      </p>
    );
  }
  const shown = ids.flatMap((id) => runs.filter((run) => run.id === id));
  const names = [...new Set(shown.flatMap(({ id }) => Object.keys(metrics.get(id)?.values ?? {})))].filter(
    (name) => !HIDDEN.has(name),
  );
  const toggle = (id: string): void =>
    show({ chosen: ids.includes(id) ? ids.filter((other) => other !== id) : [...ids, id].slice(-COLORS.length), log });
  return (
    <section class="runs" aria-label="Training runs">
      <table>
        <thead>
          <tr>
            <th>Run</th>
            <th>State</th>
            <th>Steps</th>
            <th>Pictures/s</th>
            <th>Left</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.id}>
              <td>
                <label>
                  <input type="checkbox" checked={ids.includes(run.id)} onChange={() => toggle(run.id)} />
                  {ids.includes(run.id) && <span class="swatch" style={{ background: COLORS[ids.indexOf(run.id)] }} />}
                  {run.name}
                </label>
              </td>
              <td>{run.state}</td>
              <td>
                {run.step}
                {run.steps !== undefined && ` of ${run.steps}`}
              </td>
              <td>
                {run.pictures_per_second === undefined
                  ? "–"
                  : run.pictures_per_second.toFixed(run.pictures_per_second < 10 ? 1 : 0)}
              </td>
              <td>{run.seconds_left === undefined ? "–" : durationOf(run.seconds_left)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <label>
        <input type="checkbox" checked={log} onChange={() => show({ chosen, log: !log })} />
        Logarithmic curves
      </label>
      <div class="charts">
        {names.map((name) => (
          <Chart key={name} title={name} curves={curvesOf(name, shown, metrics)} log={log} />
        ))}
      </div>
      {shown.map((run) => (
        <Details key={run.id} run={run} />
      ))}
    </section>
  );
}

function curvesOf(name: string, shown: readonly RunView[], metrics: ReturnType<typeof useRunMetrics>): Curve[] {
  return shown.flatMap(({ id, name: label }, i) => {
    const { steps = [], values = {} } = metrics.get(id) ?? {};
    const own = values[name];
    return own ? [{ label, color: COLORS[i] ?? "gray", steps, values: own }] : [];
  });
}

/** A run's sample grids, with a slider through time, its configuration and its log. */
function Details({ run }: { run: RunView }) {
  const [details, setDetails] = useState<RunDetails | undefined>();
  const [place, setPlace] = useState<number | undefined>();
  useEffect(() => {
    void runDetails(run.id).then(setDetails, () => {});
  }, [run.id, run.step]);
  if (!details) return null;
  const steps = [...new Set(details.samples.map(({ step }) => step))];
  const at = Math.min(place ?? steps.length - 1, steps.length - 1);
  const grids = details.samples.filter(({ step }) => step === steps[at]);
  return (
    <section class="job" aria-label={run.name}>
      <h2>{run.name}</h2>
      {steps.length > 0 && (
        <>
          <label class="wide">
            Samples at step {steps[at]}
            <input
              type="range"
              min={0}
              max={steps.length - 1}
              value={at}
              onInput={(event) => setPlace(Number(event.currentTarget.value))}
            />
          </label>
          {grids.map(({ name, step }) => (
            <figure key={name}>
              <img src={`/v1/runs/${run.id}/samples/${name}/${step}`} alt={`${name} at step ${step}`} />
              <figcaption>{name}</figcaption>
            </figure>
          ))}
        </>
      )}
      <details>
        <summary>How it is set</summary>
        <pre>{JSON.stringify(details.config, undefined, 2)}</pre>
      </details>
      {details.log.length > 0 && (
        <details>
          <summary>What happened</summary>
          <pre>{details.log.join("\n")}</pre>
        </details>
      )}
    </section>
  );
}

function durationOf(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return `${Math.round(seconds)} s`;
  return minutes < 120 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
