// Pictures, and below them what several tokenizers make of them: the picture of a table in docs/results.md.
//
//   node experiments/stack-reconstructions.js OUT stacked.png paper ours …       OUT as experiments/tokenizers.sh left it
import { join } from "node:path";
import sharp from "sharp";

const [out = "", file = "", ...runs] = process.argv.slice(2);
const GAP = 6;

const layers = [];
let top = 0;
let width = 0;
for (const set of ["emoji", "kodak"]) {
  // `clip-gen reconstruct` puts the pictures above, and below them what came back.
  const half = async (run, place) => {
    const grid = sharp(join(out, `${run}.${set}.png`));
    const { width: across = 0, height = 0 } = await grid.metadata();
    const rows = Math.floor(height / 2);
    width = Math.max(width, across);
    const cut = grid.extract({ left: 0, top: place === "above" ? 0 : height - rows, width: across, height: rows });
    layers.push({ input: await cut.png().toBuffer(), left: 0, top });
    top += rows;
  };
  await half(runs[0], "above");
  for (const run of runs) await half(run, "below");
  top += GAP;
}
await sharp({ create: { width, height: top - GAP, channels: 3, background: "white" } })
  .composite(layers)
  .png({ palette: true })
  .toFile(file);
