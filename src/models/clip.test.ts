import { describe, expect, test } from "vitest";
import { Golden, goldenNote, hasGolden } from "../../test/golden.ts";
import { emptyWeight } from "../../test/published.ts";
import { normalize } from "../nn/functional.ts";
import { withoutInit } from "../nn/init.ts";
import { noGrad } from "../tensor/autograd.ts";
import { cat, full, randn } from "../tensor/functions.generated.ts";
import { Tensor } from "../tensor/tensor.ts";
import { clipPresets, type ClipConfig } from "./clip-config.ts";
import { Clip } from "./clip.ts";
import { clipConfigFromShapes } from "./formats/clip-shapes.ts";
import { ModifiedResNet } from "./modified-resnet.ts";

describe.skipIf(!hasGolden)(`CLIP computes what openai/CLIP computes${goldenNote}`, () => {
  test.each([
    ["a", "model.pt"],
    ["a", "hf/model.safetensors"],
    ["fp16", "model_fp16.pt"],
    ["fp16", "model_jit.pt"],
    ["b", "model_jit.pt"],
    ["b", "open_clip_custom_text.safetensors"],
    ["a", "hf"],
  ])("from clip-vit/%s/%s", async (name, file) => {
    const golden = new Golden(`clip-vit/${name}`);
    const clip = await Clip.fromPretrained(golden.path(file));
    const images = golden.tensor("image");
    const tokens = golden.tensor("text");
    noGrad(() => {
      const { logitsPerImage, logitsPerText } = clip.forward({ images, tokens });
      const actual = new Map([
        ["encode_image", clip.encodeImage(images)],
        ["encode_text", clip.encodeText(tokens)],
        ["logits_per_image", logitsPerImage],
        ["logits_per_text", logitsPerText],
        ...visionActivations(clip, images),
        ...textActivations(clip, tokens),
      ]);
      for (const key of golden.names.filter((other) => !/^image$|^text$|_exact_gelu$/.test(other))) {
        golden.expectEqual(key, actual.get(key) ?? Tensor.from([]));
      }
    });
    const { exp_logit_scale: scale } = golden.values;
    if (isValue(scale)) expect(clip.logitScale.exp().item() / scale.value).toBeCloseTo(1, 6);
  });

  test("with the exact GELU, as open_clip has it by default", async () => {
    const golden = new Golden("clip-vit/b");
    const clip = await Clip.fromPretrained(golden.path("model_jit.pt"), { activation: "gelu" });
    noGrad(() => {
      golden.expectEqual("encode_image_exact_gelu", clip.encodeImage(golden.tensor("image")));
      golden.expectEqual("encode_text_exact_gelu", clip.encodeText(golden.tensor("text")));
    });
  });

  test("bfloat16 gives nearly the same embeddings, as float32", async () => {
    const golden = new Golden("clip-vit/a");
    const clip = (await Clip.fromPretrained(golden.path("model.pt"))).setComputeDtype("bfloat16");
    noGrad(() => {
      for (const [name, actual] of [
        ["encode_image", clip.encodeImage(golden.tensor("image"))],
        ["encode_text", clip.encodeText(golden.tensor("text"))],
      ] as const) {
        expect(actual.dtype).toBe("float32");
        const cosines = normalize(actual)
          .mul(normalize(golden.tensor(name)))
          .sum([-1]);
        expect(cosines.amin().item(), name).toBeGreaterThan(0.999);
      }
    });
  });
});

describe.skipIf(!hasGolden)(`CLIP with a ResNet computes what openai/CLIP computes${goldenNote}`, () => {
  test("stem, stages, embeddings and logits", async () => {
    const golden = new Golden("clip-rn");
    const clip = await Clip.fromPretrained(golden.path("model.pt"));
    const [images, tokens] = [golden.tensor("image"), golden.tensor("text")];
    const { visionModel } = clip;
    if (!(visionModel instanceof ModifiedResNet)) throw new Error("this is no ResNet");
    noGrad(() => {
      golden.expectEqual("visual_stem", visionModel.stem(images));
      for (const [i, maps] of visionModel.stages(images).entries()) golden.expectEqual(`visual_layer${i + 1}`, maps);
      golden.expectEqual("encode_image", clip.encodeImage(images));
      golden.expectEqual("encode_text", clip.encodeText(tokens));
      const { logitsPerImage, logitsPerText } = clip.forward({ images, tokens });
      golden.expectEqual("logits_per_image", logitsPerImage);
      golden.expectEqual("logits_per_text", logitsPerText);
    });
  });
});

