import { batchAt, mixSeeds, permutation, Random } from "../../random.ts";

/** Which pictures make up the batch of each step. `BatchOrder` is one for pictures in memory, `ShardOrder` for all others. */
export type PictureOrder = {
  readonly count: number;
  readonly batchSize: number;
  /** (batchSize); a pure function of the step. */
  indicesAt(step: number): Uint32Array;
  /** How many epochs have been seen before this step, as a fraction. */
  epochAt(step: number): number;
};

export type ShardOrderOptions = {
  /** How many pictures lie together, from the first picture on: a shard's, as a rule. */
  parts: readonly number[];
  /** How many pictures are shuffled among one another, about. Default 65,536. */
  buffer?: number;
  batchSize: number;
  seed: number;
};

/**
 * Shuffled epochs of pictures that lie in shards, each picture once an epoch. The shards come in random order; as many of
 * them as have `buffer` pictures are taken together, and their pictures shuffled. So batches are read from few shards at a time,
 * and the memory is that of one group's numbers. A batch that reaches the end of an epoch is filled from the next one.
 * A pure function of the step, so that training can go on from any step without saved state.
 */
export class ShardOrder implements PictureOrder {
  readonly count: number;
  readonly batchSize: number;
  readonly #seed: number;
  readonly #buffer: number;
  readonly #parts: readonly number[];
  /** Where each part begins. */
  readonly #starts: Float64Array;
  #epoch: Epoch | undefined;
  #group: { epoch: number; number: number; indices: Uint32Array } | undefined;

  /** Throws RangeError unless there are pictures, and batchSize and buffer are whole numbers of at least 1. */
  constructor({ parts, buffer = 65_536, batchSize, seed }: ShardOrderOptions) {
    this.#parts = parts;
    this.#starts = new Float64Array(parts.length);
    let count = 0;
    for (const [i, part] of parts.entries()) {
      this.#starts[i] = count;
      count += part;
    }
    for (const [name, value] of Object.entries({ count, batchSize, buffer })) {
      if (!Number.isInteger(value) || value < 1 || value > 2 ** 32) {
        throw new RangeError(`${name} must be a whole number from 1 to 2^32, got ${value}`);
      }
    }
    this.count = count;
    this.batchSize = batchSize;
    this.#seed = seed;
    this.#buffer = buffer;
  }

  indicesAt(step: number): Uint32Array {
    return batchAt(step, this, (epoch, position) => this.#from(this.#epochOf(epoch), position));
  }

  epochAt(step: number): number {
    return (step * this.batchSize) / this.count;
  }

  /** The pictures from this position of an epoch on, to the end of its group. */
  #from(epoch: Epoch, position: number): Uint32Array {
    const number = epoch.groups.findLastIndex(({ start }) => start <= position);
    const group = epoch.groups[number];
    if (!group) throw new RangeError(`an epoch has no position ${position}`);
    if (this.#group?.epoch !== epoch.number || this.#group.number !== number) {
      this.#group = { epoch: epoch.number, number, indices: this.#shuffled(epoch, number) };
    }
    return this.#group.indices.subarray(position - group.start);
  }

  #shuffled({ number: epoch, order, groups }: Epoch, number: number): Uint32Array {
    const [{ first, start } = { first: 0, start: 0 }, next] = groups.slice(number);
    const indices = new Uint32Array((next?.start ?? this.count) - start);
    let filled = 0;
    for (const part of order.subarray(first, next?.first)) {
      const [from, length] = [this.#starts[part] ?? 0, this.#parts[part] ?? 0];
      for (let i = 0; i < length; i += 1) indices[filled++] = from + i;
    }
    return new Random(this.#seed, "shards", epoch, number).shuffle(indices);
  }

  #epochOf(number: number): Epoch {
    if (this.#epoch?.number === number) return this.#epoch;
    const order = permutation(this.#parts.length, mixSeeds(this.#seed, number));
    const groups: Epoch["groups"] = [];
    let [position, held] = [0, Infinity];
    for (const [place, part] of order.entries()) {
      if (held >= this.#buffer) {
        groups.push({ first: place, start: position });
        held = 0;
      }
      held += this.#parts[part] ?? 0;
      position += this.#parts[part] ?? 0;
    }
    return (this.#epoch = { number, order, groups });
  }
}

type Epoch = {
  number: number;
  /** The parts, in the epoch's order. */
  order: Uint32Array;
  /** Parts that are shuffled together: from the `first` one in that order, and the position of its first picture. */
  groups: { first: number; start: number }[];
};
