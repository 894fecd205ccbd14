import { createRoute, z } from "@hono/zod-openapi";
import { setCookie } from "hono/cookie";
import { ApiError } from "./api-error.ts";
import type { Api } from "./context.ts";
import { errorResponses } from "./error-responses.ts";
import { isSame, TOKEN_COOKIE } from "./guard.ts";

const LASTS_SECONDS = 30 * 24 * 3600;

/** A page cannot send a header with every picture that it shows: it keeps the token as a cookie that no script can read. */
export function sessionRoutes(api: Api, token: string | undefined): void {
  api.openapi(
    createRoute({
      method: "post",
      path: "/v1/session",
      summary: "Keep the token as a cookie",
      request: {
        body: {
          required: true,
          content: {
            "application/json": { schema: z.strictObject({ token: z.string().regex(/^[\x21-\x7e]{1,1000}$/) }) },
          },
        },
      },
      responses: { 204: { description: "It is the right one" }, ...errorResponses },
    }),
    (c) => {
      const given = c.req.valid("json").token;
      if (token !== undefined && !isSame(given, token)) {
        throw new ApiError(401, "this is not the token", { param: "token", code: "invalid_api_key" });
      }
      const secure = new URL(c.req.url).protocol === "https:";
      setCookie(c, TOKEN_COOKIE, given, {
        httpOnly: true,
        sameSite: "Strict",
        secure,
        path: "/",
        maxAge: LASTS_SECONDS,
      });
      return c.body(null, 204);
    },
  );
}
