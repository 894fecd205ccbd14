/** A format that is decoded here. */
export type PictureFormat = "png" | "jpeg" | "webp" | "gif" | "tiff" | "heif";

// Numbers that files begin with, from their specifications.
const STARTS: readonly [start: string, format: PictureFormat][] = [
  ["\u0089PNG\r\n\u001a\n", "png"],
  ["\u00ff\u00d8\u00ff", "jpeg"],
  ["GIF87a", "gif"],
  ["GIF89a", "gif"],
  ["II*\0", "tiff"],
  ["MM\0*", "tiff"],
  ["II+\0", "tiff"],
  ["MM\0+", "tiff"],
];

/**
 * What a file's first bytes say it is; undefined for anything that is not decoded here. Looked at before any decoder is
 * asked: SVG is a program that can name other files, and what else a libvips may have been built with nobody has looked at.
 */
export function pictureFormatOf(bytes: Uint8Array): PictureFormat | undefined {
  const head = Buffer.from(bytes.subarray(0, 12)).toString("latin1");
  if (head.startsWith("RIFF") && head.endsWith("WEBP")) return "webp";
  // ISO 14496-12: the first box is "ftyp"; which brands are decoded is for the decoder to say.
  if (head.slice(4, 8) === "ftyp") return "heif";
  return STARTS.find(([start]) => head.startsWith(start))?.[1];
}
