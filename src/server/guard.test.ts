import { EventEmitter, once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tinyStudio, type TinyStudio } from "../../test/studio.ts";
import { tinyModel } from "../../test/tiny.ts";
import type { ClipGen } from "../generate/pipeline.ts";
import { setThreadCount } from "../tensor/engine.ts";

beforeAll(() => setThreadCount(1));

describe("on this machine alone", () => {
  let tiny: TinyStudio;
  beforeAll(async () => {
    tiny = await tinyStudio();
  });
  afterAll(async () => await tiny.close());
  const get = async (headers: Record<string, string>, path = "/v1/models"): Promise<number> =>
    (await tiny.app.request(path, { headers })).status;

  test("names that lead here from elsewhere, and other sites' requests, are refused", async () => {
    expect(await get({})).toBe(200);
    for (const host of ["localhost", "localhost:7860", "127.0.0.1:1", "[::1]:7860", "LOCALHOST"]) {
      expect(await get({ Host: host })).toBe(200);
    }
    for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:7860", ""]) {
      expect(await get({ Host: host })).toBe(403);
    }
    expect(await get({ Host: "localhost:7860", Origin: "http://localhost:7860" })).toBe(200);
    for (const origin of [
      "http://evil.example",
      "http://localhost:8080",
      "null",
      "http://localhost:7860.evil.example",
    ]) {
      expect(await get({ Host: "localhost:7860", Origin: origin })).toBe(403);
    }
  });

  test("every answer forbids what a page of ours does not need, and has an id", async () => {
    for (const path of ["/v1/models", "/nothing", "/healthz"]) {
      const { headers } = await tiny.app.request(path, { headers: { "X-Request-Id": "mine-1" } });
      expect(headers.get("Content-Security-Policy")).toContain("default-src 'none'");
      expect(headers.get("Content-Security-Policy")).toContain("frame-ancestors 'none'");
      expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
      expect(headers.get("X-Request-Id")).toBe("mine-1");
    }
    const odd = await tiny.app.request("/healthz", { headers: { "X-Request-Id": "a b" } });
    expect(odd.headers.get("X-Request-Id")).toMatch(/^req-/);
  });
});

describe("beyond this machine", () => {
  const token = "0123456789abcdef";
  let tiny: TinyStudio;
  beforeAll(async () => {
    tiny = await tinyStudio({ guard: { loopback: false, token } });
  });
  afterAll(async () => await tiny.close());

  async function status(path: string, headers: Record<string, string> = {}): Promise<number> {
    return (await tiny.app.request(path, { headers })).status;
  }

  test("a token opens the API, as a header or the page's cookie; health needs none", async () => {
    expect(await status("/v1/models")).toBe(401);
    expect(await status("/metrics")).toBe(401);
    expect(await status("/v1/models", { Authorization: "Bearer wrong" })).toBe(401);
    expect(await status("/v1/models", { Authorization: `Bearer ${token}` })).toBe(200);
    expect(await status("/v1/models", { Cookie: `clip-gen-token=${token}` })).toBe(200);
    expect(await status("/v1/models", { Cookie: `clip-gen-token=${token}x` })).toBe(401);
    expect(await status("/healthz", { Host: "studio.example" })).toBe(200);
    expect(await status("/openapi.json")).toBe(200);
  });
});

describe("the model", () => {
  test("is told to be loading, or to have failed, and the rest answers meanwhile", async () => {
    const disk = new EventEmitter();
    const load = async (): Promise<ClipGen> => {
      await once(disk, "read");
      return tinyModel();
    };
    const tiny = await tinyStudio({ load });
    const draw = async (): Promise<Response> =>
      await tiny.app.request("/v1/images/generations", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ prompt: "a ring" }),
      });
    const early = await draw();
    expect([early.status, early.headers.get("Retry-After")]).toEqual([503, "1"]);
    const health = async (): Promise<unknown> => {
      const response = await tiny.app.request("/healthz");
      return [response.status, await response.json()];
    };
    expect(await health()).toEqual([200, { status: "loading", waiting: 0, running: 0 }]);
    disk.emit("error", new Error("no such model at /secret/path"));
    await tiny.studio.loaded;
    const late = await draw();
    expect(late.status).toBe(503);
    expect(await late.text()).not.toContain("/secret/path");
    expect(await health()).toEqual([503, { status: "failed", waiting: 0, running: 0 }]);
    await tiny.close();
  });
});
