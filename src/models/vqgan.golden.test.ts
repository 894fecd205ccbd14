import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { Golden, goldenNote, hasGolden } from "../../test/golden.ts";
import { tamingConfig, without } from "../../test/taming.ts";
import { withoutInit } from "../nn/init.ts";
import type { Module } from "../nn/module.ts";
import { noGrad } from "../tensor/autograd.ts";
import { setThreadCount } from "../tensor/engine.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { defaultDiscriminator, NLayerDiscriminator } from "./discriminator.ts";
import { readWeights } from "./pretrained.ts";
import { Vqgan } from "./vqgan.ts";
import { vqganPresets, type VqganConfig } from "./vqgan-config.ts";

describe.skipIf(!hasGolden)(`Vqgan against taming-transformers${goldenNote}`, () => {
  let golden: Golden;
  let config: VqganConfig;
  let weights: Map<string, Tensor>;
  let vqgan: Vqgan;

  const load = (changes: Partial<VqganConfig>): Vqgan => {
    const loaded = new Vqgan({ ...config, ...changes });
    loaded.loadStateDict(weights);
    return loaded.eval();
  };

  beforeAll(() => {
    setThreadCount(1); // networks this small lose more time to waiting for other threads than they gain
    golden = new Golden("taming-vqgan");
    config = tamingConfig(golden.config);
    weights = without(readWeights(golden.path("last.ckpt")), "loss.");
    vqgan = load({});
  });

  test("has exactly the published parameter names", () => {
    expect([...vqgan.stateDict().keys()].toSorted()).toEqual([...weights.keys()].toSorted());
  });

  test("encodes, quantises and decodes to the same numbers", () => {
    const image = golden.tensor("image");
    noGrad(() => {
      golden.expectEqual("h_encoder", vqgan.encoder.forward(image));
      const { z, zQ, indices, loss, reconstruction } = vqgan.forward(image);
      golden.expectEqual("z_pre_quant", z);
      golden.expectEqual("z_q", zQ);
      golden.expectEqual("indices", indices);
      golden.expectEqual("codebook_loss", loss);
      golden.expectEqual("reconstruction", reconstruction);
      golden.expectEqual("decode_code", vqgan.decode(indices));
    });
  });

  test("gives the same codebook loss whichever term beta weighs", () => {
    const other = load({ legacy: !config.legacy });
    noGrad(() => golden.expectEqual("codebook_loss_not_legacy", other.encode(golden.tensor("image")).loss));
  });

  test("takes pictures that are not square", () => {
    noGrad(() => {
      const { z, indices } = vqgan.encode(golden.tensor("image_nonsquare"));
      golden.expectEqual("nonsquare.z_pre_quant", z);
      golden.expectEqual("nonsquare.indices", indices);
      golden.expectEqual("nonsquare.decode_code", vqgan.decode(golden.tensor("nonsquare.indices")));
    });
  });
});

const published = fileURLToPath(new URL("../../../shared/checkpoints/", import.meta.url));
const hasPublished = existsSync(published);

/** Names and shapes of a published checkpoint, one tensor a line. */
function publishedShapes(file: string): Record<string, string> {
  const lines = readFileSync(join(published, file), "utf8").trim().split("\n");
  return Object.fromEntries(lines.map((line) => line.split("\t").slice(0, 2)));
}

function shapes(module: Module): Record<string, string> {
  return Object.fromEntries(Array.from(module.stateDict(), ([name, { shape }]) => [name, `[${shape.join(", ")}]`]));
}

describe.skipIf(!hasPublished)(
  `Published checkpoints${hasPublished ? "" : " (skipped: ../shared/checkpoints is not here)"}`,
  () => {
    test("fit the paper's preset, name by name", () => {
      const vqgan = withoutInit(() => new Vqgan(vqganPresets.paper));
      const expected = Object.entries(publishedShapes("taming_vqgan_f16_16384.tsv"));
      expect(shapes(vqgan)).toEqual(Object.fromEntries(expected.filter(([name]) => !name.startsWith("loss."))));
      vqgan.dispose();
    });

    test.each([2, 3])("fit a discriminator of %i layers, name by name", (nLayers) => {
      const discriminator = new NLayerDiscriminator({ ...defaultDiscriminator, nLayers });
      expect(shapes(discriminator)).toEqual(publishedShapes(`taming_disc_${nLayers}.tsv`));
    });
  },
);
