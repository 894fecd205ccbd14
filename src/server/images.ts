import type { SSEStreamingApi } from "hono/streaming";
import { ApiError } from "./api-error.ts";
import type { GalleryEntry } from "./gallery.ts";
import { endOf, eventsOf } from "./job-events.ts";
import type { JobEvent } from "./job-queue.ts";
import { pictureFile, previewPng, sideOf } from "./picture-files.ts";
import type { GenerationRequest, ImagesResponse } from "./schemas.ts";
import type { PictureJob, Studio } from "./studio.ts";

/** What of a request decides the answer's form. */
type Wanted = Pick<GenerationRequest, "size" | "response_format" | "output_format">;

/**
 * Waits for a job's pictures, and gives them as OpenAI does. Whoever goes away cancels the job.
 * @throws ApiError where it failed, or was cancelled
 */
export async function generatedImages(
  studio: Studio,
  job: PictureJob,
  { wanted, signal, url }: { wanted: Wanted; signal: AbortSignal; url: string },
): Promise<ImagesResponse> {
  const end = await endOf(job, signal);
  if (!end) studio.queue.cancel(job);
  const results = resultsOf(end);
  const data = await Promise.all(results.map(async (entry) => await imageOf(studio, entry, { wanted, url })));
  const note = studio.note(job);
  return { ...described(studio, job, wanted), data, ...(note !== undefined && { note }), usage: usageOf(studio, job) };
}

/** A job as server-sent events, as OpenAI names them. Whoever goes away cancels the job. */
export async function streamImages(
  studio: Studio,
  job: PictureJob,
  { wanted, stream }: { wanted: Wanted; stream: SSEStreamingApi },
): Promise<void> {
  const gone = new AbortController();
  stream.onAbort(() => gone.abort());
  const send = async (type: string, data: object): Promise<void> =>
    await stream.writeSSE({ event: type, data: JSON.stringify({ type, ...data }) });
  const shown = new Map<number, number>();
  const { created, ...form } = described(studio, job, wanted);
  for await (const event of eventsOf(job, gone.signal)) {
    switch (event.type) {
      case "queued":
      case "progress":
        break;
      case "preview": {
        const index = shown.get(event.candidate) ?? 0;
        shown.set(event.candidate, index + 1);
        await send("image_generation.partial_image", {
          b64_json: (await previewPng(event.preview)).toString("base64"),
          partial_image_index: index,
          image_index: event.candidate,
          created_at: created,
          ...form,
        });
        break;
      }
      case "done": {
        const note = studio.note(job);
        for (const [index, entry] of event.results.entries()) {
          await send("image_generation.completed", {
            ...(await imageOf(studio, entry, { wanted: { ...wanted, response_format: "b64_json" }, url: "" })),
            image_index: index,
            created_at: created,
            ...form,
            ...(note !== undefined && { note }),
            usage: usageOf(studio, job),
          });
        }
        break;
      }
      case "failed":
      case "cancelled":
        await send("error", failureOf(event).body);
    }
  }
  studio.queue.cancel(job);
}

/** @throws ApiError */
function resultsOf(end: JobEvent<GalleryEntry> | undefined): GalleryEntry[] {
  if (end?.type === "done") return end.results;
  throw failureOf(end);
}

function failureOf(end: JobEvent<GalleryEntry> | undefined): ApiError {
  // A setting that only the sampler can judge.
  if (end?.type === "failed" && end.error instanceof RangeError) {
    return new ApiError(400, end.error.message, { code: "invalid_value" });
  }
  if (end?.type === "failed")
    return new ApiError(500, "the drawing failed; the server's log says why", { code: "drawing_failed" });
  return new ApiError(409, "the job was cancelled", { code: "cancelled" });
}

function described(
  { model }: Studio,
  job: PictureJob,
  { size, output_format }: Wanted,
): { created: number; size: string; output_format: string } {
  const side = sideOf(size) ?? model.vqgan.config.resolution;
  return {
    created: Math.floor(job.created / 1000),
    size: `${side}x${side}`,
    output_format: output_format ?? "png",
  };
}

async function imageOf(
  { gallery }: Studio,
  entry: GalleryEntry,
  { wanted, url }: { wanted: Wanted; url: string },
): Promise<ImagesResponse["data"][number]> {
  const side = sideOf(wanted.size);
  const format = wanted.output_format ?? "png";
  const about = { id: entry.id, seed: entry.origin.seed, score: entry.origin.score };
  if (wanted.response_format === "url") {
    const query = side === undefined ? "" : `?size=${side}`;
    return { url: new URL(`/v1/gallery/${entry.id}.${format}${query}`, url).href, ...about };
  }
  const file = await pictureFile(gallery, entry, { side, format });
  return { b64_json: Buffer.from(file).toString("base64"), ...about };
}

/** Tokens of words that go in, and of pictures that come out. */
function usageOf({ model }: Studio, job: PictureJob): ImagesResponse["usage"] {
  const { textTokens: text, pictures } = job.about;
  const output = job.rows * model.gpt.config.tokenCount;
  return {
    input_tokens: text + pictures,
    output_tokens: output,
    total_tokens: text + pictures + output,
    input_tokens_details: { text_tokens: text, image_tokens: pictures },
  };
}
