import type { Evaluation } from "../evaluate/evaluate.ts";
import { formatFigure, type Figure } from "../evaluate/figure.ts";
import { sectionsOf, type ReportAbout } from "./evaluation-about.ts";
import {
  besideDrawings,
  drawingCards,
  reconstructionCards,
  SHOWN_DRAWINGS,
  SHOWN_RECONSTRUCTIONS,
} from "./evaluation-cards.ts";
import { framed } from "./frame.ts";
import { html, type Html } from "./html.ts";
import { blurPlot, histogram } from "./plots.ts";

/** The report as one HTML page, with everything in it: pictures, plots, style. It runs no script and loads nothing. */
export async function reportPage(
  evaluation: Evaluation,
  about: ReportAbout,
  /** The training pictures that shown drawings are most like, by file, in the VQGAN's size. */
  nearest: ReadonlyMap<string, Uint8Array> = new Map(),
): Promise<string> {
  const { pictures, drawings } = evaluation;
  const tables = sectionsOf(evaluation).map(
    ({ title, figures }) =>
      html`<h2>${title}</h2>
        ${aboutSection(title, evaluation, about)}${table(figures)}`,
  );
  const main = html`<h1>${about.model}</h1>
    <p class="meta">
      ${pictures.count} pictures of ${pictures.size}×${pictures.size} from ${about.data.join(", ")}; ${drawings.length}
      drawings from ${about.from}
    </p>
    ${tiles(evaluation)}
    <h2>At a glance</h2>
    ${plots(evaluation)} ${tables}
    <h2>What was drawn</h2>
    <p class="soft">${shownOf(drawings.length, SHOWN_DRAWINGS)}Beside each drawing: ${besideDrawings(evaluation)}.</p>
    <div class="pictures">${await drawingCards(evaluation, nearest)}</div>
    <h2>What the VQGAN keeps</h2>
    <p class="soft">${shownOf(pictures.count, SHOWN_RECONSTRUCTIONS)}Left the picture, right its reconstruction.</p>
    <div class="pictures">${await reconstructionCards(evaluation)}</div>
    <footer>${settingsLine(about)}</footer> `;
  return framed(`${about.model}: evaluation`, main);
}

/** The few figures that people look at first. */
function tiles({ figures }: Evaluation): Html {
  const all = [...figures.drawings, ...figures.reconstruction];
  const wanted = ["fid", "clip_fd", "clip_score", "r_precision", "inception_score", "reconstruction_psnr"];
  const found = wanted.flatMap((name) => all.filter((figure) => figure.name === name && "value" in figure));
  return html`<div class="tiles">
    ${found.map((figure) => html`<div class="card tile"><b>${formatFigure(figure)}</b><span class="soft">${figure.label}${arrow(figure)}</span></div>`)}
  </div>`;
}

function arrow({ better }: Figure): string {
  return better === undefined ? "" : better === "higher" ? " ↑" : " ↓";
}

function table(figures: readonly Figure[]): Html {
  const rows = figures.map((figure) => {
    const better = figure.better === undefined ? "" : `${figure.better} is better`;
    if ("leftOut" in figure) {
      return html`<tr class="out">
        <th scope="row">${figure.label}</th>
        <td class="value">–</td>
        <td class="better">${better}</td>
        <td>${figure.meaning}<span class="note">Left out: ${figure.leftOut}.</span></td>
      </tr>`;
    }
    const note = figure.note === undefined ? undefined : html`<span class="note">Note: ${figure.note}.</span>`;
    return html`<tr>
      <th scope="row">${figure.label}</th>
      <td class="value">${formatFigure(figure)}</td>
      <td class="better">${better}</td>
      <td>${figure.meaning}${note}</td>
    </tr>`;
  });
  return html`<div class="card table">
    <table>
      <thead>
        <tr>
          <th>Figure</th>
          <th class="value">Value</th>
          <th></th>
          <th>What it means</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

function aboutSection(title: string, { pictures }: Evaluation, about: ReportAbout): Html | undefined {
  if (title !== "Drawings") return undefined;
  const judge = about.judge === undefined ? "the model's own CLIP, which also chose them" : about.judge;
  const small =
    pictures.size < 256
      ? ` Blurs are in pixels of ${pictures.size}×${pictures.size}, while published ones are of 256×256.`
      : "";
  return html`<p class="soft">CLIP's figures are by ${judge}.${small}</p>`;
}

function plots({ blur, drawings, pictureScores, heldOut }: Evaluation): Html {
  const curves = blur
    .filter(({ points }) => points.length > 0)
    .map(
      ({ label, points }) =>
        html`<div class="card plot">
          <h3>${label} against blur</h3>
          ${blurPlot({ label, points, style: "a" })}
        </div>`,
    );
  const scores = drawings.flatMap(({ clipScore }) => (clipScore === undefined ? [] : [clipScore]));
  const alike = drawings.flatMap(({ nearest }) => (nearest ? [nearest.similarity] : []));
  const shown = [
    {
      title: "CLIPScore with the sentence",
      drawings: scores,
      others: { label: "real pictures", values: pictureScores },
      axis: "CLIPScore",
    },
    {
      title: "Likeness to the nearest training picture",
      drawings: alike,
      others: { label: "held-out pictures", values: heldOut.map(({ similarity }) => similarity) },
      axis: "cosine",
    },
  ];
  const histograms = shown
    .filter((plot) => plot.drawings.length > 0)
    .map(
      ({ title, drawings: values, others, axis }) =>
        html`<div class="card plot">
          <h3>${title}</h3>
          ${histogram(
            [
              { label: "drawings", style: "a", values },
              { ...others, style: "b" },
            ],
            axis,
          )}
        </div>`,
    );
  return html`<div class="plots">${[...curves, ...histograms]}</div>`;
}

function shownOf(count: number, most: number): string {
  return count > most ? `The first ${most} of ${count}. ` : "";
}

function settingsLine({ settings, ...about }: ReportAbout): string {
  const files = Object.entries({
    judge: about.judge,
    inception: about.inception,
    lpips: about.lpips,
    training: about.training?.join(", "),
  }).filter(([, value]) => value !== undefined);
  const all = [["method", about.method], ...Object.entries(settings), ...files];
  return `clip-gen evaluate · ${all.map(([name, value]) => `${name} ${String(value)}`).join(" · ")}`;
}
