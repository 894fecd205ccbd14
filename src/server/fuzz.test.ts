import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { tinyStudio, type TinyStudio } from "../../test/studio.ts";
import { setThreadCount } from "../tensor/engine.ts";

let tiny: TinyStudio;
beforeAll(async () => {
  setThreadCount(1);
  tiny = await tinyStudio();
});
afterAll(async () => await tiny.close());

const schema: z.ZodType<Schema> = z.lazy(() =>
  z.looseObject({
    $ref: z.string().optional(),
    type: z.union([z.string(), z.array(z.string())]).optional(),
    enum: z.array(z.unknown()).optional(),
    properties: z.record(z.string(), schema).optional(),
    items: schema.optional(),
    anyOf: z.array(schema).optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
  }),
);
type Schema = {
  $ref?: string | undefined;
  type?: string | string[] | undefined;
  enum?: unknown[] | undefined;
  properties?: Record<string, Schema> | undefined;
  items?: Schema | undefined;
  anyOf?: Schema[] | undefined;
  minimum?: number | undefined;
  maximum?: number | undefined;
};
const operation = z.looseObject({
  requestBody: z.object({ content: z.record(z.string(), z.object({ schema })) }).optional(),
});
const described = z.object({
  paths: z.record(z.string(), z.record(z.string(), operation)),
  components: z.object({ schemas: z.record(z.string(), schema) }),
});

const odd = fc.oneof(
  fc.jsonValue(),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(null, "", -1, 0, 1e308, 2 ** 53, "\0", "\ud800", "__proto__", "../../etc/passwd", [], {}, "NaN"),
);

/** What mostly fits a schema, with something odd here and there. */
function valuesOf(given: Schema, known: Record<string, Schema>): fc.Arbitrary<unknown> {
  const found = given.$ref === undefined ? given : (known[given.$ref.split("/").at(-1) ?? ""] ?? {});
  const fitting = fittingOf(found, known);
  return fc.oneof({ arbitrary: fitting, weight: 6 }, { arbitrary: odd, weight: 1 });
}

function fittingOf(found: Schema, known: Record<string, Schema>): fc.Arbitrary<unknown> {
  if (found.enum) return fc.constantFrom(...found.enum);
  if (found.anyOf) return fc.oneof(...found.anyOf.map((part) => valuesOf(part, known)));
  const type = [found.type].flat().find((name) => name !== "null");
  const { minimum: min = 0, maximum: max = 100 } = found;
  if (type === "object" || found.properties) {
    const parts = Object.entries(found.properties ?? {}).map(([name, part]) => [name, valuesOf(part, known)] as const);
    return fc.record(Object.fromEntries(parts), { requiredKeys: [] });
  }
  if (type === "array") return fc.array(valuesOf(found.items ?? {}, known), { maxLength: 3 });
  // Small, so that what does fit is drawn in no time.
  if (type === "integer") return fc.integer({ min, max: Math.min(max, min + 3) });
  if (type === "number") return fc.double({ min, max, noNaN: true });
  if (type === "boolean") return fc.boolean();
  return fc.string({ unit: "grapheme", maxLength: 30 });
}

async function check(path: string, init: RequestInit): Promise<void> {
  const response = await tiny.app.request(path, init);
  const text = await response.text();
  expect(response.status, `${init.method} ${path}: ${text.slice(0, 300)}`).toBeLessThan(500);
  expect(text).not.toMatch(/\n\s+at |node_modules|\.ts:\d/);
}

/** As a part of a path; what is encoded already stays, and half a surrogate pair, which no address can have, goes. */
function encoded(text: string): string {
  return /^%[\da-f]{2}/i.test(text) ? text : encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, ""));
}

/** A path with something odd in place of its parameters. */
function pathsOf(pattern: string): fc.Arbitrary<string> {
  const part = fc.oneof(
    fc.string({ unit: "binary", maxLength: 30 }),
    fc.constantFrom("..", "%2e%2e%2f", "%00", "a.png", "%ff"),
  );
  return fc.tuple(part, part).map(([one, query]) => {
    return `${pattern.replace(/\{\w+\}/, encoded(one))}?limit=${encoded(query)}&size=${encoded(query)}&q=${encoded(one)}`;
  });
}

describe("whatever comes in over the API, as its description has it", () => {
  test("is answered, and never with an error of ours", { timeout: 300_000 }, async () => {
    const { paths, components } = described.parse(await (await tiny.app.request("/openapi.json")).json());
    expect(Object.keys(paths).length).toBeGreaterThan(10);
    for (const [pattern, operations] of Object.entries(paths)) {
      for (const [method, { requestBody }] of Object.entries(operations)) {
        const { schema: body = {} } = requestBody?.content["application/json"] ?? {};
        const asJson = valuesOf(body, components.schemas).map((value) => ({
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(value) ?? "",
        }));
        const asBytes = fc
          .tuple(
            fc.uint8Array({ maxLength: 200 }),
            fc.constantFrom("application/json", "multipart/form-data; boundary=x", "text/plain", "x", ""),
          )
          .map(([bytes, type]) => ({ headers: { "Content-Type": type }, body: new Uint8Array(bytes) }));
        const asForm = fc
          .dictionary(fc.constantFrom("image", "n", "size", "seed", "prompt"), fc.string())
          .map((fields) => {
            const form = new FormData();
            for (const [name, value] of Object.entries(fields)) {
              if (name === "image") form.set(name, new File([value], value));
              else form.set(name, value);
            }
            return { body: form };
          });
        const init: fc.Arbitrary<RequestInit> =
          method === "get" ? fc.constant({}) : fc.oneof(asJson, asJson, asBytes, asForm);
        await fc.assert(
          fc.asyncProperty(pathsOf(pattern), init, async (path, request) => {
            await check(path, { ...request, method: method.toUpperCase() });
          }),
          { numRuns: requestBody ? 250 : 80, seed: Number(process.env["CLIP_GEN_FUZZ_SEED"] ?? 1) },
        );
      }
    }
    expect(tiny.failed).toEqual([]);
  });
});
