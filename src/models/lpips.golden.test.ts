import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Golden, goldenNote, hasGolden } from "../../test/golden.ts";
import { hashWeights } from "../../test/hash-weights.ts";
import { grad, noGrad } from "../tensor/autograd.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { Lpips } from "./lpips.ts";

describe.skipIf(!hasGolden)(`Lpips against taming-transformers${goldenNote}`, () => {
  let golden: Golden;
  let lpips: Lpips;

  beforeAll(() => {
    setThreadCount(1); // networks this small lose more time to waiting for other threads than they gain
    golden = new Golden("vqgan-losses/lpips-slim");
    lpips = Lpips.fromFile(golden.path("vgg16_lpips.pt"));
  });

  test("gives the same distance, and the same part of every layer", () => {
    const [x, y] = [golden.tensor("x"), golden.tensor("y")];
    golden.expectEqual("per_layer", lpips.perLayer(x, y));
    golden.expectEqual("total", lpips.forward(x, y));
  });

  test("gives the same distance from torchvision's VGG16 and the linear layers in files of their own", () => {
    const files = { vgg: golden.path("vgg16_torchvision.pth"), lin: golden.path("vgg.pth") };
    golden.expectEqual("total", Lpips.fromTorchvision(files).forward(golden.tensor("x"), golden.tensor("y")));
  });

  test("normalises features as HFAiLab does when told so", () => {
    const clamping = Lpips.fromFile(golden.path("vgg16_lpips.pt"), { normalization: "clamp" });
    golden.expectEqual("total_hfai", clamping.forward(golden.tensor("x"), golden.tensor("y")));
  });

  test("has the same gradient", () => {
    const y = golden.tensor("y").detach().setRequiresGrad(true);
    const [gradient] = grad([lpips.forward(golden.tensor("x"), y).mean()], [y]);
    if (!gradient) throw new Error("there is no gradient");
    golden.expectEqual("grad_y", gradient);
  });

  test("is read from the checkpoint of a VQGAN, too", () => {
    const vqgan = Lpips.fromFile(new Golden("taming-vqgan").path("last.ckpt"));
    const x = golden.tensor("x");
    expect(noGrad(() => vqgan.forward(x, x).toNumbers())).toEqual([0, 0, 0]);
  });

  test("says which file has no LPIPS in it", () => {
    expect(() => Lpips.fromFile(golden.path("vgg16_torchvision.pth"))).toThrow(/vgg16_torchvision.*lin0/s);
    expect(() => Lpips.fromFile(golden.path("none.pt"))).toThrow(/none\.pt does not exist/);
  });
});

const hashCase = z.object({
  SEED: z.number(),
  tensors: z.record(
    z.string(),
    z.object({ shape: z.array(z.number()), rule: z.string(), first4: z.array(z.number()) }),
  ),
});

describe.skipIf(!hasGolden)(`Lpips at full size${goldenNote}`, () => {
  test("gives the same distance with weights from a hash", () => {
    const golden = new Golden("vqgan-losses/lpips-full-hash");
    const { SEED: seed, tensors } = hashCase.parse(golden.config);
    const weights = Object.entries(tensors).map(([name, { shape, rule, first4 }]) => {
      const tensor = hashWeights(name, { seed, shape, ...parseRule(rule, shape) });
      expect(tensor.flatten().narrow(0, 0, 4).toNumbers(), name).toEqual(first4);
      return [name, tensor] as const;
    });
    const lpips = Lpips.fromStateDict(new Map(weights));
    const [x, y] = [golden.tensor("x"), golden.tensor("y")];
    golden.expectEqual("per_layer", lpips.perLayer(x, y));
    golden.expectEqual("total", lpips.forward(x, y));
  });
});

/** "scale 0.05, offset 0", where the scale may be a formula of the kernel's input channels. */
function parseRule(rule: string, shape: readonly number[]): { scale: number; offset: number } {
  const [, scale = "", offset = ""] = /^scale (.+), offset (.+)$/.exec(rule) ?? [];
  const inputs = shape[1] ?? 1;
  return {
    scale: scale.startsWith("sqrt(6/(in_channels*9))") ? Math.sqrt(6 / (inputs * 9)) : Number(scale),
    offset: Number(offset),
  };
}
