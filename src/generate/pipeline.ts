import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { z } from "zod";
import { Clip } from "../models/clip.ts";
import { Gpt } from "../models/gpt.ts";
import { resolveModelPath } from "../io/hub/hub-cache.ts";
import { problemsOf, readJson, writeJson } from "../io/json.ts";
import type { SaveOptions } from "../models/pretrained.ts";
import { Vqgan } from "../models/vqgan.ts";
import { Linear } from "../nn/layers.ts";
import { tidy } from "../tensor/scope.ts";
import type { Tensor, Device } from "../tensor/tensor.ts";
import { choosePrecision } from "../train/precision.ts";
import { checkSettings, type DrawHooks, type DrawSettings } from "./draw-rows.ts";
import type { DrawRequest } from "./draw.ts";
import { calibration, unfamiliar, type Calibration } from "./calibration.ts";
import { threadCount } from "../tensor/engine.ts";
import { DrawingThread } from "./drawing-thread.ts";
import { embedPicture, embedTexts, type Subject } from "./embed.ts";
import { drawRequests, type JourneyRequest, type JourneySettings } from "./journey.ts";
import type { BlendOrigin } from "./picture-origin.ts";
import type { GeneratedPicture } from "./picture.ts";
import type { Work } from "./worker.ts";

/**
 * A sentence, or a picture's file or bytes, to blend in: its share of the condition, from 0 to 1. Words and pictures are in
 * one space, so that both go together.
 */
export type Blend = { weight: number } & Drawable;

/** A sentence, or a picture's file or bytes; `name` is what an origin calls bytes. */
export type Drawable = { prompt: string } | { picture: string | Uint8Array; name?: string };

export type GenerateOptions = DrawSettings & {
  /** The rest of the weight, which must not be below 0, is that of what is drawn. */
  blend?: readonly Blend[];
  /** A sentence that guidance leads away from; needs a `guidanceScale` other than 1. */
  negativePrompt?: string;
  /** How often `onPreview` is shown each of the first `count` candidates while they are drawn. Default 0. */
  previews?: number;
} & Omit<DrawHooks, "signal"> & {
    /** Ends a drawing within one token. */
    signal?: AbortSignal | undefined;
  };

/** What of the options decides a request. */
export type RequestOptions = Omit<GenerateOptions, keyof DrawHooks>;

export type JourneyOptions = JourneySettings & Pick<GenerateOptions, "onProgress" | "signal">;

/**
 * What generation computes in. "auto": bfloat16 where the hardware multiplies it, else float32. "int8" rounds the GPT's
 * weights to 8 bits, which are read in less time (docs/performance.md has gain and loss).
 */
export type GeneratePrecision = "auto" | "float32" | "bfloat16" | "int8";

const modelSchema = z.looseObject({
  format: z.literal("clip-gen model"),
  version: z.literal(1),
  calibration: calibration.optional(),
});

/**
 * The three networks together: words or a picture in, pictures out.
 *
 * ```ts
 * const model = await ClipGen.fromPretrained("./my-model");
 * const [best] = await model.generate("a slice of pizza", { candidates: 64, seed: 7 });
 * await best?.save("pizza.png");
 * ```
 */
export class ClipGen {
  readonly clip: Clip;
  readonly vqgan: Vqgan;
  readonly gpt: Gpt;
  readonly name: string;
  /** What scores known prompts reach, where `clip-gen calibrate` has found out. */
  readonly calibration: Calibration | undefined;
  readonly #ownThread: boolean;
  #precision: GeneratePrecision = "auto";
  #thread: DrawingThread | undefined;
  /** What the thread that draws computes with; this one may have less by then. */
  readonly #threads = threadCount();

  /** @param parts.thread see `fromPretrained`; "main" by default */
  constructor(parts: {
    clip: Clip;
    vqgan: Vqgan;
    gpt: Gpt;
    name?: string;
    calibration?: Calibration | undefined;
    thread?: "main" | "own";
  }) {
    this.#ownThread = parts.thread === "own";
    this.clip = parts.clip.eval();
    this.vqgan = parts.vqgan.eval();
    this.gpt = parts.gpt.eval();
    this.name = parts.name ?? "unnamed";
    this.calibration = parts.calibration;
    const side = this.vqgan.tokenGrid();
    const wanted = {
      codebookSize: this.vqgan.config.codebookSize,
      tokenCount: side * side,
      conditionDim: this.clip.config.embedDim,
    };
    const { codebookSize, tokenCount, conditionDim } = this.gpt.config;
    if (JSON.stringify(wanted) !== JSON.stringify({ codebookSize, tokenCount, conditionDim })) {
      throw new Error(
        `the GPT does not fit CLIP and VQGAN: it has ${JSON.stringify({ codebookSize, tokenCount, conditionDim })}, ` +
          `they need ${JSON.stringify(wanted)}`,
      );
    }
  }

