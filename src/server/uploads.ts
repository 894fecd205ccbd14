import { basename } from "node:path";
import { decodeImage, ImageError } from "../data/images.ts";
import { pictureFormatOf } from "../data/picture-format.ts";
import { ApiError } from "./api-error.ts";

/** Pixels that a picture may have once it is decoded. */
const MOST_PIXELS = 50_000_000;

/** An uploaded picture, of which its head says that it is not too large, and which can be decoded to its end. */
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
  try {
    await decodeImage(bytes, { size: 1 });
  } catch (error) {
    throw error instanceof ImageError ? refused(error.message, "invalid_image") : unreadable();
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
