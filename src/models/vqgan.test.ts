import { beforeAll, describe, expect, test } from "vitest";
import { fromDisk, toDisk } from "../config.ts";
import { autoencoderLoss, discriminatorLoss } from "../train/vqgan-loss.ts";
import { noGrad } from "../tensor/autograd.ts";
import { memoryFigures, setThreadCount } from "../tensor/engine.ts";
import { randn, zeros } from "../tensor/functions.generated.ts";
import { manualSeed } from "../tensor/random.ts";
import { tidy } from "../tensor/scope.ts";
import { NLayerDiscriminator } from "./discriminator.ts";
import { Vqgan } from "./vqgan.ts";
import { vqganConfig, vqganPresets, type VqganConfig } from "./vqgan-config.ts";

const tiny: VqganConfig = {
  ...vqganPresets.tiny32,
  resolution: 16,
  ch: 8,
  chMult: [1, 2],
  attnResolutions: [4],
  zChannels: 8,
  patchSize: 2,
  normGroups: 4,
  codebookSize: 16,
};

// Networks this small lose more time to waiting for other threads than they gain.
beforeAll(() => setThreadCount(1));

describe("Vqgan", () => {
  test("has the grid that its configuration says, for every preset", () => {
    const grids = Object.values(vqganPresets).map(({ resolution, chMult, patchSize }) => {
      return resolution / patchSize / 2 ** (chMult.length - 1);
    });
    expect(grids.every(Number.isInteger)).toBe(true);
    expect(new Vqgan(tiny).tokenGrid()).toBe(4);
    expect(new Vqgan(tiny).tokenGrid(32)).toBe(8);
  });

  test("makes tokens of pictures and pictures of tokens", () => {
    const vqgan = new Vqgan(tiny).eval();
    noGrad(() => {
      const { indices, z, zQ } = vqgan.encode(randn([2, 3, 16, 24]));
      expect(indices.shape).toEqual([2, 4, 6]);
      expect(z.shape).toEqual([2, 8, 4, 6]);
      expect(vqgan.decode(indices).shape).toEqual([2, 3, 16, 24]);
      expect(vqgan.decodeLatent(zQ).sub(vqgan.decode(indices)).abs().amax().item()).toBeLessThan(1e-4);
    });
  });

  test("says what is wrong with pictures that do not fit", () => {
    const vqgan = new Vqgan(tiny);
    expect(() => vqgan.encode(zeros([1, 1, 16, 16]))).toThrow("expected pictures (B, 3, H, W), got [1, 1, 16, 16]");
    expect(() => vqgan.encode(zeros([1, 3, 16, 18]))).toThrow("18 pixels a side do not divide into tokens of 4×4");
  });

  test("says which setting makes groups that do not divide the channels", () => {
    expect(() => new Vqgan({ ...tiny, normGroups: 3 })).toThrow("norm_groups");
  });

  test("computes in bfloat16 and gives float32", () => {
    manualSeed(5);
    const vqgan = new Vqgan(tiny).eval();
    const images = randn([1, 3, 16, 16]);
    noGrad(() => {
      const indices = vqgan.encode(images).indices;
      const exact = vqgan.decode(indices);
      const rounded = vqgan.setComputeDtype("bfloat16").decode(indices);
      const difference = rounded.sub(exact).abs().amax().item();
      expect(rounded.dtype).toBe("float32");
      expect(difference).toBeGreaterThan(0);
      expect(difference).toBeLessThan(0.1);
      expect(vqgan.encode(images).z.dtype).toBe("float32");
    });
  });

  test("writes a configuration to disk that it reads again", () => {
    expect(toDisk(tiny)).toMatchObject({ ch_mult: [1, 2], group_norm_eps: 1e-6, normalize_codebook: true });
    expect(vqganConfig.parse(fromDisk(toDisk(tiny)))).toEqual(tiny);
    expect(vqganConfig.safeParse({ ...tiny, chMult: [] }).success).toBe(false);
  });

  test.each([{ rotationTrick: false }, { rotationTrick: true }, { simVq: true }])(
    "gives every parameter a finite gradient, and keeps no tensors over the steps (%o)",
    (changes) => {
      const vqgan = new Vqgan({ ...tiny, ...changes });
      const discriminator = new NLayerDiscriminator({ inputNc: 3, ndf: 8, nLayers: 1, useActnorm: false });
      const config = {
        pixelLoss: "l1",
        perceptualWeight: 1,
        codebookWeight: 1,
        discLoss: "hinge",
        discWeight: 0.8,
        discStart: 0,
        discWarmup: 0,
      } as const;
      const step = (): void =>
        tidy(() => {
          const images = randn([2, 3, 16, 16]);
          const { reconstruction, loss } = vqgan.forward(images);
          const { lastLayer } = vqgan;
          const common = { images, reconstruction, discriminator, step: 0 };
          const ae = autoencoderLoss({ ...common, codebookLoss: loss, lastLayer }, config);
          ae.loss.backward();
          discriminatorLoss(common, config).loss.backward();
        });
      step();
      for (const [name, parameter] of [...vqgan.namedParameters(), ...discriminator.namedParameters()]) {
        if (parameter.requiresGrad) tidy(() => expect(parameter.grad?.isfinite().all().item(), name).toBe(1));
        else expect(name).toBe("quantize.embedding.weight");
      }
      const before = memoryFigures().tensors;
      for (let i = 0; i < 5; i++) step();
      expect(memoryFigures().tensors).toBe(before);
    },
  );
});
