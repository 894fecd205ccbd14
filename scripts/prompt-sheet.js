// Draws sentences with a model, and puts the nearest training picture beside each drawing.
//   node scripts/prompt-sheet.js MODEL PROMPTS.txt SHEET.png [CANDIDATES]
// The nearest one is that whose CLIP embedding is closest to the drawing's own, so a copy would stand beside itself.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readEncoded } from "../dist/data/encoded.js";
import { decodeImage } from "../dist/data/images.js";
import { pictureGrid } from "../dist/data/picture-grid.js";
import { ClipGen } from "../dist/index.js";

const [, , folder, promptFile, output, candidates = "32"] = process.argv;
if (!folder || !promptFile || !output) {
  process.stderr.write("usage: node scripts/prompt-sheet.js MODEL PROMPTS.txt SHEET.png [CANDIDATES]\n");
  process.exit(1);
}

const model = await ClipGen.fromPretrained(folder);
const { embeddings, embedDim, views, count, names } = readEncoded(join(folder, "encoded"));
const size = model.vqgan.config.resolution;

/** The training picture whose embedding has the largest cosine with this one; of its views the nearer counts. */
function nearest(embedding) {
  let best = { index: 0, cosine: -1 };
  for (let row = 0; row < count * views; row += 1) {
    let cosine = 0;
    for (let i = 0; i < embedDim; i += 1) cosine += embeddings[row * embedDim + i] * embedding[i];
    if (cosine > best.cosine) best = { index: Math.floor(row / views), cosine };
  }
  return best;
}

const pictures = [];
const prompts = readFileSync(promptFile, "utf8").split("\n").filter(Boolean);
for (const prompt of prompts) {
  const [best] = await model.generate(prompt, { candidates: Number(candidates), seed: 1 });
  const seen = await model.embedImage(await best.toPng());
  const { index, cosine } = nearest(seen.toNumbers());
  seen.dispose();
  const training = await decodeImage(names[index], { size });
  pictures.push(best.pixels, training.data);
  process.stdout.write(`${best.score.toFixed(3)}  nearest ${cosine.toFixed(3)} ${names[index]}  ${prompt}\n`);
}
const { png } = await pictureGrid(Buffer.concat(pictures), { size, columns: 8, scale: 2 });
writeFileSync(output, png);
