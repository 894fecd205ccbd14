import { basename } from "node:path";
import sharp from "sharp";
import type { PictureSet } from "../data/picture-stream.ts";
import type { EvaluatedDrawing, Evaluation } from "../evaluate/evaluate.ts";
import { formatNumber } from "../evaluate/figure.ts";
import { html, type Html } from "./html.ts";

/** As many drawings are shown at most, and as many reconstructions. */
export const [SHOWN_DRAWINGS, SHOWN_RECONSTRUCTIONS] = [60, 24];

/** What stands beside every drawing, in words. */
export function besideDrawings({ drawings, paired }: Evaluation): string {
  const parts = [
    ...(paired ? ["the picture that it is of"] : []),
    ...(drawings.some(({ nearest }) => nearest) ? ["the training picture that it is most like"] : []),
  ];
  return parts.length === 0 ? "nothing, as neither captions nor the training are known" : parts.join(", and ");
}

/** A card for every drawing that is shown: the drawing, what to compare it with, its sentence and score. */
export async function drawingCards(
  { drawings, pictures, paired }: Evaluation,
  nearest: ReadonlyMap<string, Uint8Array>,
): Promise<Html[]> {
  const cards = drawings.slice(0, SHOWN_DRAWINGS).map(async (drawing, i) => {
    const { size } = drawing;
    const near = drawing.nearest && nearest.get(drawing.nearest.file);
    const side: Html[] = [];
    if (paired) {
      const own = await image(bytesAt(pictures, pictures.images, i), size, `the picture of ${drawing.prompt}`);
      side.push(html`<div>${own}<span>picture</span></div>`);
    }
    if (near && drawing.nearest) {
      const other = await image(near, size, drawing.nearest.file);
      side.push(html`<div>${other}<span>nearest, ${formatNumber(drawing.nearest.similarity)}</span></div>`);
    }
    const drawn = await image(drawing.pixels, size, `drawing of ${drawing.prompt}`);
    const row =
      side.length === 0
        ? html`<div class="row one">${drawn}</div>`
        : html`<div class="row">
            ${drawn}
            <div class="side">${side}</div>
          </div>`;
    return html`<figure class="card">
      ${row}
      <figcaption><strong>${titleOf(drawing)}</strong>${scoreLine(drawing)}</figcaption>
    </figure>`;
  });
  return await Promise.all(cards);
}

function titleOf({ prompt, clipScore }: EvaluatedDrawing): string {
  return clipScore === undefined ? basename(prompt) : prompt;
}

function scoreLine({ clipScore, score, seed }: EvaluatedDrawing): string {
  const first = clipScore === undefined ? `similarity ${formatNumber(score)}` : `CLIPScore ${formatNumber(clipScore)}`;
  return `${first} · seed ${seed}`;
}

/** A card for every picture that is shown with its reconstruction. */
export async function reconstructionCards({ pictures, reconstruction }: Evaluation): Promise<Html[]> {
  const { size } = pictures;
  const cards = pictures.names.slice(0, SHOWN_RECONSTRUCTIONS).map(async (name, i) => {
    const before = await image(bytesAt(pictures, pictures.images, i), size, name);
    const after = await image(bytesAt(pictures, reconstruction.images, i), size, `reconstruction of ${name}`);
    const quality = formatNumber(reconstruction.psnr[i] ?? Number.NaN);
    return html`<figure class="card">
      <div class="row even">${before}${after}</div>
      <figcaption>${basename(name)} · ${quality} dB</figcaption>
    </figure>`;
  });
  return await Promise.all(cards);
}

function bytesAt({ size }: PictureSet, images: Uint8Array, i: number): Uint8Array {
  const bytes = size * size * 3;
  return images.subarray(i * bytes, (i + 1) * bytes);
}

/** Side up to which pictures are shown pixel by pixel, and stored without loss. */
const SMALL = 96;

async function image(pixels: Uint8Array, size: number, alt: string): Promise<Html> {
  const raw = sharp(pixels, { raw: { width: size, height: size, channels: 3 } });
  const [kind, bytes] =
    size <= SMALL
      ? ["png", await raw.png({ compressionLevel: 9 }).toBuffer()]
      : ["webp", await raw.webp({ quality: 88 }).toBuffer()];
  const style = size <= SMALL ? "small" : "";
  return html`<img
    class="${style}"
    alt="${alt}"
    loading="lazy"
    src="data:image/${kind};base64,${bytes.toString("base64")}"
  />`;
}
