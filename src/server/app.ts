import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";
import { ApiError } from "./api-error.ts";
import { newApi, type Api } from "./context.ts";
import { galleryRoutes } from "./gallery-routes.ts";
import { guard, type GuardOptions } from "./guard.ts";
import { healthRoutes } from "./health-routes.ts";
import { imageRoutes } from "./image-routes.ts";
import { jobRoutes } from "./job-routes.ts";
import { modelRoutes } from "./model-routes.ts";
import { observe, type Observer } from "./observe.ts";
import { pageRoutes } from "./page-routes.ts";
import { pictureRoutes } from "./picture-routes.ts";
import { runRoutes } from "./run-routes.ts";
import { Runs } from "./runs.ts";
import { sessionRoutes } from "./session-routes.ts";
import type { Studio } from "./studio.ts";

/** Bytes of a request with a picture, and of one without. */
const MOST_UPLOADED = 16 * 2 ** 20;
const MOST_JSON = 64 * 2 ** 10;

export type AppOptions = {
  studio: Studio;
  guard: GuardOptions;
  /** What is told of every request, and of errors that are ours. */
  observer: Observer;
  version: string;
  /** The folder of the page; without it the API is served alone. */
  page?: string | undefined;
  /** Training runs to watch. */
  runs?: Runs | undefined;
};

/** The HTTP API; it answers `Request`s without a socket, too. */
export function createApp({ studio, guard: guarded, observer, version, page, runs = new Runs([]) }: AppOptions): Api {
  const app = newApi();
  app.use(observe(observer, studio.metrics));
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", "data:", "blob:"],
        connectSrc: ["'self'"],
        fontSrc: ["'self'"],
        manifestSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
      crossOriginResourcePolicy: "same-origin",
      referrerPolicy: "no-referrer",
    }),
  );
  app.use(guard(guarded));
  app.use("/v1/*", async (c, next) => {
    const form = c.req.header("Content-Type")?.startsWith("multipart/form-data") ?? false;
    const maxSize = form ? MOST_UPLOADED : MOST_JSON;
    const limit = bodyLimit({
      maxSize,
      onError: () => {
        throw new ApiError(413, `the body is larger than ${maxSize / 1024} KiB`, { code: "body_too_large" });
      },
    });
    return await limit(c, next);
  });
  for (const routes of [imageRoutes, jobRoutes, galleryRoutes, pictureRoutes, modelRoutes, healthRoutes])
    routes(app, studio);
  sessionRoutes(app, guarded.token);
  runRoutes(app, runs);
  if (page !== undefined) pageRoutes(app, page);
  app.doc31("/openapi.json", {
    openapi: "3.1.0",
    info: { title: "clip-gen", version, description: "Pictures from words: OpenAI's images API, and what is our own." },
  });
  app.notFound((c) => c.json(new ApiError(404, `there is nothing at ${c.req.method} ${c.req.path}`).body, 404));
  app.onError((error, c) => {
    const known = asApiError(error);
    if (known.status >= 500 && !(error instanceof ApiError)) observer.failed(c.get("requestId"), error);
    if (known.retryAfter !== undefined) c.header("Retry-After", String(known.retryAfter));
    return c.json(known.body, known.status);
  });
  return app;
}

function asApiError(error: Error): ApiError {
  if (error instanceof ApiError) return error;
  // Hono's own: a body that is no JSON, or no form.
  if (error instanceof HTTPException && error.status < 500) {
    return new ApiError(400, error.message || "the body cannot be read", { code: "invalid_body" });
  }
  return new ApiError(500, "something went wrong here; the server's log has more under this request's id");
}
