import { z } from "@hono/zod-openapi";

// Bodies of requests and answers, as `createRoute` wants them described.

export function jsonBody<T extends z.ZodType>(schema: T) {
  return { required: true, content: { "application/json": { schema } } };
}

export function formBody<T extends z.ZodType>(schema: T) {
  return { required: true, content: { "multipart/form-data": { schema } } };
}

export function jsonAnswer<T extends z.ZodType>(description: string, schema: T) {
  return { description, content: { "application/json": { schema } } };
}

/** A list as OpenAI gives them. */
export function listAnswer<T extends z.ZodType>(description: string, schema: T) {
  return jsonAnswer(description, z.object({ object: z.literal("list"), data: z.array(schema) }));
}
