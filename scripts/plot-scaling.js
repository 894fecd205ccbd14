// How cost grows, as SVG, from what bench/scaling.ts measured.
//   node scripts/plot-scaling.js bench/results/scaling.json docs/images/scaling.svg
//
// Every plot has the measured milliseconds and, in grey, the line of proportional growth through the largest size: where a point lies
// above it, a smaller size is less well used. Both axes are logarithmic.
import { readFileSync, writeFileSync } from "node:fs";
import { frame, HEIGHT, polyline, svgPage, WIDTH } from "./svg-panels.js";

const [, , input, output] = process.argv;
if (!input || !output) {
  process.stderr.write("usage: node scripts/plot-scaling.js SCALING.json OUT.svg\n");
  process.exit(1);
}

const margins = { left: 52, right: 12, top: 28, bottom: 34 };

/** A function from values to places between two ends, on a logarithmic scale. */
function scale(values, start, end) {
  const [low, high] = [Math.min(...values), Math.max(...values)].map(Math.log2);
  return (value) => start + ((Math.log2(value) - low) / (high - low || 1)) * (end - start);
}

const label = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toPrecision(3)} s`);

function plot({ title, axis, points }) {
  const { left, right, top, bottom } = margins;
  const last = points.at(-1);
  const proportional = points.map(({ size }) => ({ size, ms: (last.ms * size) / last.size }));
  const x = scale(
    points.map(({ size }) => size),
    left,
    WIDTH - right,
  );
  const y = scale(
    [...points, ...proportional].map(({ ms }) => ms),
    HEIGHT - bottom,
    top,
  );
  const place = ({ size, ms }) => [x(size), y(ms)];
  const marks = points.map(({ size, ms }) => {
    const at = x(size).toFixed(1);
    return `<circle cx="${at}" cy="${y(ms).toFixed(1)}" r="2.5" fill="#2b6cb0"/>
<text x="${at}" y="${HEIGHT - bottom + 13}" text-anchor="middle">${size}</text>\n`;
  });
  const ends = [points[0], last].map(
    ({ ms }) => `<text x="${left - 5}" y="${(y(ms) + 4).toFixed(1)}" text-anchor="end">${label(ms)}</text>\n`,
  );
  return [
    frame(title, margins),
    polyline(proportional.map(place), 'stroke="#bbb" stroke-dasharray="4 3"'),
    polyline(points.map(place), 'stroke="#2b6cb0" stroke-width="1.5"'),
    ...marks,
    ...ends,
    `<text x="${(left + WIDTH - right) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${axis}</text>`,
  ].join("");
}

const { panels } = JSON.parse(readFileSync(input, "utf8"));
writeFileSync(output, svgPage(panels.map(plot)));
