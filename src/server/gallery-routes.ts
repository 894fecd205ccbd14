import { createRoute, z } from "@hono/zod-openapi";
import { ApiError } from "./api-error.ts";
import type { Routes } from "./context.ts";
import { describedEntry } from "./descriptions.ts";
import { errorResponses } from "./error-responses.ts";
import { pictureFile, pictureFormats } from "./picture-files.ts";
import { galleryEntry } from "./schemas.ts";

const file = z.object({
  file: z
    .string()
    .regex(/^\d{13}-[\w-]{8}\.(png|jpeg|webp)$/)
    .openapi({ description: "A picture's id, with the ending of what it is wanted in: png, jpeg or webp." }),
});

/** What was drawn, also before the last restart. */
export const galleryRoutes: Routes = (api, { gallery }) => {
  api.openapi(
    createRoute({
      method: "get",
      path: "/v1/gallery",
      summary: "Pictures that were drawn, the newest first",
      request: {
        query: z.object({
          q: z.string().max(200).optional().openapi({ description: "Words that the sentence has." }),
          before: z.string().max(64).optional().openapi({ description: "The last id of the page before." }),
          limit: z.coerce.number().int().min(1).max(200).default(50),
        }),
      },
      responses: {
        200: {
          description: "The pictures",
          content: {
            "application/json": {
              schema: z.object({ object: z.literal("list"), data: z.array(galleryEntry), has_more: z.boolean() }),
            },
          },
        },
        ...errorResponses,
      },
    }),
    (c) => {
      const { q, before, limit } = c.req.valid("query");
      const { entries, more } = gallery.list({ query: q, before, limit });
      return c.json({ object: "list" as const, data: entries.map(describedEntry), has_more: more }, 200);
    },
  );

  api.openapi(
    createRoute({
      method: "get",
      path: "/v1/gallery/{file}",
      summary: "A picture",
      request: {
        params: file,
        query: z.object({ size: z.coerce.number().int().min(16).max(2048).optional() }),
      },
      responses: {
        200: {
          description: "The picture",
          content: { "image/*": { schema: { type: "string" as const, format: "binary" } } },
        },
        ...errorResponses,
      },
    }),
    async (c) => {
      const [id = "", ending] = c.req.valid("param").file.split(".");
      const entry = gallery.get(id);
      if (!entry) throw new ApiError(404, "there is no such picture", { param: "file", code: "picture_not_found" });
      const format = pictureFormats.find((name) => name === ending);
      const bytes = await pictureFile(gallery, entry, { side: c.req.valid("query").size, format });
      // A picture never changes.
      return c.body(bytes, 200, {
        "Content-Type": `image/${format}`,
        "Cache-Control": "private, max-age=31536000, immutable",
      });
    },
  );
};
