import { describedPng } from "../generate/picture.ts";
import type { Preview } from "../generate/draw-rows.ts";
import type { Gallery, GalleryEntry } from "./gallery.ts";

export const pictureFormats = ["png", "jpeg", "webp"] as const;
export type PictureFormat = (typeof pictureFormats)[number];

/** A picture as it was asked for: in its own size, or another; a PNG holds how it was drawn in every size. */
export async function pictureFile(
  gallery: Gallery,
  entry: GalleryEntry,
  { side = entry.size, format = "png" }: { side?: number | undefined; format?: PictureFormat | undefined } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const png = await gallery.png(entry);
  if (side === entry.size && format === "png") return png;
  const { default: sharp } = await import("sharp");
  const resized = new Uint8Array(
    await sharp(png).resize(side, side, { kernel: "lanczos3" }).toFormat(format, { quality: 92 }).toBuffer(),
  );
  if (format !== "png") return resized;
  return new Uint8Array(describedPng(resized, { description: entry.origin.prompt, origin: entry.origin }));
}

/** What is there of a picture as a PNG: what is not is transparent. */
export async function previewPng({ pixels, size, drawn }: Preview): Promise<Buffer> {
  const { default: sharp } = await import("sharp");
  const lines = Buffer.alloc(size * size * 4);
  for (let i = 0; i < size * drawn; i += 1) {
    lines.set(pixels.subarray(i * 3, i * 3 + 3), i * 4);
    lines[i * 4 + 3] = 255;
  }
  return await sharp(lines, { raw: { width: size, height: size, channels: 4 } })
    .png({ compressionLevel: 3 })
    .toBuffer();
}

/** The side of "512x512"; none of "auto". */
export function sideOf(size: string | null | undefined): number | undefined {
  return size == null || size === "auto" ? undefined : Number(size.split("x")[0]);
}
