import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { buildPackage } from "../../test/built-package.ts";
import { temporaryFolder, tinyModel } from "../../test/tiny.ts";
import { nativePath } from "../tensor/native.ts";

// A thread runs JavaScript: this tests the package as it is built and installed.
const folder = temporaryFolder();
let built = "";

beforeAll(async () => {
  built = join(buildPackage("drawing-thread"), "dist");
  await tinyModel().savePretrained(join(folder, "model"));
});

/** What a program prints that imports the package as `built`; its last line as JSON. */
function run(code: string): unknown {
  const program = `
    const { ClipGen } = await import(${JSON.stringify(join(built, "index.js"))});
    const path = ${JSON.stringify(join(folder, "model"))};
    const told = (pictures) => pictures.map(({ tokens, origin }) => ({ tokens, origin }));
    ${code}`;
  const env = { ...process.env, CLIP_GEN_NATIVE: nativePath(), OMP_NUM_THREADS: "1" };
  const printed = execFileSync(process.execPath, ["--input-type=module", "-e", program], { env, encoding: "utf8" });
  return JSON.parse(printed.trim().split("\n").at(-1) ?? "");
}

test("draws what the main thread draws, in every precision, and lets the process end by itself", () => {
  const drawn = run(`
    const result = [];
    for (const precision of ["float32", "bfloat16", "int8"]) {
      const [main, own] = await Promise.all(["main", "own"].map((thread) => ClipGen.fromPretrained(path, { thread, precision })));
      for (const options of [{ count: 2, candidates: 5, seed: 3, guidanceScale: 2, negativePrompt: "a blue star" }, { beams: 2 }]) {
        const expected = await main.generate("a red circle", options);
        const given = await own.generate("a red circle", options);
        result.push(JSON.stringify(told(given)) === JSON.stringify(told(expected)), Buffer.compare(given[0].pixels, expected[0].pixels) === 0);
      }
      const way = [[{ prompt: "a red circle" }, { prompt: "a blue square" }], { frames: 4, candidates: 2, seed: 3 }];
      result.push(JSON.stringify(told(await own.journey(...way))) === JSON.stringify(told(await main.journey(...way))));
      const png = await (await own.generate("a red circle"))[0].toPng();
      result.push(JSON.stringify(told(await own.vary(png))) === JSON.stringify(told(await main.vary(png))));
    }
    console.log(JSON.stringify(result));`);
  expect(drawn).toEqual(Array.from({ length: 18 }, () => true));
});

test("requests wait for one another; errors, progress and cancelling come across; a change of precision is seen", () => {
  const said = run(`
    const model = await ClipGen.fromPretrained(path, { precision: "float32" });
    const same = await Promise.all([1, 1].map((seed) => model.generate("a red circle", { seed })));
    const errors = [];
    const caught = (error) => errors.push(error.name + ": " + error.message);
    await model.generate("x", { count: 0 }).catch(caught);
    await model.generate("x", { temperature: -1 }).catch(caught);
    await model.vary("/nowhere.png").catch((error) => errors.push(error.name + " " + error.message.includes("nowhere")));
    const controller = new AbortController();
    let steps = 0;
    const onProgress = ({ tokens }) => { steps += 1; if (tokens === 3) controller.abort(new Error("enough")); };
    await model.generate("x", { candidates: 100_000, onProgress, signal: controller.signal }).catch(caught);
    await model.generate("x", { signal: AbortSignal.abort(new Error("before")) }).catch(caught);
    model.setPrecision("bfloat16");
    const after = await model.generate("a red circle", { seed: 1 });
    const waiting = model.generate("a red circle", { candidates: 1_000_000 }).catch(caught);
    await new Promise((resume) => setTimeout(resume, 300));
    await model.close();
    await waiting;
    const again = await model.generate("a red circle", { seed: 1 });
    console.log(JSON.stringify({ same: JSON.stringify(told(same[0])) === JSON.stringify(told(same[1])), errors, early: steps < 1000, after: after.length + again.length }));`);
  expect(said).toEqual({
    same: true,
    errors: [
      "RangeError: count is 0, expected a whole number from 1",
      "RangeError: temperature is -1, expected a number from 0",
      "Error true",
      "Error: enough",
      "Error: before",
      "Error: the thread that draws has ended",
    ],
    early: true,
    after: 2,
  });
});

test("the event loop stays free while pictures are drawn", () => {
  const free = run(`
    const model = await ClipGen.fromPretrained(path);
    await model.generate("a red circle");
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 1);
    const start = performance.now();
    await model.generate("a red circle", { candidates: 512 });
    clearInterval(timer);
    // A blocked loop would have ticked once a token at most.
    console.log(JSON.stringify(ticks > (performance.now() - start) / 20));`);
  expect(free).toBe(true);
});
