import { constant, withoutInit } from "../nn/init.ts";
import { Conv2d } from "../nn/layers.ts";
import { Module, type StateDict } from "../nn/module.ts";
import { stack } from "../tensor/functions.generated.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { keep } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { readWeights } from "./pretrained.ts";

// Places of the convolutions in torchvision's VGG16 `features`, in the five slices that end in relu1_2 … relu5_3.
const SLICES = [
  [0, 2],
  [5, 7],
  [10, 12, 14],
  [17, 19, 21],
  [24, 26, 28],
] as const;

export type LpipsOptions = {
  /**
   * How feature vectors are brought to length 1: "add" is x / (‖x‖ + 1e-10), as in the original and in taming-transformers,
   * "clamp" is x / max(‖x‖, 1e-12), as in HFAiLab/clip-gen.
   */
  normalization?: "add" | "clamp";
};

/**
 * LPIPS: how different two pictures look, as the weighted distance of their VGG16 features (Zhang et al.,
 * arXiv 1801.03924). Names are those of the `vgg16_lpips.pt` that HFAiLab/clip-gen and taming-transformers hold.
 * It never learns: no parameter has a gradient, and the dropout of the original's training is left out.
 *
 * B batch, C channels of a slice.
 */
export class Lpips extends Module {
  scalingLayer: ScalingLayer;
  net: Vgg16;
  lin0: LinLayer;
  lin1: LinLayer;
  lin2: LinLayer;
  lin3: LinLayer;
  lin4: LinLayer;
  readonly #clamp: boolean;

  /** @param channels of the five slices: 64, 128, 256, 512, 512 in the real VGG16 */
  constructor(channels: readonly [number, number, number, number, number], options: LpipsOptions = {}) {
    super();
    this.#clamp = options.normalization === "clamp";
    this.scalingLayer = new ScalingLayer();
    this.net = new Vgg16(channels);
    this.lin0 = new LinLayer(channels[0]);
    this.lin1 = new LinLayer(channels[1]);
    this.lin2 = new LinLayer(channels[2]);
    this.lin3 = new LinLayer(channels[3]);
    this.lin4 = new LinLayer(channels[4]);
    this.setTrainable(false).eval();
  }

  /**
   * Reads a file that holds all of LPIPS: `vgg16_lpips.pt`, the same as safetensors, or the checkpoint of a VQGAN from
   * taming-transformers (`loss.perceptual_loss.…`).
   * @throws Error when the file does not exist, cannot be read, or lacks weights; the message lists them
   */
  static fromFile(path: string, options: LpipsOptions = {}): Lpips {
    return explained(path, () => Lpips.fromStateDict(readWeights(path), options));
  }

  /**
   * Puts LPIPS together from the two files that the original downloads: torchvision's VGG16 (`vgg16-397923af.pth`) and
   * the weights of the layers on top (`vgg.pth`).
   */
  static fromTorchvision(files: { vgg: string; lin: string }, options: LpipsOptions = {}): Lpips {
    const features = explained(files.vgg, () => torchvisionFeatures(readWeights(files.vgg)));
    const lin = readWeights(files.lin);
    return explained(`${files.vgg} with ${files.lin}`, () =>
      Lpips.fromStateDict(new Map([...features, ...lin]), options),
    );
  }

  /** From weights by name. The number of channels is read from them, so that smaller networks load, too. */
  static fromStateDict(weights: StateDict, options: LpipsOptions = {}): Lpips {
    const prefix = "loss.perceptual_loss.";
    const nested = [...weights.keys()].some((name) => name.startsWith(prefix));
    const state = new Map<string, Tensor>();
    for (const [name, tensor] of weights) {
      if (nested && !name.startsWith(prefix)) continue;
      const own = nested ? name.slice(prefix.length) : name;
      if (!own.startsWith("lins.")) state.set(own, tensor); // the `lpips` package stores these layers twice
    }
    const channels = (slice: number): number => {
      const name = `lin${slice}.model.1.weight`;
      const count = state.get(name)?.shape[1];
      if (count === undefined) throw new Error(`these weights are no LPIPS: ${name} (1, C, 1, 1) is missing`);
      return count;
    };
    const lpips = withoutInit(
      () => new Lpips([channels(0), channels(1), channels(2), channels(3), channels(4)], options),
    );
    // Mean and deviation are constants, which some files leave out.
    for (const [name, tensor] of lpips.scalingLayer.stateDict()) {
      const full = `scaling_layer.${name}`;
      if (!state.has(full)) state.set(full, tensor);
    }
    lpips.loadStateDict(state);
    return lpips;
  }

