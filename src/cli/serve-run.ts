import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "../server/serve.ts";
import type { Observer } from "../server/observe.ts";
import { parseDevice } from "../tensor/engine.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { UserError } from "./errors.ts";
import { interruptSignal } from "./interrupt.ts";
import { numberFlag } from "./number-flag.ts";
import type { ServeFlags } from "./serve.ts";
import { programVersion } from "./version.ts";

const SHORTEST_TOKEN = 16;

export async function runServe(flags: ServeFlags): Promise<void> {
  const gallery = flags.gallery ?? join(dataFolder(), "gallery");
  const { signal, done } = interruptSignal("stopping; what is drawn is in the gallery");
  const serving = await serve({
    model: flags.model,
    device: parseDevice(flags.device),
    precision: flags.precision,
    gallery,
    host: flags.host,
    port: numberFlag("--port", flags.port, { least: 0, most: 65_535, whole: true }),
    token: tokenOf(flags),
    mostWaiting: numberFlag("--queue", flags.queue, { least: 1, whole: true }),
    observer: observerOf(flags),
    version: programVersion(),
    runs: flags.runs,
    page: fileURLToPath(new URL("../page", import.meta.url)),
  });
  try {
    console.log(`clip-gen is at ${serving.url}   (pictures: ${gallery})`);
    if (serving.skipped > 0) console.error(`${serving.skipped} files there are no pictures of ours, or damaged`);
    await serving.studio.loaded;
    const { failure } = serving.studio;
    if (failure) throw new UserError(failure.message, { cause: failure });
    // The thread that draws has its own count. Here, small products would wait for cores that are drawing.
    setThreadCount(1);
    console.log(`the model ${serving.studio.model.name} is ready`);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
  } finally {
    await serving.close();
    done();
  }
}

function observerOf({ quiet, logPrompts }: ServeFlags): Observer {
  return {
    answered: ({ id, method, path, status, ms }) => {
      if (!quiet) console.error(`${now()} ${status} ${method} ${path} ${ms.toFixed(0)} ms ${id}`);
    },
    asked: (job, prompt) => {
      if (logPrompts) console.error(`${now()} ${job}: ${JSON.stringify(prompt)}`);
    },
    failed: (id, error) => console.error(`${now()} ${id} failed: ${error.stack ?? error.message}`),
  };
}

function now(): string {
  return new Date().toISOString();
}

function tokenOf({ tokenFile }: ServeFlags): string | undefined {
  const token = tokenFile === undefined ? process.env["CLIP_GEN_TOKEN"] : readToken(tokenFile);
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new UserError("the token has spaces or other characters that cannot be sent");
  if (token !== undefined && token.length < SHORTEST_TOKEN) {
    throw new UserError(
      `the token has ${token.length} characters, expected at least ${SHORTEST_TOKEN}: openssl rand -hex 16 makes one`,
    );
  }
  return token;
}

function readToken(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new UserError(`--token-file ${file} cannot be read`, { cause: error });
  }
}

/** Where programs keep what is the user's (XDG Base Directory). */
function dataFolder(): string {
  return join(process.env["XDG_DATA_HOME"] ?? join(homedir(), ".local/share"), "clip-gen");
}
