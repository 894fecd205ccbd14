import { gptObjectives, gptTraining, toDisk, type GptTraining } from "../config.ts";
import { readEncoded, type EncodedSet } from "../data/encoded.ts";
import { embedTexts } from "../generate/embed.ts";
import { Clip } from "../models/clip.ts";
import { Gpt } from "../models/gpt.ts";
import type { GptConfig } from "../models/gpt-config.ts";
import { Vqgan } from "../models/vqgan.ts";
import type { StateDict } from "../nn/module.ts";
import { withAverage } from "../optim/ema.ts";
import { manualSeed } from "../tensor/random.ts";
import { meanShift, someEmbeddings } from "../train/gpt-conditions.ts";
import { gptStage } from "../train/gpt.ts";
import { UserError } from "./errors.ts";
import { numberFlag } from "./number-flag.ts";
import { withProcesses } from "./processes.ts";
import { readPrompts } from "./prompts.ts";
import { gptPreset, initialNetwork } from "./presets.ts";
import { readSettings } from "./settings.ts";
import { runTraining } from "./training.ts";
import type { TrainGptFlags } from "./train-gpt.ts";

type Flags = TrainGptFlags & Record<string, unknown>;

export async function runTrainGpt(encoded: string, flags: Flags): Promise<void> {
  const objective = Object.entries(gptObjectives).find(([name]) => name === flags.objective)?.[1];
  if (!objective)
    throw new UserError(`unknown objective ${flags.objective}; known: ${Object.keys(gptObjectives).join(", ")}`);
  const { objective: _, ...others } = flags;
  const settings = readSettings(gptTraining, others, objective);
  await withProcesses(settings, (config) => train(encoded, flags, config));
}

async function train(encoded: string, flags: Flags, config: GptTraining): Promise<void> {
  const data = readEncoded(encoded);
  const known = await initialNetwork(flags, (path) => Gpt.fromPretrained(path));
  if (known) checkFit(known.config, data, config);
  const size = known?.config ?? gptPreset(flags.preset, flags.network);
  const [h, w] = data.grid;
  const memory =
    flags.memory === undefined
      ? undefined
      : someEmbeddings(data, numberFlag("--memory", flags.memory, { least: 1, whole: true }));
  if ((memory ?? flags.sentences) !== undefined && config.condition === "caption") {
    throw new UserError("--sentences and --memory are for conditions that come from pictures");
  }
  manualSeed(config.seed);
  const gpt = new Gpt({
    ...size,
    codebookSize: data.codebookSize,
    tokenCount: h * w,
    conditionDim: data.embedDim,
    ...(config.randomOrder > 0 && { anyOrder: true }),
    // Both tell of pictures: those that it is trained on now.
    textShift: flags.sentences === undefined ? undefined : true,
    memorySize: memory?.size(0),
  });
  if (known) gpt.loadStateDict(withoutPictures(known), { strict: false });
  gpt.memory = memory;
  const clip = flags.clip === undefined ? undefined : await Clip.fromPretrained(flags.clip);
  const vqgan = flags.vqgan === undefined ? undefined : await Vqgan.fromPretrained(flags.vqgan);
  clip?.setTrainable(false);
  vqgan?.setTrainable(false);
  if (flags.sentences !== undefined) {
    if (!clip) throw new UserError("--sentences needs the CLIP that the pictures were encoded with: --clip");
    using embedded = embedTexts(clip, readPrompts(flags.sentences, "--sentences"));
    gpt.textShift = meanShift(data, embedded);
  }
  const stage = gptStage({ gpt, data, config, ...(clip && { clip }), ...(vqgan && { vqgan }) });
  await runTraining(stage, {
    flags,
    config: toDisk({
      stage: "gpt",
      network: gpt.config,
      initFrom: flags.initFrom,
      objective_name: flags.objective,
      encoded: data.count,
      ...config,
    }),
    settings: config,
    parameters: gpt.parameterCount,
    results: {
      gpt: (folder) => withAverage(stage.ema, () => gpt.eval().savePretrained(folder, { dtype: flags.saveDtype })),
      // With the contrastive term CLIP has learned along, and the GPT draws only from what this one says.
      ...(clip &&
        config.objective.contrastive > 0 && {
          clip: (folder: string) => clip.eval().savePretrained(folder, { dtype: flags.saveDtype }),
        }),
    },
  });
}

/** @throws UserError where a GPT that training begins with does not draw what was encoded */
function checkFit(known: GptConfig, { codebookSize, grid: [h, w], embedDim }: EncodedSet, config: GptTraining): void {
  const has = [known.codebookSize, known.tokenCount, known.conditionDim, known.conditionLength ?? 1].join(", ");
  const wanted = [codebookSize, h * w, embedDim, 1].join(", ");
  if (has !== wanted) {
    throw new UserError(
      `--init-from: this GPT's codes, tokens of a picture, numbers of a condition, and vectors of one are ${has}; ` +
        `the encoded pictures need ${wanted}`,
    );
  }
  if (config.randomOrder > 0 && !known.anyOrder)
    throw new UserError("--init-from: this GPT knows tokens row by row only, so that there is no --random-order");
}

/** What a GPT has learned, without what it keeps of its training pictures. */
function withoutPictures(gpt: Gpt): StateDict {
  return new Map([...gpt.stateDict()].filter(([, tensor]) => tensor !== gpt.memory && tensor !== gpt.textShift));
}
