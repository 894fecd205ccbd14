// A sheet of what a model draws of names, the best of 16 for each, none left out.
//
//   node experiments/names-sheet.js MODEL OUT.png NAMES.txt      a name a line, in rows of twelve
import { readFileSync, writeFileSync } from "node:fs";
import { pictureGrid } from "../dist/data/picture-grid.js";
import { ClipGen } from "../dist/index.js";

const [path, output, file] = process.argv.slice(2);
if (!file) throw new Error("usage: node experiments/names-sheet.js MODEL OUT.png NAMES.txt");
const model = await ClipGen.fromPretrained(path, { thread: "main" });
const drawn = [];
for (const name of readFileSync(file, "utf8").split("\n").filter(Boolean)) {
  const [best] = await model.generate(name, { candidates: 16, seed: 1 });
  drawn.push(best.pixels);
}
const { png } = await pictureGrid(Buffer.concat(drawn), { size: model.vqgan.config.resolution, columns: 12 });
writeFileSync(output, png);
