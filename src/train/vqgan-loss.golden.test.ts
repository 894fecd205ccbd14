import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Golden, goldenNote, hasGolden } from "../../test/golden.ts";
import { tamingConfig, under, without } from "../../test/taming.ts";
import { fromDisk } from "../config.ts";
import { NLayerDiscriminator } from "../models/discriminator.ts";
import { Lpips } from "../models/lpips.ts";
import { readWeights } from "../models/pretrained.ts";
import { Vqgan } from "../models/vqgan.ts";
import type { Module } from "../nn/module.ts";
import { Adam } from "../optim/adam.ts";
import { noGrad } from "../tensor/autograd.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { autoencoderLoss, discriminatorLoss, type LossMetrics, type VqganLossConfig } from "./vqgan-loss.ts";

const lossConfig = z.object({
  discNdf: z.number(),
  discNumLayers: z.number().default(3),
  discInChannels: z.number(),
  discStart: z.number(),
  discWeight: z.number(),
  codebookWeight: z.number(),
  perceptualWeight: z.number().default(1),
  discLoss: z.enum(["hinge", "vanilla"]).default("hinge"),
});
const caseConfig = z.looseObject({
  optimizer: z.object({ betas: z.tuple([z.number(), z.number()]), eps: z.number() }),
  steps: z.number(),
  runs: z.record(z.string(), z.object({ lr: z.number(), lossconfig: z.record(z.string(), z.unknown()) })),
});
const logged = z.record(
  z.string(),
  z.union([z.number(), z.boolean(), z.object({ value: z.number(), atol: z.number() })]),
);
const stepValues = z.object({ value: z.array(logged) });
const normValues = z.object({ value: z.record(z.string(), z.object({ norm: z.number(), atol: z.number() })) });

/** One network of the case with its optimizer, and the prefix of its names in the checkpoint. */
type Learner = { network: Module; optimizer: Adam; prefix: string };

describe.skipIf(!hasGolden)(`VQGAN's losses against taming-transformers${goldenNote}`, () => {
  let golden: Golden;
  let config: z.infer<typeof caseConfig>;
  let weights: Map<string, Tensor>;

  beforeAll(() => {
    setThreadCount(1); // networks this small lose more time to waiting for other threads than they gain
    golden = new Golden("vqgan-losses/train");
    config = caseConfig.parse(golden.config);
    weights = readWeights(golden.path("init.ckpt"));
  });

  /** Back-propagates, compares the gradients where the case has them, and does the optimizer's step. */
  const learn = (loss: Tensor, learner: Learner, options: { lr: number; norms: string | undefined }): void => {
    const { network, optimizer, prefix } = learner;
    optimizer.zeroGrad();
    loss.backward();
    if (options.norms !== undefined) {
      const parameters = network.namedParameters();
      const expected = Object.entries(normValues.parse(golden.values[options.norms]).value);
      expect(expected.map(([name]) => name).toSorted()).toEqual(
        [...parameters.keys()].map((name) => prefix + name).toSorted(),
      );
      for (const [name, { norm, atol }] of expected) {
        const actual = parameters.get(name.slice(prefix.length))?.grad?.vectorNorm().item() ?? Number.NaN;
        expect(Math.abs(actual - norm), `gradient of ${name}`).toBeLessThanOrEqual(atol);
      }
    }
    optimizer.step(options.lr);
  };

  test("follows every run of alternating steps", { timeout: 300_000 }, () => {
    const batch = golden.tensor("batch");
    for (const [run, { lr, lossconfig }] of Object.entries(config.runs)) {
      const read = lossConfig.parse(fromDisk(lossconfig));
      const losses: VqganLossConfig = { ...read, pixelLoss: "l1", discWarmup: 0 };
      const vqgan = new Vqgan(tamingConfig(config));
      const discriminator = new NLayerDiscriminator({
        inputNc: read.discInChannels,
        ndf: read.discNdf,
        nLayers: read.discNumLayers,
        useActnorm: false,
      });
      vqgan.loadStateDict(without(weights, "loss."));
      discriminator.loadStateDict(under(weights, "loss.discriminator."));
      const lpips = Lpips.fromStateDict(weights);
      const learners = {
        autoencoder: { network: vqgan, optimizer: new Adam(vqgan.namedParameters(), config.optimizer), prefix: "" },
        discriminator: {
          network: discriminator,
          optimizer: new Adam(discriminator.namedParameters(), config.optimizer),
          prefix: "loss.discriminator.",
        },
      };
      const codes = golden.tensor(`${run}.indices_per_step`);

      for (const [step, expected] of stepValues.parse(golden.values[`${run}.steps`]).value.entries()) {
        tidy(() => {
          const { reconstruction, indices, loss: codebookLoss } = vqgan.forward(batch);
          if (step < codes.size(0)) expect(indices.flatten().toNumbers()).toEqual(codes.select(0, step).toNumbers());
          const ae = autoencoderLoss(
            {
              images: batch,
              reconstruction,
              codebookLoss,
              lastLayer: vqgan.lastLayer,
              discriminator,
              perceptual: (x, y) => lpips.forward(x, y),
              step,
            },
            losses,
          );
          const first = step === 0;
          learn(ae.loss, learners.autoencoder, { lr, norms: first ? `${run}.grad_norms_ae_step0` : undefined });
          if (first) expect(discriminator.parameters().filter(({ grad }) => grad)).toEqual([]);

          const renewed = noGrad(() => vqgan.forward(batch).reconstruction);
          const disc = discriminatorLoss({ images: batch, reconstruction: renewed, discriminator, step }, losses);
          learn(disc.loss, learners.discriminator, { lr, norms: first ? `${run}.grad_norms_disc_step0` : undefined });

          compare(`${run}, step ${step}`, expected, {
            ...ae.metrics,
            ...disc.metrics,
            ...(ae.metrics["rec_loss"] && { nll_loss: ae.metrics["rec_loss"] }),
            aeloss: ae.loss,
            discloss: disc.loss,
          });
        });
      }
      if (golden.has(`${run}.recon_after`)) {
        golden.expectEqual(
          `${run}.recon_after`,
          noGrad(() => vqgan.eval().forward(batch).reconstruction),
        );
      }
    }
  });
});

/** Every number that the reference logged; `disc_factor` is no metric of ours, and whether it is right shows in the rest. */
function compare(place: string, expected: z.infer<typeof logged>, actual: LossMetrics): void {
  for (const [name, entry] of Object.entries(expected)) {
    if (typeof entry !== "object" || name === "disc_factor") continue;
    const value = actual[name]?.item() ?? Number.NaN;
    expect(Math.abs(value - entry.value), `${name} of ${place}: ${value}`).toBeLessThanOrEqual(entry.atol);
  }
}
