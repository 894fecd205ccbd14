// Draws a sheet of sentences with a model, the best candidate of each, none left out.
//   node scripts/prompt-sheet.js MODEL PROMPTS.txt SHEET.png [CANDIDATES]
// Where the model's folder has its encoded training pictures, the nearest one stands beside each drawing: that whose CLIP
// embedding is closest to the drawing's own, so a copy would stand beside itself.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
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
const size = model.vqgan.config.resolution;
const encoded = join(folder, "encoded");
const training = existsSync(encoded) ? readEncoded(encoded) : undefined;

/** The training picture whose embedding has the largest cosine with this one; of its views the nearer counts. */
function nearest({ embeddings, embedDim, views, count }, embedding) {
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
  pictures.push(best.pixels);
  let neighbour = "";
  if (training) {
    const seen = await model.embedImage(await best.toPng());
    const { index, cosine } = nearest(training, seen.toNumbers());
    seen.dispose();
    pictures.push((await decodeImage(training.names[index], { size })).data);
    neighbour = `nearest ${cosine.toFixed(3)} ${training.names[index]}  `;
  }
  process.stdout.write(`${best.score.toFixed(3)}  ${neighbour}${prompt}\n`);
}
const layout = training ? { columns: 8, scale: 2 } : { columns: 12 };
const { png } = await pictureGrid(Buffer.concat(pictures), { size, ...layout });
writeFileSync(output, png);
