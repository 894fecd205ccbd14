import { fromPixels } from "../data/batches.ts";
import type { EncodedSet } from "../data/encoded.ts";
import { pictureGrid } from "../data/picture-grid.ts";
import { gather, spread } from "../data/rows.ts";
import type { Gpt } from "../models/gpt.ts";
import type { Vqgan } from "../models/vqgan.ts";
import { noGrad } from "../tensor/autograd.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Sample } from "./loop.ts";

const SHOWN = 8;

/** A few pictures as VQGAN has them, and below each what the GPT draws from its embedding, always with the same seed. */
export async function drawnSample(options: { gpt: Gpt; vqgan: Vqgan; data: EncodedSet }): Promise<Sample> {
  const { gpt, vqgan, data } = options;
  const { grid, embedDim, views } = data;
  // Of several views the first one is the picture as it is.
  const rows = spread(data.count, SHOWN).map((index) => index * views);
  const count = rows.length;
  const length = grid[0] * grid[1];
  const device = gpt.device;
  const { training } = gpt;
  gpt.eval();
  try {
    using condition = keep(
      tidy(() => {
        const embeddings = gather(new Float32Array(count * embedDim), data.embeddings, rows);
        return Tensor.from(embeddings, [count, embedDim]).to(device);
      }),
    );
    using drawn = await gpt.sample(condition); // (count, L)
    const { pixels, size } = noGrad(() =>
      tidy(() => {
        const shape = [count, ...grid];
        const tokens = gather(new Int32Array(count * length), data.tokens, rows);
        const real = vqgan.decode(Tensor.from(tokens, shape).to(device).to("int64"));
        const pictures = [fromPixels(real), fromPixels(vqgan.decode(drawn.view(shape)))];
        return { pixels: Buffer.concat(pictures), size: real.size(2) };
      }),
    );
    return { name: "drawn", ...(await pictureGrid(pixels, { size, columns: count })) };
  } finally {
    gpt.train(training);
  }
}
