import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where the Hub is and where its files are kept on this machine. */
export type HubSettings = {
  /** The folder that holds `models--org--name`, shared with Python's huggingface_hub. */
  cache: string;
  /** The address of the Hub, without a slash at its end. */
  endpoint: string;
  /** Sent to the endpoint's host and to no other; never part of a message. */
  token?: string | undefined;
  /** Whether the network is forbidden. */
  offline: boolean;
};

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The settings that the environment asks for, under the names that Python's huggingface_hub has for them
 * (`constants.py` and `utils/_auth.py` there). Throws for an endpoint or a token that cannot be one, without telling the token.
 */
export function hubSettings(env: Environment = process.env): HubSettings {
  const offline = env["HF_HUB_OFFLINE"] || env["TRANSFORMERS_OFFLINE"];
  return {
    cache: hubCacheFolder(env),
    endpoint: checkEndpoint(env["HF_ENDPOINT"] || "https://huggingface.co"),
    token: readToken(env),
    offline: /^(1|true|yes|on)$/i.test(offline ?? ""),
  };
}

/** The folder in which the Hub's models are kept: HF_HUB_CACHE, or `hub` in HF_HOME. */
export function hubCacheFolder(env: Environment = process.env): string {
  const named = env["HF_HUB_CACHE"] || env["HUGGINGFACE_HUB_CACHE"];
  return named ? expand(named, env) : join(hubHome(env), "hub");
}

function hubHome(env: Environment): string {
  if (env["HF_HOME"]) return expand(env["HF_HOME"], env);
  return join(expand(env["XDG_CACHE_HOME"] || "~/.cache", env), "huggingface");
}

/** `~` and `$NAME`, which a shell does not replace in every place where a variable is set. */
function expand(path: string, env: Environment): string {
  const home = path.replace(/^~(?=\/|$)/, () => env["HOME"] || homedir());
  return home.replaceAll(/\$(?:(\w+)|\{(\w+)\})/g, (text, bare: string | undefined, braced: string | undefined) => {
    return env[bare ?? braced ?? ""] ?? text;
  });
}

function checkEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // The address may hold a password, so it is not repeated.
  if (url !== undefined && url.username + url.password !== "") {
    throw new Error("HF_ENDPOINT holds a user name or password; put the token into HF_TOKEN instead");
  }
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search + url.hash !== "") {
    throw new Error(`HF_ENDPOINT is ${text}, expected an address such as https://huggingface.co`);
  }
  return text.replace(/\/+$/, "");
}

function readToken(env: Environment): string | undefined {
  const named = env["HF_TOKEN"] || env["HUGGING_FACE_HUB_TOKEN"];
  if (named) return checkToken(named, "HF_TOKEN");
  const file = env["HF_TOKEN_PATH"] ? expand(env["HF_TOKEN_PATH"], env) : join(hubHome(env), "token");
  return existsSync(file) ? checkToken(readFileSync(file, "utf8"), file) : undefined;
}

/** Before it becomes a header: an error there would tell the token. */
function checkToken(text: string, source: string): string | undefined {
  const token = text.trim();
  if (/[^\x21-\x7e]/.test(token)) {
    throw new Error(
      `${source} holds characters that no token has, such as a space; set it to a token of the form hf_…`,
    );
  }
  return token === "" ? undefined : token;
}