function visionActivations({ visionModel }: Clip, images: Tensor): [string, Tensor][] {
  if (visionModel instanceof ModifiedResNet) throw new Error("this is no vision transformer");
  const first = visionModel.preLayrnorm.forward(visionModel.embeddings.forward(images));
  const last = visionModel.encoder.forward(first, { causal: false });
  const second = visionModel.encoder.layers[0]?.forward(first, false) ?? first;
  return [
    ["visual_ln_pre", first],
    ["visual_resblock0", second],
    ["visual_resblock_last", last],
  ];
}

function textActivations({ textModel }: Clip, tokens: Tensor): [string, Tensor][] {
  const first = textModel.embeddings.forward(tokens);
  const last = textModel.finalLayerNorm.forward(textModel.encoder.forward(first, { causal: true }));
  return [
    ["text_resblock0", textModel.encoder.layers[0]?.forward(first, true) ?? first],
    ["text_ln_final", last],
  ];
}

function isValue(value: unknown): value is { value: number } {
  return typeof value === "object" && value !== null && "value" in value && typeof value.value === "number";
}

describe("a small CLIP", () => {
  const config: ClipConfig = {
    ...clipPresets.tiny32,
    text: { vocabSize: 50, contextLength: 8, width: 16, layers: 2, heads: 2 },
    vision: { imageSize: 8, patchSize: 4, width: 32, layers: 2, heads: 4, mlpWidth: 48 },
    embedDim: 12,
  };

  test("does not look behind the first end of text", () => {
    const clip = new Clip(config);
    const [short, long] = noGrad(() => [
      clip.encodeText(Tensor.from([48, 7, 49], [1, 3], "int64")),
      clip.encodeText(Tensor.from([48, 7, 49, 3, 49, 0, 0, 1], [1, 8], "int64")),
    ]);
    expect(
      clip
        .encodeText(Tensor.from([48, 7, 3, 49], [1, 4], "int64"))
        .sub(short)
        .abs()
        .amax()
        .item(),
    ).toBeGreaterThan(1e-4);
    expect(long.sub(short).abs().amax().item()).toBeLessThan(1e-6);
  });

  test("sends a gradient to every parameter that its outputs depend on", () => {
    const clip = new Clip(config);
    const tokens = Tensor.from([48, 1, 49, 48, 2, 49], [2, 3], "int64");
    const { logitsPerImage } = clip.forward({ images: randn([2, 3, 8, 8]), tokens });
    logitsPerImage.crossEntropyLoss(Tensor.from([0, 1], [2], "int64")).backward();
    const without = [...clip.namedParameters()].filter(([, parameter]) => parameter.grad === undefined);
    expect(without.map(([name]) => name)).toEqual([]);
  });

  test("has the sizes that its configuration says, and they can be read from its shapes", () => {
    const clip = new Clip(config);
    const weights = new Map(
      Array.from(clip.stateDict(), ([name, { shape, dtype }]) => [name, emptyWeight(shape, dtype)]),
    );
    expect(clipConfigFromShapes(weights, { ...config, textHeads: 2, visionHeads: 4 })).toEqual(config);
  });

  test("refuses pictures of another size and sentences that are too long", () => {
    const clip = new Clip(config);
    expect(() => clip.encodeImage(randn([1, 3, 16, 8]))).toThrow("expects (B, 3, 8, 8)");
    const long = cat([full([1, 8], 1, { dtype: "int64" }), full([1, 1], 49, { dtype: "int64" })], 1);
    expect(() => clip.encodeText(long)).toThrow("9 tokens are more than this CLIP's 8");
  });
});

test.each(Object.entries(clipPresets))("the preset %s can be built", (_name, config) => {
  using clip = withoutInit(() => new Clip(config));
  expect(clip.parameterCount).toBeGreaterThan(1e6);
});

test("the preset vit-b-32 has as many parameters as the published model", () => {
  using clip = withoutInit(() => new Clip(clipPresets["vit-b-32"]));
  expect(clip.parameterCount).toBe(151_277_313);
});
