/** Where a process stands among those that train together, as torchrun, Kubeflow and `clip-gen launch` say it. */
export type Launched = {
  /** Its number, from 0. */
  rank: number;
  /** How many processes there are. */
  size: number;
  /** Its number on its machine: which GPU is its own. */
  localRank: number;
  /** Where process 0 waits for the others. */
  host: string;
  port: number;
  /** How often the launcher has begun anew: what processes of an earlier attempt left behind is not for this one. */
  attempt: number;
  /** Whether the launcher itself holds the store at this address, as torchrun does. */
  storeElsewhere: boolean;
};

/** At most this many: more are a mistake in the environment. */
const MOST_PROCESSES = 100_000;

/**
 * Reads `RANK`, `WORLD_SIZE`, `LOCAL_RANK`, `MASTER_ADDR` and `MASTER_PORT`, as PyTorch's `env://` has them. Nothing of it is
 * set for a process that trains alone.
 * @throws Error when a part is missing or makes no sense
 */
export function launchedBy(env: Readonly<Record<string, string | undefined>>): Launched | undefined {
  if (env["WORLD_SIZE"] === undefined && env["RANK"] === undefined) return undefined;
  const size = numberOf(env, "WORLD_SIZE", 1, MOST_PROCESSES);
  const rank = numberOf(env, "RANK", 0, size - 1);
  if (size === 1) return undefined;
  const host = env["MASTER_ADDR"];
  if (!host) throw new Error(`MASTER_ADDR is missing: ${size} processes need the address of process 0`);
  return {
    rank,
    size,
    localRank: env["LOCAL_RANK"] === undefined ? rank : numberOf(env, "LOCAL_RANK", 0, size - 1),
    host,
    port: numberOf(env, "MASTER_PORT", 1, 65_535),
    attempt: env["TORCHELASTIC_RESTART_COUNT"] === undefined ? 0 : numberOf(env, "TORCHELASTIC_RESTART_COUNT", 0, 1e9),
    storeElsewhere: env["TORCHELASTIC_USE_AGENT_STORE"] === "True",
  };
}

function numberOf(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  least: number,
  most: number,
): number {
  const text = env[name];
  const value = Number(text);
  if (text !== undefined && text.trim() !== "" && Number.isInteger(value) && value >= least && value <= most)
    return value;
  const found = text === undefined ? "is missing" : `is "${text}"`;
  throw new Error(`${name} ${found}; expected a whole number from ${least} to ${most}, as torchrun sets it`);
}
