import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { HubDownloads, model, weights, weightsHash } from "../../../test/hub-download.ts";
import { downloadModel } from "./hub-download.ts";

const SECRET = "hf_secretTokenOfATest";
const hub = new HubDownloads();

describe("content that is not what was announced", () => {
  test.each([
    [
      "a large file",
      "cdn",
      Buffer.alloc(weights.length, "x"),
      /another model\.safetensors .* its hash is [0-9a-f]{64}/,
    ],
    [
      "a small file",
      "hub",
      Buffer.from('{"model_type": "clap"}\n'),
      /another config\.json .* its hash is [0-9a-f]{40}/,
    ],
    ["more bytes", "cdn", Buffer.concat([weights, weights]), /more bytes than the expected 300000/],
  ] as const)("is refused and removed: %s", async (_, host, content, message) => {
    hub.server.fault = (seen) => (seen.host === host && !seen.url.startsWith("/api/") ? { content } : undefined);
    await expect(hub.download({ include: [host === "cdn" ? "model*" : "config*"] })).rejects.toThrow(message);
    expect(readdirSync(join(hub.folder, "blobs"))).toEqual([]);
    expect(existsSync(join(hub.folder, "snapshots"))).toBe(false);
  });

  test("is found out where the part that was there is wrong", async () => {
    mkdirSync(join(hub.folder, "blobs"), { recursive: true });
    writeFileSync(hub.incomplete(), Buffer.alloc(1000, "?"));
    await expect(hub.download()).rejects.toThrow("run the command again");
    await hub.download();
    expect(readFileSync(join(hub.folder, "blobs", weightsHash)).equals(weights)).toBe(true);
  });

  test("does not fill the memory: a list without an end is refused", async () => {
    hub.server.fault = ({ url }) => (url.startsWith("/api/") ? { endless: '{"rfilename":"a"},' } : undefined);
    await expect(hub.download()).rejects.toThrow(/list of the files of org\/name cannot be used: it is longer than/);
  });

  test.each(["../a", "/etc/a", "a/../../b", "a//b", "a\\b", "a\0b", ".", "a/.", "C:/a", "a\u001b[31m", ""])(
    "does not leave the folder: %j",
    async (name) => {
      const { "config.json": file } = hub.server.files;
      hub.server.files = { "config.json": file!, [name]: file! };
      await expect(hub.download({ all: true })).rejects.toThrow(`a file name that is refused: ${JSON.stringify(name)}`);
      expect(readdirSync(hub.cache)).toEqual([]);
    },
  );

  test.each([
    ["no JSON", () => "<html>", "it is no JSON; is HF_ENDPOINT right?"],
    ["no hash", () => ({ sha: "0".repeat(40), siblings: [{ rfilename: "a", size: 1 }] }), "siblings.0.blobId"],
    ["a hash that is a path", () => ({ sha: "../../..", siblings: [] }), "sha is not as expected"],
    ["a negative size", () => ({ sha: "0".repeat(40), siblings: [{ rfilename: "a", size: -1 }] }), "siblings.0.size"],
  ])("is told in one line: a list with %s", async (_, list, message) => {
    hub.server.list = list;
    const error: unknown = await hub.download().catch((reason: unknown) => reason);
    expect(String(error)).toContain(message);
    expect(String(error)).not.toContain("\n");
  });

  test("is told where the list is of another commit than was asked for", async () => {
    await expect(hub.download({ revision: "a".repeat(40) })).rejects.toThrow(
      `it is that of the commit ${hub.server.commit}`,
    );
  });

  test("is told where a name is there twice", async () => {
    hub.server.list = (right) => ({ ...right, siblings: [...right.siblings, ...right.siblings] });
    await expect(hub.download()).rejects.toThrow("it has a file name twice");
  });
});

