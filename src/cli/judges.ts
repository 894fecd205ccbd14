import { Clip } from "../models/clip.ts";
import { Inception } from "../models/inception.ts";
import type { Device } from "../tensor/tensor.ts";
import type { JudgeFlags } from "./judge-flags.ts";
import { partOf } from "./parts-run.ts";

/** The networks that the flags name. */
export async function readJudges(
  flags: JudgeFlags,
  device: Device,
): Promise<{ judge: Clip | undefined; inception: Inception | undefined }> {
  const judge = flags.judge === undefined ? undefined : await Clip.fromPretrained(partOf(flags.judge, "clip"));
  const inception = flags.inception === undefined ? undefined : Inception.fromFile(flags.inception);
  return { judge: judge?.to(device).eval(), inception: inception?.to(device).eval() };
}
