import { readFile } from "node:fs/promises";
import type { RunLog, Sample } from "../train/run-log.ts";
import { framed } from "./frame.ts";
import { html, type Html } from "./html.ts";
import { linePlot } from "./plots.ts";

/** Points of a curve: more than there are pixels say nothing more. */
const POINTS = 300;
/** Grids of each kind: the first, the last, and some between. */
const GRIDS = 6;

/** A training run as one HTML page: curves, sample grids through time, settings, log. */
export async function runPage(run: RunLog): Promise<string> {
  const { info, config, log } = run;
  const { steps, values } = run.metrics(POINTS);
  const plots = Object.entries(values).map(
    ([name, column]) =>
      html`<figure class="card plot">
        <h3>${name}</h3>
        ${linePlot({ steps, values: column })}
      </figure>`,
  );
  const main = html`<h1>${info.name}</h1>
    <p class="meta">
      ${info.stage}, ${info.state}, ${info.step} steps${info.steps === undefined ? "" : ` of ${info.steps}`}; last
      changed ${new Date(info.changed).toISOString().slice(0, 16).replace("T", " ")} UTC
    </p>
    <div class="tiles">
      ${Object.entries(info.newest)
        .filter(([name]) => name !== "time")
        .map(
          ([name, value]) =>
            html`<div class="card tile"><b>${Number(value.toPrecision(4))}</b><span class="soft">${name}</span></div>`,
        )}
    </div>
    <h2>Curves</h2>
    <div class="plots">${plots}</div>
    <h2>Samples</h2>
    <div class="samples">${await sampleFigures(run.samples)}</div>
    <h2>How it was set</h2>
    <pre>${JSON.stringify(config, undefined, 2)}</pre>
    ${
      log.length === 0
        ? ""
        : html`<h2>What happened</h2>
            <pre>${log.join("\n")}</pre>`
    }`;
  return framed(`${info.name}: training run`, main);
}

async function sampleFigures(samples: readonly Sample[]): Promise<Html[]> {
  const names = [...new Set(samples.map(({ name }) => name))];
  const shown = names.flatMap((name) => spread(samples.filter((sample) => sample.name === name)));
  return await Promise.all(
    shown.map(async ({ name, step, file }) => {
      const url = `data:image/png;base64,${(await readFile(file)).toString("base64")}`;
      return html`<figure>
        <img src="${url}" alt="${name} at step ${step}" />
        <figcaption>${name}, step ${step}</figcaption>
      </figure>`;
    }),
  );
}

function spread(samples: readonly Sample[]): Sample[] {
  if (samples.length <= GRIDS) return [...samples];
  return Array.from({ length: GRIDS }, (_, i) => samples[Math.round((i * (samples.length - 1)) / (GRIDS - 1))]).filter(
    (sample) => sample !== undefined,
  );
}
