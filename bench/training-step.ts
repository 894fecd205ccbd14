import { type Context, plan, type Precision } from "./context.ts";
import { peakProduct } from "./matmul.ts";
import {
  alternate,
  compareTimes,
  median,
  own,
  roundwise,
  type Measurement,
  type Plan,
  type Samples,
} from "./measure.ts";

/**
 * Times one training step, ours against the peers', with a large matrix product in every round: the share of the peak is
 * the median over the rounds of step rate to product rate.
 */
export async function compareSteps(
  context: Context,
  options: {
    name: string;
    /** Of one step. */
    flops: number;
    /** What a step takes in: tokens, pictures. */
    items: { count: number; name: string };
    precision: Precision;
    step: () => void;
    peer: { workload: string; settings: unknown };
    plan: Plan;
  },
): Promise<Measurement> {
  const { name, flops, items, precision, peer } = options;
  using peak = peakProduct(precision);
  const runners = [
    own("clip-gen", options.step),
    own("peak", peak.step),
    ...context.peers.map((python) => python.runner(peer.workload, peer.settings)),
  ];
  const [mine, product, ...others] = await alternate(runners, plan(context, options.plan));
  if (!mine || !product) throw new Error("nothing ran");
  const result = compareTimes([mine, ...others], { name, unit: "ms", perMillisecond: 1 });
  const share = (of: Samples): number =>
    roundwise(of, product, (steps, products) => (flops / median(steps)) * (Math.min(...products) / peak.flops));
  result.shareOfPeak = share(mine);
  Object.assign(result.details, {
    flops,
    gflops: flops / result.ours / 1e6,
    [`${items.name}PerSecond`]: (items.count / result.ours) * 1000,
  });
  for (const [i, found] of result.peers.entries()) {
    const samples = others[i];
    if (samples?.error === undefined && samples) found.shareOfPeak = share(samples);
  }
  return result;
}
