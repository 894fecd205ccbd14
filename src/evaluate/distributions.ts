import { normalize } from "../nn/functional.ts";
import { Random } from "../random.ts";
import { cat } from "../tensor/functions.generated.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

// How alike two sets of pictures are, told from features of each: N pictures, D numbers a picture. Everything is computed in
// float64, whatever the features are in. What the features are of decides what a figure may be called: "FID" is for Inception's.

export type Spread = { mean: number; std: number };

/**
 * Fréchet distance of two normal distributions with the sets' means and covariances (Heusel et al. 2017, arXiv 1706.08500):
 * |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½). The covariances are divided by N − 1. Few pictures make it larger: compare
 * only figures of as many.
 * @param x (N, D)
 * @param y (M, D)
 */
export function frechetDistance(x: Tensor, y: Tensor): number {
  requireFeatures(x, y);
  return tidy(() => {
    const [one, two] = [moments(x), moments(y)];
    const difference = one.mean.sub(two.mean).square().sum().item();
    // The eigenvalues of Σ₁Σ₂ are those of the symmetric Σ₁^½ Σ₂ Σ₁^½, which also holds where they are singular.
    const root = squareRoot(one.covariance);
    const [eigenvalues] = root.matmul(two.covariance).matmul(root).eigh();
    const traces = one.covariance.diagonal().sum().item() + two.covariance.diagonal().sum().item();
    return difference + traces - 2 * eigenvalues.clamp(0).sqrt().sum().item();
  });
}

function moments(features: Tensor): { mean: Tensor; covariance: Tensor } {
  const wide = features.to("float64");
  const mean = wide.mean([0]);
  const centred = wide.sub(mean);
  return {
    mean,
    covariance: centred
      .t()
      .matmul(centred)
      .div(wide.size(0) - 1),
  };
}

/** S with S · S = the matrix, which is symmetric and has no negative eigenvalues but by rounding. */
function squareRoot(matrix: Tensor): Tensor {
  const [eigenvalues, vectors] = matrix.eigh();
  return vectors.mul(eigenvalues.clamp(0).sqrt()).matmul(vectors.t());
}

/**
 * Squared maximum mean discrepancy with the kernel (x·y / D + 1)³ (Bińkowski et al. 2018, arXiv 1801.01401). Unbiased: what a
 * picture has in common with itself is left out, so that the figure does not depend on how many there are, and may be negative.
 */
export function kernelDistance(x: Tensor, y: Tensor, options: { unbiased?: boolean } = {}): number {
  requireFeatures(x, y);
  const { unbiased = true } = options;
  return tidy(() => {
    const [one, two] = [x.to("float64"), y.to("float64")];
    const kernel = (a: Tensor, b: Tensor): Tensor => a.matmul(b.t()).div(x.size(1)).add(1).pow(3);
    const within = (a: Tensor): number => {
      const [values, n] = [kernel(a, a), a.size(0)];
      const all = values.sum().item();
      return unbiased ? (all - values.diagonal().sum().item()) / (n * (n - 1)) : all / n ** 2;
    };
    return within(one) + within(two) - 2 * kernel(one, two).mean().item();
  });
}

/** KID as it is reported: mean and standard deviation over random subsets of both sets. */
export function kernelDistanceOfSubsets(
  x: Tensor,
  y: Tensor,
  options: { subsets?: number; size?: number; seed?: number } = {},
): Spread {
  const { subsets = 100, seed = 0 } = options;
  const size = Math.min(options.size ?? 1000, x.size(0), y.size(0));
  const random = new Random(seed, "kid");
  const pick = (features: Tensor): Tensor => {
    const rows = random.shuffle(Array.from({ length: features.size(0) }, (_, i) => i)).slice(0, size);
    return features.indexSelect(0, Tensor.from(rows, [size], "int64"));
  };
  return spreadOf(Array.from({ length: subsets }, () => tidy(() => kernelDistance(pick(x), pick(y)))));
}

/**
 * Inception Score (Salimans et al. 2016, arXiv 1606.03498): e to the mean of KL(p(class | picture) ‖ p(class)), over consecutive
 * splits of the pictures.
 * @param logits (N, classes)
 */
