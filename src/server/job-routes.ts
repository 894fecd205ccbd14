import { createRoute, z } from "@hono/zod-openapi";
import { streamSSE } from "hono/streaming";
import { ApiError } from "./api-error.ts";
import { formBody, jsonAnswer, jsonBody, listAnswer } from "./bodies.ts";
import type { Routes } from "./context.ts";
import { errorResponses } from "./error-responses.ts";
import { describedJob } from "./descriptions.ts";
import { eventsOf } from "./job-events.ts";
import { previewPng } from "./picture-files.ts";
import { generationRequest, job as jobSchema, jobVariationRequest } from "./schemas.ts";
import type { PictureJob, Studio } from "./studio.ts";
import { readUpload } from "./uploads.ts";

const params = z.object({ id: z.string().max(64) });
const answer = {
  200: jsonAnswer("The job", jobSchema),
  ...errorResponses,
};

/** Jobs: what is drawn although nobody holds the connection, with its place in the queue, its progress, and its pictures as they come. */
export const jobRoutes: Routes = (api, studio) => {
  api.openapi(
    createRoute({
      method: "post",
      path: "/v1/jobs",
      summary: "Have a sentence drawn",
      request: { body: jsonBody(generationRequest) },
      responses: answer,
    }),
    async (c) => {
      const wanted = c.req.valid("json");
      return c.json(describedJob(studio, await studio.add({ prompt: wanted.prompt }, wanted)), 200);
    },
  );

  api.openapi(
    createRoute({
      method: "post",
      path: "/v1/jobs/variations",
      summary: "Have pictures like a picture drawn",
      request: { body: formBody(jobVariationRequest) },
      responses: answer,
    }),
    async (c) => {
      const wanted = c.req.valid("form");
      return c.json(describedJob(studio, await studio.add(await readUpload(wanted.image), wanted)), 200);
    },
  );

  api.openapi(
    createRoute({
      method: "get",
      path: "/v1/jobs",
      summary: "The jobs that are known, the newest first",
      request: { query: z.object({ limit: z.coerce.number().int().min(1).max(200).default(50) }) },
      responses: {
        200: listAnswer("The jobs", jobSchema),
        ...errorResponses,
      },
    }),
    (c) => {
      const newest = studio.queue.jobs.toReversed().slice(0, c.req.valid("query").limit);
      return c.json({ object: "list" as const, data: newest.map((job) => describedJob(studio, job)) }, 200);
    },
  );

  api.openapi(
    createRoute({ method: "get", path: "/v1/jobs/{id}", summary: "A job", request: { params }, responses: answer }),
    (c) => c.json(describedJob(studio, known(studio, c.req.valid("param").id)), 200),
  );

  api.openapi(
    createRoute({
      method: "post",
      path: "/v1/jobs/{id}/cancel",
      summary: "End a job that is not over",
      request: { params },
      responses: answer,
    }),
    (c) => {
      const job = known(studio, c.req.valid("param").id);
      studio.queue.cancel(job);
      return c.json(describedJob(studio, job), 200);
    },
  );

  api.openapi(
    createRoute({
      method: "get",
      path: "/v1/jobs/{id}/events",
      summary: "A job as it goes on",
      description:
        "Events `job` (the job, whenever its state changes), `progress` and `preview` (a PNG of what is drawn of a candidate).",
      request: { params },
      responses: {
        200: {
          description: "Server-sent events",
          content: { "text/event-stream": { schema: { type: "string" as const } } },
        },
        ...errorResponses,
      },
    }),
    (c) => {
      const job = known(studio, c.req.valid("param").id);
      return streamSSE(c, async (stream) => {
        const gone = new AbortController();
        stream.onAbort(() => gone.abort());
        const send = async (event: string, data: object): Promise<void> =>
          await stream.writeSSE({ event, data: JSON.stringify(data) });
        await send("job", describedJob(studio, job));
        for await (const event of eventsOf(job, gone.signal)) {
          if (event.type === "progress") await send("progress", { ...event, ahead: studio.queue.ahead(job) });
          else if (event.type === "preview") {
            const png = (await previewPng(event.preview)).toString("base64");
            await send("preview", { candidate: event.candidate, b64_json: png });
          } else await send("job", describedJob(studio, job));
        }
      });
    },
  );
};

function known(studio: Studio, id: string): PictureJob {
  const job = studio.queue.get(id);
  if (!job)
    throw new ApiError(404, "there is no such job; those that ended long ago are forgotten", {
      param: "id",
      code: "job_not_found",
    });
  return job;
}
