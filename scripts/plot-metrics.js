// Curves of finished or running trainings as SVG.
//   node scripts/plot-metrics.js curves.svg run/metrics.jsonl:loss other/metrics.jsonl:psnr …
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { frame, HEIGHT, polyline, svgPage, WIDTH } from "./svg-panels.js";

const [, , output, ...curves] = process.argv;
if (!output || curves.length === 0) {
  process.stderr.write("usage: node scripts/plot-metrics.js OUT.svg METRICS.jsonl:NAME …\n");
  process.exit(1);
}

const margins = { left: 48, right: 8, top: 26, bottom: 24 };

/** The mean of every hundredth of the run: single steps are too noisy to look at. */
function curve(file, name) {
  const points = readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter((line) => Number.isFinite(line[name]));
  if (points.length === 0) throw new Error(`${file} has no ${name}`);
  const size = Math.max(1, Math.ceil(points.length / 100));
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => {
    const some = points.slice(i * size, (i + 1) * size);
    const mean = (key) => some.reduce((sum, line) => sum + line[key], 0) / some.length;
    return [mean("step"), mean(name)];
  });
}

const label = (value) => Number(value.toPrecision(3)).toString();

function plot(spec) {
  const at = spec.lastIndexOf(":");
  const [file, name] = [spec.slice(0, at), spec.slice(at + 1)];
  const points = curve(file, name);
  const values = points.map(([, y]) => y);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const { left, right, top, bottom } = margins;
  const last = points.at(-1)[0] || 1;
  const x = (step) => left + (step / last) * (WIDTH - left - right);
  const y = (value) => HEIGHT - bottom - ((value - low) / (high - low || 1)) * (HEIGHT - top - bottom);
  return `${frame(`${basename(dirname(file))}: ${name}`, margins)}<text x="${left - 4}" y="${y(high) + 4}" text-anchor="end">${label(high)}</text>
<text x="${left - 4}" y="${y(low) + 4}" text-anchor="end">${label(low)}</text>
<text x="${WIDTH - right}" y="${HEIGHT - 8}" text-anchor="end">step ${Math.round(last)}</text>
${polyline(
  points.map(([step, value]) => [x(step), y(value)]),
  'stroke="#2b6cb0" stroke-width="1.5"',
)}`;
}

writeFileSync(output, svgPage(curves.map(plot)));
