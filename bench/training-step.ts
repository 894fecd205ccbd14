import { type Context, plan, type Precision } from "./context.ts";
import { peakProduct } from "./matmul.ts";
import { alternate, median, own, roundwise, type Measurement, type Peer, type Plan, type Samples } from "./measure.ts";
import { newest } from "./python.ts";

/** What a user would otherwise run: a workload of `bench/peer/`, by a label for the table. */
export type PeerWork = { label: string; workload: string; settings: unknown; goal?: number };

/** The same training step in float32 and under bfloat16's autocast, with how many times as fast ours is meant to be. */
export function trainingPeers(
  workload: string,
  settings: object,
  goals: { float32: number; bfloat16: number },
): PeerWork[] {
  return [
    { label: "float32", workload, settings: { ...settings, dtype: "float32" }, goal: goals.float32 },
    { label: "bfloat16 autocast", workload, settings: { ...settings, dtype: "bfloat16" }, goal: goals.bfloat16 },
  ];
}

/**
 * Times one piece of work, ours against each peer by itself, with a large matrix product in every round: the share of the
 * peak is the median over the rounds of work rate to product rate. Every peer has a process of its own, which ends before
 * the next one begins, since two large networks may not fit into memory.
 */
export async function compareWork(
  context: Context,
  options: {
    name: string;
    /** Of one step. */
    flops: number;
    /** What a step takes in: tokens, pictures. */
    items: { count: number; name: string };
    precision: Precision;
    step: () => void;
    peers: readonly PeerWork[];
    plan: Plan;
    shareGoal?: number;
  },
): Promise<Measurement> {
  const { name, flops, items, precision } = options;
  using peak = peakProduct(precision);
  const ours: Samples[] = [];
  const products: Samples[] = [];
  const peers: Peer[] = [];
  const python = newest(context.peers);
  const rivals = python ? options.peers : [];
  for (const rival of rivals.length > 0 ? rivals : [undefined]) {
    const process = rival && python?.fresh();
    const runners = [own("clip-gen", options.step), own("peak", peak.step)];
    if (rival && process) runners.push(process.runner(rival.workload, rival.settings));
    const [mine, product, other] = await alternate(runners, plan(context, options.plan));
    process?.close();
    if (!mine || !product) throw new Error("nothing ran");
    if (mine.error !== undefined) throw new Error(`${name}: ${mine.error}`);
    ours.push(mine);
    products.push(product);
    if (!rival || !other) continue;
    const label = `${other.name} ${rival.label}`;
    if (other.error !== undefined) peers.push({ name: label, error: other.error });
    else
      peers.push({
        name: label,
        value: median(other.rounds.flat()),
        ratio: roundwise(mine, other, (a, b) => median(b) / median(a)),
      });
  }
  const mine: Samples = { name: "clip-gen", rounds: ours.flatMap(({ rounds }) => rounds) };
  const product: Samples = { name: "peak", rounds: products.flatMap(({ rounds }) => rounds) };
  const time = median(mine.rounds.flat());
  return {
    name,
    unit: "ms",
    ours: time,
    shareOfPeak: roundwise(mine, product, (steps, ref) => (flops / median(steps)) * (Math.min(...ref) / peak.flops)),
    details: {
      flops,
      gflops: flops / time / 1e6,
      [`${items.name}PerSecond`]: (items.count / time) * 1000,
      samples: mine.rounds.flat().length,
    },
    peers,
    goals: {
      ...(options.shareGoal !== undefined && { share: options.shareGoal }),
      ratios: Object.fromEntries(
        options.peers.flatMap(({ label, goal }) => (goal === undefined ? [] : [[label, goal]])),
      ),
    },
  };
}
