import { OpenAPIHono, type Hook, type z } from "@hono/zod-openapi";
import type { Env } from "hono";
import { ApiError } from "./api-error.ts";
import type { Studio } from "./studio.ts";

/** What every route can reach. */
export type ServerEnv = Env & { Variables: { requestId: string } };

export type Api = OpenAPIHono<ServerEnv>;

/** Adds some routes. */
export type Routes = (api: Api, studio: Studio) => void;

/** An `OpenAPIHono` that refuses what does not fit a schema as OpenAI does. */
export function newApi(): Api {
  return new OpenAPIHono<ServerEnv>({ defaultHook: refuse });
}

const refuse: Hook<unknown, ServerEnv, string, unknown> = (result) => {
  if (!result.success) throw invalidRequest(result.error);
};

function invalidRequest(error: z.core.$ZodError): ApiError {
  const [issue] = error.issues;
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const param = unknown ?? issue?.path.join(".");
  const message =
    unknown === undefined
      ? `${param === "" ? "the body" : param}: ${issue?.message}`
      : `there is no parameter ${JSON.stringify(unknown)}`;
  return new ApiError(400, message, {
    param: param === undefined || param === "" ? null : param,
    code: unknown === undefined ? "invalid_value" : "unknown_parameter",
  });
}
