import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { getCookie } from "hono/cookie";
import { ApiError } from "./api-error.ts";
import type { ServerEnv } from "./context.ts";

export type GuardOptions = {
  /** Whoever has it may draw; without it everybody who reaches the server may. */
  token?: string | undefined;
  /** Whether only programs of this machine reach the server. */
  loopback: boolean;
};

export const TOKEN_COOKIE = "clip-gen-token";
/** What a browser needs before it can have a token, and what watches the server. */
const OPEN = /^\/(healthz|openapi\.json|v1\/session|favicon\.svg|assets\/[\w.-]+|)$/;
const LOCAL_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i;

/**
 * Lets in who may come in. On loopback that is whatever runs on this machine, but not a page of another site in its browser:
 * neither by a name of its own that leads here (DNS rebinding), nor by a request that its forms or scripts send.
 */
export function guard({ token, loopback }: GuardOptions): MiddlewareHandler<ServerEnv> {
  return async (c, next) => {
    const host = c.req.header("Host") ?? new URL(c.req.url).host;
    if (loopback && !LOCAL_HOST.test(host)) {
      throw new ApiError(403, `this server answers on this machine alone, not as ${JSON.stringify(host)}`, {
        code: "foreign_host",
      });
    }
    const origin = c.req.header("Origin");
    if (origin !== undefined && hostOf(origin) !== host) {
      throw new ApiError(403, "requests of other sites are refused", { code: "foreign_origin" });
    }
    if (token !== undefined && !OPEN.test(c.req.path)) {
      const given = /^Bearer (.+)$/i.exec(c.req.header("Authorization") ?? "")?.[1] ?? getCookie(c, TOKEN_COOKIE);
      if (given === undefined || !isSame(given, token)) {
        throw new ApiError(401, "this server needs a token: send `Authorization: Bearer …`", {
          code: "invalid_api_key",
        });
      }
    }
    await next();
  };
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}

/** Takes the same time whatever differs. */
export function isSame(given: string, token: string): boolean {
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
