import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { writeFolderAtomic } from "../io/atomic.ts";
import { ClipGen } from "../generate/pipeline.ts";
import { Clip } from "../models/clip.ts";
import type { ClipActivation } from "../models/clip-config.ts";
import { codecFactor } from "../models/codec.ts";
import { readGpt, type GptHints } from "../models/formats/gpt.ts";
import { recognize, type Recognized } from "../models/formats/recognize.ts";
import { readVqgan, type VqganHints } from "../models/formats/vqgan.ts";
import { Gpt } from "../models/gpt.ts";
import type { SaveOptions } from "../models/pretrained.ts";
import { Vqgan } from "../models/vqgan.ts";
import type { ConvertFlags } from "./convert.ts";
import { UserError } from "./errors.ts";
import { numberFlag } from "./number-flag.ts";

/** Converts three networks to a model, some of them to a folder each, or one checkpoint to its own folder. */
export async function runConvert(checkpoint: string | undefined, flags: ConvertFlags): Promise<void> {
  const { output } = flags;
  if (existsSync(output) && readdirSync(output).length > 0) {
    throw new UserError(`${output} exists already and is not empty; choose another --output`);
  }
  mkdirSync(dirname(output), { recursive: true });
  const hints = hintsOf(flags);
  const precision = flags.saveDtype === undefined ? {} : { dtype: saveDtype(flags.saveDtype) };
  if (checkpoint !== undefined) {
    if (flags.clip ?? flags.vqgan ?? flags.gpt) {
      throw new UserError("give one checkpoint, or --clip, --vqgan and --gpt, not both");
    }
    await convertAlone(checkpoint, flags, { hints, precision });
  } else await convertParts(flags, { hints, precision });
  console.log(`finished: ${output}`);
}

type Hints = { clip: { activation?: ClipActivation }; vqgan: VqganHints; gpt: GptHints };
type How = { hints: Hints; precision: SaveOptions };

function hintsOf(flags: ConvertFlags): Hints {
  const { clipActivation: activation, gptHeads, resolution } = flags;
  if (activation !== undefined && activation !== "quick_gelu" && activation !== "gelu") {
    throw new UserError(`--clip-activation is ${activation}, expected quick_gelu or gelu`);
  }
  return {
    clip: activation === undefined ? {} : { activation },
    vqgan: {
      settings: flags.vqganConfig,
      resolution:
        resolution === undefined ? undefined : numberFlag("--resolution", resolution, { least: 1, whole: true }),
    },
    gpt: { heads: gptHeads === undefined ? undefined : numberFlag("--gpt-heads", gptHeads, { least: 1, whole: true }) },
  };
}

function saveDtype(name: string): "float32" | "bfloat16" {
  if (name === "float32" || name === "bfloat16") return name;
  throw new UserError(`--save-dtype is ${name}, expected float32 or bfloat16`);
}

async function convertParts(flags: ConvertFlags, { hints, precision }: How): Promise<void> {
  const { clip, vqgan, gpt, output } = flags;
  if (clip === undefined || vqgan === undefined || gpt === undefined) {
    throw new UserError(
      "a model needs --clip, --vqgan and --gpt; to convert one of them alone, give it without a flag",
    );
  }
  const resolution = hints.vqgan.resolution ?? resolutionFor(vqgan, gpt, hints);
  const model = new ClipGen({
    clip: await Clip.fromPretrained(clip, hints.clip),
    vqgan: await Vqgan.fromPretrained(vqgan, { ...hints.vqgan, resolution }),
    gpt: await Gpt.fromPretrained(gpt, hints.gpt),
  });
  const about = { converted_from: { clip: basename(clip), vqgan: basename(vqgan), gpt: basename(gpt) } };
  await writeFolderAtomic(output, (folder) => model.savePretrained(folder, { about, ...precision }), { replace: true });
}

/** Pixels a side that give as many tokens as the GPT draws. */
function resolutionFor(vqgan: string, gpt: string, hints: Hints): number {
  const { tokenCount } = readGpt(gpt, hints.gpt).config;
  const side = Math.sqrt(tokenCount);
  const { config } = readVqgan(vqgan, hints.vqgan);
  if (!Number.isInteger(side)) {
    throw new UserError(`${gpt} draws ${tokenCount} tokens, which are no square picture; it cannot be drawn with`);
  }
  return side * codecFactor(config);
}

async function convertAlone(checkpoint: string, flags: ConvertFlags, how: How): Promise<void> {
  const { networks } = recognize(checkpoint);
  const [first, ...more] = networks;
  if (!first)
    throw new UserError(`${checkpoint} holds no network that clip-gen knows; clip-gen inspect tells what it is`);
  await writeFolderAtomic(
    flags.output,
    async (folder) => {
      if (more.length === 0) await convertNetwork(first, checkpoint, { folder, layout: flags.layout, how });
      else {
        for (const network of networks) {
          const inside = join(folder, network.kind.toLowerCase());
          await convertNetwork(network, checkpoint, { folder: inside, layout: undefined, how });
        }
      }
    },
    { replace: true },
  );
}

async function convertNetwork(
  { kind }: Recognized,
  checkpoint: string,
  { folder, layout, how: { hints, precision } }: { folder: string; layout: string | undefined; how: How },
): Promise<void> {
  switch (kind) {
    case "CLIP": {
      if (layout !== undefined && layout !== "huggingface" && layout !== "open_clip") throw unknownLayout(kind, layout);
      const clip = await Clip.fromPretrained(checkpoint, hints.clip);
      await clip.savePretrained(folder, { ...precision, ...(layout !== undefined && { layout }) });
      break;
    }
    case "VQGAN": {
      if (layout !== undefined && layout !== "taming") throw unknownLayout(kind, layout);
      const vqgan = await Vqgan.fromPretrained(checkpoint, hints.vqgan);
      await vqgan.savePretrained(folder, { ...precision, ...(layout !== undefined && { layout }) });
      break;
    }
    case "GPT": {
      if (layout !== undefined) throw unknownLayout(kind, layout);
      const gpt = await Gpt.fromPretrained(checkpoint, hints.gpt);
      await gpt.savePretrained(folder, precision);
      break;
    }
  }
}

function unknownLayout(kind: string, layout: string): UserError {
  return new UserError(
    `--layout ${layout} is none of a ${kind}: huggingface and open_clip are of CLIPs, taming is of VQGANs`,
  );
}
