import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hubCacheFolder, hubSettings } from "./hub-settings.ts";
import { retryAfter } from "../http-retry.ts";

let home: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "hub-home-"));
  writeFileSync(join(home, "token"), "hf_fromTheFile\n");
});

afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

test("the cache is where Python's huggingface_hub has it", () => {
  const env = { HOME: "/home/me" };
  expect(hubCacheFolder(env)).toBe("/home/me/.cache/huggingface/hub");
  expect(hubCacheFolder({ ...env, XDG_CACHE_HOME: "/xdg" })).toBe("/xdg/huggingface/hub");
  expect(hubCacheFolder({ ...env, XDG_CACHE_HOME: "/xdg", HF_HOME: "~/hf" })).toBe("/home/me/hf/hub");
  expect(hubCacheFolder({ ...env, HF_HOME: "/hf", HF_HUB_CACHE: "$HOME/a/${HOME}$NOT" })).toBe(
    "/home/me/a//home/me$NOT",
  );
});

test("the token comes from HF_TOKEN, from the file that HF_TOKEN_PATH names, or from HF_HOME", () => {
  expect(hubSettings({ HF_HOME: "/nowhere", HF_TOKEN: " hf_x\n" }).token).toBe("hf_x");
  expect(hubSettings({ HF_HOME: home }).token).toBe("hf_fromTheFile");
  expect(hubSettings({ HF_HOME: "/nowhere", HF_TOKEN_PATH: join(home, "token") }).token).toBe("hf_fromTheFile");
  expect(hubSettings({ HF_HOME: "/nowhere" }).token).toBeUndefined();
});

const said = (env: Record<string, string>): string => {
  try {
    hubSettings({ HF_HOME: "/nowhere", ...env });
    return "";
  } catch (error) {
    return String(error);
  }
};

test("a token or an address that cannot be one is told without what is secret in it", () => {
  expect(said({ HF_TOKEN: "hf_se\ncret" })).toMatch(/^Error: HF_TOKEN holds characters that no token has/);
  expect(said({ HF_TOKEN: "hf_se\ncret" })).not.toContain("cret");
  expect(said({ HF_ENDPOINT: "https://me:secret@hub" })).toMatch(/^Error: HF_ENDPOINT holds a user name or password/);
  expect(said({ HF_ENDPOINT: "https://me:secret@hub" })).not.toContain("secret");
  expect(said({ HF_ENDPOINT: "hub.example" })).toContain("HF_ENDPOINT is hub.example, expected an address");
});

test("the endpoint loses its slash, and offline has four words", () => {
  const settings = hubSettings({ HF_HOME: "/nowhere", HF_ENDPOINT: "https://mirror.example/hub//" });
  expect(settings.endpoint).toBe("https://mirror.example/hub");
  expect(hubSettings({ HF_HOME: "/nowhere" }).endpoint).toBe("https://huggingface.co");
  for (const word of ["1", "true", "YES", "on"]) expect(hubSettings({ HF_HUB_OFFLINE: word }).offline).toBe(true);
  for (const word of ["", "0", "no"]) expect(hubSettings({ HF_HUB_OFFLINE: word }).offline).toBe(false);
});

const at = (value: string): number | undefined =>
  retryAfter(new Headers({ "retry-after": value }), Date.UTC(2026, 0, 1));

test("Retry-After is seconds or a date", () => {
  expect(at("7")).toBe(7000);
  expect(at("Thu, 01 Jan 2026 00:00:09 GMT")).toBe(9000);
  expect(at("Wed, 31 Dec 2025 00:00:00 GMT")).toBe(0);
  expect(at("soon")).toBeUndefined();
  expect(retryAfter(new Headers())).toBeUndefined();
});
