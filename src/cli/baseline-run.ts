import { existsSync, mkdirSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { readEncoded } from "../data/encoded.ts";
import { findPictures, streamFiles, type PictureSet } from "../data/pictures.ts";
import { optimizeCodes } from "../evaluate/baselines/vqgan-clip.ts";
import { retrieveEncoded, retrievePicture, type Retrieved } from "../evaluate/baselines/retrieval.ts";
import { embedTexts } from "../generate/embed.ts";
import type { PictureOrigin } from "../generate/picture-origin.ts";
import { GeneratedPicture } from "../generate/picture.ts";
import type { Clip } from "../models/clip.ts";
import type { Vqgan } from "../models/vqgan.ts";
import { parseDevice } from "../tensor/engine.ts";
import { keep, tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { choosePrecision } from "../train/precision.ts";
import type { OptimiseFlags, RetrieveFlags } from "./baseline.ts";
import { UserError } from "./errors.ts";
import { interruptSignal } from "./interrupt.ts";
import { numberFlag } from "./number-flag.ts";
import { loadClip, loadVqgan } from "./parts-run.ts";
import { countPrinter } from "./progress.ts";
import { reportSkipped } from "./training.ts";

type CommonFlags = Pick<OptimiseFlags, "model" | "output" | "device" | "precision" | "json">;

export async function runOptimise(prompt: string, flags: OptimiseFlags): Promise<void> {
  const count = numberFlag("--number", flags.number, { least: 1, whole: true });
  const settings = {
    steps: numberFlag("--steps", flags.steps, { least: 1, whole: true }),
    cutouts: numberFlag("--cutouts", flags.cutouts, { least: 1, whole: true }),
    lr: numberFlag("--lr", flags.lr, { least: 1e-9 }),
  };
  const seed = numberFlag("--seed", flags.seed, { least: 0, whole: true });
  const networks = await loadNetworks(flags);
  using condition = embed(networks.clip, prompt, count);
  const print = progressOf("optimising, step", flags);
  const { signal, done } = interruptSignal("stopping; nothing has been written");
  try {
    const pictures = await optimizeCodes(networks, condition, {
      ...settings,
      seed,
      signal,
      onProgress: ({ step, steps }) => print?.(step, steps),
    });
    const written = [];
    for (const { pixels, size, tokens, ...told } of pictures.toSorted((a, b) => b.score - a.score)) {
      const { seed: own, score, seconds } = told;
      const origin: PictureOrigin = { ...originOf(prompt, flags), method: "vqgan-clip", ...settings, seed: own, score };
      const file = await save(new GeneratedPicture({ pixels, size, tokens, origin }), flags);
      written.push({ file, seed: own, score, seconds });
    }
    if (flags.json) console.log(JSON.stringify(written, undefined, 2));
    else
      for (const { file, seed: own, score, seconds } of written) {
        console.log(`${file}  seed ${own}  score ${score.toFixed(4)}  ${seconds.toFixed(1)} s`);
      }
  } finally {
    done();
  }
}

export async function runRetrieve(prompt: string, flags: RetrieveFlags): Promise<void> {
  const networks = await loadNetworks(flags);
  using condition = embed(networks.clip, prompt, 1);
  const { signal, done } = interruptSignal("stopping; nothing has been written");
  try {
    const { index, name, pixels, size, score } = await find(condition, { networks, flags, signal });
    const origin: PictureOrigin = { ...originOf(prompt, flags), method: "retrieval", source: name, seed: 0, score };
    const file = await save(new GeneratedPicture({ pixels, size, tokens: [], origin }), flags);
    if (flags.json) console.log(JSON.stringify({ file, index, name, score }, undefined, 2));
    else console.log(`${file}  score ${score.toFixed(4)}  picture ${index}: ${name}`);
  } finally {
    done();
  }
}

type Networks = { clip: Clip; vqgan: Vqgan };

async function find(
  condition: Tensor,
  { networks, flags, signal }: { networks: Networks; flags: RetrieveFlags; signal: AbortSignal },
): Promise<Retrieved> {
  const { clip, vqgan } = networks;
  const [first = "", ...others] = flags.data;
  if (existsSync(join(first, "index.json"))) {
    if (others.length > 0) throw new UserError("--data takes one folder of encoded pictures, or lists and folders");
    const data = readEncoded(first);
    if (data.embedDim !== clip.config.embedDim) {
      throw new UserError(
        `${first} has embeddings of ${data.embedDim} numbers, this model's CLIP gives ${clip.config.embedDim}`,
      );
    }
    return retrieveEncoded(condition, data, vqgan);
  }
  const files = await findPictures(flags.data);
  const skipped: PictureSet["skipped"][number][] = [];
  const onProgress = progressOf("looking at pictures", flags);
  const found = await retrievePicture(condition, streamFiles(files, { size: vqgan.config.resolution }), {
    clip,
    signal,
    onSkipped: (some) => skipped.push(...some),
    ...(onProgress && { onProgress }),
  });
  if (!flags.json) reportSkipped({ count: files.length - skipped.length, skipped });
  return found;
}

async function loadNetworks(flags: CommonFlags): Promise<Networks> {
  if (![".png", ""].includes(extname(flags.output).toLowerCase())) {
    throw new UserError(`--output ${flags.output}: pictures are written as .png`);
  }
  const device = parseDevice(flags.device);
  const { dtype } = choosePrecision(flags.precision, device);
  const networks = { clip: await loadClip(flags.model), vqgan: await loadVqgan(flags.model) };
  for (const network of Object.values(networks)) network.to(device).setComputeDtype(dtype).setTrainable(false);
  return networks;
}

/** One sentence's embedding in every row: (count, D). */
function embed(clip: Clip, prompt: string, count: number): Tensor {
  using one = embedTexts(clip, [prompt]);
  return keep(tidy(() => one.expand([count, -1]).contiguous()));
}

function originOf(prompt: string, { model }: CommonFlags): Pick<PictureOrigin, "prompt" | "model"> {
  return { prompt, model: basename(resolve(model)) };
}

async function save(picture: GeneratedPicture, { output }: CommonFlags): Promise<string> {
  mkdirSync(dirname(output), { recursive: true });
  return await picture.save(extname(output) === "" ? `${output}.png` : output);
}

/** Where JSON is asked for, nothing else is printed. */
function progressOf(what: string, { json }: CommonFlags): ((done: number, total: number) => void) | undefined {
  return json ? undefined : countPrinter(what);
}
