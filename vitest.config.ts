import { defineConfig, type ViteUserConfig } from "vitest/config";

// One worker: the engine uses every core by itself, and two at a time would only slow each other down.
const config: ViteUserConfig = defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "web/test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 1,
    // Small tensors are quicker on one thread, and a busy machine then does not slow them down.
    env: { OMP_NUM_THREADS: "1" },
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
export default config;
