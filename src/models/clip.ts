import { projectTogether } from "../nn/attention.ts";
import { normalize } from "../nn/functional.ts";
import { constant, normal, shapesOnly } from "../nn/init.ts";
import { Embedding, LayerNorm, Linear } from "../nn/layers.ts";
import { Module } from "../nn/module.ts";
import { attention, cat, gelu } from "../tensor/functions.generated.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ClipTokenizer, EncodeOptions } from "../io/tokenizers/clip-tokenizer.ts";
import { openaiTokenizer } from "../io/tokenizers/openai-vocabulary.ts";
import { isResNet, type ClipActivation, type ClipConfig, type ClipTowerConfig, type VitConfig } from "./clip-config.ts";
import { tokenTensor } from "./clip-text.ts";
import { readClip, type ClipHints } from "./formats/clip.ts";
import { ModifiedResNet } from "./modified-resnet.ts";
import type { LoadOptions, SaveOptions } from "./pretrained.ts";
import { saveClip, type ClipLayout } from "./save-clip.ts";

/**
 * CLIP (Radford et al. 2021, arXiv 2103.00020): pictures and sentences to vectors in one space. It sees with a vision
 * transformer, or with a ResNet (`modified-resnet.ts`).
 * The arithmetic is openai/CLIP's, the names of the modules are those of Hugging Face's `CLIPModel`.
 *
 * B pictures, N sentences, T tokens, P patches, C a tower's width, D the width of the common space.
 */
export class Clip extends Module {
  readonly config: ClipConfig;
  textModel: TextModel;
  visionModel: VisionModel | ModifiedResNet;
  /** A ResNet ends in the common space by itself. */
  visualProjection: Linear | undefined;
  textProjection: Linear;
  /** Logarithm of what cosines are multiplied by. Training keeps it at ln 100 or below. */
  logitScale: Parameter;
  #tokenizer: ClipTokenizer | undefined;

  constructor(config: ClipConfig, tokenizer?: ClipTokenizer) {
    super();
    this.config = config;
    this.#tokenizer = tokenizer;
    const { text, vision, embedDim } = config;
    this.textModel = new TextModel(config);
    if (isResNet(vision)) {
      this.visionModel = new ModifiedResNet(vision, embedDim);
    } else {
      this.visionModel = new VisionModel(vision, config);
      this.visualProjection = new Linear(vision.width, embedDim, { bias: false, std: vision.width ** -0.5 });
    }
    this.textProjection = new Linear(text.width, embedDim, { bias: false, std: text.width ** -0.5 });
    this.logitScale = constant([], Math.log(1 / 0.07));
  }

  /**
   * Reads a folder as Hugging Face or open_clip saves it, or a weights file with the names of any of them or of OpenAI;
   * `formats/clip.ts` tells which.
   * @throws Error that lists every name and shape that does not fit
   */
  static async fromPretrained(path: string, options: LoadOptions & ClipHints = {}): Promise<Clip> {
    const { config, weights, tokenizer } = readClip(path, options);
    const clip = shapesOnly(() => new Clip(config, tokenizer));
    clip.loadWeights(weights, options);
    return clip.eval();
  }

  /** Writes a folder that Hugging Face's `CLIPModel` reads, too; with a ResNet, or on request, one that open_clip reads. */
  async savePretrained(folder: string, options: SaveOptions & { layout?: ClipLayout } = {}): Promise<void> {
    saveClip(folder, this, options);
  }

  /** The vocabulary that belongs to the weights. Weights without one have OpenAI's, if they have as many tokens. */
  get tokenizer(): ClipTokenizer | undefined {
    this.#tokenizer ??= openaiTokenizer(this.config.text.vocabSize);
    return this.#tokenizer;
  }

  /**
   * Sentences as ids, (N, T) int64.
   * @throws Error when this CLIP came without a vocabulary, or when a text is too long and `truncate` is false
   */
  tokenize(texts: readonly string[], options: Omit<EncodeOptions, "contextLength"> = {}): Tensor {
    if (!this.tokenizer) throw new Error("this CLIP has no vocabulary: put its tokenizer.json beside the weights");
    const { contextLength } = this.config.text;
    return tokenTensor(this.tokenizer, texts, { ...options, contextLength, device: this.logitScale.device });
  }

  /** (B, 3, H, W) without CLIP's mean and deviation (see `clipInput`), H = W = imageSize → (B, D) float32, any length. */
  encodeImage(images: Tensor): Tensor {
    const seen = this.visionModel.forward(images);
    return (this.visualProjection?.forward(seen) ?? seen).to("float32");
  }

  /**
   * (N, T) int64, T up to contextLength → (N, D) float32, any length. Every row needs an end of text, which has the
   * highest of all ids; what stands after its first one does not count.
   */
  encodeText(tokens: Tensor): Tensor {
    return this.textProjection.forward(this.textModel.forward(tokens)).to("float32");
  }

