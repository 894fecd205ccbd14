import { z } from "zod";
import { fromDisk } from "../src/config.ts";
import { vqganConfig, type VqganConfig } from "../src/models/vqgan-config.ts";

const tamingCase = z.looseObject({ dd: z.record(z.string(), z.unknown()), n_embed: z.number(), embed_dim: z.number() });

/** The network that a golden case with taming-transformers' `ddconfig` describes. */
export function tamingConfig(config: unknown): VqganConfig {
  const { dd, n_embed, embed_dim } = tamingCase.parse(config);
  return vqganConfig.parse(fromDisk({ ...dd, codebook_size: n_embed, embed_dim }));
}

/** The entries of a state dict below a prefix, without it. */
export function under<T>(state: ReadonlyMap<string, T>, prefix: string): Map<string, T> {
  const inside = [...state].filter(([name]) => name.startsWith(prefix));
  return new Map(inside.map(([name, value]) => [name.slice(prefix.length), value]));
}

/** The entries of a state dict that are not below a prefix. */
export function without<T>(state: ReadonlyMap<string, T>, prefix: string): Map<string, T> {
  return new Map([...state].filter(([name]) => !name.startsWith(prefix)));
}
