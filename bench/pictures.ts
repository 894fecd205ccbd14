import { Clip } from "../src/models/clip.ts";
import { clipPresets } from "../src/models/clip-config.ts";
import { clipInput } from "../src/models/clip-images.ts";
import { Vqgan } from "../src/models/vqgan.ts";
import { vqganPresets } from "../src/models/vqgan-config.ts";
import { noGrad } from "../src/tensor/autograd.ts";
import { randint, zeros } from "../src/tensor/functions.generated.ts";
import { Generator } from "../src/tensor/random.ts";
import { keep, tidy } from "../src/tensor/scope.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { bestPrecision, type Context } from "./context.ts";
import { countFlops } from "./flops.ts";
import type { Measurement } from "./measure.ts";
import { compareWork } from "./training-step.ts";

const BATCH = 4;

/** The published VQGAN at 256² and CLIP ViT-B/32: pictures from tokens with their scores, and pictures into both codes. */
export async function measurePictures(context: Context): Promise<Measurement[]> {
  const [model, clipModel] = [vqganPresets.paper, clipPresets["vit-b-32"]];
  const precision = bestPrecision();
  using vqgan = new Vqgan(model).eval().setComputeDtype(precision);
  using clip = new Clip(clipModel).eval().setComputeDtype(precision);
  const grid = vqgan.tokenGrid();
  using generator = new Generator(context.seed);
  using indices = keep(randint(0, model.codebookSize, [BATCH, grid, grid], { generator, dtype: "int64" }));
  using images = keep(zeros([BATCH, 3, model.resolution, model.resolution]));
  const { vision, embedDim } = clipModel;
  const see = (pictures: Tensor): Tensor => clip.encodeImage(clipInput(pictures, clipModel));
  const decode = (): void => noGrad(() => tidy(() => void see(vqgan.decode(indices)).toNumbers()));
  const encode = (): void =>
    noGrad(() =>
      tidy(() => {
        vqgan.encode(images).indices.toNumbers();
        see(images).toNumbers();
      }),
    );
  const works = [
    { name: "decode and score", work: "decode", step: decode, shareGoal: 0.5 },
    { name: "encode", work: "encode", step: encode, shareGoal: 0.6 },
  ] as const;
  const results: Measurement[] = [];
  for (const { name, work, step, shareGoal } of works) {
    const settings = { model, vision, embedDim, grid, batch: BATCH, work };
    results.push(
      await compareWork(context, {
        name: `${name} ${BATCH} pictures of ${model.resolution}², ${precision}`,
        flops: countFlops(step),
        items: { count: BATCH, name: "pictures" },
        precision,
        step,
        shareGoal,
        peers: [{ label: "float32", workload: "picture", settings, goal: 2 }],
        plan: { rounds: 5, count: 1, seconds: 60 },
      }),
    );
  }
  return results;
}
