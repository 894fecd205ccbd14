import { createReadStream, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import OpenAI from "openai";
import { beforeAll, expect, test } from "vitest";
import { buildPackage } from "../../test/built-package.ts";
import { startServing, type Serving } from "../../test/serving.ts";
import { temporaryFolder, tinyModel } from "../../test/tiny.ts";
import { readPngText } from "../io/png-text.ts";

const folder = temporaryFolder();
const gallery = join(folder, "gallery");
let built = "";

beforeAll(async () => {
  built = buildPackage("serve");
  await tinyModel().savePretrained(join(folder, "tiny"));
});
async function start(...flags: string[]): Promise<Serving & { client: OpenAI }> {
  const serving = await startServing(built, ["-m", join(folder, "tiny"), "--gallery", gallery, ...flags]);
  return { ...serving, client: new OpenAI({ baseURL: `${serving.url}/v1`, apiKey: "any" }) };
}

test("OpenAI's own client draws, streams and varies; a restart keeps the gallery", { timeout: 60_000 }, async () => {
  const { client, url, stop, printed } = await start();
  const models = await client.models.list();
  expect(models.data.map(({ id }) => id)).toEqual(["tiny"]);

  const request = { model: "tiny", prompt: "a red circle", n: 2, response_format: "b64_json", user: "test" } as const;
  const drawn = await client.images.generate(request);
  expect(drawn.data).toHaveLength(2);
  const png = Buffer.from(drawn.data?.[0]?.b64_json ?? "", "base64");
  expect(JSON.parse(readPngText(png)["clip-gen"] ?? "")).toMatchObject({ prompt: "a red circle", model: "tiny" });

  const types: string[] = [];
  for await (const event of await client.images.generate({ prompt: "a ring", stream: true, partial_images: 2 })) {
    types.push(event.type);
    expect(Buffer.from(event.b64_json, "base64").subarray(1, 4).toString()).toBe("PNG");
  }
  expect(types).toEqual([
    "image_generation.partial_image",
    "image_generation.partial_image",
    "image_generation.completed",
  ]);

  writeFileSync(join(folder, "own.png"), png);
  const varied = await client.images.createVariation({
    image: createReadStream(join(folder, "own.png")),
    n: 2,
    response_format: "url",
    size: "256x256",
  });
  const picture = await fetch(varied.data?.[1]?.url ?? "");
  expect(Buffer.from(await picture.arrayBuffer()).readUInt32BE(16)).toBe(256);
  writeFileSync(join(folder, "broken.png"), "no picture");
  const broken = client.images.createVariation({ image: createReadStream(join(folder, "broken.png")) });
  await expect(broken).rejects.toMatchObject({ status: 400, param: "image", code: "invalid_image" });
  await expect(client.images.generate({ prompt: "x", n: 99 })).rejects.toMatchObject({ status: 400, param: "n" });

  expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/clip_gen_jobs_total\{state="done"\} 3/);
  expect(printed()).toMatch(/ 200 POST \/v1\/images\/generations \d+ ms req-/);
  expect(printed()).not.toContain("red circle");
  const kept = readdirSync(gallery);
  expect(kept).toHaveLength(5);
  expect(await stop()).toBe(0);

  const again = await start("--quiet", "--log-prompts");
  const listed: unknown = await (await fetch(`${again.url}/v1/gallery?q=circle`)).json();
  expect(listed).toMatchObject({
    data: [{ origin: { prompt: "a red circle" } }, { origin: { prompt: "a red circle" } }],
  });
  await again.client.images.generate({ prompt: "a told star" });
  expect(again.printed()).toContain('"a told star"');
  expect(again.printed()).not.toContain("POST");
  expect(await again.stop("SIGINT")).toBe(0);
});

test("beyond this machine it wants a token", async () => {
  await expect(start("--host", "0.0.0.0")).rejects.toThrow(
    "0.0.0.0 can be reached from other machines: that needs a token",
  );
  writeFileSync(join(folder, "token"), "short\n");
  await expect(start("--token-file", join(folder, "token"))).rejects.toThrow("at least 16");
});
