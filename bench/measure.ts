/** One side of a comparison: does `count` repeats and gives the milliseconds that each took. */
export type Runner = { name: string; run: (count: number) => Promise<number[]> };

/** How long to measure: `rounds` rounds of `count` repeats, fewer when `seconds` are over. */
export type Plan = { rounds: number; count: number; seconds: number };

/** The milliseconds of a runner by round; its error when it broke down on the way. */
export type Samples = { name: string; rounds: number[][]; error?: string };

/** A line of the table. */
export type Measurement = {
  name: string;
  unit: string;
  ours: number;
  shareOfPeak?: number;
  /** Further figures of ours. */
  details: Record<string, number>;
  peers: Peer[];
  /** What it is meant to reach: a share of the machine's limit, and by peer's label how many times as fast. */
  goals?: { share?: number; ratios?: Record<string, number> };
};

/** `ratio`: how many times as fast as this peer ours is. What broke down has an error and no figures. */
export type Peer = {
  name: string;
  value?: number;
  ratio?: number;
  shareOfPeak?: number;
  details?: Record<string, number>;
  error?: string;
};

/** Rounds that are measured even when the time is over: a median of fewer says little. */
const FEWEST_ROUNDS = 3;

/**
 * Lets all runners take turns, so that a machine that is slower for a while is so for all of them. Every other round
 * goes backwards. A first round warms up and does not count.
 */
export async function alternate(runners: readonly Runner[], plan: Plan): Promise<Samples[]> {
  const all = runners.map((runner) => ({ runner, samples: { name: runner.name, rounds: [] } as Samples }));
  const takeTurn = async ({ runner, samples }: (typeof all)[number], counts: boolean): Promise<void> => {
    if (samples.error !== undefined) return;
    try {
      const times = await runner.run(plan.count);
      if (counts) samples.rounds.push(times);
    } catch (error) {
      samples.error = error instanceof Error ? error.message : String(error);
    }
  };
  for (const turn of all) await takeTurn(turn, false);
  const end = performance.now() + plan.seconds * 1000;
  for (let round = 0; round < plan.rounds; round++) {
    if (round >= Math.min(plan.rounds, FEWEST_ROUNDS) && performance.now() > end) break;
    for (const turn of round % 2 === 0 ? all : all.toReversed()) await takeTurn(turn, true);
  }
  return all.map(({ samples }) => samples);
}

/** A runner in this process. */
export function own(name: string, step: () => void): Runner {
  const run = async (count: number): Promise<number[]> =>
    Array.from({ length: count }, () => {
      const start = performance.now();
      step();
      return performance.now() - start;
    });
  return { name, run };
}

/** The first of the samples is ours. Throws when ours broke down; a peer may. */
function split(samples: readonly Samples[]): { ours: Samples; peers: Samples[] } {
  const [ours, ...peers] = samples;
  if (!ours || ours.error !== undefined) throw new Error(`the measurement broke down: ${ours?.error ?? "nothing ran"}`);
  return { ours, peers };
}

/**
 * Median time of each, in `unit`s of which `perMillisecond` are a millisecond. The ratio is the median over the rounds:
 * what a round's neighbours took is compared, and not what the machine did at another time.
 */
export function compareTimes(
  samples: readonly Samples[],
  options: { name: string; unit: string; perMillisecond: number },
): Measurement {
  const { name, unit, perMillisecond } = options;
  const { ours, peers } = split(samples);
  const figures = (of: Samples): { value: number; details: Record<string, number> } => {
    const times = of.rounds.flat().map((time) => time * perMillisecond);
    return { value: median(times), details: { p99: percentile(times, 0.99), samples: times.length } };
  };
  const compared = (peer: Samples): Peer => ({
    name: peer.name,
    ...figures(peer),
    ratio: roundwise(ours, peer, (a, b) => median(b) / median(a)),
  });
  const { value, details } = figures(ours);
  return { name, unit, ours: value, details, peers: peers.map((peer) => unlessBroken(peer, compared)) };
}

/** The best rate of each, for machine limits: `amount` units of work a repeat, given in units a second. */
export function compareRates(
  samples: readonly Samples[],
  options: { name: string; unit: string; amount: number },
): Measurement {
  const { name, unit, amount } = options;
  const { ours, peers } = split(samples);
  const best = (of: Samples): number => (amount / Math.min(...of.rounds.flat())) * 1000;
  const compared = (peer: Samples): Peer => ({ name: peer.name, value: best(peer), ratio: best(ours) / best(peer) });
  return { name, unit, ours: best(ours), details: {}, peers: peers.map((peer) => unlessBroken(peer, compared)) };
}

function unlessBroken(samples: Samples, compared: (samples: Samples) => Peer): Peer {
  return samples.error === undefined ? compared(samples) : { name: samples.name, error: samples.error };
}

/** The median over the rounds that both have. */
export function roundwise(a: Samples, b: Samples, compare: (a: number[], b: number[]) => number): number {
  return median(
    a.rounds.flatMap((mine, i) => {
      const other = b.rounds[i];
      return other ? [compare(mine, other)] : [];
    }),
  );
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The value that this share of all values does not exceed, interpolated. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? NaN;
  const above = sorted[Math.ceil(place)] ?? NaN;
  return below + (above - below) * (place - Math.floor(place));
}
