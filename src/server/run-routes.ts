import { createRoute, z } from "@hono/zod-openapi";
import { ApiError } from "./api-error.ts";
import { jsonAnswer, listAnswer } from "./bodies.ts";
import type { Api } from "./context.ts";
import { errorResponses } from "./error-responses.ts";
import type { Runs } from "./runs.ts";
import { runDetails, runInfo, runMetrics } from "./schemas.ts";

const params = z.object({ id: z.string().max(64) });

/** Training runs, going on or finished. */
export function runRoutes(api: Api, runs: Runs): void {
  api.openapi(
    createRoute({
      method: "get",
      path: "/v1/runs",
      summary: "Training runs, the one that changed last first",
      responses: {
        200: listAnswer("The runs", runInfo),
        ...errorResponses,
      },
    }),
    async (c) => c.json({ object: "list" as const, data: await runs.list() }, 200),
  );

  api.openapi(
    createRoute({
      method: "get",
      path: "/v1/runs/{id}",
      summary: "A run: how far it is, its configuration, its log, its sample grids",
      request: { params },
      responses: {
        200: jsonAnswer("The run", runDetails),
        ...errorResponses,
      },
    }),
    async (c) => {
      const found = (await runs.info(c.req.valid("param").id)) ?? unknownRun();
      const { info, config, log, samples } = found;
      return c.json({ ...info, config, log, samples }, 200);
    },
  );

  api.openapi(
    createRoute({
      method: "get",
      path: "/v1/runs/{id}/metrics",
      summary: "What a run has measured, by steps",
      request: { params, query: z.object({ points: z.coerce.number().int().min(10).max(5000).default(1000) }) },
      responses: {
        200: jsonAnswer("The figures", runMetrics),
        ...errorResponses,
      },
    }),
    async (c) =>
      c.json((await runs.metrics(c.req.valid("param").id, c.req.valid("query").points)) ?? unknownRun(), 200),
  );

  api.openapi(
    createRoute({
      method: "get",
      path: "/v1/runs/{id}/samples/{name}/{step}",
      summary: "A sample grid",
      request: { params: params.extend({ name: z.string().max(64), step: z.coerce.number().int().min(0) }) },
      responses: {
        200: {
          description: "The grid",
          content: { "image/png": { schema: { type: "string" as const, format: "binary" } } },
        },
        ...errorResponses,
      },
    }),
    async (c) => {
      const { id, name, step } = c.req.valid("param");
      const png = (await runs.sample(id, name, step)) ?? unknownRun();
      return c.body(png, 200, { "Content-Type": "image/png", "Cache-Control": "private, max-age=3600" });
    },
  );
}

function unknownRun(): never {
  throw new ApiError(404, "there is no such run, or no such thing of it", { param: "id", code: "run_not_found" });
}
