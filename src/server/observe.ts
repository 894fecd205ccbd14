import { randomBytes } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { ServerEnv } from "./context.ts";
import type { Metrics } from "./metrics.ts";

export type Observer = {
  /** A request was answered. Its path has no words of anybody in it: those are in bodies and queries. */
  answered(request: { id: string; method: string; path: string; status: number; ms: number }): void;
  /** A job began to wait; its words are told to the log's owner alone, and only where they are wanted. */
  asked(job: string, prompt: string): void;
  /** Something went wrong that is not the request's fault: a request's, or a job's. */
  failed(id: string, error: Error): void;
};

const GIVEN_ID = /^[\w.-]{1,64}$/;

/** Gives every request an id, its own where it brings one, and tells of it. */
export function observe(observer: Observer, metrics: Metrics): MiddlewareHandler<ServerEnv> {
  return async (c, next) => {
    const given = c.req.header("X-Request-Id");
    const id = given !== undefined && GIVEN_ID.test(given) ? given : `req-${randomBytes(9).toString("base64url")}`;
    c.set("requestId", id);
    const started = performance.now();
    await next();
    c.header("X-Request-Id", id);
    const { method, path } = c.req;
    const { status } = c.res;
    // The route's pattern, so that ids make no figures of their own.
    const route =
      matchedRoutes(c).findLast((each) => each.method === method && !each.path.includes("*"))?.path ?? "other";
    metrics.answered({ method, route, status });
    observer.answered({ id, method, path, status, ms: performance.now() - started });
  };
}
