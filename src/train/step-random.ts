import { group, ownRows } from "../distributed/group.ts";
import { mixSeeds } from "../random.ts";
import { rand, randint, randn } from "../tensor/functions.generated.ts";
import { manualSeed } from "../tensor/random.ts";
import type { DType } from "../tensor/dtype.ts";
import type { Device, Tensor } from "../tensor/tensor.ts";

/**
 * Random numbers of a step, a pure function of its number: what is drawn for the rows of a batch is the same whether one
 * process draws it or each of several its part, so that these learn what one would.
 */
export function seedStep(step: number, { seed, device }: { seed: number; device: Device }): void {
  manualSeed(mixSeeds(seed, step), device);
}

/** From here on to the end of the step: what a network draws by itself, such as dropout, differs from process to process. */
export function seedOwnRows(step: number, { seed, device }: { seed: number; device: Device }): void {
  manualSeed(mixSeeds(seed, step, 1 + group().rank), device);
}

type Options = { device: Device; dtype?: DType };

/** Normal numbers for this process's rows. `shape` is that of the rows: (B / n, …) */
export function randnRows(shape: readonly number[], options: Options): Tensor {
  return ownPart(shape, (whole) => randn(whole, options));
}

/** Numbers in [0, 1). */
export function randRows(shape: readonly number[], options: Options): Tensor {
  return ownPart(shape, (whole) => rand(whole, options));
}

/** Whole numbers from 0 on, below `end`. */
export function randintRows(end: number, shape: readonly number[], options: Options): Tensor {
  return ownPart(shape, (whole) => randint(0, end, whole, options));
}

function ownPart([rows = 1, ...rest]: readonly number[], draw: (shape: number[]) => Tensor): Tensor {
  const { size } = group();
  const whole = draw([rows * size, ...rest]);
  if (size === 1) return whole;
  const { start, length } = ownRows(rows * size);
  return whole.narrow(0, start, length);
}
