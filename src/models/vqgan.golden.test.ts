import { beforeAll, describe, expect, test } from "vitest";
import { Golden, goldenNote, hasGolden } from "../../test/golden.ts";
import { tamingConfig, without } from "../../test/taming.ts";
import { noGrad } from "../tensor/autograd.ts";
import { setThreadCount } from "../tensor/engine.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { readWeights } from "./pretrained.ts";
import { GumbelQuantizer } from "./quantizer.ts";
import { Vqgan } from "./vqgan.ts";
import type { VqganConfig } from "./vqgan-config.ts";

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
      golden.expectEqual("h_encoder", vqgan.encoder?.forward(image) ?? image);
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

describe.skipIf(!hasGolden)(`Vqgan against taming-transformers' GumbelVQ${goldenNote}`, () => {
  test("encodes, quantises and decodes to the same numbers, also pictures that are not square", async () => {
    const golden = new Golden("taming-gumbel");
    const vqgan = await Vqgan.fromPretrained(golden.path("last.ckpt"));
    const { quantize } = vqgan;
    if (!(quantize instanceof GumbelQuantizer)) throw new Error("this is no Gumbel quantizer");
    noGrad(() => {
      const image = golden.tensor("image");
      golden.expectEqual("h_encoder", vqgan.encoder?.forward(image) ?? image);
      const { z, zQ, indices, loss } = vqgan.encode(image);
      golden.expectEqual("z_pre_quant", z);
      golden.expectEqual("logits", quantize.proj.forward(z));
      golden.expectEqual("z_q", zQ);
      golden.expectEqual("indices", indices);
      golden.expectEqual("kl_diff", loss);
      golden.expectEqual("kl_diff_per_unit_weight", loss.div(vqgan.config.klWeight));
      golden.expectEqual("decode_code", vqgan.decode(indices));
      const wide = vqgan.encode(golden.tensor("image_nonsquare"));
      golden.expectEqual("nonsquare.z_pre_quant", wide.z);
      golden.expectEqual("nonsquare.indices", wide.indices);
      golden.expectEqual("nonsquare.decode_code", vqgan.decode(golden.tensor("nonsquare.indices")));
    });
  });
});
