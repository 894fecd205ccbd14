import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, parse as parsePath } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import { problemsOf } from "../../io/json.ts";
import { parseYaml } from "../../io/yaml.ts";
import type { VqganConfig } from "../vqgan-config.ts";

const MAX_BYTES = 2 ** 20;

/** What taming-transformers' YAML says of a VQGAN that its weights cannot say, and what they can. */
export type TamingSettings = {
  file: string;
  resolution: number;
  dropout: number;
  beta: number;
  klWeight: number;
  /** What has to agree with the weights. */
  stated: Partial<Pick<VqganConfig, "codebookSize" | "embedDim" | "ch" | "chMult" | "numResBlocks" | "zChannels">>;
  attnResolutions: readonly number[];
};

const count = z.number().int().positive();
const codec = z.looseObject({
  resolution: count,
  ch: count,
  ch_mult: z.array(count),
  num_res_blocks: count,
  attn_resolutions: z.array(count),
  z_channels: count,
  dropout: z.number().min(0).max(1).default(0),
});
const params = z.looseObject({
  embed_dim: count,
  n_embed: count,
  ddconfig: codec,
  beta: z.number().min(0).default(0.25),
  kl_weight: z.number().min(0).default(1e-8),
});
const yaml = z.looseObject({ model: z.looseObject({ params }) });
// A Net2Net transformer describes its VQGAN further in.
const nested = z.looseObject({
  model: z.looseObject({ params: z.looseObject({ first_stage_config: z.looseObject({ params }) }) }),
});
// dalle-mini has the same fields in one level, in JSON, which is YAML too.
const flat = codec.extend({ embed_dim: count, n_embed: count });

/**
 * The YAML file that belongs to a checkpoint: of the same name, `model.yaml` or the only one in its folder, or what
 * training left in `../configs`. Undefined where there is none.
 */
export function findSettings(checkpoint: string): string | undefined {
  if (!existsSync(checkpoint)) return undefined;
  const isFolder = statSync(checkpoint).isDirectory();
  const folder = isFolder ? checkpoint : dirname(checkpoint);
  const same = isFolder ? [] : [join(folder, `${parsePath(checkpoint).name}.yaml`)];
  const named = [...same, join(folder, "model.yaml")].find((file) => existsSync(file));
  if (named !== undefined) return named;
  const configs = join(folder, "..", "configs");
  const project = yamlFiles(configs).filter((file) => file.endsWith("-project.yaml") || file.endsWith("model.yaml"));
  const candidates = [yamlFiles(folder), project];
  return candidates.find((files) => files.length === 1)?.[0];
}

function yamlFiles(folder: string): string[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return [];
  return readdirSync(folder)
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => join(folder, name));
}

/** Reads such a file; classes that it names (`target`) are text. Throws where it describes no VQGAN. */
export function readSettings(file: string): TamingSettings {
  const found = parseFile(file);
  const { embed_dim: embedDim, n_embed: codebookSize, ddconfig, beta, kl_weight: klWeight } = found;
  const { resolution, ch, ch_mult: chMult, num_res_blocks: numResBlocks, z_channels: zChannels, dropout } = ddconfig;
  return {
    file,
    resolution,
    dropout,
    beta,
    klWeight,
    stated: { codebookSize, embedDim, ch, chMult, numResBlocks, zChannels },
    attnResolutions: ddconfig.attn_resolutions,
  };
}

function parseFile(file: string): z.infer<typeof params> {
  const { size } = statSync(file);
  if (size > MAX_BYTES) throw new Error(`${file} has ${size} bytes, which no configuration has`);
  let content: unknown;
  try {
    content = parseYaml(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`${file} is no YAML: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const flatContent = flat.safeParse(content);
  if (flatContent.success) return params.parse({ ...flatContent.data, ddconfig: flatContent.data });
  const inner = nested.safeParse(content);
  if (inner.success) return inner.data.model.params.first_stage_config.params;
  const parsed = yaml.safeParse(content);
  if (parsed.success) return parsed.data.model.params;
  throw new Error(`${file} does not describe a VQGAN of taming-transformers: ${problemsOf(parsed.error)}`);
}

/** Throws where the file speaks of other weights than these, with every field that differs. */
export function checkSettings({ file, stated, attnResolutions }: TamingSettings, config: VqganConfig): void {
  const fields = Object.entries(stated).map(([name, value]) => [name, value, Reflect.get(config, name)] as const);
  const wrong = fields.filter(([, said, found]) => JSON.stringify(said) !== JSON.stringify(found));
  const differences = wrong.map(
    ([name, said, found]) => `${name} is ${JSON.stringify(said)} there, ${JSON.stringify(found)} in the weights`,
  );
  const sizes = new Set(config.chMult.map((_, level) => config.resolution / 2 ** level));
  const attends = attnResolutions.filter((size) => sizes.has(size)).toSorted((a, b) => a - b);
  const found = [...config.attnResolutions].toSorted((a, b) => a - b);
  if (String(attends) !== String(found)) {
    differences.push(`attnResolutions is [${attends.join(", ")}] there, [${found.join(", ")}] in the weights`);
  }
  if (differences.length > 0) throw new Error(`${file} describes other weights: ${differences.join("; ")}`);
}

/**
 * The YAML with which taming-transformers builds the network. Throws for what it cannot express: it has no folded
 * patches, no codebook on the unit sphere, no pixels in [0, 1], no other epsilon and no decoder alone.
 */
export function tamingYaml(config: VqganConfig): string {
  const beyond = [
    config.patchSize !== 1 && "patchSize",
    config.normalizeCodebook && "normalizeCodebook",
    config.pixelRange !== "signed" && "pixelRange",
    config.groupNormEps !== 1e-6 && "groupNormEps",
    config.normGroups !== 32 && "normGroups",
    config.decoderOnly && "decoderOnly",
  ].filter((name) => name !== false);
  if (beyond.length > 0) {
    throw new Error(
      `taming-transformers cannot express this VQGAN: its ${beyond.join(", ")} differs from the published`,
    );
  }
  const gumbel = config.quantizer === "gumbel";
  return stringify({
    model: {
      target: `taming.models.vqgan.${gumbel ? "GumbelVQ" : "VQModel"}`,
      params: {
        embed_dim: config.embedDim,
        n_embed: config.codebookSize,
        ...(gumbel && { kl_weight: config.klWeight }),
        ddconfig: {
          double_z: config.doubleZ,
          z_channels: config.zChannels,
          resolution: config.resolution,
          in_channels: config.inChannels,
          out_ch: config.outCh,
          ch: config.ch,
          ch_mult: [...config.chMult],
          num_res_blocks: config.numResBlocks,
          attn_resolutions: [...config.attnResolutions],
          dropout: config.dropout,
        },
        lossconfig: { target: "taming.modules.losses.vqperceptual.DummyLoss" },
      },
    },
  });
}
