import { ClipGen } from "../generate/pipeline.ts";
import { parseDevice } from "../tensor/engine.ts";
import type { SamplingFlags } from "./sampling-flags.ts";

/** The model that a command draws with. It may block this thread: nothing else wants it. */
export async function drawingModel(
  flags: { model: string } & Pick<SamplingFlags, "device" | "precision">,
): Promise<ClipGen> {
  const { model, device, precision } = flags;
  return await ClipGen.fromPretrained(model, { device: parseDevice(device), precision, thread: "main" });
}
