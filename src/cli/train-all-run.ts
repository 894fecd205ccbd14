import { join } from "node:path";
import { existsSync } from "node:fs";
import { gptObjectives, gptTraining, vqganTraining } from "../config.ts";
import { ClipGen } from "../generate/pipeline.ts";
import { Clip } from "../models/clip.ts";
import { perceptualLoss } from "../train/perceptual.ts";
import { trainGenerator } from "../train/generator.ts";
import { UserError } from "./errors.ts";
import { interruptSignal } from "./interrupt.ts";
import { countPrinter, progressPrinter } from "./progress.ts";
import { requireOneProcess } from "./processes.ts";
import { readSettings } from "./settings.ts";
import { gptPreset, vqganPreset } from "./presets.ts";
import { loadPictures } from "./training.ts";
import type { TrainAllFlags } from "./train-all.ts";

/** Trains VQGAN and GPT on folders of pictures, with a CLIP that is given, into one model folder. */
export async function runTrainAll(paths: readonly string[], flags: TrainAllFlags): Promise<void> {
  requireOneProcess("train");
  if (existsSync(join(flags.output, "model.json"))) {
    throw new UserError(`${flags.output} already holds a finished model; choose another --output`);
  }
  const objective = gptObjectives[flags.objective as keyof typeof gptObjectives];
  if (!objective)
    throw new UserError(`unknown objective ${flags.objective}; known: ${Object.keys(gptObjectives).join(", ")}`);
  const shared = { seed: Number(flags.seed), device: flags.device, precision: flags.precision, flip: flags.flip };
  const vqgan = readSettings(vqganTraining, { set: flags.setVqgan }, { ...shared, steps: Number(flags.vqganSteps) });
  const gpt = readSettings(
    gptTraining,
    { set: flags.setGpt },
    { ...objective, ...shared, steps: Number(flags.gptSteps) },
  );
  const network = vqganPreset(flags.vqganPreset, flags.vqganNetwork);
  const clip = (await Clip.fromPretrained(flags.clip)).setTrainable(false);
  const pictures = await loadPictures(paths, { size: network.resolution, captions: false });
  if (flags.dryRun) {
    console.log("dry run: pictures, CLIP and settings are fine; nothing was written");
    return;
  }
  const { signal, done } = interruptSignal("saving, then stopping; run the same command again to go on");
  try {
    const finished = await trainGenerator({
      folder: flags.output,
      pictures,
      clip,
      vqgan: {
        network,
        training: vqgan,
        perceptual: perceptualLoss({ ...vqgan, clip, lpips: flags.lpips }),
      },
      gpt: { network: gptPreset(flags.gptPreset, flags.gptNetwork), training: gpt },
      about: { pictures: paths },
      onProgress: progressPrinter(),
      onEncoded: countPrinter("encoding pictures"),
      signal,
    });
    if (!finished) {
      console.log("stopped; run the same command again to go on");
      process.exitCode = 130;
      return;
    }
  } finally {
    done();
  }
  // Reading it back is the proof that what was written is a model.
  await ClipGen.fromPretrained(flags.output);
  console.log(`finished: ${flags.output}`);
  console.log(`draw:  clip-gen generate "…" -m ${flags.output} --candidates 16`);
}
