import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { gitHash, sha256, startHubServer, type HubServer } from "../../../test/hub-server.ts";
import { findInCache } from "./hub-cache.ts";
import { downloadModel, type Downloaded, type DownloadOptions, type HubProgress } from "./hub-download.ts";

const config = Buffer.from('{"model_type": "clip"}\n');
const weights = Buffer.alloc(300_000, "weights of a network ");
const weightsHash = sha256(weights);
const model = { repository: "org/name", revision: "main" };
const SECRET = "hf_secretTokenOfATest";

let server: HubServer;
let cache: string;
let folder: string;

beforeEach(async () => {
  server = await startHubServer({
    "config.json": { content: config },
    "model.safetensors": { content: weights, lfs: true },
    "README.md": { content: Buffer.from("read me") },
  });
  cache = mkdtempSync(join(tmpdir(), "hub-"));
  folder = join(cache, "models--org--name");
});

afterEach(async () => {
  await server.close();
  rmSync(cache, { recursive: true, force: true });
});

async function download(options: DownloadOptions & { revision?: string; token?: string } = {}): Promise<Downloaded> {
  const { revision = "main", token, ...others } = options;
  const settings = { cache, endpoint: server.endpoint, token, offline: false };
  return await downloadModel({ ...model, revision }, { settings, retryDelayMs: 1, ...others });
}

/** Every file under a folder, with what it holds, or where it leads. */
function tree(path: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(path, { recursive: true, encoding: "utf8" }).toSorted()) {
    const status = lstatSync(join(path, name));
    if (status.isSymbolicLink()) found[name] = `-> ${readlinkSync(join(path, name))}`;
    else if (status.isFile()) found[name] = readFileSync(join(path, name), "utf8");
  }
  return found;
}

const incomplete = (): string => join(folder, "blobs", `${weightsHash}.incomplete`);
const fileRequests = (): HubServer["requests"] => server.requests.filter(({ url }) => !url.startsWith("/api/"));
const onCdn = (): HubServer["requests"] => server.requests.filter(({ host }) => host === "cdn");