describe("the server's refusals", () => {
  test("a token goes to the Hub and to no other host", async () => {
    hub.server.token = SECRET;
    await hub.download({ token: SECRET });
    expect(hub.server.requests.map(({ host, authorization }) => [host, authorization])).toEqual([
      ["hub", `Bearer ${SECRET}`],
      ["hub", `Bearer ${SECRET}`],
      ["hub", `Bearer ${SECRET}`],
      ["cdn", undefined],
    ]);
  });

  test.each([
    [401, "GatedRepo", undefined, /org\/name is gated or private: ask for access at .*, then set HF_TOKEN$/],
    [403, "", SECRET, /org\/name is gated or private: .* with the account that HF_TOKEN belongs to$/],
    [401, "RepoNotFound", undefined, /has no org\/name that everyone may read: check the name; set HF_TOKEN if/],
    [401, "", SECRET, /check the name; check HF_TOKEN, too$/],
    [404, "RevisionNotFound", undefined, /org\/name has no branch, tag or commit main$/],
    [404, "RepoNotFound", undefined, /has no org\/name: check the name$/],
    [418, "", SECRET, /answered 418 for org\/name, expected 200; is HF_ENDPOINT right\?$/],
  ])("%s %s is told in one line, without the token", async (status, code, token, message) => {
    hub.server.fault = () => ({ status, headers: code === "" ? {} : { "x-error-code": code } });
    const error: unknown = await hub
      .download({ ...(token !== undefined && { token }) })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toMatch(message);
    expect(String(error)).not.toContain("\n");
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(SECRET);
    expect(hub.server.requests).toHaveLength(1);
  });

  test("500, 429 and an outdated address on the second host are tried again", async () => {
    const faults = [{ status: 500 }, { status: 429, headers: { "retry-after": "0" } }, undefined];
    const onSecond = [{ status: 403 }, { status: 503 }];
    hub.server.fault = ({ url, host }) =>
      host === "cdn" ? onSecond.shift() : url.includes("/api/") ? faults.shift() : undefined;
    await hub.download();
    expect(hub.server.requests.filter(({ url }) => url.includes("/api/"))).toHaveLength(3);
    expect(hub.onCdn()).toHaveLength(3);
  });

  test("what does not get better is given up, and so is a server that asks for a long pause", async () => {
    hub.server.fault = () => ({ status: 502 });
    await expect(hub.download()).rejects.toThrow("the server answered 502 for org/name (tried 5 times)");
    expect(hub.server.requests).toHaveLength(5);
    hub.server.fault = () => ({ status: 429, headers: { "retry-after": "3600" } });
    await expect(hub.download()).rejects.toThrow("it asks to come back in 3600 seconds");
    expect(hub.server.requests).toHaveLength(6);
  });

  test("a pause ends on a signal", async () => {
    hub.server.fault = () => ({ status: 429, headers: { "retry-after": "30" } });
    const start = performance.now();
    await expect(hub.download({ signal: AbortSignal.timeout(50) })).rejects.toThrow("due to timeout");
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test("a host that is not there is told", async () => {
    const settings = { cache: hub.cache, endpoint: "http://127.0.0.1:1", offline: false };
    const said = downloadModel(model, { settings, retryDelayMs: 1 });
    await expect(said).rejects.toThrow(/cannot reach http:\/\/127\.0\.0\.1:1: .* \(tried 5 times\)/);
  });

  test("HF_HUB_OFFLINE forbids it before anything is sent", async () => {
    const settings = { cache: hub.cache, endpoint: hub.server.endpoint, offline: true };
    await expect(downloadModel(model, { settings })).rejects.toThrow(/^HF_HUB_OFFLINE is set, so org\/name cannot/);
    expect(hub.server.requests).toEqual([]);
  });

  test.each(["name", "org/name/more", "../name", "org/a..b", "org/a--b", "org/name.git", "org/-a"])(
    "%s is no repository",
    async (repository) => {
      const settings = { cache: hub.cache, endpoint: hub.server.endpoint, offline: false };
      await expect(downloadModel({ repository, revision: "main" }, { settings })).rejects.toThrow("expected org/name");
      expect(hub.server.requests).toEqual([]);
    },
  );
});
