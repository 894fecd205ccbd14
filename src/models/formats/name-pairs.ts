import { chunked, joined, permuted, reshaped, type Weight, type Weights } from "../../io/weight.ts";

/** How a published tensor lies, seen from ours. */
export type Turn =
  /** Ours is the transposed matrix. */
  | "transposed"
  /** Theirs is a matrix (out, in), ours a 1×1 convolution (out, in, 1, 1). */
  | "as convolution"
  /** Theirs has a first axis of 1. */
  | "batched"
  /** Theirs is (height, width, in, out), ours (out, in, height, width). */
  | "channels last";

/**
 * A tensor under a published name and under ours. With `part`, one side is one of several equal parts of the other:
 * `of: "theirs"` says that ours is a part of theirs.
 */
export type NamePair = {
  theirs: string;
  ours: string;
  turn?: Turn;
  part?: { of: "theirs" | "ours"; index: number; count: number };
};

/** Pairs for names that differ in nothing but their beginnings. */
export function pairsBelow(theirs: string, ours: string, leaves: readonly string[]): NamePair[] {
  return leaves.map((leaf) => ({ theirs: `${theirs}.${leaf}`, ours: `${ours}.${leaf}` }));
}

/**
 * Published weights under our names; nothing is read, the weights are views. What the pairs do not know keeps its name,
 * and what has another form than the pair says keeps its form, for the loader to complain about.
 */
export function toOurs(weights: Weights, pairs: readonly NamePair[]): Weights {
  const known = new Set<string>();
  const found = new Map<string, Weight[]>();
  for (const { theirs, ours, turn, part } of pairs) {
    const weight = weights.get(theirs);
    if (!weight) continue;
    known.add(theirs);
    const own = part?.of === "theirs" ? partOf(weight, part) : weight;
    found.set(ours, [...(found.get(ours) ?? []), turned(own, turn)]);
  }
  const rest = [...weights].filter(([name]) => !known.has(name));
  return new Map([...joinAll(found), ...rest]);
}

/** Our weights under published names: the other way round. What the pairs do not know is left out. */
export function toTheirs(weights: Weights, pairs: readonly NamePair[]): Weights {
  const found = new Map<string, Weight[]>();
  for (const { theirs, ours, turn, part } of pairs) {
    const weight = weights.get(ours);
    if (!weight) continue;
    const own = part?.of === "ours" ? partOf(weight, part) : weight;
    found.set(theirs, [...(found.get(theirs) ?? []), turnedBack(own, turn)]);
  }
  return joinAll(found);
}

function joinAll(found: ReadonlyMap<string, readonly Weight[]>): Map<string, Weight> {
  return new Map(
    Array.from(found, ([name, parts]) => [name, parts.length === 1 && parts[0] ? parts[0] : joined(parts)]),
  );
}

function partOf(weight: Weight, { index, count }: { index: number; count: number }): Weight {
  if ((weight.shape[0] ?? 0) % count !== 0) return weight;
  return chunked(weight, count)[index] ?? weight;
}

function turned(weight: Weight, turn: Turn | undefined): Weight {
  const { shape } = weight;
  if (turn === "transposed" && shape.length === 2) return permuted(weight, [1, 0]);
  if (turn === "channels last" && shape.length === 4) return permuted(weight, [3, 2, 0, 1]);
  if (turn === "as convolution" && shape.length === 2) return reshaped(weight, [...shape, 1, 1]);
  if (turn === "batched" && shape[0] === 1) return reshaped(weight, shape.slice(1));
  return weight;
}

function turnedBack(weight: Weight, turn: Turn | undefined): Weight {
  switch (turn) {
    case undefined:
      return weight;
    case "transposed":
      return permuted(weight, [1, 0]);
    case "channels last":
      return permuted(weight, [2, 3, 1, 0]);
    case "as convolution":
      return reshaped(weight, weight.shape.slice(0, 2));
    case "batched":
      return reshaped(weight, [1, ...weight.shape]);
  }
}

// The deepest published network of these kinds has 48 layers.
const MOST_LAYERS = 1000;

/** How many layers there are: different numbers that the pattern's group finds in names. A file can claim any number. */
export function countLayers(weights: Weights, pattern: RegExp): number {
  const numbers = new Set<string>();
  for (const name of weights.keys()) {
    const number = pattern.exec(name)?.[1];
    if (number !== undefined) numbers.add(number);
  }
  if (numbers.size > MOST_LAYERS)
    throw new Error(`it has ${numbers.size} layers; at most ${MOST_LAYERS} are supported`);
  return numbers.size;
}

/** Size of one axis of a tensor that a network of this kind has. Throws where there is no such tensor, axis or size. */
export function sizeOf(weights: Weights, name: string, axis: number, network: string): number {
  const shape = weights.get(name)?.shape;
  if (shape === undefined) throw new Error(`these are not the weights of ${network}: ${name} is missing`);
  const size = shape.at(axis);
  if (size !== undefined && shape.every((length) => length > 0)) return size;
  throw new Error(`these are not the weights of ${network}: ${name} has the shape [${shape.join(", ")}]`);
}

/** The weights whose names a pattern does not match. */
export function without(weights: Weights, pattern: RegExp): Weights {
  return new Map([...weights].filter(([name]) => !pattern.test(name)));
}
