import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { gitHash, startHubServer, type HubServer } from "../../../test/hub-server.ts";
import { downloadModel, type Downloaded } from "./hub-download.ts";

vi.mock("node:fs", async (original) => ({
  ...(await original<typeof fs>()),
  symlinkSync: () => {
    throw Object.assign(new Error("operation not permitted, symlink"), { code: "EPERM" });
  },
}));

const content = Buffer.from("the same in two files");
let server: HubServer;
let cache: string;

beforeEach(async () => {
  server = await startHubServer({ "config.json": { content }, "vocab.json": { content } });
  cache = fs.mkdtempSync(join(tmpdir(), "hub-no-links-"));
});

afterEach(async () => {
  await server.close();
  fs.rmSync(cache, { recursive: true, force: true });
});

async function download(): Promise<Downloaded> {
  const settings = { cache, endpoint: server.endpoint, offline: false };
  return await downloadModel({ repository: "org/name", revision: "main" }, { settings });
}

test("where there are no symbolic links, a new blob is moved and what is there already is copied", async () => {
  const { folder } = await download();
  const blobs = join(cache, "models--org--name", "blobs");
  for (const name of ["config.json", "vocab.json"]) {
    expect(fs.lstatSync(join(folder, name)).isFile()).toBe(true);
    expect(fs.readFileSync(join(folder, name)).equals(content)).toBe(true);
  }
  expect(fs.readdirSync(blobs)).toEqual([]);
  expect((await download()).fetched).toBe(0);

  fs.writeFileSync(join(blobs, gitHash(content)), content);
  fs.rmSync(folder, { recursive: true });
  expect((await download()).fetched).toBe(0);
  expect(fs.readdirSync(blobs)).toEqual([gitHash(content)]);
  expect(fs.readFileSync(join(folder, "vocab.json")).equals(content)).toBe(true);
});
