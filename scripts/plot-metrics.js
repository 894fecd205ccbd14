// Curves of finished or running trainings as SVG.
//   node scripts/plot-metrics.js curves.svg run/metrics.jsonl:loss other/metrics.jsonl:psnr …
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";

const [, , output, ...curves] = process.argv;
if (!output || curves.length === 0) {
  process.stderr.write("usage: node scripts/plot-metrics.js OUT.svg METRICS.jsonl:NAME …\n");
  process.exit(1);
}

const [width, height, gap] = [300, 190, 16];

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

function panel(spec, index) {
  const at = spec.lastIndexOf(":");
  const [file, name] = [spec.slice(0, at), spec.slice(at + 1)];
  const points = curve(file, name);
  const values = points.map(([, y]) => y);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [left, right, top, bottom] = [48, 8, 26, 24];
  const last = points.at(-1)[0] || 1;
  const x = (step) => left + (step / last) * (width - left - right);
  const y = (value) => height - bottom - ((value - low) / (high - low || 1)) * (height - top - bottom);
  const path = points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  return `<g transform="translate(${(index % 3) * (width + gap)} ${Math.floor(index / 3) * (height + gap)})">
<text x="${left}" y="16" font-weight="bold">${basename(dirname(file))}: ${name}</text>
<path d="M${left} ${top}V${height - bottom}H${width - right}" fill="none" stroke="#888"/>
<text x="${left - 4}" y="${y(high) + 4}" text-anchor="end">${label(high)}</text>
<text x="${left - 4}" y="${y(low) + 4}" text-anchor="end">${label(low)}</text>
<text x="${width - right}" y="${height - 8}" text-anchor="end">step ${Math.round(last)}</text>
<polyline points="${path}" fill="none" stroke="#2b6cb0" stroke-width="1.5"/></g>`;
}

const columns = Math.min(3, curves.length);
const rows = Math.ceil(curves.length / 3);
const [w, h] = [columns * (width + gap) - gap, rows * (height + gap) - gap];
writeFileSync(
  output,
  `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
${curves.map(panel).join("\n")}
</svg>
`,
);
