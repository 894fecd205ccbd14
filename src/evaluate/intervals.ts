/** A share or a mean with the ends of its 95 % interval. */
export type Interval = { value: number; low: number; high: number };

/** The normal distribution's 97.5 % point. */
const Z = 1.96;

/**
 * The share of successes with Wilson's score interval, which stays within 0 and 1 and is sound for few trials, too
 * (E. B. Wilson 1927; Brown, Cai and DasGupta 2001, "Interval estimation for a binomial proportion", section 3.1.1).
 * Throws RangeError unless there is a trial.
 */
export function wilsonInterval(successes: number, trials: number): Interval {
  if (!(trials > 0 && successes >= 0 && successes <= trials)) {
    throw new RangeError(
      `a share needs at least one trial and no more successes than trials, got ${successes} of ${trials}`,
    );
  }
  const share = successes / trials;
  const square = Z ** 2 / trials;
  const center = (share + square / 2) / (1 + square);
  const half = (Z * Math.sqrt((share * (1 - share)) / trials + square / (4 * trials))) / (1 + square);
  return { value: share, low: Math.max(0, center - half), high: Math.min(1, center + half) };
}

/** The mean of several runs ± 1.96 s/√n, with s their standard deviation (over n - 1). Throws RangeError for fewer than two. */
export function meanInterval(values: readonly number[]): Interval {
  if (values.length < 2) throw new RangeError(`an interval of a mean needs at least two values, got ${values.length}`);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const half = Z * Math.sqrt(variance / values.length);
  return { value: mean, low: mean - half, high: mean + half };
}