  /** Scaled cosines of all pictures (B, 3, H, W) with all sentences (N, T): (B, N), and the same turned: (N, B). */
  forward({ images, tokens }: { images: Tensor; tokens: Tensor }): { logitsPerImage: Tensor; logitsPerText: Tensor } {
    const imageEmbedding = normalize(this.encodeImage(images));
    const textEmbedding = normalize(this.encodeText(tokens));
    const logitsPerImage = imageEmbedding.matmul(textEmbedding.t()).mul(this.logitScale.to("float32").exp()); // (B, N)
    return { logitsPerImage, logitsPerText: logitsPerImage.t() };
  }
}

/** Sentences: a causal transformer, read at the first end of text. */
export class TextModel extends Module {
  embeddings: TextEmbeddings;
  encoder: Encoder;
  finalLayerNorm: LayerNorm;

  constructor(config: ClipConfig) {
    super();
    this.embeddings = new TextEmbeddings(config);
    this.encoder = new Encoder(config.text, config);
    this.finalLayerNorm = new LayerNorm(config.text.width, { eps: config.layerNormEps });
  }

  /** (N, T) int64 → (N, C) */
  forward(tokens: Tensor): Tensor {
    const ends = tokens.argmax(-1); // (N), the first maximum of each row
    // No token sees a later one, so nothing after the last end of text has to be computed.
    const length = ends.amax().item() + 1;
    const x = this.encoder.forward(this.embeddings.forward(tokens.narrow(1, 0, length)), { causal: true });
    const index = ends.view([-1, 1, 1]).expand([-1, 1, x.size(2)]);
    return this.finalLayerNorm.forward(x.gather(1, index).squeeze(1));
  }
}

export class TextEmbeddings extends Module {
  tokenEmbedding: Embedding;
  positionEmbedding: Embedding;

  constructor({ text }: ClipConfig) {
    super();
    this.tokenEmbedding = new Embedding(text.vocabSize, text.width, { std: 0.02 });
    this.positionEmbedding = new Embedding(text.contextLength, text.width, { std: 0.01 });
  }

  /** (N, T) int64 → (N, T, C) */
  forward(tokens: Tensor): Tensor {
    const [length, longest] = [tokens.size(1), this.positionEmbedding.weight.size(0)];
    if (length > longest) {
      throw new RangeError(`${length} tokens are more than this CLIP's ${longest}; cut them and keep the end of text`);
    }
    const positions = this.positionEmbedding.weight.narrow(0, 0, length).to("float32");
    return this.tokenEmbedding.forward(tokens).add(positions).to(this.computeDtype);
  }
}

/** Pictures: a transformer over patches and one class token, read at the class token. */
export class VisionModel extends Module {
  embeddings: VisionEmbeddings;
  // Sic: the published names have this spelling.
  preLayrnorm: LayerNorm;
  encoder: Encoder;
  postLayernorm: LayerNorm;

  constructor(vision: VitConfig, config: ClipConfig) {
    super();
    this.embeddings = new VisionEmbeddings(vision);
    this.preLayrnorm = new LayerNorm(vision.width, { eps: config.layerNormEps });
    this.encoder = new Encoder(vision, config);
    this.postLayernorm = new LayerNorm(vision.width, { eps: config.layerNormEps });
  }

  /** (B, 3, H, W) → (B, C) */
  forward(images: Tensor): Tensor {
    const x = this.encoder.forward(this.preLayrnorm.forward(this.embeddings.forward(images)), { causal: false }); // (B, 1 + P, C)
    return this.postLayernorm.forward(x.select(1, 0));
  }

  /** What every layer makes of the patches, normalised: a list of (B, 1 + P, C) float32. For perceptual losses. */
  features(images: Tensor): Tensor[] {
    const first = this.preLayrnorm.forward(this.embeddings.forward(images));
    return this.encoder.hiddenStates(first).map((hidden) => hidden.to("float32").layerNorm([hidden.size(-1)]));
  }
}

export class VisionEmbeddings extends Module {
  classEmbedding: Parameter;
  patchEmbedding: PatchEmbedding;
  positionEmbedding: Embedding;
  readonly #imageSize: number;

  constructor({ imageSize, patchSize, width }: VitConfig) {
    super();
    if (imageSize % patchSize !== 0) {
      throw new RangeError(`pictures of ${imageSize} pixels cannot be cut into patches of ${patchSize}`);
    }
    this.classEmbedding = normal([width], width ** -0.5);
    this.patchEmbedding = new PatchEmbedding(patchSize, width);
    this.positionEmbedding = new Embedding((imageSize / patchSize) ** 2 + 1, width, { std: width ** -0.5 });
    this.#imageSize = imageSize;
  }

