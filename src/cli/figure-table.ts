import { formatFigure, type Figure } from "../evaluate/figure.ts";

/** All figures under their headings, in columns. */
export function figureTable(sections: readonly { title: string; figures: readonly Figure[] }[]): string {
  const all = sections.flatMap(({ figures }) => figures);
  const [names, values] = [widthOf(all.map(({ name }) => name)), widthOf(all.map(formatFigure))];
  const line = (shown: Figure): string => {
    const better = shown.better === undefined ? "" : `${shown.better} is better`;
    const remark = "leftOut" in shown ? `left out: ${shown.leftOut}` : [better, shown.note].filter(Boolean).join("; ");
    return `  ${shown.name.padEnd(names)}  ${formatFigure(shown).padStart(values)}  ${remark}`.trimEnd();
  };
  return sections.map(({ title, figures }) => `\n${title}\n${figures.map(line).join("\n")}`).join("\n");
}

function widthOf(texts: readonly string[]): number {
  return Math.max(...texts.map((text) => text.length));
}
