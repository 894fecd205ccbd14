import type { Weights } from "../../io/weight.ts";

/** A network that lies in a file: what it is, and its weights under our names, of which nothing has been read. */
export type Published<Config> = { format: string; config: Config; weights: Weights };

/** A way in which networks of one kind are published. Names tell the format, shapes the configuration. */
export type Format<Config, Hints> = {
  /** For people: whose format it is. */
  name: string;
  matches: (weights: Weights) => boolean;
  /** What is no part of the network (masks, optimizers, discriminators) is left out; what is unknown stays. */
  read: (weights: Weights, hints: Hints) => { config: Config; weights: Weights };
};

/** Reads weights in the format whose names they have. Throws where it is none of them. */
export function readAs<Config, Hints>(
  formats: readonly Format<Config, Hints>[],
  weights: Weights,
  { path, kind, hints }: { path: string; kind: string; hints: Hints },
): Published<Config> {
  const format = formats.find(({ matches }) => matches(weights));
  if (!format) {
    const known = formats.map(({ name }) => name).join("; ");
    throw new Error(`${path} holds no ${kind} of a known format (${known})`);
  }
  try {
    return { format: format.name, ...format.read(weights, hints) };
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
