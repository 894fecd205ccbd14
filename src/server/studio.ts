import { randomInt } from "node:crypto";
import type { Blend, ClipGen, Drawable } from "../generate/pipeline.ts";
import type { DrawRequest } from "../generate/draw.ts";
import { ApiError } from "./api-error.ts";
import type { Gallery, GalleryEntry } from "./gallery.ts";
import { Job, JobQueue, QueueFull } from "./job-queue.ts";
import type { Metrics } from "./metrics.ts";
import type { Observer } from "./observe.ts";
import type { GenerationRequest } from "./schemas.ts";

export type StudioOptions = {
  /** Called at once; until it is there, requests are told so. */
  load: () => Promise<ClipGen>;
  /** The folder of the pictures that are drawn. */
  gallery: Gallery;
  metrics: Metrics;
  observer: Observer;
  /** Requests that may wait. Default 1,000. */
  mostWaiting?: number;
};

export type PictureJob = Job<GalleryEntry>;

/** Settings of a request, from either form of it. */
type Wanted = Omit<GenerationRequest, "prompt">;

/** Seeds that are chosen by chance are short enough to be told over the phone. */
const MOST_RANDOM_SEED = 1_000_000;
/** What the sampler draws at once: rows beyond that bring little. */
const MOST_ROWS = 64;
const MOST_WAITING_BYTES = 256 * 2 ** 20;

/** One model, the jobs that wait for it, and what it has drawn. */
export class Studio {
  readonly gallery: Gallery;
  readonly metrics: Metrics;
  readonly queue: JobQueue<GalleryEntry>;
  /** Resolves when the model is there, or cannot be. */
  readonly loaded: Promise<void>;
  /** What there is to tell of the best picture of a job. */
  readonly #notes = new WeakMap<GalleryEntry, string>();
  readonly #observer: Observer;
  #model: ClipGen | undefined;
  #failure: Error | undefined;

  constructor({ load, gallery, metrics, observer, mostWaiting = 1000 }: StudioOptions) {
    this.#observer = observer;
    this.gallery = gallery;
    this.metrics = metrics;
    this.queue = new JobQueue<GalleryEntry>({
      draw: async (requests, hooks) => await metrics.drawing(requests, () => this.model.draw(requests, hooks)),
      finish: async (pictures) => {
        const entries = await gallery.addAll(pictures);
        const note = this.model.remarkOn(pictures);
        if (entries[0] && note !== undefined) this.#notes.set(entries[0], note);
        return entries;
      },
      mostWaiting,
      mostBytes: MOST_WAITING_BYTES,
      mostRows: MOST_ROWS,
      mostKept: 1000,
    });
    this.loaded = this.#load(load);
  }

  async #load(load: () => Promise<ClipGen>): Promise<void> {
    try {
      this.#model = await load();
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    }
  }

  get state(): "loading" | "ready" | "failed" {
    if (this.#model) return "ready";
    return this.#failure ? "failed" : "loading";
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** @throws ApiError where there is none yet, or it could not be loaded */
  get model(): ClipGen {
    if (this.#model) return this.#model;
    if (this.#failure)
      throw new ApiError(503, "the model could not be loaded; the server's log says why", { code: "model_failed" });
    throw new ApiError(503, "the model is still loading; try again in a moment", {
      code: "model_loading",
      retryAfter: 1,
    });
  }

  /**
   * A job for a sentence or a picture; it waits its turn from now on.
   * @throws ApiError where a setting does not fit, or too many wait
   */
  async add(drawn: Drawable, wanted: Wanted): Promise<PictureJob> {
    const job: PictureJob = new Job(await this.#request(drawn, wanted), wanted.user ?? undefined);
    try {
      this.queue.add(job);
    } catch (error) {
      if (error instanceof QueueFull) throw new ApiError(429, error.message, { code: "queue_full", retryAfter: 5 });
      throw error;
    }
    this.#observer.asked(job.id, job.about.prompt);
    job.listen((event) => {
      if (event.type === "done" || event.type === "failed" || event.type === "cancelled")
        this.metrics.jobOver(event.type);
      if (event.type === "failed" && !(event.error instanceof RangeError)) this.#observer.failed(job.id, event.error);
    });
    return job;
  }

  /** What to tell of a job's best picture, where its words may be outside of what the model knows. */
  note(job: PictureJob): string | undefined {
    const [best] = job.results;
    return best && this.#notes.get(best);
  }

  async close(): Promise<void> {
    await this.queue.close();
    await this.loaded;
    await this.#model?.close();
  }

  async #request(drawn: Drawable, wanted: Wanted): Promise<DrawRequest> {
    const { model } = this;
    if (wanted.model != null && wanted.model !== model.name) {
      throw new ApiError(
        404,
        `there is no model ${JSON.stringify(wanted.model)} here; the one that is served is ${JSON.stringify(model.name)}`,
        {
          param: "model",
          code: "model_not_found",
        },
      );
    }
    const count = wanted.n ?? 1;
    const candidates = wanted.candidates ?? count;
    if (candidates < count)
      throw invalid("candidates", `${count} pictures need at least as many candidates, got ${candidates}`);
    if (wanted.negative_prompt != null && (wanted.guidance_scale ?? 1) === 1) {
      throw invalid(
        "negative_prompt",
        "a negative prompt works through guidance, which is off: set guidance_scale to 3, say",
      );
    }
    const blend = await Promise.all((wanted.blend ?? []).map(async (part) => await this.#blend(part)));
    try {
      return model.prepare(drawn, {
        count,
        candidates,
        seed: wanted.seed ?? randomInt(MOST_RANDOM_SEED),
        ...(wanted.temperature != null && { temperature: wanted.temperature }),
        ...(wanted.top_k != null && { topK: wanted.top_k }),
        ...(wanted.top_p != null && { topP: wanted.top_p }),
        ...(wanted.guidance_scale != null && { guidanceScale: wanted.guidance_scale }),
        ...(wanted.beam != null && { beams: wanted.beam }),
        ...(wanted.negative_prompt != null && { negativePrompt: wanted.negative_prompt }),
        ...(blend.length > 0 && { blend }),
        ...(wanted.batch != null && { batch: wanted.batch }),
        previews: wanted.stream === true ? (wanted.partial_images ?? 0) : 0,
      });
    } catch (error) {
      if (error instanceof RangeError) throw invalid(null, error.message);
      throw error;
    }
  }

  async #blend(part: NonNullable<Wanted["blend"]>[number]): Promise<Blend> {
    if ("prompt" in part) return part;
    const entry = this.gallery.get(part.picture);
    if (!entry)
      throw new ApiError(404, "there is no such picture in the gallery", { param: "blend", code: "picture_not_found" });
    return { picture: await this.gallery.png(entry), name: `${entry.id}.png`, weight: part.weight };
  }
}

function invalid(param: string | null, message: string): ApiError {
  return new ApiError(400, message, { param, code: "invalid_value" });
}
