import type { z } from "@hono/zod-openapi";
import { commandOf } from "../generate/command-line.ts";
import type { GalleryEntry } from "./gallery.ts";
import type { galleryEntry, job as jobSchema } from "./schemas.ts";
import type { PictureJob, Studio } from "./studio.ts";

/** A picture of the gallery, for whoever lists it. */
export function describedEntry(entry: GalleryEntry): z.infer<typeof galleryEntry> {
  return { ...entry, url: `/v1/gallery/${entry.id}.png`, command: commandOf(entry.origin) };
}

/** A job, for whoever asked for it. */
export function describedJob(studio: Studio, job: PictureJob): z.infer<typeof jobSchema> {
  const { id, state, created, progress, results, error, about } = job;
  const note = state === "done" ? studio.note(job) : undefined;
  return {
    id,
    state,
    created,
    prompt: about.prompt,
    count: about.settings.count ?? 1,
    seed: about.settings.seed ?? 0,
    ahead: studio.queue.ahead(job),
    ...(progress && { progress }),
    pictures: results.map(describedEntry),
    ...(error && {
      error: error instanceof RangeError ? error.message : "the drawing failed; the server's log says why",
    }),
    ...(note !== undefined && { note }),
  };
}
