import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { main } from "../src/cli/main.ts";
import { readPngText } from "../src/io/png-text.ts";
import { setThreadCount } from "../src/tensor/engine.ts";
import { buildPackage } from "./built-package.ts";
import { startHubServer, type HubServer } from "./hub-server.ts";
import { printedLines } from "./printed.ts";
import { startServing } from "./serving.ts";
import { temporaryFolder, tinyClip, tinyModel } from "./tiny.ts";

// Nothing that a run leaves behind, says or answers holds what the environment keeps secret.

const HUB_TOKEN = "hf_aVerySecretTokenOfTheHub0123";
const SERVER_TOKEN = "aVerySecretTokenOfTheServer0123";
const SECRETS = [HUB_TOKEN, SERVER_TOKEN];
const folder = temporaryFolder();
const model = join(folder, "model");
const { all: printed } = printedLines();

beforeAll(() => {
  setThreadCount(1);
  vi.stubEnv("HF_TOKEN", HUB_TOKEN);
  vi.stubEnv("HUGGING_FACE_HUB_TOKEN", HUB_TOKEN);
  vi.stubEnv("CLIP_GEN_TOKEN", SERVER_TOKEN);
  // With traces: they are what a bug report has in it.
  vi.stubEnv("CLIP_GEN_DEBUG", "1");
});
afterAll(() => void vi.unstubAllEnvs());

/** What holds a secret, as it is or encoded. */
function leaks(text: string): string[] {
  const forms = SECRETS.flatMap((secret) => [secret, Buffer.from(secret).toString("base64").replace(/=*$/, "")]);
  return forms.filter((form) => text.includes(form));
}

