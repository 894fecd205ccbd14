import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Golden, goldenCases, goldenNote, hasGolden } from "../../test/golden.ts";
import { Clip } from "../models/clip.ts";
import { hfaiGptNames } from "../models/formats/gpt-hfai.ts";
import { Gpt } from "../models/gpt.ts";
import { Vqgan } from "../models/vqgan.ts";
import { normalize } from "../nn/functional.ts";
import { noGrad } from "../tensor/autograd.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { callOperator } from "../tensor/operator.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { decodeStraightThrough } from "./gpt-objective.ts";
import { crossEntropy, embeddingLoss, reconstructionLoss } from "./losses.ts";

const configSchema = z.object({
  vqgan: z.looseObject({ resolution: z.number() }),
  gpt: z.looseObject({ n_head: z.number() }),
});
const normsSchema = z.object({ value: z.record(z.string(), z.object({ norm: z.number(), atol: z.number() })) });

if (!hasGolden) test.skip(`the training side of HFAiLab/clip-gen${goldenNote}`, () => {});

describe.each(goldenCases("clipgen-pipeline"))("the networks of HFAiLab/clip-gen together: %s", (name) => {
  const golden = new Golden(name);
  const config = configSchema.parse(golden.config);
  let clip: Clip;
  let vqgan: Vqgan;
  let gpt: Gpt;

  beforeAll(async () => {
    setThreadCount(1); // networks this small lose more time to waiting for other threads than they gain
    clip = await Clip.fromPretrained(golden.path("pretrained/clip_vit_b32.pt"));
    const { resolution } = config.vqgan;
    vqgan = await Vqgan.fromPretrained(golden.path("pretrained/vqgan_coco.pt"), { resolution });
    gpt = await Gpt.fromPretrained(golden.path("pretrained/gpt_coco.pt"), { heads: config.gpt.n_head });
    for (const network of [clip, vqgan]) network.setTrainable(false);
  });

  // The reference resizes bilinearly, without antialiasing, and leaves CLIP's mean and deviation out.
  const clipInputThere = (images: Tensor): Tensor => {
    const { imageSize } = clip.config.vision;
    const resized = callOperator("aten::upsample_bilinear2d", images, [imageSize, imageSize], false);
    if (!(resized instanceof Tensor)) throw new TypeError("aten::upsample_bilinear2d gave no tensor");
    return resized;
  };

  test("words to embedding, tokens, picture and similarity", async () => {
    const embedding = noGrad(() => normalize(clip.encodeText(golden.tensor("text"))));
    golden.expectEqual("text_embedding", embedding);
    const tokens = await gpt.sample(embedding, { temperature: 0 });
    golden.expectEqual("tokens", tokens);
    noGrad(() =>
      tidy(() => {
        const [rows = 0, , h = 0, w = 0] = golden.tensor("z").shape;
        const indices = tokens.view([rows, h, w]);
        golden.expectEqual("z", vqgan.quantize.lookup(indices));
        const image = vqgan.decode(indices);
        golden.expectEqual("image", image);
        golden.expectEqual("image_01", image.add(1).mul(0.5).clamp(0, 1));
        const seen = clipInputThere(image);
        golden.expectEqual("clip_input", seen);
        const imageEmbedding = normalize(clip.encodeImage(seen));
        golden.expectEqual("image_embedding", imageEmbedding);
        golden.expectEqual("clip_similarity_all_pairs", embedding.matmul(imageEmbedding.t()));
      }),
    );
  });

  test("pictures to tokens and back, and the GPT's loss on them", () => {
    noGrad(() =>
      tidy(() => {
        const { z: latents, indices, reconstruction } = vqgan.forward(golden.tensor("train_image"));
        golden.expectEqual("enc_z", latents);
        golden.expectEqual("enc_indices", indices);
        golden.expectEqual("enc_recon", reconstruction);
        golden.expectEqual("gpt_embed", normalize(clip.encodeImage(golden.tensor("train_clip_image"))));
        const { logits, tokens } = predict();
        golden.expectEqual("gpt_logits", logits);
        golden.expectEqual("gpt_loss", crossEntropy(logits, tokens));
      }),
    );
  });

  const predict = (): { logits: Tensor; tokens: Tensor } => {
    const tokens = golden.tensor("enc_indices").flatten(1);
    const logits = gpt.forward(tokens.narrow(1, 0, tokens.size(1) - 1), golden.tensor("gpt_embed"));
    return { logits, tokens };
  };

  const straightThrough = (): { loss: Tensor; reconstruction: Tensor } => {
    const { logits, tokens } = predict();
    const [, , h = 0, w = 0] = golden.tensor("st_z").shape;
    const image = decodeStraightThrough(logits, vqgan, [h, w]);
    golden.expectEqual("st_image", image.detach());
    const embedding = clip.encodeImage(clipInputThere(image));
    const distance = embeddingLoss(embedding, golden.tensor("gpt_embed"), "mse");
    golden.expectEqual("st_loss_clip_mse", distance.detach());
    const reconstruction = reconstructionLoss(image, golden.tensor("train_image"));
    golden.expectEqual("st_loss_rec_mse", reconstruction.detach());
    const loss = crossEntropy(logits, tokens).add(distance);
    golden.expectEqual("st_loss_gpt_plus_clip", loss.detach());
    return { loss, reconstruction };
  };

  test.each([
    ["st_grad_norms_gpt_plus_clip", "loss"],
    ["st_grad_norms_rec", "reconstruction"],
  ] as const)("straight-through terms and their gradients: %s", (values, term) => {
    tidy(() => {
      for (const parameter of gpt.parameters()) parameter.grad = undefined;
      straightThrough()[term].backward();
      const parameters = gpt.namedParameters();
      const norms = Object.entries(normsSchema.parse(golden.values[values]).value);
      expect(norms).toHaveLength(parameters.size);
      for (const [original, { norm, atol }] of norms) {
        const own = hfaiGptNames(99).find(({ theirs }) => theirs === original)?.ours ?? "";
        const actual = parameters.get(own)?.grad?.vectorNorm().item() ?? Number.NaN;
        expect(Math.abs(actual - norm), original).toBeLessThanOrEqual(atol);
      }
    });
  });
});
