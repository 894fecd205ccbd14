import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder, tinyModel, tinyPictures } from "../../test/tiny.ts";
import { streamFiles } from "../data/pictures.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { evaluate, type Evaluation } from "../evaluate/evaluate.ts";
import { html } from "./html.ts";
import { blurPlot, histogram } from "./plots.ts";
import { reportPage } from "./evaluation-page.ts";
import { writeReport } from "./write-evaluation.ts";

const folder = temporaryFolder();
const about = {
  model: "<tiny>",
  data: ["a & b"],
  from: "captions",
  method: "generate" as const,
  settings: { seed: 3, guidanceScale: 1.5 },
};
let evaluation: Evaluation;

beforeAll(async () => {
  setThreadCount(1); // networks this small lose more time to waiting for other threads than they gain
  const scenes = tinyPictures(8);
  const pictures = { ...scenes, captions: scenes.captions.map(() => [`<script>alert("hello")</script> & 'others'`]) };
  const { images, size } = scenes;
  const raw = { width: size, height: size, channels: 3 } as const;
  const files = await Promise.all(
    Array.from({ length: 5 }, async (_, i) => {
      const file = join(folder, `${i}.png`);
      await sharp(images.slice(i * size * size * 3, (i + 1) * size * size * 3), { raw }).toFile(file);
      return { file };
    }),
  );
  evaluation = await evaluate(tinyModel(), { pictures, training: streamFiles(files, { size }) });
});

test("a template escapes what it is given, but for other templates", () => {
  const inner = html`<b>${`a<"'&>`}</b>`;
  expect(html`${inner}${[inner, inner]}${undefined}${3}`.text).toBe(`${"<b>a&lt;&quot;&#39;&amp;&gt;</b>".repeat(3)}3`);
});

describe("a report", () => {
  test("is two files, of which one holds every figure, and the other one is a page of its own", async () => {
    const output = join(folder, "report");
    await writeReport(output, evaluation, about);
    expect(readdirSync(output).sort()).toEqual(["index.html", "metrics.json"]);
    const metrics: Record<string, Record<string, unknown>> = JSON.parse(
      readFileSync(join(output, "metrics.json"), "utf8"),
    );
    expect(metrics).toMatchObject({ format: "clip-gen evaluation", pictures: 8, size: 16, drawn_from: "captions" });
    expect(metrics["settings"]).toEqual({ seed: 3, guidance_scale: 1.5 });
    const all = Object.values(evaluation.figures).flat();
    const told = [...Object.keys(metrics["figures"] ?? {}), ...Object.keys(metrics["left_out"] ?? {})];
    expect(told.sort()).toEqual(all.map(({ name }) => name).sort());
    expect(metrics["drawings"]).toHaveLength(8);

    const page = readFileSync(join(output, "index.html"), "utf8");
    expect(page.startsWith("<!doctype html>")).toBe(true);
    expect(page).not.toMatch(/<script|(src|href)="(?!data:image\/png)|url\(|@import/);
    expect(page).toContain("&lt;script&gt;alert(&quot;hello&quot;)&lt;/script&gt; &amp; &#39;others&#39;");
    expect(page).toContain("<h1>&lt;tiny&gt;</h1>");
    for (const { label, meaning } of all) {
      expect(page).toContain(html`${label}`.text);
      expect(page).toContain(html`${meaning}`.text);
    }
    // Drawing, its picture and the nearest of the training; picture and reconstruction.
    expect(page.match(/<img/g)).toHaveLength(8 * 3 + 8 * 2);
    expect(page.match(/<svg/g)).toHaveLength(3);
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });

  test("never replaces what is there, and leaves nothing when it is stopped", async () => {
    const output = join(folder, "taken");
    mkdirSync(output);
    writeFileSync(join(output, "mine.txt"), "mine");
    await expect(writeReport(output, evaluation, about)).rejects.toThrow(/exists already/);
    expect(readdirSync(output)).toEqual(["mine.txt"]);
    const before = readdirSync(folder);
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(writeReport(join(folder, "stopped"), evaluation, { ...about, signal })).rejects.toThrow("enough");
    expect(readdirSync(folder)).toEqual(before);
    expect(existsSync(join(folder, "stopped"))).toBe(false);
  });

  test("does without captions and training", async () => {
    const pictures = tinyPictures(3);
    const bare = await evaluate(tinyModel(), { pictures, from: "pictures" });
    const page = await reportPage(bare, { ...about, from: "pictures" });
    expect(page.match(/<img/g)).toHaveLength(3 * 2 + 3 * 2);
    expect(page.match(/<svg/g)).toHaveLength(1);
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe("plots", () => {
  test("a histogram has its values within its frame, also where all are one", () => {
    for (const values of [[0.1, 0.5, 0.5, 0.9], [0.5, 0.5], [-3], [0]]) {
      const { text } = histogram([{ label: "a", style: "a", values }], "cosine");
      expect(text).not.toMatch(/NaN|Infinity/);
      const heights = Array.from(text.matchAll(/height="([\d.]+)"/g), ([, height]) => Number(height));
      expect(Math.max(...heights)).toBeCloseTo(172, 0);
      const filled = heights.filter((height) => height > 0);
      expect(filled).toHaveLength(new Set(values).size);
    }
  });

  test("a distance of 0 is at the bottom, the greatest near the top", () => {
    const points = [
      { radius: 0, distance: 50 },
      { radius: 1, distance: 0 },
    ];
    const { text } = blurPlot({ label: "FID", style: "a", points });
    expect(text).toMatch(/points="46\.0,12\.0 346\.0,184\.0"/);
    expect(blurPlot({ label: "FID", style: "a", points: [{ radius: 0, distance: 0 }] }).text).not.toMatch(/NaN/);
  });
});
