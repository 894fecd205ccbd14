import { fileURLToPath } from "node:url";

// This file runs as dist-bench/bench/environment.js, from where the add-on's own search would miss.
process.env["CLIP_GEN_NATIVE"] ??= fileURLToPath(new URL("../../native/build/clip_gen.node", import.meta.url));
// libgomp's threads wait actively for milliseconds; where another program has a core, every operator then waits for
// threads that are waiting. A short wait costs 1 to 3 % on a quiet machine and is several times faster on a busy one.
process.env["GOMP_SPINCOUNT"] ??= "1000";

const told = ["OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OPENBLAS_CORETYPE"];

/**
 * What decides speed in the environment. To be imported before all else: it has to be set before the add-on loads.
 * Peers inherit it.
 */
export const environment: Record<string, string> = Object.fromEntries(
  told.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  }),
);