  /**
   * Reads a model's folder, `model.json`, `clip/`, `vqgan/`, `gpt/`, or the one of that name in the Hub's cache.
   * @param options.thread where pictures are drawn: in a thread of its "own", with the same memory for the weights, while
   * the event loop here stays free; on the "main" one, which is blocked for as long as a token takes
   */
  static async fromPretrained(
    path: string,
    options: { device?: Device; precision?: GeneratePrecision; thread?: "main" | "own" } = {},
  ): Promise<ClipGen> {
    const folder = resolveModelPath(path);
    const file = join(folder, "model.json");
    if (!existsSync(file)) throw new Error(`${folder} holds no model (model.json is missing)`);
    const parsed = modelSchema.safeParse(readJson(file));
    if (!parsed.success) throw new Error(`${file} describes no model: ${problemsOf(parsed.error)}`);
    const [clip, vqgan, gpt] = await Promise.all([
      Clip.fromPretrained(join(folder, "clip")),
      Vqgan.fromPretrained(join(folder, "vqgan")),
      Gpt.fromPretrained(join(folder, "gpt")),
    ]);
    const model = new ClipGen({
      clip,
      vqgan,
      gpt,
      name: basename(resolve(folder)),
      calibration: parsed.data.calibration,
      thread: options.thread ?? "own",
    });
    if (options.device) model.to(options.device);
    return model.setPrecision(options.precision ?? "auto");
  }

  /** Decides what the networks compute in. The GPT's weights are rounded to it for good; in int8 they cannot be saved. */
  setPrecision(precision: GeneratePrecision): this {
    this.#endThread();
    this.#precision = precision;
    const { dtype } = choosePrecision(precision === "int8" ? "auto" : precision, this.device);
    const computeDtype = dtype === "bfloat16" ? "bfloat16" : "float32";
    for (const network of [this.clip, this.vqgan, this.gpt]) network.setComputeDtype(computeDtype);
    for (const module of this.gpt.modules()) {
      if (!(module instanceof Linear)) continue;
      // Every token multiplies by all weights of the GPT: they lie in what is read quickest.
      if (precision === "int8") module.quantize();
      else module.setWeightDType(computeDtype);
    }
    return this;
  }

  /** Writes the three networks and `model.json`, with what else is to be told of the model. */
  async savePretrained(folder: string, options: SaveOptions & { about?: Record<string, unknown> } = {}): Promise<void> {
    const { about = {}, ...precision } = options;
    await this.clip.savePretrained(join(folder, "clip"), precision);
    await this.vqgan.savePretrained(join(folder, "vqgan"), precision);
    await this.gpt.savePretrained(join(folder, "gpt"), precision);
    writeJson(join(folder, "model.json"), { ...about, format: "clip-gen model", version: 1 });
  }

  to(device: Device): this {
    this.#endThread();
    for (const network of [this.clip, this.vqgan, this.gpt]) network.to(device);
    return this;
  }

