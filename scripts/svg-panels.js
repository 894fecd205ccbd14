// Plots side by side in one SVG, three in a row.

export const [WIDTH, HEIGHT] = [300, 200];
const [GAP, COLUMNS] = [16, 3];

/** A page with plots, each drawn from its own top left corner. */
export function svgPage(plots) {
  const columns = Math.min(COLUMNS, plots.length);
  const rows = Math.ceil(plots.length / COLUMNS);
  const [w, h] = [columns * (WIDTH + GAP) - GAP, rows * (HEIGHT + GAP) - GAP];
  const placed = plots.map((plot, i) => {
    const [x, y] = [(i % COLUMNS) * (WIDTH + GAP), Math.floor(i / COLUMNS) * (HEIGHT + GAP)];
    return `<g transform="translate(${x} ${y})">\n${plot}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
${placed.join("\n")}
</svg>
`;
}

/** Title and axes of a plot with these margins. */
export function frame(title, { left, right, top, bottom }) {
  return `<text x="${left}" y="16" font-weight="bold">${title}</text>
<path d="M${left} ${top}V${HEIGHT - bottom}H${WIDTH - right}" fill="none" stroke="#888"/>
`;
}

export function polyline(points, style) {
  const path = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  return `<polyline points="${path}" fill="none" ${style}/>\n`;
}