  /** Two batches of pictures (B, 3, H, W) in [−1, 1] → distance of each pair (B) float32, 0 for equal ones. */
  forward(x: Tensor, y: Tensor): Tensor {
    return this.perLayer(x, y).sum(1);
  }

  /** What each of the five slices adds to the distance: (B, 5). */
  perLayer(x: Tensor, y: Tensor): Tensor {
    const features = (images: Tensor): Tensor[] =>
      this.net.forward(this.scalingLayer.forward(images).to(this.computeDtype));
    const ofY = features(y);
    const lin = [this.lin0, this.lin1, this.lin2, this.lin3, this.lin4];
    const layers = features(x).map((ofX, i) => {
      const other = ofY[i];
      const weights = lin[i];
      if (!other || !weights) throw new RangeError("LPIPS has five slices");
      const difference = this.#normalize(ofX).sub(this.#normalize(other)).square(); // (B, C, h, w)
      return weights.forward(difference).mean([1, 2, 3]); // (B)
    });
    return stack(layers, 1);
  }

  #normalize(features: Tensor): Tensor {
    const x = features.to("float32");
    // The norm's own gradient is 0 where all channels are 0; that of a square root would be no number.
    const length = x.vectorNorm(2, 1, true); // (B, 1, h, w)
    return x.div(this.#clamp ? length.clamp(1e-12) : length.add(1e-10));
  }
}

/** Brings pictures in [−1, 1] to the mean and deviation of ImageNet. */
class ScalingLayer extends Module {
  shift: Tensor = keep(Tensor.from([-0.03, -0.088, -0.188], [1, 3, 1, 1]));
  scale: Tensor = keep(Tensor.from([0.458, 0.448, 0.45], [1, 3, 1, 1]));

  forward(x: Tensor): Tensor {
    return x.sub(this.shift).div(this.scale);
  }
}

/** The convolutions of VGG16, each under its place in torchvision's list; the places between hold no weights. */
class Vgg16 extends Module {
  slice1: (Conv2d | undefined)[];
  slice2: (Conv2d | undefined)[];
  slice3: (Conv2d | undefined)[];
  slice4: (Conv2d | undefined)[];
  slice5: (Conv2d | undefined)[];

  constructor(channels: readonly number[]) {
    super();
    const slice = (i: number): (Conv2d | undefined)[] => {
      const layers: (Conv2d | undefined)[] = [];
      const outputs = channels[i] ?? 0;
      for (const place of SLICES[i] ?? []) {
        const inputs = place === SLICES[i]?.[0] ? (channels[i - 1] ?? 3) : outputs;
        layers[place] = new Conv2d(inputs, outputs, { kernelSize: 3, padding: 1 });
      }
      return layers;
    };
    this.slice1 = slice(0);
    this.slice2 = slice(1);
    this.slice3 = slice(2);
    this.slice4 = slice(3);
    this.slice5 = slice(4);
  }

  /** (B, 3, H, W) → the features after relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3 */
  forward(images: Tensor): Tensor[] {
    let x = images;
    return [this.slice1, this.slice2, this.slice3, this.slice4, this.slice5].map((slice, i) => {
      if (i > 0) x = x.maxPool2d(2);
      for (const conv of slice) if (conv) x = conv.forward(x).relu();
      return x;
    });
  }
}

/** One weight for every channel. The dropout in front of it takes place 0. */
class LinLayer extends Module {
  model: [undefined, ChannelWeights];

  constructor(channels: number) {
    super();
    this.model = [undefined, new ChannelWeights(channels)];
  }

  forward(x: Tensor): Tensor {
    return this.model[1].forward(x);
  }
}

class ChannelWeights extends Module {
  weight: Parameter;

  constructor(channels: number) {
    super();
    this.weight = constant([1, channels, 1, 1], 1 / channels);
  }

  /** (B, C, h, w) → (B, 1, h, w) */
  forward(x: Tensor): Tensor {
    return x.conv2d(this.weight);
  }
}

/** `features.N.…` of torchvision → `net.sliceK.N.…`; the classifier on top is not needed. */
function torchvisionFeatures(weights: StateDict): Map<string, Tensor> {
  const named = new Map<string, Tensor>();
  for (const [name, tensor] of weights) {
    const [, place, kind] = /^features\.(\d+)\.(weight|bias)$/.exec(name) ?? [];
    const slice = SLICES.findIndex((places) => places.some((known) => known === Number(place)));
    if (slice >= 0) named.set(`net.slice${slice + 1}.${place}.${kind}`, tensor);
  }
  if (named.size === 0) throw new Error("no features.N.weight in it; expected torchvision's VGG16");
  return named;
}

function explained<T>(file: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(message.includes(file) ? message : `cannot read LPIPS from ${file}: ${message}`, { cause: error });
  }
}
