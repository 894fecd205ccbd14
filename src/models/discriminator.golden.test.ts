import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Golden, goldenNote, hasGolden } from "../../test/golden.ts";
import { stack } from "../tensor/functions.generated.ts";
import { noGrad } from "../tensor/autograd.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { generatorLoss, hingeLoss, vanillaLoss } from "../train/vqgan-loss.ts";
import { NLayerDiscriminator } from "./discriminator.ts";
import { readWeights } from "./pretrained.ts";

const caseConfig = z.object({
  input_nc: z.number(),
  n_layers: z.number(),
  ndf: z.number(),
  ndf_actnorm: z.number(),
  batchnorm_parameter_order: z.array(z.string()),
  actnorm_parameter_order: z.array(z.string()),
});

describe.skipIf(!hasGolden)(`NLayerDiscriminator against taming-transformers${goldenNote}`, () => {
  let golden: Golden;
  let config: z.infer<typeof caseConfig>;

  beforeAll(() => {
    setThreadCount(1); // networks this small lose more time to waiting for other threads than they gain
    golden = new Golden("vqgan-losses/discriminator");
    config = caseConfig.parse(golden.config);
  });

  test.each(["batchnorm", "actnorm"] as const)("gives the same logits, losses and gradients with %s", (kind) => {
    const useActnorm = kind === "actnorm";
    const ndf = useActnorm ? config.ndf_actnorm : config.ndf;
    const { input_nc: inputNc, n_layers: nLayers } = config;
    const discriminator = new NLayerDiscriminator({ inputNc, ndf, nLayers, useActnorm });
    discriminator.loadStateDict(readWeights(golden.path(`${kind}.pt`)));
    const [real, fake] = [golden.tensor("real"), golden.tensor("fake")];

    if (golden.has(`${kind}.logits_real_eval`)) {
      const logits = noGrad(() => discriminator.eval().forward(real));
      golden.expectEqual(`${kind}.logits_real_eval`, logits);
    }
    discriminator.train();
    const logitsReal = discriminator.forward(real);
    const logitsFake = discriminator.forward(fake);
    golden.expectEqual(`${kind}.logits_real_train`, logitsReal);
    golden.expectEqual(`${kind}.logits_fake_train`, logitsFake);
    golden.expectEqual(`${kind}.vanilla_d_loss`, vanillaLoss(logitsReal, logitsFake));
    golden.expectEqual(`${kind}.g_loss`, generatorLoss(logitsFake));
    const hinge = hingeLoss(logitsReal, logitsFake);
    golden.expectEqual(`${kind}.hinge_d_loss`, hinge);

    hinge.backward();
    const order = useActnorm ? config.actnorm_parameter_order : config.batchnorm_parameter_order;
    const parameters = discriminator.namedParameters();
    const norms = order.map((name) => {
      const gradient = parameters.get(name)?.grad;
      if (!gradient) throw new Error(`${name} has no gradient`);
      return gradient.vectorNorm();
    });
    golden.expectEqual(`${kind}.grad_norms_hinge`, stack(norms));

    const state = discriminator.stateDict();
    const after = golden.names.filter((name) => name.startsWith(`${kind}.after.`));
    expect(after.length).toBeGreaterThan(0);
    for (const name of after) {
      const tensor = state.get(name.slice(`${kind}.after.`.length));
      if (!tensor) throw new Error(`the discriminator has no ${name}`);
      golden.expectEqual(name, tensor.detach());
    }
  });
});
