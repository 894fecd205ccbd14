/**
 * Seeded random draws that need no saved state: every draw follows from its seed parts, so a training run
 * that stops and goes on sees exactly what it would have seen.
 */

/** One part of a seed. Any number (fractions too) or any text, for example `new Random(seed, "crop", step)`. */
export type SeedPart = number | string;

const TWO_32 = 4_294_967_296;

/** Small fast generator (sfc32 by Chris Doty-Humphrey, as in PractRand), seeded by hashing the seed parts into 128 bits. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  /** The same parts in the same order give the same draws. */
  constructor(...seed: SeedPart[]) {
    [this.#a, this.#b, this.#c, this.#counter] = hashSeed(seed);
    // sfc32 needs some rounds before its words depend on every bit of the seed.
    for (let round = 0; round < 12; round++) this.#word();
  }

  /** A number in [0, 1), a multiple of 2^-32. */
  next(): number {
    return this.#word() / TWO_32;
  }

  /** A whole number in [0, n). Throws RangeError unless n is a whole number from 1 to 2^32. */
  int(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > TWO_32) {
      throw new RangeError(`int(n) needs a whole number from 1 to 2^32, got ${n}`);
    }
    return Math.floor(this.next() * n);
  }

  /** A number in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** One element. Throws RangeError when the array is empty. */
  pick<T>(array: readonly T[]): T {
    if (array.length === 0) throw new RangeError("pick(array) needs at least one element, got an empty array");
    // The index is in range, but the type of an element may itself include undefined, so no check is possible.
    return array[this.int(array.length)] as T;
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** A draw from the normal distribution of mean 0 and deviation 1 (Box and Muller's method, two draws each). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }

  /** Shuffles in place (Fisher and Yates) and returns the same array. */
  shuffle<A extends unknown[] | Uint32Array>(array: A): A {
    for (let last = array.length - 1; last > 0; last--) {
      const other = this.int(last + 1);
      [array[last], array[other]] = [array[other], array[last]];
    }
    return array;
  }

  #word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

/** One seed from several numbers: a whole number in [0, 2^53). The order counts: (1, 2) and (2, 1) differ. */
export function mixSeeds(...numbers: number[]): number {
  const [high, low] = hashSeed(numbers);
  return (high >>> 11) * TWO_32 + (low >>> 0);
}

/** The numbers 0 to n-1 in random order. The same (n, seed) gives the same order. */
export function permutation(n: number, seed: SeedPart): Uint32Array {
  if (!Number.isInteger(n) || n < 0 || n > TWO_32) {
    throw new RangeError(`permutation(n) needs a whole number from 0 to 2^32, got ${n}`);
  }
  const order = Uint32Array.from({ length: n }, (_, index) => index);
  return new Random(seed, "permutation").shuffle(order);
}

/** What a `BatchOrder` needs: how many samples there are, how many make a batch, and the seed of the order. */
export type BatchOrderOptions = {
  count: number;
  batchSize: number;
  seed: number;
  /** So many samples that follow one another stay together, where a batch does not end among them. Default 1. */
  together?: number;
};

/**
 * Which samples make up the batch of each step: shuffled epochs, each sample once per epoch.
 * Nothing is dropped: a batch that reaches the end of an epoch is filled from the start of the next one.
 * A pure function of the step, so that training can go on from any step without saved state.
 */
export class BatchOrder {
  readonly count: number;
  readonly batchSize: number;
  readonly #seed: number;
  readonly #together: number;
  readonly #cached: Map<number, Uint32Array> = new Map();

  /** Throws RangeError unless count, batchSize and together are whole numbers of at least 1. */
  constructor(options: BatchOrderOptions) {
    const { count, batchSize, together = 1 } = options;
    for (const [name, value] of Object.entries({ count, batchSize, together })) {
      if (!Number.isInteger(value) || value < 1) {
        throw new RangeError(`${name} must be a whole number of at least 1, got ${value}`);
      }
    }
    this.count = count;
    this.batchSize = batchSize;
    this.#together = together;
    this.#seed = options.seed;
  }

  /** The sample indices of this step's batch, (batchSize). Steps count from 0. */
  indicesAt(step: number): Uint32Array {
    return batchAt(step, this, (epoch, position) => this.#orderOf(epoch).subarray(position));
  }

  /** How many epochs have been seen before this step, as a fraction. */
  epochAt(step: number): number {
    return (step * this.batchSize) / this.count;
  }

  #orderOf(epoch: number): Uint32Array {
    const known = this.#cached.get(epoch);
    if (known !== undefined) return known;
    // One epoch at a time: an order of ten million samples is 40 MB.
    this.#cached.clear();
    const order = this.#shuffled(mixSeeds(this.#seed, epoch));
    this.#cached.set(epoch, order);
    return order;
  }

  #shuffled(seed: number): Uint32Array {
    if (this.#together === 1) return permutation(this.count, seed);
    const runs = permutation(Math.ceil(this.count / this.#together), seed);
    const order = new Uint32Array(this.count);
    let filled = 0;
    for (const run of runs) {
      const end = Math.min(this.count, (run + 1) * this.#together);
      for (let index = run * this.#together; index < end; index += 1) order[filled++] = index;
    }
    return order;
  }
}

/**
 * The indices of a step's batch, where epochs follow one another without a gap: (batchSize).
 * @param from the order of an epoch from a position on, as far as it is at hand; at least one index
 */
export function batchAt(
  step: number,
  { count, batchSize }: { count: number; batchSize: number },
  from: (epoch: number, position: number) => Uint32Array,
): Uint32Array {
  if (!Number.isInteger(step) || step < 0) throw new RangeError(`step must be a whole number from 0, got ${step}`);
  const indices = new Uint32Array(batchSize);
  for (let filled = 0; filled < batchSize;) {
    const seen = step * batchSize + filled;
    const epoch = Math.floor(seen / count);
    const part = from(epoch, seen - epoch * count).subarray(0, batchSize - filled);
    indices.set(part, filled);
    filled += part.length;
  }
  return indices;
}

/** Four 32-bit words from the seed parts. Multiply-and-rotate lanes with the finisher of MurmurHash3. */
function hashSeed(parts: readonly SeedPart[]): [number, number, number, number] {
  let [a, b, c, d] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x452821e6];
  const add = (word: number): void => {
    a = (Math.imul(rotate(a ^ word, 13), 0x85ebca6b) + b) | 0;
    b = (Math.imul(rotate(b ^ word, 17), 0xc2b2ae35) + c) | 0;
    c = (Math.imul(rotate(c ^ word, 19), 0x27d4eb2f) + d) | 0;
    d = (Math.imul(rotate(d ^ word, 23), 0x165667b1) + a) | 0;
  };
  const double = new DataView(new ArrayBuffer(8));
  for (const part of parts) {
    // The kind and the length go in first, so that ("1", 2) and (1, "2"), or ("ab", "c") and ("a", "bc"), differ.
    if (typeof part === "string") {
      add(0x73747200);
      add(part.length);
      for (let index = 0; index < part.length; index++) add(part.charCodeAt(index));
    } else {
      double.setFloat64(0, part + 0);
      add(0x6e756d00);
      add(double.getUint32(0));
      add(double.getUint32(4));
    }
  }
  add(parts.length);
  for (let round = 0; round < 4; round++) add(round);
  return [finish(a), finish(b), finish(c), finish(d)];
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function finish(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
