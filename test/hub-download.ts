import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { downloadModel, type Downloaded, type DownloadOptions } from "../src/io/hub/hub-download.ts";
import { sha256, startHubServer, type HubServer } from "./hub-server.ts";

export const config = Buffer.from('{"model_type": "clip"}\n');
export const weights = Buffer.alloc(300_000, "weights of a network ");
export const weightsHash = sha256(weights);
export const model = { repository: "org/name", revision: "main" };

/** A Hub with one model, and an empty cache, anew for every test of the file. */
export class HubDownloads {
  #server: HubServer | undefined;
  cache = "";
  /** The model's, in the cache. */
  folder = "";

  constructor() {
    beforeEach(async () => {
      this.#server = await startHubServer({
        "config.json": { content: config },
        "model.safetensors": { content: weights, lfs: true },
        "README.md": { content: Buffer.from("read me") },
      });
      this.cache = mkdtempSync(join(tmpdir(), "hub-"));
      this.folder = join(this.cache, "models--org--name");
    });
    afterEach(async () => {
      await this.#server?.close();
      rmSync(this.cache, { recursive: true, force: true });
    });
  }

  get server(): HubServer {
    if (!this.#server) throw new Error("the Hub is there while a test runs");
    return this.#server;
  }

  async download(options: DownloadOptions & { revision?: string; token?: string } = {}): Promise<Downloaded> {
    const { revision = "main", token, ...others } = options;
    const settings = { cache: this.cache, endpoint: this.server.endpoint, token, offline: false };
    return await downloadModel({ ...model, revision }, { settings, retryDelayMs: 1, ...others });
  }

  /** The part of the weights that is there. */
  incomplete(): string {
    return join(this.folder, "blobs", `${weightsHash}.incomplete`);
  }

  fileRequests(): HubServer["requests"] {
    return this.server.requests.filter(({ url }) => !url.startsWith("/api/"));
  }

  onCdn(): HubServer["requests"] {
    return this.server.requests.filter(({ host }) => host === "cdn");
  }
}
