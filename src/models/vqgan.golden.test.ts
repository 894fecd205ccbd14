import { beforeAll, describe, expect, test } from "vitest";
import { Golden, goldenNote, hasGolden } from "../../test/golden.ts";
import { tamingConfig, without } from "../../test/taming.ts";
import { noGrad } from "../tensor/autograd.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { readWeights } from "./pretrained.ts";
import { Vqgan, type VqganConfig } from "./vqgan.ts";

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
