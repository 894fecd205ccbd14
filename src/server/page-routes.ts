import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import type { Api } from "./context.ts";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/**
 * The page's files, read once at the start: a request's path is looked up among them, and never reaches the disk.
 * @param folder as Vite builds it; where it is missing, the API is served alone
 */
export function pageRoutes(api: Api, folder: string): void {
  if (!existsSync(join(folder, "index.html"))) return;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const type = types[extname(name)];
    if (type === undefined) continue;
    const path = name.replaceAll("\\", "/");
    const body = new Uint8Array(readFileSync(join(folder, name)));
    // Names of assets hold a hash of what is in them.
    const cache = path.startsWith("assets/") ? "public, max-age=31536000, immutable" : "no-cache";
    const route = path === "index.html" ? "/" : `/${path}`;
    api.get(route, (c) => c.body(body, 200, { "Content-Type": type, "Cache-Control": cache }));
  }
}
