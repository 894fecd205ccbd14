import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Golden, goldenNote, hasGolden } from "../../test/golden.ts";
import { hashWeights } from "../../test/hash-weights.ts";
import { temporaryFolder } from "../../test/tiny.ts";
import { noGrad } from "../tensor/autograd.ts";
import { writeSafetensors } from "../tensor/safetensors.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Inception } from "./inception.ts";

const hashCase = z.object({
  SEED: z.number(),
  tensors: z.record(z.string(), z.object({ shape: z.array(z.number()), rule: z.string() })),
});

describe.skipIf(!hasGolden)(`Inception against pytorch-fid${goldenNote}`, () => {
  let golden: Golden;
  let weights: Map<string, Tensor>;
  const folder = temporaryFolder();

  beforeAll(() => {
    golden = new Golden("inception-hash");
    const { SEED: seed, tensors } = hashCase.parse(golden.config);
    weights = new Map(
      Object.entries(tensors).map(([name, { shape, rule }]) => {
        if (rule === "int64 0") return [name, Tensor.from([0], [], "int64")];
        return [name, hashWeights(name, { seed, shape, ...parseRule(rule, shape) })];
      }),
    );
  });

  test("gives the same features and logits, from a file with its names", () => {
    const file = join(folder, "inception.safetensors");
    writeSafetensors(file, weights);
    using inception = Inception.fromFile(file);
    noGrad(() =>
      tidy(() => {
        const images = golden.tensor("image").mul(2).sub(1);
        const blocks = inception.blocks(images).map((block) => block.mean([2, 3]));
        for (const [i, features] of blocks.slice(0, 3).entries()) golden.expectEqual(`block${i}_mean`, features);
        const features = inception.forward(images);
        golden.expectEqual("pool3", features);
        golden.expectEqual("logits_1008", inception.logits(features));
        golden.expectEqual("logits_1008_no_bias", inception.logits(features, { bias: false }));
      }),
    );
  });

  test("lists the weights that are missing, too many or of another shape", () => {
    const others = new Map(weights);
    others.delete("Mixed_5b.branch1x1.conv.weight");
    others.set("AuxLogits.fc.weight", Tensor.from([0], [1]));
    others.set("fc.bias", Tensor.from([0], [1]));
    expect(() => Inception.fromStateDict(others)).toThrow(
      /missing \(1\): Mixed_5b\.branch1x1\.conv\.weight; extra \(1\): AuxLogits\.fc\.weight; misshapen \(1\): fc\.bias is \[1\], expected \[1008\]/,
    );
    expect(() => Inception.fromFile(join(folder, "none.pth"))).toThrow(/none\.pth does not exist/);
  });
});

/** "scale 0.2, offset 1", where the scale may be a formula of the kernel. */
function parseRule(rule: string, shape: readonly number[]): { scale: number; offset: number } {
  const [, scale = "", offset = ""] = /^scale (.+), offset (.+)$/.exec(rule) ?? [];
  const fan = shape.slice(1).reduce((product, size) => product * size, 1);
  const formulas: Record<string, number> = {
    "sqrt(6/(in_channels*kh*kw))": Math.sqrt(6 / fan),
    "4*sqrt(3/2048)": 4 * Math.sqrt(3 / 2048),
  };
  return { scale: formulas[scale] ?? Number(scale), offset: Number(offset) };
}
