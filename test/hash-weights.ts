import { Tensor } from "../src/tensor/tensor.ts";

/**
 * Weights made from a tensor's name: FNV-1a of the name plus the seed starts splitmix64, whose upper 24 bits give u in
 * [−1, 1); an element is offset + scale · u. The golden cases at full size describe their weights so and store none.
 */
export function hashWeights(
  name: string,
  rule: { seed: number; shape: readonly number[]; scale: number; offset: number },
): Tensor {
  const { seed, shape, scale, offset } = rule;
  const count = shape.reduce((product, size) => product * size, 1);
  const values = new Float32Array(count);
  const base = (fnv1a(name) + BigInt(seed)) & MASK;
  // 64-bit numbers as two halves: BigInt would take minutes for a whole VGG16.
  let high = Number(base >> 32n);
  let low = Number(base & 0xffffffffn);
  for (let i = 0; i < count; i++) {
    const sum = low + 0x7f4a7c15;
    low = sum >>> 0;
    high = (high + 0x9e3779b9 + (sum > 0xffffffff ? 1 : 0)) >>> 0;
    let h = high ^ (high >>> 30);
    let l = low ^ ((low >>> 30) | (high << 2));
    [h, l] = multiply(h >>> 0, l >>> 0, 0xbf58476d, 0x1ce4e5b9);
    [h, l] = multiply((h ^ (h >>> 27)) >>> 0, (l ^ ((l >>> 27) | (h << 5))) >>> 0, 0x94d049bb, 0x133111eb);
    const top = (h ^ (h >>> 31)) >>> 8;
    values[i] = offset + scale * (2 * (top / 2 ** 24) - 1);
  }
  return Tensor.from(values, shape);
}

const MASK = 2n ** 64n - 1n;

function fnv1a(text: string): bigint {
  return Buffer.from(text, "utf8").reduce(
    (hash, byte) => ((hash ^ BigInt(byte)) * 0x100000001b3n) & MASK,
    0xcbf29ce484222325n,
  );
}

/** The lower 64 bits of a product, as [upper half, lower half]. */
function multiply(aHigh: number, aLow: number, bHigh: number, bLow: number): [number, number] {
  const [a0, a1, b0, b1] = [aLow & 0xffff, aLow >>> 16, bLow & 0xffff, bLow >>> 16];
  const first = a0 * b0;
  const middle = a0 * b1 + a1 * b0 + Math.floor(first / 65536);
  const low = (((middle & 0xffff) << 16) | (first & 0xffff)) >>> 0;
  const high = a1 * b1 + Math.floor(middle / 65536) + Math.imul(aHigh, bLow) + Math.imul(aLow, bHigh);
  return [high >>> 0, low];
}
