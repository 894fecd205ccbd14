import { expect, test } from "vitest";
import { Parameter } from "../tensor/parameter.ts";
import { Tensor } from "../tensor/tensor.ts";
import {
  anyProcess,
  gatherRows,
  GradientAverage,
  group,
  joinGroup,
  meanOverProcesses,
  meansOverProcesses,
  ownRows,
} from "./group.ts";

// What several processes do together is tested where they train: src/cli/launch.test.ts.

test("a process alone is a group of one, and gets back what it gave", () => {
  expect(group()).toEqual({ rank: 0, size: 1 });
  expect(ownRows(7)).toEqual({ start: 0, length: 7 });
  const tensor = Tensor.from([1, 2]);
  expect(gatherRows(tensor)).toBe(tensor);
  expect(meanOverProcesses(tensor)).toBe(tensor);
  expect(meansOverProcesses({ loss: 3 }, "cpu")).toEqual({ loss: 3 });
  expect([anyProcess(true, "cpu"), anyProcess(false, "cpu")]).toEqual([true, false]);
  const parameter = new Parameter(tensor);
  const average = new GradientAverage([parameter]);
  average.during(() => parameter.square().sum().backward());
  average.finish();
  expect(parameter.grad?.toNumbers()).toEqual([2, 4]);
  average.dispose();
});

test.each([0, 1])("process %i does not wait for the other for ever", async (rank) => {
  const launched = {
    rank,
    size: 2,
    localRank: 0,
    host: "127.0.0.1",
    port: 29_871 + rank,
    attempt: 0,
    storeElsewhere: false,
  };
  await expect(joinGroup(launched, "cpu", { joinMs: 500 })).rejects.toThrow(
    `process ${rank} of 2 could not join the others at 127.0.0.1:${29_871 + rank}: `,
  );
  expect(group()).toEqual({ rank: 0, size: 1 });
});