  /** What it computes in. */
  get precision(): "float32" | "bfloat16" | "int8" {
    if (this.#precision === "int8") return "int8";
    return this.gpt.computeDtype === "bfloat16" ? "bfloat16" : "float32";
  }

  get device(): Device {
    return this.gpt.device;
  }

  /**
   * Draws a sentence; the best pictures first: those that CLIP finds closest, with beam search the likeliest ones.
   * A sentence that is longer than CLIP's context is cut.
   * @throws RangeError when a setting is out of its range; the signal's reason when it is aborted
   */
  async generate(prompt: string, options: GenerateOptions = {}): Promise<GeneratedPicture[]> {
    return await this.#drawOne({ prompt }, options);
  }

  /** Draws pictures like a picture: a file's path or its bytes. */
  async vary(picture: string | Uint8Array, options: GenerateOptions = {}): Promise<GeneratedPicture[]> {
    return await this.#drawOne({ picture }, options);
  }

  /**
   * Draws the pictures on the way from one sentence or picture to the next, first to last; `frames` counts the stops as
   * well, and each stop is the picture that `generate` or `vary` draws with the same seed. Every frame tells in its origin
   * the blend that draws it alone.
   * @throws RangeError when a setting is out of its range, or there are fewer than two stops; the signal's reason when it is
   * aborted
   */
  async journey(stops: readonly Drawable[], options: JourneyOptions = {}): Promise<GeneratedPicture[]> {
    const { onProgress, signal, ...settings } = options;
    const request: JourneyRequest = {
      stops: stops.map((stop) => ({ subject: this.#subjectOf({ ...stop, weight: 1 }), name: promptOf(stop) })),
      model: this.name,
      precision: this.precision,
      settings,
    };
    const [pictures = []] = await this.#work(request, { onProgress, signal });
    return pictures;
  }

  #subjectOf(part: Blend): Subject {
    if ("picture" in part) return { picture: part.picture, weight: part.weight };
    return { ids: this.#idsOf(part.prompt), weight: part.weight };
  }

  #idsOf(prompt: string): number[] {
    return tidy(() => this.clip.tokenize([prompt]).toNumbers());
  }

  /** The networks have changed: the next drawing starts a thread that knows them. */
  #endThread(): void {
    void this.#thread?.close();
    this.#thread = undefined;
  }

  /** Sentences to unit embeddings: (N, D). Dispose of the tensor when done. */
  embedText(texts: readonly string[]): Tensor {
    return embedTexts(this.clip, texts);
  }

  /** What to tell of drawings, the best first, where the model hardly knows their sentence; see `clip-gen calibrate`. */
  remarkOn([best]: readonly GeneratedPicture[]): string | undefined {
    // A picture, and a blend, need not be like anything that words say.
    if (!this.calibration || !best || best.origin.varied || best.origin.blend) return undefined;
    return unfamiliar(best.origin.prompt, best, this.calibration, this.clip.tokenizer);
  }

  /** A picture to its unit embedding: (1, D). Dispose of the tensor when done. */
  async embedImage(picture: string | Uint8Array): Promise<Tensor> {
    return await embedPicture(this.clip, picture);
  }

  /**
   * Ends the thread that draws, if there is one, which holds the networks' memory as well; drawings under way fail. A process
   * that is at its end need not call it.
   */
  async close(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.close();
  }

  async #drawOne(drawn: Drawable, options: GenerateOptions): Promise<GeneratedPicture[]> {
    const { onProgress, onPreview, signal, ...request } = options;
    const [pictures = []] = await this.draw([this.prepare(drawn, request)], { onProgress, onPreview, signal });
    return pictures;
  }

  /**
   * A request for `draw`.
   * @throws RangeError when a setting is out of its range
   */
  prepare(drawn: Drawable, options: RequestOptions = {}): DrawRequest {
    const { blend = [], negativePrompt, previews, ...settings } = options;
    checkSettings(settings);
    const rest = 1 - blend.reduce((sum, { weight }) => sum + checkWeight(weight), 0);
    if (rest < -1e-9)
      throw new RangeError(`the weights of blend add up to ${(1 - rest).toFixed(2)}, expected at most 1`);
    return {
      subjects: [{ ...drawn, weight: Math.max(0, rest) }, ...blend].map((part) => this.#subjectOf(part)),
      prompt: promptOf(drawn),
      ...(blend.length > 0 && { blend: blend.map(originOf) }),
      ...(negativePrompt !== undefined && { negative: { prompt: negativePrompt, ids: this.#idsOf(negativePrompt) } }),
      model: this.name,
      precision: this.precision,
      ...("picture" in drawn && { varied: true as const }),
      ...(previews !== undefined && { previews }),
      settings,
    };
  }

  /**
   * Draws requests in one batch, which takes little longer than one of them alone: the pictures of each. In 16 bits a batch of
   * another size rounds differently.
   * @throws RangeError when they cannot be drawn together (`fitTogether`); the signal's reason when it is aborted
   */
  async draw(requests: readonly DrawRequest[], hooks: DrawHooks = {}): Promise<GeneratedPicture[][]> {
    return await this.#work(requests, hooks);
  }

  async #work(work: Work, hooks: DrawHooks): Promise<GeneratedPicture[][]> {
    if (!this.#ownThread) return await drawRequests(this, work, hooks);
    if (!this.#thread || this.#thread.ended) this.#thread = new DrawingThread(this, { threads: this.#threads });
    return await this.#thread.draw(work, hooks);
  }
}

function originOf(part: Blend): BlendOrigin {
  return "picture" in part ? { picture: nameOf(part), weight: part.weight } : part;
}

function promptOf(drawn: Drawable): string {
  return "prompt" in drawn ? drawn.prompt : nameOf(drawn);
}

function nameOf({ picture, name = "picture" }: Extract<Drawable, { picture: unknown }>): string {
  return typeof picture === "string" ? basename(picture) : name;
}

function checkWeight(weight: number): number {
  if (!(weight >= 0 && weight <= 1))
    throw new RangeError(`a weight of blend is ${weight}, expected a number from 0 to 1`);
  return weight;
}
