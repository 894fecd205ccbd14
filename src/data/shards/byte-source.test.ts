import { mkdirSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { rangeServer } from "../../../test/range-server.ts";
import { temporaryFolder } from "../../../test/tiny.ts";
import { openBytes } from "./open-bytes.ts";

const content = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251));
const folder = temporaryFolder();
const server = rangeServer();

beforeEach(() => {
  server.files.set("/a.tar", content);
  Object.assign(server, { faults: [], requests: [], ranges: true, edition: 1 });
});

describe("a local file", () => {
  const path = join(folder, "a.tar");

  beforeEach(() => writeFileSync(path, content));

  test("is read in parts", async () => {
    const source = await openBytes(path);
    expect(source).toMatchObject({ name: path, size: 1000 });
    expect(Buffer.from(await source.read(990, 10))).toEqual(content.subarray(990));
    expect(await source.read(1000, 0)).toHaveLength(0);
    await expect(source.read(990, 11)).rejects.toThrow(`${path} has 1000 bytes, but 11 bytes at 990 were expected`);
  });

  test("that becomes another one is refused, and has another version", async () => {
    const source = await openBytes(path);
    utimesSync(path, 1, 1);
    await expect(source.read(0, 1)).rejects.toThrow(`${path} was changed while it was being read`);
    expect((await openBytes(path)).version).not.toBe(source.version);
    truncateSync(path, 10);
    await expect(source.read(0, 1)).rejects.toThrow("was changed");
  });

  test("has to be a file", async () => {
    mkdirSync(join(folder, "folder.tar"));
    await expect(openBytes(join(folder, "folder.tar"))).rejects.toThrow("it is not a file but a folder");
    await expect(openBytes(join(folder, "none.tar"))).rejects.toThrow("there is no such file");
  });
});

function open(path = "/a.tar"): ReturnType<typeof openBytes> {
  return openBytes(`${server.origin}${path}`, { retryDelayMs: 1, stallMs: 2000 });
}

describe("a file on a server", () => {
  test("is read in parts", async () => {
    const source = await open("/a.tar?key=secret");
    expect(source).toMatchObject({ name: `${server.origin}/a.tar`, size: 1000, version: '1000 "1"' });
    expect(Buffer.from(await source.read(500, 20))).toEqual(content.subarray(500, 520));
    expect(server.requests).toEqual(["bytes=0-0", "bytes=500-519"]);
    await expect(source.read(990, 11)).rejects.toThrow(/\/a\.tar has 1000 bytes, but 11 bytes at 990/);
  });

  test("is asked for again where the server is busy or the line is cut", async () => {
    server.faults = [503, "cut"];
    const source = await open();
    server.faults = ["cut", 500, 429];
    expect(Buffer.from(await source.read(0, 1000))).toEqual(content);
    expect(server.requests).toHaveLength(7);
  });

  test("is given up in the end", async () => {
    server.faults = Array.from({ length: 5 }, () => 502);
    await expect(open()).rejects.toThrow(/answered 502 for http:.*\/a\.tar \(tried 5 times\)/);
    const source = await open();
    server.faults = Array.from({ length: 5 }, () => "cut");
    await expect(source.read(0, 800)).rejects.toThrow(/the connection .*\(tried 5 times\)/);
  });

  test("that becomes another one is refused", async () => {
    const source = await open();
    server.edition = 2;
    await expect(source.read(0, 10)).rejects.toThrow("was changed while it was being read");
    Object.assign(server, { edition: 1 }).files.set("/a.tar", content.subarray(0, 700));
    await expect(source.read(0, 10)).rejects.toThrow("was changed while it was being read");
    await expect(source.read(650, 100)).rejects.toThrow("was changed while it was being read");
    await expect(source.read(900, 10)).rejects.toThrow("was changed");
  });

  test("needs a server that sends parts", async () => {
    server.ranges = false;
    await expect(open()).rejects.toThrow(/does not send parts of files \(it ignores Range\); copy the file/);
  });

  test("has to be there", async () => {
    await expect(open("/b.tar")).rejects.toThrow(/there is no http.*\/b\.tar \(404\)/);
    server.faults = [403];
    await expect(open()).rejects.toThrow("answered 403");
  });

  test("is not asked with a password", async () => {
    await expect(openBytes("http://me:secret@localhost/a.tar")).rejects.toThrow("holds a user name or password");
    await expect(openBytes("http://me:secret@localhost/a.tar")).rejects.not.toThrow("secret");
  });

  test("gets the Hub's token, and heeds its settings, only where it is the Hub", async () => {
    vi.stubEnv("HF_TOKEN", "hf_secret");
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    await open();
    expect(server.tokens.at(-1)).toBeUndefined();
    vi.stubEnv("HF_ENDPOINT", server.origin);
    await expect(open()).rejects.toThrow("HF_HUB_OFFLINE forbids to ask the Hub");
    vi.stubEnv("HF_HUB_OFFLINE", "");
    await open();
    expect(server.tokens.at(-1)).toBe("Bearer hf_secret");
    vi.unstubAllEnvs();
  });
});
