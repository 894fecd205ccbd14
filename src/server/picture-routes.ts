import { createRoute, z } from "@hono/zod-openapi";
import { commandOf } from "../generate/command-line.ts";
import { pictureOrigin } from "../generate/picture-origin.ts";
import { readPngText } from "../io/png-text.ts";
import { jsonAnswer } from "./bodies.ts";
import type { Routes } from "./context.ts";
import { errorResponses } from "./error-responses.ts";
import { readUpload } from "./uploads.ts";

const inspected = z
  .object({ origin: pictureOrigin.nullable(), command: z.string().nullable() })
  .openapi("InspectedPicture", { description: "Nulls where the picture is not one of ours, or tells nothing." });

/** What a picture tells of itself. */
export const pictureRoutes: Routes = (api) => {
  api.openapi(
    createRoute({
      method: "post",
      path: "/v1/pictures/inspect",
      summary: "How a picture was drawn, where it is one of ours",
      request: {
        body: {
          required: true,
          content: {
            "multipart/form-data": {
              schema: z.strictObject({ image: z.file().openapi({ type: "string", format: "binary" }) }),
            },
          },
        },
      },
      responses: {
        200: jsonAnswer("What it tells", inspected),
        ...errorResponses,
      },
    }),
    async (c) => {
      const { picture } = await readUpload(c.req.valid("form").image);
      const origin = originOf(picture);
      return c.json({ origin: origin ?? null, command: origin ? commandOf(origin) : null }, 200);
    },
  );
};

function originOf(bytes: Uint8Array): z.infer<typeof pictureOrigin> | undefined {
  try {
    return pictureOrigin.parse(JSON.parse(readPngText(bytes)["clip-gen"] ?? ""));
  } catch {
    return undefined;
  }
}
