import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { tinyStudio, type TinyStudio } from "../../test/studio.ts";
import { readPngText } from "../io/png-text.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { imagesResponse } from "./schemas.ts";

let tiny: TinyStudio;
beforeAll(async () => {
  setThreadCount(1);
  tiny = await tinyStudio();
});
afterAll(async () => await tiny.close());

const json = { "Content-Type": "application/json" };
async function post(path: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  return await tiny.app.request(path, { method: "POST", headers: json, body: JSON.stringify(body), ...init });
}
const errorSchema = z.object({
  error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string().nullable() }),
});
async function errorOf(response: Response): Promise<{ status: number } & z.infer<typeof errorSchema>["error"]> {
  return { status: response.status, ...errorSchema.parse(await response.json()).error };
}
const pngOf = (base64: string | undefined): Buffer => Buffer.from(base64 ?? "", "base64");

describe("drawing a sentence", () => {
  test("gives what the model draws, and keeps it in the gallery", async () => {
    const response = await post("/v1/images/generations", { prompt: "a red circle", n: 2, seed: 7, candidates: 3 });
    expect(response.status).toBe(200);
    const { data, size, usage, created } = imagesResponse.parse(await response.json());
    expect(size).toBe("16x16");
    expect(Math.abs(created - Date.now() / 1000)).toBeLessThan(60);
    expect(usage.output_tokens).toBe(3 * 16);
    const drawn = await tiny.studio.model.generate("a red circle", { count: 2, seed: 7, candidates: 3 });
    expect(data.map(({ seed }) => seed)).toEqual(drawn.map(({ seed }) => seed));
    for (const [i, { b64_json, id }] of data.entries()) {
      const png = pngOf(b64_json);
      expect(png).toEqual(Buffer.from((await drawn[i]?.toPng()) ?? []));
      const kept = await tiny.app.request(`/v1/gallery/${id}.png`);
      expect(kept.headers.get("Content-Type")).toBe("image/png");
      expect(Buffer.from(await kept.arrayBuffer())).toEqual(png);
    }
  });

  test("takes every setting, chooses a seed, and gives other sizes and forms", async () => {
    const response = await post("/v1/images/generations", {
      model: "tiny",
      prompt: "a red circle",
      size: "48x48",
      response_format: "url",
      output_format: "webp",
      temperature: 0.9,
      top_k: 10,
      top_p: 0.8,
      guidance_scale: 2,
      negative_prompt: "a blue star",
      blend: [{ prompt: "a ring", weight: 0.3 }],
      user: "someone",
      quality: "high",
    });
    const { data, size, output_format } = imagesResponse.parse(await response.json());
    expect([size, output_format]).toEqual(["48x48", "webp"]);
    const picture = await tiny.app.request(data[0]?.url ?? "");
    expect(picture.headers.get("Content-Type")).toBe("image/webp");
    expect(
      Buffer.from(await picture.arrayBuffer())
        .subarray(8, 12)
        .toString(),
    ).toBe("WEBP");
    const entry = tiny.gallery.get(data[0]?.id ?? "");
    expect(entry?.origin).toMatchObject({
      prompt: "a red circle",
      temperature: 0.9,
      topK: 10,
      topP: 0.8,
      guidanceScale: 2,
      negativePrompt: "a blue star",
      blend: [{ prompt: "a ring", weight: 0.3 }],
    });
    const again = { prompt: "a red circle", seed: data[0]?.seed, size: "32x32", beam: 2 };
    const searched = imagesResponse.parse(await (await post("/v1/images/generations", again)).json());
    const large = pngOf(searched.data[0]?.b64_json);
    expect(large.readUInt32BE(16)).toBe(32);
    expect(JSON.parse(readPngText(large)["clip-gen"] ?? "")).toMatchObject({ beams: 2 });
  });

  test("refuses what does not fit, and says what", async () => {
    const cases: [body: object, param: string | null, message: RegExp][] = [
      [{}, "prompt", /expected string/],
      [{ prompt: "" }, "prompt", /Too small/],
      [{ prompt: "x".repeat(2001) }, "prompt", /Too big/],
      [{ prompt: "x", n: 0 }, "n", /Too small/],
      [{ prompt: "x", n: 17 }, "n", /Too big/],
      [{ prompt: "x", size: "100x50" }, "size", /a square/],
      [{ prompt: "x", size: "9999x9999" }, "size", /a square/],
      [{ prompt: "x", n: 4, candidates: 2 }, "candidates", /at least as many/],
      [{ prompt: "x", negative_prompt: "y" }, "negative_prompt", /guidance/],
      [
        {
          prompt: "x",
          blend: [
            { prompt: "a", weight: 0.7 },
            { prompt: "b", weight: 0.7 },
          ],
        },
        null,
        /add up to 1\.40/,
      ],
      [{ prompt: "x", temperatur: 1 }, "temperatur", /there is no parameter/],
      [{ prompt: 5 }, "prompt", /expected string/],
    ];
    for (const [body, param, message] of cases) {
      const error = await errorOf(await post("/v1/images/generations", body));
      expect(error).toMatchObject({ status: 400, type: "invalid_request_error", param });
      expect(error.message).toMatch(message);
    }
    expect(await errorOf(await post("/v1/images/generations", { prompt: "x", model: "dall-e-2" }))).toMatchObject({
      status: 404,
      param: "model",
      code: "model_not_found",
    });
    for (const init of [
      { body: "{" },
      { body: "[]" },
      { body: "" },
      { body: '"x"' },
      { headers: {} },
      { headers: { "Content-Type": "text/plain" } },
    ]) {
      const { status } = await errorOf(await post("/v1/images/generations", { prompt: "x" }, init));
      expect([400, 415]).toContain(status);
    }
    const large = await post("/v1/images/generations", { prompt: "x", user: "y".repeat(70_000) });
    expect(await errorOf(large)).toMatchObject({ status: 413, code: "body_too_large" });
    expect(tiny.failed).toEqual([]);
  });
});