describe("what lies in the cache", () => {
  test("is what Python's huggingface_hub would put there, byte for byte", async () => {
    const found = await download();
    expect(tree(cache)).toEqual({
      [`models--org--name/blobs/${gitHash(config)}`]: config.toString(),
      [`models--org--name/blobs/${weightsHash}`]: weights.toString(),
      "models--org--name/refs/main": server.commit,
      [`models--org--name/snapshots/${server.commit}/config.json`]: `-> ../../blobs/${gitHash(config)}`,
      [`models--org--name/snapshots/${server.commit}/model.safetensors`]: `-> ../../blobs/${weightsHash}`,
    });
    expect(found.folder).toBe(join(folder, "snapshots", server.commit));
    expect(found.fetched).toBe(config.length + weights.length);
    expect(findInCache(model, cache)).toBe(found.folder);
  });

  test("links files in folders, keeps equal content once, and has empty files", async () => {
    const content = Buffer.from("same");
    server.files = { "a/b.txt": { content }, "c d#?%.txt": { content }, empty: { content: Buffer.alloc(0) } };
    const found = await download({ all: true, revision: "refs/pr/1" });
    expect(server.requests[0]?.url).toBe("/api/models/org/name/revision/refs%2Fpr%2F1?blobs=true");
    expect(tree(folder)).toEqual({
      [`blobs/${gitHash(content)}`]: "same",
      "blobs/e69de29bb2d1d6434b8b29ae775ad8c2e48c5391": "",
      "refs/refs/pr/1": server.commit,
      [`snapshots/${server.commit}/a/b.txt`]: `-> ../../../blobs/${gitHash(content)}`,
      [`snapshots/${server.commit}/c d#?%.txt`]: `-> ../../blobs/${gitHash(content)}`,
      [`snapshots/${server.commit}/empty`]: "-> ../../blobs/e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    });
    expect(found.fetched).toBe(4);
  });

  test("is not fetched a second time, and a commit needs no reference", async () => {
    await download();
    server.requests = [];
    expect((await download()).fetched).toBe(0);
    expect((await download({ revision: server.commit })).fetched).toBe(0);
    expect(fileRequests()).toEqual([]);
    expect(readdirSync(join(folder, "refs"))).toEqual(["main"]);
  });

  test("shares what a new commit has in common with the one before", async () => {
    await download();
    server.requests = [];
    server.commit = "f".repeat(40);
    server.files["config.json"] = { content: Buffer.from("{}") };
    const found = await download();
    expect(found.fetched).toBe(2);
    expect(fileRequests().map(({ url }) => url)).toEqual([`/org/name/resolve/${server.commit}/config.json`]);
    expect(readdirSync(join(folder, "snapshots")).toSorted()).toEqual([
      "0123456789abcdef0123456789abcdef01234567",
      server.commit,
    ]);
    expect(findInCache(model, cache)).toBe(found.folder);
  });

  test("stays as it was where a newer commit breaks off: the reference changes last", async () => {
    const before = await download();
    server.commit = "f".repeat(40);
    server.files["model.safetensors"] = { content: Buffer.alloc(1000, "new"), lfs: true };
    server.fault = ({ host }) => (host === "cdn" ? { status: 404 } : undefined);
    await expect(download()).rejects.toThrow("org/name");
    expect(findInCache(model, cache)).toBe(before.folder);
    expect(readFileSync(join(before.folder, "model.safetensors")).equals(weights)).toBe(true);
    expect(existsSync(join(folder, "snapshots", server.commit))).toBe(false);
  });

  test("is repaired where a blob was cut short", async () => {
    await download();
    writeFileSync(join(folder, "blobs", weightsHash), "short");
    await download();
    expect(readFileSync(join(folder, "blobs", weightsHash)).equals(weights)).toBe(true);
  });
});

describe("a broken download", () => {
  test("goes on within one call, from the byte at which the connection was cut", async () => {
    server.fault = ({ host, range }) => (host === "cdn" && range === undefined ? { cutAfter: 100_000 } : undefined);
    await download();
    expect(onCdn().map(({ range, sent }) => [range, sent])).toEqual([
      [undefined, 100_000],
      ["bytes=100000-", 200_000],
    ]);
  });

  test("goes on as long as each try brings something", async () => {
    server.fault = ({ host }) => (host === "cdn" ? { cutAfter: 30_000 } : undefined);
    const { fetched } = await download();
    expect(fetched).toBe(config.length + weights.length);
    expect(onCdn()).toHaveLength(10);
  });

  test("leaves its part, from which the next call goes on", async () => {
    server.fault = ({ host, range }) => (host === "cdn" ? { cutAfter: range === undefined ? 120_000 : 0 } : undefined);
    await expect(download()).rejects.toThrow(
      /^the connection to .* was cut \(tried 5 times\); run the same command again to go on$/,
    );
    expect(readFileSync(incomplete()).equals(weights.subarray(0, 120_000))).toBe(true);
    expect(findInCache(model, cache)).toBeUndefined();
    server.requests = [];
    server.fault = () => undefined;
    const seen: HubProgress[] = [];
    const { fetched } = await download({ onProgress: (progress) => seen.push(progress) });
    expect(fetched).toBe(180_000);
    expect(onCdn().map(({ range, sent }) => [range, sent])).toEqual([["bytes=120000-", 180_000]]);
    expect(seen[0]).toEqual({ file: "model.safetensors", done: 120_000, total: 300_000, fetched: 0 });
    expect(seen.at(-1)).toEqual({ file: "model.safetensors", done: 300_000, total: 300_000, fetched: 180_000 });
    expect(existsSync(incomplete())).toBe(false);
  });

  test("stops on a signal, with the signal's reason, and goes on later", async () => {
    const controller = new AbortController();
    server.fault = ({ host }) => (host === "cdn" ? { silentAfter: 50_000 } : undefined);
    const onProgress = ({ done }: HubProgress): void => {
      if (done >= config.length + 50_000) controller.abort(new Error("stopped by Ctrl-C"));
    };
    await expect(download({ signal: controller.signal, onProgress })).rejects.toThrow("stopped by Ctrl-C");
    expect(lstatSync(incomplete()).size).toBe(50_000);
    server.fault = () => undefined;
    expect((await download()).fetched).toBe(250_000);
  });

  test("ends a connection that is silent for too long, and tries again", async () => {
    server.fault = ({ host, range }) => (host === "cdn" && range === undefined ? { silentAfter: 1000 } : undefined);
    await download({ stallMs: 100 });
    expect(onCdn().map(({ range }) => range)).toEqual([undefined, "bytes=1000-"]);
  });

  test("starts over where the server does not know ranges", async () => {
    mkdirSync(join(folder, "blobs"), { recursive: true });
    writeFileSync(incomplete(), weights.subarray(0, 1000));
    server.fault = () => ({ ignoreRange: true });
    expect((await download()).fetched).toBe(config.length + weights.length);
    expect(onCdn().map(({ range, sent }) => [range, sent])).toEqual([["bytes=1000-", 300_000]]);
  });

  test("gives up where the server knows no ranges and cuts every answer", async () => {
    server.fault = ({ host }) => (host === "cdn" ? { ignoreRange: true, cutAfter: 1000 } : undefined);
    await expect(download()).rejects.toThrow("tried 5 times");
    expect(onCdn().length).toBeLessThan(10);
  });

  test.each([
    ["416", { status: 416 }],
    ["another part", { headers: { "content-range": "bytes 7-299999/300000" } }],
    ["a part of another file", { headers: { "content-range": "bytes 1000-1999/2000" } }],
  ])("starts over where the server answers a range with %s", async (_, fault) => {
    mkdirSync(join(folder, "blobs"), { recursive: true });
    writeFileSync(incomplete(), weights.subarray(0, 1000));
    server.fault = ({ host, range }) => (host === "cdn" && range !== undefined ? fault : undefined);
    await download();
    expect(onCdn().map(({ range }) => range)).toEqual(["bytes=1000-", undefined]);
  });

  test("needs no request where everything was there but the name, and starts over where there is too much", async () => {
    mkdirSync(join(folder, "blobs"), { recursive: true });
    writeFileSync(incomplete(), weights);
    expect((await download()).fetched).toBe(config.length);
    rmSync(folder, { recursive: true });
    mkdirSync(join(folder, "blobs"), { recursive: true });
    writeFileSync(incomplete(), Buffer.concat([weights, weights]));
    expect((await download()).fetched).toBe(config.length + weights.length);
  });
});

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
    server.fault = (seen) => (seen.host === host && !seen.url.startsWith("/api/") ? { content } : undefined);
    await expect(download({ include: [host === "cdn" ? "model*" : "config*"] })).rejects.toThrow(message);
    expect(readdirSync(join(folder, "blobs"))).toEqual([]);
    expect(existsSync(join(folder, "snapshots"))).toBe(false);
  });

  test("is found out where the part that was there is wrong", async () => {
    mkdirSync(join(folder, "blobs"), { recursive: true });
    writeFileSync(incomplete(), Buffer.alloc(1000, "?"));
    await expect(download()).rejects.toThrow("run the command again");
    await download();
    expect(readFileSync(join(folder, "blobs", weightsHash)).equals(weights)).toBe(true);
  });

  test("does not fill the memory: a list without an end is refused", async () => {
    server.fault = ({ url }) => (url.startsWith("/api/") ? { endless: '{"rfilename":"a"},' } : undefined);
    await expect(download()).rejects.toThrow(/list of the files of org\/name cannot be used: it is longer than/);
  });

  test.each(["../a", "/etc/a", "a/../../b", "a//b", "a\\b", "a\0b", ".", "a/.", "C:/a", "a\u001b[31m", ""])(
    "does not leave the folder: %j",
    async (name) => {
      const { "config.json": file } = server.files;
      server.files = { "config.json": file!, [name]: file! };
      await expect(download({ all: true })).rejects.toThrow(`a file name that is refused: ${JSON.stringify(name)}`);
      expect(readdirSync(cache)).toEqual([]);
    },
  );

  test.each([
    ["no JSON", () => "<html>", "it is no JSON; is HF_ENDPOINT right?"],
    ["no hash", () => ({ sha: "0".repeat(40), siblings: [{ rfilename: "a", size: 1 }] }), "siblings.0.blobId"],
    ["a hash that is a path", () => ({ sha: "../../..", siblings: [] }), "sha is not as expected"],
    ["a negative size", () => ({ sha: "0".repeat(40), siblings: [{ rfilename: "a", size: -1 }] }), "siblings.0.size"],
  ])("is told in one line: a list with %s", async (_, list, message) => {
    server.list = list;
    const error: unknown = await download().catch((reason: unknown) => reason);
    expect(String(error)).toContain(message);
    expect(String(error)).not.toContain("\n");
  });

  test("is told where the list is of another commit than was asked for", async () => {
    await expect(download({ revision: "a".repeat(40) })).rejects.toThrow(`it is that of the commit ${server.commit}`);
  });

  test("is told where a name is there twice", async () => {
    server.list = (right) => ({ ...right, siblings: [...right.siblings, ...right.siblings] });
    await expect(download()).rejects.toThrow("it has a file name twice");
  });
});