export function inceptionScore(logits: Tensor, options: { splits?: number } = {}): Spread {
  const { splits = 1 } = options;
  const count = Math.floor(logits.size(0) / splits);
  if (count < 1) throw new RangeError(`${logits.size(0)} pictures do not fill ${splits} splits`);
  const score = (split: number): number =>
    tidy(() => {
      const logP = logits
        .narrow(0, split * count, count)
        .to("float64")
        .logSoftmax(-1);
      const p = logP.exp();
      const mean = p.mean([0], true);
      return Math.exp(p.mul(logP.sub(mean.log())).sum([1]).mean().item());
    });
  return spreadOf(Array.from({ length: splits }, (_, split) => score(split)));
}

/**
 * How much of the generated pictures lies among the real ones (precision), and how much of the real ones among the generated
 * (recall): within the distance of any picture's k-th neighbour in its own set (Kynkäänniemi et al. 2019, arXiv 1904.06991).
 */
export function precisionAndRecall(
  real: Tensor,
  generated: Tensor,
  options: { k?: number } = {},
): { precision: number; recall: number } {
  requireFeatures(real, generated);
  const { k = 3 } = options;
  return tidy(() => {
    const [one, two] = [real.to("float64"), generated.to("float64")];
    return { precision: shareWithin(two, one, k), recall: shareWithin(one, two, k) };
  });
}

/** The share of points that lie within the radius of at least one of the others. */
function shareWithin(points: Tensor, others: Tensor, k: number): number {
  if (others.size(0) <= k) throw new RangeError(`${others.size(0)} pictures have no ${k}-th neighbours`);
  const radius = byRows(others, (some) => {
    // A picture is its own nearest neighbour.
    const [nearest] = squaredDistances(some, others).topk(k + 1, { largest: false });
    return nearest.select(1, k);
  }); // (M)
  const within = byRows(points, (some) => squaredDistances(some, others).sub(radius).amin([1])); // (N)
  return within.le(1e-9).to("float64").mean().item();
}

const ROWS_AT_ONCE = 1024;

/** Computes a number for every row of (N, D) from some rows at a time: what compares all pairs would not fit into memory. */
function byRows(rows: Tensor, compute: (some: Tensor) => Tensor): Tensor {
  const parts: Tensor[] = [];
  for (let start = 0; start < rows.size(0); start += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, rows.size(0) - start);
    parts.push(tidy(() => compute(rows.narrow(0, start, count))));
  }
  return cat(parts);
}

function squaredDistances(a: Tensor, b: Tensor): Tensor {
  const [lengthsA, lengthsB] = [a.square().sum([1], true), b.square().sum([1])];
  return lengthsA.add(lengthsB).sub(a.matmul(b.t()).mul(2)).clamp(0);
}

export type Neighbour = { index: number; similarity: number };

/** Of every picture the training picture whose features have the least angle to its own: what it may be a copy of. */
export function nearestPictures(features: Tensor, training: Tensor): Neighbour[] {
  requireFeatures(features, training, 1);
  return tidy(() => {
    const [own, others] = [normalize(features.to("float64")), normalize(training.to("float64"))];
    const index = byRows(own, (some) => some.matmul(others.t()).argmax(-1));
    const similarity = own.mul(others.indexSelect(0, index)).sum([1]).toNumbers();
    return index.toNumbers().map((nearest, i) => ({ index: nearest, similarity: similarity[i] ?? Number.NaN }));
  });
}

function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, std: Math.sqrt(variance) };
}

/** @param least rows of each: a distribution needs 2 to have a spread */
function requireFeatures(x: Tensor, y: Tensor, least = 2): void {
  const areRows = x.shape.length === 2 && y.shape.length === 2 && x.size(1) === y.size(1);
  const fits = areRows && x.size(0) >= least && y.size(0) >= least;
  if (!fits)
    throw new RangeError(
      `features of two sets are (N, D) and (M, D), at least ${least} each, not [${x.shape.join(", ")}] and [${y.shape.join(", ")}]`,
    );
}
