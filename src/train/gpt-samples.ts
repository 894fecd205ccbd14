import { fromPixels } from "../data/batches.ts";
import type { EncodedSet } from "../data/encoded.ts";
import { pictureGrid } from "../data/picture-grid.ts";
import type { Gpt } from "../models/gpt.ts";
import type { Vqgan } from "../models/vqgan.ts";
import { noGrad } from "../tensor/autograd.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Sample } from "./loop.ts";

const SHOWN = 8;

/** The first pictures as VQGAN has them, and below each what the GPT draws from its embedding, always with the same seed. */
export async function drawnSample(options: { gpt: Gpt; vqgan: Vqgan; data: EncodedSet }): Promise<Sample> {
  const { gpt, vqgan, data } = options;
  const { grid, embedDim, views } = data;
  const count = Math.min(SHOWN, data.count);
  const length = grid[0] * grid[1];
  const device = gpt.positionEmbedding.device;
  // Of several views the first one is the picture as it is.
  const firsts = (numbers: Float32Array | Int32Array, width: number): Tensor =>
    Tensor.from(numbers.subarray(0, count * views * width), [count, views, width])
      .select(1, 0)
      .to(device);
  const { training } = gpt;
  gpt.eval();
  try {
    using condition = keep(tidy(() => firsts(data.embeddings, embedDim).contiguous()));
    using drawn = await gpt.sample(condition); // (count, L)
    const { pixels, size } = noGrad(() =>
      tidy(() => {
        const shape = [count, ...grid];
        const real = vqgan.decode(firsts(data.tokens, length).to("int64").reshape(shape));
        const pictures = [fromPixels(real), fromPixels(vqgan.decode(drawn.view(shape)))];
        return { pixels: Buffer.concat(pictures), size: real.size(2) };
      }),
    );
    return { name: "drawn", ...(await pictureGrid(pixels, { size, columns: count })) };
  } finally {
    gpt.train(training);
  }
}
