import { beforeAll, describe, expect, test } from "vitest";
import { noGrad } from "../tensor/autograd.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { randn } from "../tensor/functions.generated.ts";
import { manualSeed } from "../tensor/random.ts";
import { ActNorm, defaultDiscriminator, NLayerDiscriminator } from "./discriminator.ts";

beforeAll(() => setThreadCount(1));

describe("NLayerDiscriminator", () => {
  test("judges patches of a picture", () => {
    const logits = noGrad(() =>
      new NLayerDiscriminator({ ...defaultDiscriminator, ndf: 8 }).forward(randn([2, 3, 64, 64])),
    );
    expect(logits.shape).toEqual([2, 1, 6, 6]);
  });

  test.each([false, true])("computes in bfloat16 about what it computes in float32 (ActNorm: %s)", (useActnorm) => {
    manualSeed(3);
    const discriminator = new NLayerDiscriminator({ inputNc: 3, ndf: 8, nLayers: 2, useActnorm }).eval();
    const images = randn([2, 3, 32, 32]);
    const exact = noGrad(() => discriminator.forward(images));
    const rounded = discriminator.setComputeDtype("bfloat16").forward(images);
    expect(rounded.dtype).toBe("float32");
    expect(rounded.sub(exact).abs().amax().item()).toBeLessThan(0.05 * exact.abs().amax().item() + 1e-3);
    discriminator.train().forward(images).mean().backward();
    const finite = discriminator.parameters().map(({ grad }) => grad?.isfinite().all().item());
    expect(finite.every((value) => value === 1)).toBe(true);
  });

  test("sets ActNorm by the first batch in training, and never again", () => {
    const norm = new ActNorm(4);
    const first = randn([8, 4, 5, 5]).mul(3).add(2);
    const untouched = norm.eval().forward(first).sub(first).abs().amax().item();
    expect(untouched).toBe(0);
    const normed = norm.train().forward(first);
    expect(normed.mean([0, 2, 3]).abs().amax().item()).toBeLessThan(1e-5);
    expect(normed.variance([0, 2, 3]).sub(1).abs().amax().item()).toBeLessThan(1e-4);
    const loc = norm.loc.toNumbers();
    norm.forward(randn([8, 4, 5, 5]));
    expect(norm.loc.toNumbers()).toEqual(loc);
  });
});
