import { createRoute, z } from "@hono/zod-openapi";
import { jsonAnswer } from "./bodies.ts";
import type { Routes } from "./context.ts";
import { errorResponses } from "./error-responses.ts";

const health = z.object({
  status: z.enum(["loading", "ready", "failed"]),
  waiting: z.number(),
  running: z.number(),
});

/** For whatever watches the server. */
export const healthRoutes: Routes = (api, studio) => {
  api.openapi(
    createRoute({
      method: "get",
      path: "/healthz",
      summary: "Whether the server is well: 503 where the model could not be loaded",
      responses: {
        200: jsonAnswer("It is", health),
        ...errorResponses,
        503: jsonAnswer("It is not", health),
      },
    }),
    (c) => {
      const { waiting, running } = studio.queue;
      return c.json({ status: studio.state, waiting, running }, studio.state === "failed" ? 503 : 200);
    },
  );

  api.openapi(
    createRoute({
      method: "get",
      path: "/metrics",
      summary: "Figures for Prometheus",
      responses: {
        200: { description: "Its text format", content: { "text/plain": { schema: z.string() } } },
        ...errorResponses,
      },
    }),
    async (c) => {
      const { registry } = studio.metrics;
      return c.text(await registry.metrics(), 200, { "Content-Type": registry.contentType });
    },
  );
};
