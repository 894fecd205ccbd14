import { fromPixels, toPixels } from "../data/batches.ts";
import { streamOf, type PictureSet } from "../data/picture-stream.ts";
import type { Lpips } from "../models/lpips.ts";
import type { Vqgan } from "../models/vqgan.ts";
import { noGrad } from "../tensor/autograd.ts";
import { tidy } from "../tensor/scope.ts";
import type { Device } from "../tensor/tensor.ts";
import { codebookUse } from "./codebook-use.ts";
import { figure, meanOf, type Figure } from "./figure.ts";
import { psnr, ssim } from "./reconstruction.ts";

/** Two equal pictures have an infinite PSNR, which no mean can take. */
const MOST_DB = 100;
const SSIM_SIDE = 11;
/** LPIPS' network halves its features four times. */
const LPIPS_SIDE = 16;

export type Reconstructed = {
  /** (N, size, size, 3) RGB bytes. */
  images: Uint8Array;
  figures: Figure[];
  /** Of every picture, in dB. */
  psnr: number[];
};

/** Pictures through the VQGAN and back, compared pixel by pixel in 8 bits as they are shown. */
export async function reconstructPictures(
  pictures: PictureSet,
  options: {
    vqgan: Vqgan;
    lpips?: Lpips | undefined;
    device?: Device;
    signal?: AbortSignal | undefined;
    onProgress?: ((done: number, total: number) => void) | undefined;
  },
): Promise<Reconstructed> {
  const { vqgan, lpips, device = "cpu", signal, onProgress } = options;
  const { size, count } = pictures;
  const images = new Uint8Array(pictures.images.length);
  const tokens: number[] = [];
  const values = { psnr: new Array<number>(), ssim: new Array<number>(), lpips: new Array<number>() };
  let done = 0;
  for await (const batch of streamOf(pictures).batches(8)) {
    signal?.throwIfAborted();
    noGrad(() =>
      tidy(() => {
        const before = toPixels(batch.images, batch, device); // (B, 3, H, W)
        const { reconstruction, indices } = vqgan.forward(before);
        const bytes = fromPixels(reconstruction);
        images.set(bytes, done * size * size * 3);
        tokens.push(...indices.flatten().toNumbers());
        const after = toPixels(bytes, batch, device);
        const [x, y] = [before, after].map((batchPixels) => batchPixels.add(1).mul(0.5).to("cpu"));
        if (!x || !y) return;
        values.psnr.push(...psnr(x, y).map((value) => Math.min(MOST_DB, value)));
        if (size >= SSIM_SIDE) values.ssim.push(...ssim(x, y));
        if (lpips && size >= LPIPS_SIDE) values.lpips.push(...lpips.forward(before, after).toNumbers());
      }),
    );
    done += batch.count;
    onProgress?.(done, count);
    await new Promise((resume) => setImmediate(resume));
  }
  const use = codebookUse(Int32Array.from(tokens), vqgan.config.codebookSize);
  const codes = vqgan.config.codebookSize;
  const tooSmall = (side: number): string | undefined =>
    size < side ? `it needs pictures of ${side} pixels a side, these have ${size}` : undefined;
  const figures = [
    figure(
      {
        name: "reconstruction_psnr",
        label: "PSNR",
        meaning: "How close the VQGAN's reconstructions are, pixel by pixel; 30 dB and more look the same.",
        better: "higher",
        unit: "dB",
      },
      () => meanOf(values.psnr),
    ),
    figure(
      {
        name: "reconstruction_ssim",
        label: "SSIM",
        meaning: "How much of the pictures' local structure the reconstructions keep; 1 for equal ones.",
        better: "higher",
      },
      () => meanOf(values.ssim),
      { unless: tooSmall(SSIM_SIDE) },
    ),
    figure(
      {
        name: "reconstruction_lpips",
        label: "LPIPS",
        meaning: "How different the reconstructions look to a network; 0 for equal ones.",
        better: "lower",
      },
      () => meanOf(values.lpips),
      { unless: lpips ? tooSmall(LPIPS_SIDE) : "it needs the weights of LPIPS (--lpips)" },
    ),
    figure(
      {
        name: "codebook_used",
        label: "Codes in use",
        meaning: `The share of the ${codes} codes that these pictures use at all.`,
        better: "higher",
      },
      () => use.used,
    ),
    figure(
      {
        name: "codebook_perplexity",
        label: "Code perplexity",
        meaning: `As many codes, equally often, would say as much; at most ${codes}.`,
        better: "higher",
      },
      () => use.perplexity,
    ),
  ];
  return { images, figures, psnr: values.psnr };
}
