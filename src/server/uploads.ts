import { basename } from "node:path";
import { pictureFormatOf } from "../data/picture-format.ts";
import { ApiError } from "./api-error.ts";

/** Pixels that a picture may have once it is decoded. */
const MOST_PIXELS = 50_000_000;

/** An uploaded picture, whose head says that it can be decoded, and is not too large to be. */
export async function readUpload(file: File): Promise<{ picture: Uint8Array; name: string }> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (pictureFormatOf(bytes) === undefined) throw unreadable();
  const { default: sharp } = await import("sharp");
  let size: { width: number; height: number };
  try {
    size = await sharp(bytes, { limitInputPixels: MOST_PIXELS, failOn: "error" }).metadata();
  } catch {
    throw unreadable();
  }
  if (size.width * size.height > MOST_PIXELS) {
    throw refused(
      `the picture has ${size.width}×${size.height} pixels, at most ${MOST_PIXELS / 1e6} million are taken`,
      "image_too_large",
    );
  }
  return {
    picture: bytes,
    name:
      basename(file.name)
        .replaceAll(/\p{Cc}/gu, "")
        .slice(0, 100) || "picture",
  };
}

function unreadable(): ApiError {
  return refused("the picture cannot be read: expected a PNG, JPEG, WebP, GIF, AVIF or TIFF", "invalid_image");
}

function refused(message: string, code: string): ApiError {
  return new ApiError(400, message, { param: "image", code });
}
