import { formatNumber } from "../evaluate/figure.ts";
import { html, type Html } from "./html.ts";

// Plots as SVG in the page's colours: `a` and `b` are the classes of the two series.

const [WIDTH, HEIGHT] = [360, 220];
const MARGIN = { left: 46, right: 14, top: 12, bottom: 36 };
const INNER = { width: WIDTH - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };

export type Series = { label: string; style: "a" | "b" };

/** How often values occur in each of equal intervals, as shares of their own series, so that series of different size compare. */
export function histogram(
  series: readonly (Series & { values: readonly number[] })[],
  axis: string,
  options: { bins?: number } = {},
): Html {
  const shown = series.filter(({ values }) => values.length > 0);
  const all = shown.flatMap(({ values }) => values);
  const [low, high] = roundLimits(Math.min(...all), Math.max(...all));
  const count = options.bins ?? Math.max(6, Math.min(24, Math.ceil(Math.sqrt(all.length) * 1.5)));
  const shares = shown.map(({ values }) => {
    const bins = Array.from({ length: count }, () => 0);
    for (const value of values) {
      const bin = Math.min(count - 1, Math.floor(((value - low) / (high - low)) * count));
      bins[bin] = (bins[bin] ?? 0) + 1 / values.length;
    }
    return bins;
  });
  const top = Math.max(...shares.flat());
  const step = INNER.width / count;
  const bars = shares.map((bins, i) => {
    const style = shown[i]?.style ?? "a";
    const rects = bins.map((share, bin) => {
      const height = (share / top) * INNER.height;
      const [x, y] = [MARGIN.left + bin * step + 0.5, MARGIN.top + INNER.height - height];
      return html`<rect
        x="${x.toFixed(1)}"
        y="${y.toFixed(1)}"
        width="${(step - 1).toFixed(1)}"
        height="${height.toFixed(1)}"
      />`;
    });
    return html`<g class="bar ${style}">${rects}</g>`;
  });
  const y = [0, top / 2, top].map((share) => ({ at: share / top, label: `${Math.round(share * 100)} %` }));
  const x = [low, (low + high) / 2, high].map((value, i) => ({ at: i / 2, label: tickLabel(value) }));
  return frame({ x, y, axis, content: bars, legend: shown });
}

/** Distance against the blur's radius, which stands at equal steps: 0, 1, 2, 4, 8. */
export function blurPlot(curve: Series & { points: readonly { radius: number; distance: number }[] }): Html {
  const { points, style } = curve;
  const [, high] = roundLimits(0, Math.max(...points.map(({ distance }) => distance)));
  const places = points.map(({ distance }, i) => ({
    x: MARGIN.left + (points.length === 1 ? 0.5 : i / (points.length - 1)) * INNER.width,
    y: MARGIN.top + INNER.height * (1 - distance / high),
    label: formatNumber(distance),
  }));
  const line = places.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const dots = places.map(
    ({ x, y, label }) =>
      html`<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3.5"><title>${label}</title></circle>`,
  );
  const x = points.map(({ radius }, i) => ({
    at: points.length === 1 ? 0.5 : i / (points.length - 1),
    label: String(radius),
  }));
  const y = [0, 0.5, 1].map((at) => ({ at, label: tickLabel(at * high) }));
  const content = [html`<g class="line ${style}"><polyline points="${line}" />${dots}</g>`];
  return frame({ x, y, axis: "radius of the blur in pixels", content, legend: [] });
}

/** A figure over the steps of a training; steps without it are passed over. */
export function linePlot({ steps, values }: { steps: readonly number[]; values: readonly (number | null)[] }): Html {
  const points = steps.flatMap((step, i) => {
    const value = values[i];
    return value == null ? [] : [{ step, value }];
  });
  const known = points.map(({ value }) => value);
  const [low, high] = roundLimits(Math.min(...known), Math.max(...known));
  const [first, last] = [steps[0] ?? 0, steps.at(-1) ?? 0];
  const line = points.map(({ step, value }) => {
    const x = MARGIN.left + ((step - first) / Math.max(1, last - first)) * INNER.width;
    const y = MARGIN.top + INNER.height * (1 - (value - low) / (high - low));
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  const y = [0, 0.5, 1].map((at) => ({ at, label: tickLabel(low + at * (high - low)) }));
  const x = [0, 0.5, 1].map((at) => ({ at, label: String(Math.round(first + at * (last - first))) }));
  const content = [html`<g class="line a"><polyline points="${line.join(" ")}" /></g>`];
  return frame({ x, y, axis: "step", content, legend: [] });
}

type Tick = { at: number; label: string };

function frame(plot: {
  x: Tick[];
  y: Tick[];
  axis: string;
  content: readonly Html[];
  legend: readonly Series[];
}): Html {
  const bottom = MARGIN.top + INNER.height;
  const grid = plot.y.map(({ at, label }) => {
    const y = (bottom - at * INNER.height).toFixed(1);
    return html`<path class="grid" d="M${MARGIN.left} ${y}H${WIDTH - MARGIN.right}" /><text
        x="${MARGIN.left - 6}"
        y="${Number(y) + 4}"
        text-anchor="end"
        >${label}</text
      >`;
  });
  const ticks = plot.x.map(({ at, label }) => {
    const x = (MARGIN.left + at * INNER.width).toFixed(1);
    // The last label would reach over the edge.
    const anchor = at === 1 && label.length > 2 ? "end" : "middle";
    return html`<text x="${x}" y="${bottom + 15}" text-anchor="${anchor}">${label}</text>`;
  });
  const legend =
    plot.legend.length < 2
      ? undefined
      : html`<p class="legend">
          ${plot.legend.map(({ label, style }) => html`<span class="${style}"><i></i>${label}</span>`)}
        </p>`;
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${plot.axis}">
      ${grid}${plot.content}${ticks}
      <text x="${MARGIN.left + INNER.width / 2}" y="${HEIGHT - 4}" text-anchor="middle" class="axis">
        ${plot.axis}
      </text></svg
    >${legend}`;
}

function tickLabel(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** Limits that are round numbers around these. */
function roundLimits(least: number, most: number): [number, number] {
  const span = most - least || Math.abs(most) || 1;
  const step = 10 ** Math.floor(Math.log10(span)) / 2;
  const [low, high] = [Math.floor(least / step) * step, Math.ceil(most / step) * step];
  return high > low ? [low, high] : [low, low + step];
}
