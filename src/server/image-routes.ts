import { createRoute } from "@hono/zod-openapi";
import { streamSSE } from "hono/streaming";
import { formBody, jsonBody } from "./bodies.ts";
import type { Routes } from "./context.ts";
import { errorResponses } from "./error-responses.ts";
import { generatedImages, streamImages } from "./images.ts";
import { generationRequest, imagesResponse, variationRequest } from "./schemas.ts";
import { readUpload } from "./uploads.ts";

const images = {
  200: {
    description: "The pictures, the best first; where it streams, server-sent events.",
    content: {
      "application/json": { schema: imagesResponse },
      "text/event-stream": { schema: { type: "string" as const } },
    },
  },
  ...errorResponses,
};

/** What OpenAI's clients call to draw. */
export const imageRoutes: Routes = (api, studio) => {
  api.openapi(
    createRoute({
      method: "post",
      path: "/v1/images/generations",
      summary: "Draw a sentence",
      request: { body: jsonBody(generationRequest) },
      responses: images,
    }),
    async (c) => {
      const wanted = c.req.valid("json");
      const job = await studio.add({ prompt: wanted.prompt }, wanted);
      const { signal } = c.req.raw;
      if (wanted.stream !== true)
        return c.json(await generatedImages(studio, job, { wanted, signal, url: c.req.url }), 200);
      return streamSSE(c, async (stream) => await streamImages(studio, job, { wanted, stream }));
    },
  );

  api.openapi(
    createRoute({
      method: "post",
      path: "/v1/images/variations",
      summary: "Draw pictures like a picture",
      request: { body: formBody(variationRequest) },
      responses: images,
    }),
    async (c) => {
      const wanted = c.req.valid("form");
      const job = await studio.add(await readUpload(wanted.image), wanted);
      return c.json(await generatedImages(studio, job, { wanted, signal: c.req.raw.signal, url: c.req.url }), 200);
    },
  );
};
