import sharp from "sharp";

/** Space between pictures, in pixels. */
const GAP = 2;

/**
 * Pictures side by side on white, as PNG.
 * @param images (N, size, size, 3) RGB bytes
 * @param options.scale every pixel becomes scale × scale pixels; by default small pictures grow to at least 64
 */
export async function pictureGrid(
  images: Uint8Array,
  options: { size: number; columns: number; scale?: number },
): Promise<{ png: Uint8Array; width: number; height: number }> {
  const { size, columns, scale = Math.max(1, Math.round(64 / size)) } = options;
  const bytes = size * size * 3;
  const count = images.length / bytes;
  if (!Number.isInteger(count) || count === 0)
    throw new RangeError(`${images.length} bytes are no ${size}×${size} pictures`);
  const rows = Math.ceil(count / columns);
  const width = columns * (size + GAP) - GAP;
  const height = rows * (size + GAP) - GAP;
  const grid = new Uint8Array(width * height * 3).fill(255);
  for (let i = 0; i < count; i += 1) {
    const left = (i % columns) * (size + GAP);
    const top = Math.floor(i / columns) * (size + GAP);
    for (let y = 0; y < size; y += 1) {
      const row = images.subarray(i * bytes + y * size * 3, i * bytes + (y + 1) * size * 3);
      grid.set(row, ((top + y) * width + left) * 3);
    }
  }
  const scaled = sharp(grid, { raw: { width, height, channels: 3 } })
    .resize(width * scale, height * scale, { kernel: "nearest" })
    .png();
  return { png: await scaled.toBuffer(), width: width * scale, height: height * scale };
}
