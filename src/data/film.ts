import sharp from "sharp";

export type FilmOptions = {
  /** Of a frame's side, in pixels. */
  size: number;
  format: "webp" | "gif";
  /** Frames a second: up to 1000 in WebP, which counts milliseconds; up to 50 in GIF, in which shorter times mean others. */
  fps: number;
  /** Every pixel becomes scale × scale pixels; by default small pictures grow to about 256. */
  scale?: number;
  /** An XMP packet; GIF has no place for it. */
  xmp?: string;
};

/**
 * Frames as a film that starts again at its end. WebP keeps every pixel as it is; GIF has 256 colours a frame,
 * and times in hundredths of a second.
 * Neighbours that are equal become one frame that is shown for longer.
 * @param images (N, size, size, 3) RGB bytes
 * @throws RangeError when the bytes are no such pictures, or the format cannot show so many frames a second
 */
export async function film(images: Uint8Array, options: FilmOptions): Promise<Uint8Array> {
  const { size, format, fps, scale = Math.max(1, Math.round(256 / size)), xmp } = options;
  const count = images.length / (size * size * 3);
  if (!Number.isInteger(count) || count === 0) {
    throw new RangeError(`${images.length} bytes are no ${size}×${size} pictures`);
  }
  const fastest = format === "gif" ? 50 : 1000;
  if (!(fps >= 0.02 && fps <= fastest)) {
    throw new RangeError(`fps is ${fps}, expected a number from 0.02 to ${fastest} for ${format}`);
  }
  // Frames below one another, as one tall picture. It is scaled by itself: a resize of pages does not know where they end.
  const side = size * scale;
  const tall = await sharp(images, { raw: { width: size, height: size * count, channels: 3 } })
    .resize(side, side * count, { kernel: "nearest", fit: "fill" })
    .raw()
    .toBuffer();
  const pages = sharp(tall, { raw: { width: side, height: side * count, channels: 3, pageHeight: side } });
  const timing = { loop: 0, delay: Array.from({ length: count }, () => Math.round(1000 / fps)) };
  // Dithering hides the steps between 256 colours, but would speckle pixels that were scaled up.
  if (format === "gif") return await pages.gif({ ...timing, dither: scale > 1 ? 0 : 1 }).toBuffer();
  return await (xmp === undefined ? pages : pages.withXmp(xmp)).webp({ ...timing, lossless: true }).toBuffer();
}

/** Frames there and back: the first and the last stand once, so that a film that starts again has no jump and no pause. */
export function thereAndBack<T>(frames: readonly T[]): T[] {
  return [...frames, ...frames.slice(1, -1).toReversed()];
}
