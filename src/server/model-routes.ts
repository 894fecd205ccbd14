import { createRoute, z } from "@hono/zod-openapi";
import { ApiError } from "./api-error.ts";
import { jsonAnswer, listAnswer } from "./bodies.ts";
import type { Routes } from "./context.ts";
import { errorResponses } from "./error-responses.ts";
import { modelInfo } from "./schemas.ts";
import type { Studio } from "./studio.ts";

type ModelInfo = z.infer<typeof modelInfo>;

/** The one model that is served, as OpenAI's clients list models. */
export const modelRoutes: Routes = (api, studio) => {
  const started = Math.floor(Date.now() / 1000);
  const info = ({ model }: Studio): ModelInfo => ({
    id: model.name,
    object: "model",
    created: started,
    owned_by: "clip-gen",
    picture_size: model.vqgan.config.resolution,
    token_rows: model.vqgan.tokenGrid(),
  });

  api.openapi(
    createRoute({
      method: "get",
      path: "/v1/models",
      summary: "The model that is served",
      responses: {
        200: listAnswer("A list of one", modelInfo),
        ...errorResponses,
      },
    }),
    (c) => c.json({ object: "list" as const, data: [info(studio)] }, 200),
  );

  api.openapi(
    createRoute({
      method: "get",
      path: "/v1/models/{model}",
      summary: "The model of this name",
      request: { params: z.object({ model: z.string() }) },
      responses: {
        200: jsonAnswer("What is known of it", modelInfo),
        ...errorResponses,
      },
    }),
    (c) => {
      const { model } = c.req.valid("param");
      if (model !== studio.model.name)
        throw new ApiError(404, `there is no model ${JSON.stringify(model)} here`, { code: "model_not_found" });
      return c.json(info(studio), 200);
    },
  );
};