describe("the server's refusals", () => {
  test("a token goes to the Hub and to no other host", async () => {
    server.token = SECRET;
    await download({ token: SECRET });
    expect(server.requests.map(({ host, authorization }) => [host, authorization])).toEqual([
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
    server.fault = () => ({ status, headers: code === "" ? {} : { "x-error-code": code } });
    const error: unknown = await download({ ...(token !== undefined && { token }) }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toMatch(message);
    expect(String(error)).not.toContain("\n");
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(SECRET);
    expect(server.requests).toHaveLength(1);
  });

  test("500, 429 and an outdated address on the second host are tried again", async () => {
    const faults = [{ status: 500 }, { status: 429, headers: { "retry-after": "0" } }, undefined];
    const onSecond = [{ status: 403 }, { status: 503 }];
    server.fault = ({ url, host }) =>
      host === "cdn" ? onSecond.shift() : url.includes("/api/") ? faults.shift() : undefined;
    await download();
    expect(server.requests.filter(({ url }) => url.includes("/api/"))).toHaveLength(3);
    expect(onCdn()).toHaveLength(3);
  });

  test("what does not get better is given up, and so is a server that asks for a long pause", async () => {
    server.fault = () => ({ status: 502 });
    await expect(download()).rejects.toThrow("the server answered 502 for org/name (tried 5 times)");
    expect(server.requests).toHaveLength(5);
    server.fault = () => ({ status: 429, headers: { "retry-after": "3600" } });
    await expect(download()).rejects.toThrow("it asks to come back in 3600 seconds");
    expect(server.requests).toHaveLength(6);
  });

  test("a pause ends on a signal", async () => {
    server.fault = () => ({ status: 429, headers: { "retry-after": "30" } });
    const start = performance.now();
    await expect(download({ signal: AbortSignal.timeout(50) })).rejects.toThrow("due to timeout");
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test("a host that is not there is told", async () => {
    const settings = { cache, endpoint: "http://127.0.0.1:1", offline: false };
    const said = downloadModel(model, { settings, retryDelayMs: 1 });
    await expect(said).rejects.toThrow(/cannot reach http:\/\/127\.0\.0\.1:1: .* \(tried 5 times\)/);
  });

  test("HF_HUB_OFFLINE forbids it before anything is sent", async () => {
    const settings = { cache, endpoint: server.endpoint, offline: true };
    await expect(downloadModel(model, { settings })).rejects.toThrow(/^HF_HUB_OFFLINE is set, so org\/name cannot/);
    expect(server.requests).toEqual([]);
  });

  test.each(["name", "org/name/more", "../name", "org/a..b", "org/a--b", "org/name.git", "org/-a"])(
    "%s is no repository",
    async (repository) => {
      const settings = { cache, endpoint: server.endpoint, offline: false };
      await expect(downloadModel({ repository, revision: "main" }, { settings })).rejects.toThrow("expected org/name");
      expect(server.requests).toEqual([]);
    },
  );
});

describe("the disk and other processes", () => {
  test.skipIf(!existsSync("/dev/full"))("a full disk is told, and the part stays", async () => {
    mkdirSync(join(folder, "blobs"), { recursive: true });
    symlinkSync("/dev/full", incomplete());
    await expect(download()).rejects.toThrow(/cannot write .*\.incomplete: the disk is full; free some space/);
    expect(existsSync(incomplete())).toBe(true);
  });

  test("what cannot fit is told before it is begun", async () => {
    server.list = (right) => ({
      ...right,
      siblings: right.siblings.map((file) => ({ ...file, size: 1e15, ...(file["lfs"] ? { lfs: undefined } : {}) })),
    });
    await expect(download()).rejects.toThrow(/^2000000\.0 GB are to be downloaded, but .* free; free some space/);
    expect(fileRequests()).toEqual([]);
  });

  test("a second download of the same model waits its turn; the lock of a process that is gone is taken over", async () => {
    const lock = join(cache, ".locks", "models--org--name", "clip-gen.lock");
    server.fault = ({ host }) => (host === "cdn" ? { silentAfter: 1000 } : undefined);
    const controller = new AbortController();
    let first: Promise<Downloaded> | undefined;
    await new Promise<void>((resolve) => {
      const onProgress = ({ file }: HubProgress): void => {
        if (file === "model.safetensors") resolve();
      };
      first = download({ signal: controller.signal, onProgress });
    });
    await expect(download()).rejects.toThrow(/another clip-gen \(process \d+ on .*\) is downloading this model; wait/);
    const owner = readFileSync(lock, "utf8");
    controller.abort(new Error("enough"));
    await expect(first).rejects.toThrow("enough");
    expect(existsSync(lock)).toBe(false);
    // No process has this number: it is above the limit of Linux.
    writeFileSync(lock, owner.replace(/^\d+/, "4194305"));
    server.fault = () => undefined;
    await download();
    expect(existsSync(lock)).toBe(false);
  });
});
