import type { PictureSet } from "./picture-stream.ts";

/**
 * Cuts every picture into n × n pictures, row by row: parts of large photographs for networks that see small pictures.
 * @throws RangeError where the pictures' side is no multiple of n
 */
export function tilesOf(pictures: PictureSet, n: number): PictureSet {
  const { images, count } = pictures;
  const size = pictures.size / n;
  if (!Number.isInteger(size)) throw new RangeError(`pictures of ${pictures.size} pixels do not divide by ${n}`);
  const tiles = new Uint8Array(images.length);
  let to = 0;
  for (let picture = 0; picture < count; picture += 1) {
    for (let tile = 0; tile < n * n; tile += 1) {
      const [top, left] = [Math.floor(tile / n) * size, (tile % n) * size];
      for (let row = 0; row < size; row += 1) {
        const from = ((picture * pictures.size + top + row) * pictures.size + left) * 3;
        tiles.set(images.subarray(from, from + size * 3), to);
        to += size * 3;
      }
    }
  }
  const names = pictures.names.flatMap((name) => Array.from({ length: n * n }, (_, tile) => `${name} ${tile + 1}`));
  return { images: tiles, size, count: count * n * n, names, skipped: pictures.skipped };
}
