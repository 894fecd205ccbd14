import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { useTheme } from "./use-theme.ts";

export type Curve = { label: string; color: string; steps: readonly number[]; values: readonly (number | null)[] };

const HEIGHT = 220;

type ChartProps = {
  title: string;
  curves: readonly Curve[];
  /** What is not above zero is left out then. */
  log: boolean;
};

/** One figure of one or more runs, over their steps. */
export function Chart({ title, curves, log }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const theme = useTheme();
  const names = curves.map(({ label, color }) => `${label} ${color}`).join("\n");

  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const style = getComputedStyle(element);
    const axis = {
      stroke: style.color,
      grid: { stroke: style.borderColor, width: 1 },
      ticks: { stroke: style.borderColor },
    };
    const made = new uPlot(
      {
        title,
        width: element.clientWidth,
        height: HEIGHT,
        scales: { x: { time: false }, y: { distr: log ? 3 : 1 } },
        axes: [axis, { ...axis, size: 60 }],
        series: [
          { label: "step" },
          ...curves.map(({ label, color }) => ({
            label,
            stroke: color,
            width: 1.5,
            spanGaps: true,
            points: { show: false },
          })),
        ],
      },
      joined(curves, log),
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [title, names, theme, log]);

  useEffect(() => plot.current?.setData(joined(curves, log)), [curves, log]);

  const last = curves.map(({ label, values }) => {
    const value = values.findLast((each) => each !== null);
    return `${label}: ${value == null ? "nothing yet" : Number(value.toPrecision(4))}`;
  });
  return <div class="chart" ref={place} role="img" aria-label={`${title}. ${last.join("; ")}`} />;
}

/** Curves over one list of steps. */
function joined(curves: readonly Curve[], log: boolean): uPlot.AlignedData {
  const steps = [...new Set(curves.flatMap((curve) => curve.steps))].sort((a, b) => a - b);
  const columns = curves.map((curve) => {
    const values = curve.values.map((value) => (log && value !== null && value <= 0 ? null : value));
    const known = new Map(curve.steps.map((step, i) => [step, values[i] ?? null]));
    return steps.map((step) => known.get(step) ?? null);
  });
  return [steps, ...columns];
}
