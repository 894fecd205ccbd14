/** Picture files to RGB bytes. Everything a file can get wrong ends in an `ImageError`. */

import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import sharp from "sharp";
import { oneLine } from "../io/read-error.ts";
import { Random } from "../random.ts";
import { pictureFormatOf } from "./picture-format.ts";
import type { Rgb } from "./scenes.ts";

/** Decoded pictures: (height, width, 3) RGB bytes in sRGB, rows from the top. */
export type Image = { data: Uint8Array; width: number; height: number };

/** A picture that cannot be read. `path` is null where the picture came as bytes. */
export class ImageError extends Error {
  readonly path: string | null;
  readonly reason: string;

  constructor(path: string | null, reason: string, options?: ErrorOptions) {
    super(`cannot read the picture${path === null ? "" : ` ${oneLine(path)}`}: ${reason}`, options);
    this.name = "ImageError";
    this.path = path;
    this.reason = reason;
  }
}

/** File name extensions that are read, in small letters. */
export const imageExtensions: readonly string[] = [
  ".png",
  ".jpg",
  ".jpeg",
  ".jpe",
  ".jfif",
  ".webp",
  ".gif",
  ".avif",
  ".tif",
  ".tiff",
];

/** Whether the file's extension is one of `imageExtensions`, in small or capital letters. */
export function isImageFile(path: string): boolean {
  return imageExtensions.includes(extname(path).toLowerCase());
}

/** Most pixels a picture may have. A small file can claim any size; this many take 300 MB as RGB. */
export const maxPixels = 100_000_000;
/** Most bytes of a picture as its file has it: interlaced ones are whole in memory before they are made smaller. */
const maxBytes = 4 * maxPixels;
const bytesOfSample: Readonly<Record<string, number>> = {
  uchar: 1,
  char: 1,
  ushort: 2,
  short: 2,
  uint: 4,
  int: 4,
  float: 4,
};

/** How a picture is resampled: Catmull-Rom as CLIP's own preprocessing, Lanczos, or the nearest pixel. */
export type ResizeKernel = "cubic" | "lanczos3" | "linear" | "nearest";

export type DecodeOptions = {
  /** Side of the square to return, in pixels. Without it the picture keeps its size and nothing is cut off. */
  size?: number;
  /** "center" (default): shorter side to `size`, middle square. "random": a random square, resized; needs `random`. */
  crop?: "center" | "random";
  /** Area of the random square as a share of the largest square that fits: from, to. Default [0.8, 1]. */
  scale?: readonly [min: number, max: number];
  /** Mirror left and right half of the time; needs `random`. */
  flip?: boolean;
  /** Where the random crop and flip come from. */
  random?: Random;
  /** What shows through where the picture is transparent. Default white. */
  background?: Rgb;
  kernel?: ResizeKernel;
};

/**
 * Decodes a picture (PNG, JPEG, WebP, GIF, AVIF, TIFF; the first frame of a moving one) from a path or from bytes.
 * Grey, CMYK, 16-bit and palette pictures become 8-bit sRGB; the colour profile and the EXIF rotation are applied.
 * Returns (size, size, 3), or the picture's own size without `size`.
 * Throws ImageError with path and reason; RangeError or TypeError for impossible options.
 */
export async function decodeImage(input: string | Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  checkOptions(options);
  const path = typeof input === "string" ? input : null;
  try {
    return await decode(typeof input === "string" ? await readFile(input) : input, options);
  } catch (error) {
    if (error instanceof ImageError) throw error;
    throw new ImageError(path, reasonOf(error), { cause: error });
  }
}

async function decode(bytes: Uint8Array, options: DecodeOptions): Promise<Image> {
  if (bytes.length === 0) throw new Error("the file is empty");
  const format = pictureFormatOf(bytes);
  if (format === undefined) throw new Error(UNKNOWN);
  // "error" and not "warning": odd but harmless metadata is no reason to lose a picture. Truncated ones still fail.
  const pipeline = sharp(bytes, { failOn: "error", limitInputPixels: maxPixels, autoOrient: true });
  const { format: found, autoOrient, channels, depth } = await pipeline.metadata();
  if (found !== format) throw new Error(`it starts as ${format} and is ${found}`);
  const total = autoOrient.width * autoOrient.height * channels * (bytesOfSample[depth] ?? Infinity);
  if (total > maxBytes)
    throw new Error(`it has ${channels} channels of ${depth}, which take more than ${maxBytes} bytes`);
  const [red, green, blue] = options.background ?? [255, 255, 255];
  pipeline.flatten({ background: { r: red, g: green, b: blue } });

  const { size, random, kernel = "cubic" } = options;
  if (size !== undefined) {
    if (options.crop === "random" && random !== undefined) {
      pipeline.extract(randomSquare(autoOrient, random, options.scale ?? [0.8, 1]));
    }
    // Without the fast path, JPEG's own shrinking never goes further than leaves the kernel something to do.
    pipeline.resize({ width: size, height: size, fit: "cover", position: "centre", kernel, fastShrinkOnLoad: false });
  }
  if (options.flip === true && random?.chance(0.5) === true) pipeline.flop();
  const { data, info } = await pipeline
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`it decodes to ${info.channels} channels, expected 3`);
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width: info.width, height: info.height };
}

type Square = { left: number; top: number; width: number; height: number };

function randomSquare(
  { width, height }: { width: number; height: number },
  random: Random,
  [min, max]: readonly [number, number],
): Square {
  const shorter = Math.min(width, height);
  const side = Math.max(1, Math.min(shorter, Math.round(shorter * Math.sqrt(random.between(min, max)))));
  return { left: random.int(width - side + 1), top: random.int(height - side + 1), width: side, height: side };
}

function checkOptions({ size, crop, scale, flip, random }: DecodeOptions): void {
  if (size !== undefined && (!Number.isInteger(size) || size < 1 || size > 16_384)) {
    throw new RangeError(`size must be a whole number from 1 to 16384, got ${size}`);
  }
  if ((crop === "random" || flip === true) && !(random instanceof Random)) {
    throw new TypeError('crop: "random" and flip need a Random in the option "random"');
  }
  if (crop === "random" && size === undefined) throw new TypeError('crop: "random" needs the option "size"');
  if (scale !== undefined && !(scale[0] > 0 && scale[0] <= scale[1] && scale[1] <= 1)) {
    throw new RangeError(`scale must be [min, max] with 0 < min <= max <= 1, got [${scale.join(", ")}]`);
  }
}

const UNKNOWN = "it is not a picture of a known format, or is damaged";

/** One line about what went wrong, without the stack and without sharp's own line breaks. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EISDIR") return "it is a folder";
  if (code === "EACCES") return "permission denied";
  if (error.message.includes("unsupported image format")) return UNKNOWN;
  if (error.message.includes("exceeds pixel limit")) return `it has more than ${maxPixels} pixels`;
  const lines = error.message.trim().split(/\s*\n\s*/);
  return oneLine(lines.join("; "));
}