/** Every file below a folder that holds a secret, in its bytes or in a PNG's texts. */
function leakingFiles(top: string): string[] {
  const files = readdirSync(top, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  expect(files.length).toBeGreaterThan(0);
  return files.flatMap(({ parentPath, name }) => {
    const path = join(parentPath, name);
    const bytes = readFileSync(path);
    const texts = name.endsWith(".png") ? JSON.stringify(readPngText(bytes)) : "";
    return leaks(bytes.toString("latin1") + texts).length > 0 ? [path] : [];
  });
}

async function run(...args: string[]): Promise<void> {
  await main(["node", "clip-gen", ...args]);
}

describe("what commands write and print", () => {
  const network = ["resolution=16", "ch=8", "ch_mult=[1]", "num_res_blocks=1", "attn_resolutions=[]", "z_channels=8"];
  network.push("patch_size=4", "norm_groups=4", "codebook_size=24", "embed_dim=4");

  test("a model with its card, runs, metrics, samples and reports", async () => {
    const pictures = join(folder, "pictures");
    mkdirSync(pictures);
    for (let i = 0; i < 4; i += 1) {
      const background = { r: i * 60, g: 0, b: 255 - i * 60 };
      await sharp({ create: { width: 16, height: 16, channels: 3, background } }).toFile(join(pictures, `${i}.png`));
    }
    await tinyClip().savePretrained(join(folder, "clip"));
    const common = ["batch_size=2", "sample_every=1", "checkpoint_every=1"];
    const steps = ["--vqgan-steps", "2", "--gpt-steps", "2", "--precision", "float32"];
    const settings = ["--set-vqgan", "disc_weight=0", ...common, "--set-gpt", ...common];
    const networks = ["--vqgan-network", ...network, "--gpt-network", "layers=1", "heads=2", "width=16"];
    await run("train", pictures, "--clip", join(folder, "clip"), "-o", model, ...steps, ...settings, ...networks);
    expect(readFileSync(join(model, "README.md"), "utf8")).toContain("A text-to-image generator");
    await run("report", join(model, "runs/gpt"), "-o", join(folder, "report.html"));
    await run("inspect", model, "--json");
    await run("tokenize", "a cat", "-m", model, "--json");
    await run("doctor");
    expect(printed.length).toBeGreaterThan(10);
    expect(leaks(printed.join("\n"))).toEqual([]);
    expect(leakingFiles(folder)).toEqual([]);
  });

  test("mistakes, with their traces", async () => {
    writeFileSync(join(folder, "bad.yaml"), "lr: [");
    await run("train", "gpt", "nowhere", "-o", join(folder, "x"), "--config", join(folder, "bad.yaml"));
    await run("generate", "a cat", "-m", "org/nowhere");
    await run("serve", "-m", join(folder, "nowhere"), "--host", "0.0.0.0", "--port", "0", "--token-file", folder);
    expect(printed.length).toBeGreaterThan(2);
    expect(leaks(printed.join("\n"))).toEqual([]);
  });
});

describe("what is said of the Hub", () => {
  let server: HubServer;
  beforeEach(async () => {
    server = await startHubServer({ "config.json": { content: Buffer.from("{}") } });
    server.token = HUB_TOKEN;
    vi.stubEnv("HF_ENDPOINT", server.endpoint);
    vi.stubEnv("HF_HOME", join(folder, "cache"));
    return async () => await server.close();
  });

  test("a download with the token, and everything that goes wrong with one", async () => {
    await run("download", "org/name");
    expect(server.requests.some(({ authorization }) => authorization === `Bearer ${HUB_TOKEN}`)).toBe(true);
    await run("inspect", "org/name");
    for (const status of [401, 403, 404, 418]) {
      server.fault = () => ({ status, headers: { "x-error-message": `no ${HUB_TOKEN}` } });
      await run("download", `org/name@v${status}`);
    }
    server.fault = () => undefined;
    server.list = () => `{"token": "${HUB_TOKEN}"`;
    await run("download", "org/name@listing");
    vi.stubEnv("HF_TOKEN", `${HUB_TOKEN} x`);
    await run("download", "org/name");
    vi.stubEnv("HF_TOKEN", HUB_TOKEN);
    vi.stubEnv("HF_ENDPOINT", `https://user:${HUB_TOKEN}@example.com`);
    await run("download", "org/name");
    expect(printed.filter((line) => line.startsWith("clip-gen: ")).length).toBeGreaterThanOrEqual(7);
    expect(leaks(printed.join("\n"))).toEqual([]);
    expect(leakingFiles(join(folder, "cache"))).toEqual([]);
  });
});

test("what the server logs, answers, counts and keeps", { timeout: 120_000 }, async () => {
  const tiny = join(folder, "tiny");
  const gallery = join(folder, "gallery");
  await tinyModel().savePretrained(tiny);
  const serving = await startServing(buildPackage("secrets"), ["-m", tiny, "--gallery", gallery, "--log-prompts"]);
  const answers: string[] = [];
  const ask = async (path: string, init: RequestInit = {}): Promise<number> => {
    const response = await fetch(`${serving.url}${path}`, init);
    answers.push(await response.text());
    return response.status;
  };
  const authorization = { Authorization: `Bearer ${SERVER_TOKEN}` };
  const json = { "Content-Type": "application/json" };
  const draw = { method: "POST", headers: { ...json, ...authorization }, body: '{"prompt": "a cat"}' };
  expect(await ask("/v1/images/generations", draw)).toBe(200);
  expect(await ask(`/v1/models?token=${SERVER_TOKEN}`)).toBe(401);
  expect(await ask("/v1/models", { headers: { Authorization: `Bearer ${SERVER_TOKEN}x` } })).toBe(401);
  expect(await ask("/v1/images/generations", { ...draw, body: "{" })).toBe(400);
  expect(await ask("/v1/nowhere", { headers: authorization })).toBe(404);
  for (const path of ["/healthz", "/metrics", "/openapi.json", "/v1/gallery", "/v1/runs", "/v1/models"]) {
    expect(await ask(path, { headers: authorization }), path).toBe(200);
  }
  const session = { method: "POST", headers: json, body: JSON.stringify({ token: SERVER_TOKEN }) };
  expect(await ask("/v1/session", session)).toBeLessThan(300);
  expect(await serving.stop()).toBe(0);
  expect(serving.printed()).toContain("POST /v1/images/generations");
  expect(leaks(serving.printed())).toEqual([]);
  expect(leaks(answers.join("\n"))).toEqual([]);
  expect(leakingFiles(gallery)).toEqual([]);
});

test("the search finds what is hidden", () => {
  const hidden = join(folder, "hidden");
  mkdirSync(hidden);
  writeFileSync(join(hidden, "a.bin"), `x${HUB_TOKEN}y`);
  writeFileSync(join(hidden, "b.txt"), Buffer.from(SERVER_TOKEN).toString("base64"));
  expect(leakingFiles(hidden)).toHaveLength(2);
});
