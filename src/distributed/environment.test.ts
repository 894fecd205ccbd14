import { expect, test } from "vitest";
import { launchedBy } from "./environment.ts";

const torchrun = { RANK: "3", WORLD_SIZE: "8", LOCAL_RANK: "1", MASTER_ADDR: "node-0", MASTER_PORT: "29500" };

test("torchrun's environment tells a process its place", () => {
  expect(launchedBy({})).toBeUndefined();
  expect(launchedBy({ ...torchrun, WORLD_SIZE: "1", RANK: "0" })).toBeUndefined();
  expect(launchedBy(torchrun)).toEqual({
    rank: 3,
    size: 8,
    localRank: 1,
    host: "node-0",
    port: 29500,
    attempt: 0,
    storeElsewhere: false,
  });
  const again = { ...torchrun, TORCHELASTIC_RESTART_COUNT: "2", TORCHELASTIC_USE_AGENT_STORE: "True" };
  expect(launchedBy(again)).toMatchObject({ attempt: 2, storeElsewhere: true });
});

test.each([
  [{ RANK: undefined }, "RANK is missing; expected a whole number from 0 to 7"],
  [{ RANK: "8" }, 'RANK is "8"; expected a whole number from 0 to 7, as torchrun sets it'],
  [{ WORLD_SIZE: "many" }, 'WORLD_SIZE is "many"'],
  [{ MASTER_ADDR: "" }, "MASTER_ADDR is missing: 8 processes need the address of process 0"],
  [{ MASTER_PORT: "70000" }, 'MASTER_PORT is "70000"; expected a whole number from 1 to 65535'],
])("%o is refused", (change, message) => {
  expect(() => launchedBy({ ...torchrun, ...change })).toThrow(message);
});
