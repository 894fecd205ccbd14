/** A picture as it is shown: (size, size, 3) RGB bytes. */
export type Shown = { pixels: Uint8Array; size: number };

const MOST_COLUMNS = 32;
const GAP = 1;

/** Whether a terminal shows 24-bit colours, as it says. */
export function showsPictures(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY === true && /^(truecolor|24bit)$/.test(env["COLORTERM"] ?? "") && env["NO_COLOR"] === undefined;
}

/** Pictures side by side, as many as fit: a character is two pixels, the upper one its colour, the lower one its ground. */
export function terminalPictures(pictures: readonly Shown[], columns: number): string {
  const side = Math.min(MOST_COLUMNS, columns, ...pictures.map(({ size }) => size));
  const even = side - (side % 2);
  const fitting = pictures.slice(0, Math.max(1, Math.floor((columns + GAP) / (even + GAP))));
  const small = fitting.map((picture) => shrunk(picture, even));
  const lines: string[] = [];
  for (let row = 0; row < even; row += 2) {
    const parts = small.map((pixels) => {
      let line = "";
      for (let column = 0; column < even; column += 1) {
        const [upper, lower] = [row, row + 1].map((y) => color(pixels, (y * even + column) * 3));
        line += `\u001b[38;2;${upper}m\u001b[48;2;${lower}m▀`;
      }
      return `${line}\u001b[0m`;
    });
    lines.push(parts.join(" ".repeat(GAP)));
  }
  return lines.join("\n");
}

function color(pixels: Uint8Array, at: number): string {
  return Array.from(pixels.subarray(at, at + 3)).join(";");
}

/** Means of squares of pixels: (side, side, 3). */
function shrunk({ pixels, size }: Shown, side: number): Uint8Array {
  const small = new Uint8Array(side * side * 3);
  const edge = (i: number): number => Math.round((i * size) / side);
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        let [sum, count] = [0, 0];
        for (let v = edge(y); v < edge(y + 1); v += 1) {
          for (let u = edge(x); u < edge(x + 1); u += 1) {
            sum += pixels[(v * size + u) * 3 + channel] ?? 0;
            count += 1;
          }
        }
        small[(y * side + x) * 3 + channel] = Math.round(sum / count);
      }
    }
  }
  return small;
}
