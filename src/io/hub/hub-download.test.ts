import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { config, HubDownloads, model, weights, weightsHash } from "../../../test/hub-download.ts";
import { gitHash } from "../../../test/hub-server.ts";
import { findInCache } from "./hub-cache.ts";
import type { Downloaded, HubProgress } from "./hub-download.ts";

const hub = new HubDownloads();

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

describe("what lies in the cache", () => {
  test("is what Python's huggingface_hub would put there, byte for byte", async () => {
    const found = await hub.download();
    expect(tree(hub.cache)).toEqual({
      [`models--org--name/blobs/${gitHash(config)}`]: config.toString(),
      [`models--org--name/blobs/${weightsHash}`]: weights.toString(),
      "models--org--name/refs/main": hub.server.commit,
      [`models--org--name/snapshots/${hub.server.commit}/config.json`]: `-> ../../blobs/${gitHash(config)}`,
      [`models--org--name/snapshots/${hub.server.commit}/model.safetensors`]: `-> ../../blobs/${weightsHash}`,
    });
    expect(found.folder).toBe(join(hub.folder, "snapshots", hub.server.commit));
    expect(found.fetched).toBe(config.length + weights.length);
    expect(findInCache(model, hub.cache)).toBe(found.folder);
  });

  test("links files in folders, keeps equal content once, and has empty files", async () => {
    const content = Buffer.from("same");
    hub.server.files = { "a/b.txt": { content }, "c d#?%.txt": { content }, empty: { content: Buffer.alloc(0) } };
    const found = await hub.download({ all: true, revision: "refs/pr/1" });
    expect(hub.server.requests[0]?.url).toBe("/api/models/org/name/revision/refs%2Fpr%2F1?blobs=true");
    expect(tree(hub.folder)).toEqual({
      [`blobs/${gitHash(content)}`]: "same",
      "blobs/e69de29bb2d1d6434b8b29ae775ad8c2e48c5391": "",
      "refs/refs/pr/1": hub.server.commit,
      [`snapshots/${hub.server.commit}/a/b.txt`]: `-> ../../../blobs/${gitHash(content)}`,
      [`snapshots/${hub.server.commit}/c d#?%.txt`]: `-> ../../blobs/${gitHash(content)}`,
      [`snapshots/${hub.server.commit}/empty`]: "-> ../../blobs/e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    });
    expect(found.fetched).toBe(4);
  });

  test("is not fetched a second time, and a commit needs no reference", async () => {
    await hub.download();
    hub.server.requests = [];
    expect((await hub.download()).fetched).toBe(0);
    expect((await hub.download({ revision: hub.server.commit })).fetched).toBe(0);
    expect(hub.fileRequests()).toEqual([]);
    expect(readdirSync(join(hub.folder, "refs"))).toEqual(["main"]);
  });

  test("shares what a new commit has in common with the one before", async () => {
    await hub.download();
    hub.server.requests = [];
    hub.server.commit = "f".repeat(40);
    hub.server.files["config.json"] = { content: Buffer.from("{}") };
    const found = await hub.download();
    expect(found.fetched).toBe(2);
    expect(hub.fileRequests().map(({ url }) => url)).toEqual([`/org/name/resolve/${hub.server.commit}/config.json`]);
    expect(readdirSync(join(hub.folder, "snapshots")).toSorted()).toEqual([
      "0123456789abcdef0123456789abcdef01234567",
      hub.server.commit,
    ]);
    expect(findInCache(model, hub.cache)).toBe(found.folder);
  });

  test("stays as it was where a newer commit breaks off: the reference changes last", async () => {
    const before = await hub.download();
    hub.server.commit = "f".repeat(40);
    hub.server.files["model.safetensors"] = { content: Buffer.alloc(1000, "new"), lfs: true };
    hub.server.fault = ({ host }) => (host === "cdn" ? { status: 404 } : undefined);
    await expect(hub.download()).rejects.toThrow("org/name");
    expect(findInCache(model, hub.cache)).toBe(before.folder);
    expect(readFileSync(join(before.folder, "model.safetensors")).equals(weights)).toBe(true);
    expect(existsSync(join(hub.folder, "snapshots", hub.server.commit))).toBe(false);
  });

  test("is repaired where a blob was cut short", async () => {
    await hub.download();
    writeFileSync(join(hub.folder, "blobs", weightsHash), "short");
    await hub.download();
    expect(readFileSync(join(hub.folder, "blobs", weightsHash)).equals(weights)).toBe(true);
  });
});

describe("a broken download", () => {
  test("goes on within one call, from the byte at which the connection was cut", async () => {
    hub.server.fault = ({ host, range }) => (host === "cdn" && range === undefined ? { cutAfter: 100_000 } : undefined);
    await hub.download();
    expect(hub.onCdn().map(({ range, sent }) => [range, sent])).toEqual([
      [undefined, 100_000],
      ["bytes=100000-", 200_000],
    ]);
  });

  test("goes on as long as each try brings something", async () => {
    hub.server.fault = ({ host }) => (host === "cdn" ? { cutAfter: 30_000 } : undefined);
    const { fetched } = await hub.download();
    expect(fetched).toBe(config.length + weights.length);
    expect(hub.onCdn()).toHaveLength(10);
  });

  test("leaves its part, from which the next call goes on", async () => {
    hub.server.fault = ({ host, range }) =>
      host === "cdn" ? { cutAfter: range === undefined ? 120_000 : 0 } : undefined;
    await expect(hub.download()).rejects.toThrow(
      /^the connection to .* was cut \(tried 5 times\); run the same command again to go on$/,
    );
    expect(readFileSync(hub.incomplete()).equals(weights.subarray(0, 120_000))).toBe(true);
    expect(findInCache(model, hub.cache)).toBeUndefined();
    hub.server.requests = [];
    hub.server.fault = () => undefined;
    const seen: HubProgress[] = [];
    const { fetched } = await hub.download({ onProgress: (progress) => seen.push(progress) });
    expect(fetched).toBe(180_000);
    expect(hub.onCdn().map(({ range, sent }) => [range, sent])).toEqual([["bytes=120000-", 180_000]]);
    expect(seen[0]).toEqual({ file: "model.safetensors", done: 120_000, total: 300_000, fetched: 0 });
    expect(seen.at(-1)).toEqual({ file: "model.safetensors", done: 300_000, total: 300_000, fetched: 180_000 });
    expect(existsSync(hub.incomplete())).toBe(false);
  });

  test("stops on a signal, with the signal's reason, and goes on later", async () => {
    const controller = new AbortController();
    hub.server.fault = ({ host }) => (host === "cdn" ? { silentAfter: 50_000 } : undefined);
    const onProgress = ({ done }: HubProgress): void => {
      if (done >= config.length + 50_000) controller.abort(new Error("stopped by Ctrl-C"));
    };
    await expect(hub.download({ signal: controller.signal, onProgress })).rejects.toThrow("stopped by Ctrl-C");
    expect(lstatSync(hub.incomplete()).size).toBe(50_000);
    hub.server.fault = () => undefined;
    expect((await hub.download()).fetched).toBe(250_000);
  });

  test("ends a connection that is silent for too long, and tries again", async () => {
    hub.server.fault = ({ host, range }) => (host === "cdn" && range === undefined ? { silentAfter: 1000 } : undefined);
    await hub.download({ stallMs: 100 });
    expect(hub.onCdn().map(({ range }) => range)).toEqual([undefined, "bytes=1000-"]);
  });

  test("starts over where the server does not know ranges", async () => {
    mkdirSync(join(hub.folder, "blobs"), { recursive: true });
    writeFileSync(hub.incomplete(), weights.subarray(0, 1000));
    hub.server.fault = () => ({ ignoreRange: true });
    expect((await hub.download()).fetched).toBe(config.length + weights.length);
    expect(hub.onCdn().map(({ range, sent }) => [range, sent])).toEqual([["bytes=1000-", 300_000]]);
  });

  test("gives up where the server knows no ranges and cuts every answer", async () => {
    hub.server.fault = ({ host }) => (host === "cdn" ? { ignoreRange: true, cutAfter: 1000 } : undefined);
    await expect(hub.download()).rejects.toThrow("tried 5 times");
    expect(hub.onCdn().length).toBeLessThan(10);
  });

  test.each([
    ["416", { status: 416 }],
    ["another part", { headers: { "content-range": "bytes 7-299999/300000" } }],
    ["a part of another file", { headers: { "content-range": "bytes 1000-1999/2000" } }],
  ])("starts over where the server answers a range with %s", async (_, fault) => {
    mkdirSync(join(hub.folder, "blobs"), { recursive: true });
    writeFileSync(hub.incomplete(), weights.subarray(0, 1000));
    hub.server.fault = ({ host, range }) => (host === "cdn" && range !== undefined ? fault : undefined);
    await hub.download();
    expect(hub.onCdn().map(({ range }) => range)).toEqual(["bytes=1000-", undefined]);
  });

  test("needs no request where everything was there but the name, and starts over where there is too much", async () => {
    mkdirSync(join(hub.folder, "blobs"), { recursive: true });
    writeFileSync(hub.incomplete(), weights);
    expect((await hub.download()).fetched).toBe(config.length);
    rmSync(hub.folder, { recursive: true });
    mkdirSync(join(hub.folder, "blobs"), { recursive: true });
    writeFileSync(hub.incomplete(), Buffer.concat([weights, weights]));
    expect((await hub.download()).fetched).toBe(config.length + weights.length);
  });
});

describe("the disk and other processes", () => {
  test.skipIf(!existsSync("/dev/full"))("a full disk is told, and the part stays", async () => {
    mkdirSync(join(hub.folder, "blobs"), { recursive: true });
    symlinkSync("/dev/full", hub.incomplete());
    await expect(hub.download()).rejects.toThrow(/cannot write .*\.incomplete: the disk is full; free some space/);
    expect(existsSync(hub.incomplete())).toBe(true);
  });

  test("what cannot fit is told before it is begun", async () => {
    hub.server.list = (right) => ({
      ...right,
      siblings: right.siblings.map((file) => ({ ...file, size: 1e15, ...(file["lfs"] ? { lfs: undefined } : {}) })),
    });
    await expect(hub.download()).rejects.toThrow(/^2000000\.0 GB are to be downloaded, but .* free; free some space/);
    expect(hub.fileRequests()).toEqual([]);
  });

  test("a second download of the same model waits its turn; the lock of a process that is gone is taken over", async () => {
    const lock = join(hub.cache, ".locks", "models--org--name", "clip-gen.lock");
    hub.server.fault = ({ host }) => (host === "cdn" ? { silentAfter: 1000 } : undefined);
    const controller = new AbortController();
    let first: Promise<Downloaded> | undefined;
    await new Promise<void>((resolve) => {
      const onProgress = ({ file }: HubProgress): void => {
        if (file === "model.safetensors") resolve();
      };
      first = hub.download({ signal: controller.signal, onProgress });
    });
    await expect(hub.download()).rejects.toThrow(
      /another clip-gen \(process \d+ on .*\) is downloading this model; wait/,
    );
    const owner = readFileSync(lock, "utf8");
    controller.abort(new Error("enough"));
    await expect(first).rejects.toThrow("enough");
    expect(existsSync(lock)).toBe(false);
    // No process has this number: it is above the limit of Linux.
    writeFileSync(lock, owner.replace(/^\d+/, "4194305"));
    hub.server.fault = () => undefined;
    await hub.download();
    expect(existsSync(lock)).toBe(false);
  });
});
