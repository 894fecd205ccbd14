import type { GeneratedPicture } from "./picture.ts";

/**
 * What a change between two frames counts, in units of the usual change between two candidates, against a frame's score in
 * units of its deviation over the candidates. Chosen by eye on journeys of the
 * demo's model: at 1 pictures still jump, at 12 they hardly follow the words.
 */
const SMOOTHNESS = 6;

/** Pictures are compared this small: a film's eye sees shapes and colours move, and the time goes with candidates squared. */
const THUMBNAIL = 32;

/**
 * One of the candidates for each frame, so that frames have high scores and change little from one to the next.
 *
 * The best seed for the whole journey is never better in both than the best path through all candidates, which may change
 * the seed where a neighbour's picture is more alike. It is a shortest path, found by dynamic programming (Viterbi 1967).
 * @param candidates journeys of the same frames, each with a seed of its own
 */
export function smoothPath(candidates: readonly (readonly GeneratedPicture[])[]): GeneratedPicture[] {
  const frames = candidates[0]?.length ?? 0;
  const scores = Array.from({ length: frames }, (_, frame) => candidates.map((own) => own[frame]?.score ?? 0));
  const small = candidates.map((own) => own.map(thumbnail));
  const changes = Array.from({ length: Math.max(0, frames - 1) }, (_, frame) =>
    small.map((before) => small.map((after) => distance(before[frame], after[frame + 1]))),
  );
  const path = shortestPath(
    scaled(scores.map((own) => deviations(own))).map((own) => own.map((value) => -value)),
    scaled(changes.map((rows) => rows.flat())).map((flat) =>
      candidates.map((_, i) =>
        flat.slice(i * candidates.length, (i + 1) * candidates.length).map((x) => SMOOTHNESS * x),
      ),
    ),
  );
  return path.flatMap((candidate, frame) => candidates[candidate]?.[frame] ?? []);
}

/**
 * The choice for each frame with the least sum of costs.
 * @param costs (F, N): of taking a candidate
 * @param steps (F − 1, N, N): of going from a candidate to one of the next frame
 */
export function shortestPath(
  costs: readonly (readonly number[])[],
  steps: readonly (readonly (readonly number[])[])[],
): number[] {
  let sums = costs[0] ?? [];
  const cameFrom: number[][] = [];
  for (const [frame, step] of steps.entries()) {
    const reached = (costs[frame + 1] ?? []).map((cost, to) => {
      const ways = sums.map((sum, from) => sum + (step[from]?.[to] ?? 0));
      const from = leastOf(ways);
      return { from, sum: cost + (ways[from] ?? 0) };
    });
    cameFrom.push(reached.map(({ from }) => from));
    sums = reached.map(({ sum }) => sum);
  }
  const path = [leastOf(sums)];
  for (const from of cameFrom.toReversed()) path.unshift(from[path[0] ?? 0] ?? 0);
  return path;
}

/** The first of equals. */
function leastOf(values: readonly number[]): number {
  return values.reduce((least, value, i) => (value < (values[least] ?? 0) ? i : least), 0);
}

/** How much more than the frame's mean each candidate scores: what the frame itself is worth is not its seeds' merit. */
function deviations(scores: readonly number[]): number[] {
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
  return scores.map((score) => score - mean);
}

/** Divided by the root of the mean square of all of them, as CLIPs and pictures differ in how far apart things are. */
function scaled(rows: readonly (readonly number[])[]): number[][] {
  const all = rows.flat();
  const root = Math.sqrt(all.reduce((sum, value) => sum + value * value, 0) / all.length);
  return rows.map((row) => row.map((value) => (root > 0 ? value / root : 0)));
}

/** Means of square blocks: (side, side, 3) with a side of about `THUMBNAIL`. */
function thumbnail({ pixels, size }: GeneratedPicture): Float32Array {
  const block = Math.max(1, Math.floor(size / THUMBNAIL));
  const side = Math.floor(size / block);
  const small = new Float32Array(side * side * 3);
  for (let y = 0; y < side * block; y += 1) {
    for (let x = 0; x < side * block; x += 1) {
      const to = (Math.floor(y / block) * side + Math.floor(x / block)) * 3;
      for (let c = 0; c < 3; c += 1) {
        small[to + c] = (small[to + c] ?? 0) + (pixels[(y * size + x) * 3 + c] ?? 0) / (block * block);
      }
    }
  }
  return small;
}

/** Root of the mean square of the differences. */
function distance(a: Float32Array | undefined, b: Float32Array | undefined): number {
  if (!a || !b) return 0;
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
  return Math.sqrt(sum / a.length);
}