  /** (B, 3, H, W) → (B, 1 + P, C) */
  forward(images: Tensor): Tensor {
    const [batch, channels, height, width] = images.shape;
    const size = this.#imageSize;
    if (images.shape.length !== 4 || channels !== 3 || height !== size || width !== size) {
      throw new RangeError(`pictures are [${images.shape.join(", ")}], this CLIP expects (B, 3, ${size}, ${size})`);
    }
    const classToken = this.classEmbedding.to("float32").expand([batch ?? 0, 1, -1]);
    const x = cat([classToken, this.patchEmbedding.forward(images)], 1);
    return x.add(this.positionEmbedding.weight.to("float32")).to(this.computeDtype);
  }
}

/** Every patch through one linear map. It is a convolution whose stride is its kernel, and weight has that shape. */
class PatchEmbedding extends Module {
  weight: Parameter;

  constructor(patchSize: number, width: number) {
    super();
    this.weight = normal([width, 3, patchSize, patchSize], (3 * patchSize ** 2) ** -0.5);
  }

  /** (B, 3, H, W) → (B, P, C) */
  forward(images: Tensor): Tensor {
    const [batch, size] = [images.size(0), this.weight.size(2)];
    const [rows, columns] = [images.size(2) / size, images.size(3) / size];
    // As one matrix product, which is faster than a convolution.
    const patches = images
      .reshape([batch, 3, rows, size, columns, size])
      .permute([0, 2, 4, 1, 3, 5])
      .reshape([batch, rows * columns, 3 * size * size]);
    return patches.linear(this.weight.flatten(1).to(patches.dtype));
  }
}

export class Encoder extends Module {
  layers: EncoderLayer[];

  constructor(tower: ClipTowerConfig, config: ClipConfig) {
    super();
    this.layers = Array.from({ length: tower.layers }, () => new EncoderLayer(tower, config));
  }

  /** (B, T, C) → (B, T, C); causal: no position sees those after it */
  forward(x: Tensor, { causal }: { causal: boolean }): Tensor {
    return this.layers.reduce((hidden, layer) => layer.forward(hidden, causal), x);
  }

  /** The output of every layer. */
  hiddenStates(x: Tensor): Tensor[] {
    const states: Tensor[] = [];
    for (const layer of this.layers) states.push(layer.forward(states.at(-1) ?? x, false));
    return states;
  }
}

class EncoderLayer extends Module {
  selfAttn: SelfAttention;
  layerNorm1: LayerNorm;
  mlp: Mlp;
  layerNorm2: LayerNorm;

  constructor(tower: ClipTowerConfig, { layerNormEps, activation }: ClipConfig) {
    super();
    this.selfAttn = new SelfAttention(tower);
    this.layerNorm1 = new LayerNorm(tower.width, { eps: layerNormEps });
    this.mlp = new Mlp(tower, activation);
    this.layerNorm2 = new LayerNorm(tower.width, { eps: layerNormEps });
  }

  forward(input: Tensor, causal: boolean): Tensor {
    const x = input.add(this.selfAttn.forward(this.layerNorm1.forward(input), causal));
    return x.add(this.mlp.forward(this.layerNorm2.forward(x)));
  }
}

class SelfAttention extends Module {
  kProj: Linear;
  vProj: Linear;
  qProj: Linear;
  outProj: Linear;
  readonly #heads: number;

  constructor({ width, heads, layers }: ClipTowerConfig) {
    super();
    if (width % heads !== 0) throw new RangeError(`a width of ${width} cannot be split into ${heads} heads`);
    const std = width ** -0.5;
    this.kProj = new Linear(width, width, { std });
    this.vProj = new Linear(width, width, { std });
    this.qProj = new Linear(width, width, { std });
    this.outProj = new Linear(width, width, { std: residualStd(width, layers) });
    this.#heads = heads;
  }

  forward(x: Tensor, causal: boolean): Tensor {
    const qkv = projectTogether(x, [this.qProj, this.kProj, this.vProj]); // (B, T, 3 · C)
    return this.outProj.forward(attention(qkv, this.#heads, causal, 0));
  }
}

class Mlp extends Module {
  fc1: Linear;
  fc2: Linear;
  readonly #activation: ClipActivation;

  constructor({ width, layers, mlpWidth = 4 * width }: ClipTowerConfig, activation: ClipActivation) {
    super();
    this.fc1 = new Linear(width, mlpWidth, { std: (2 * width) ** -0.5 });
    this.fc2 = new Linear(mlpWidth, width, { std: residualStd(width, layers) });
    this.#activation = activation;
  }

  forward(x: Tensor): Tensor {
    const hidden = this.fc1.forward(x);
    return this.fc2.forward(this.#activation === "gelu" ? gelu(hidden) : quickGelu(hidden));
  }
}

/** Start of what is added to the residual stream, as openai/CLIP's `initialize_parameters`. */
function residualStd(width: number, layers: number): number {
  return width ** -0.5 * (2 * layers) ** -0.5;
}

/** x σ(1.702 x) */
function quickGelu(x: Tensor): Tensor {
  return x.mul(x.mul(1.702).sigmoid());
}
