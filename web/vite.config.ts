import { defineConfig } from "vite";

// The page talks to the API of the server that it comes from; `vite --config web/vite.config.ts` asks the one on its usual port.
export default defineConfig({
  root: import.meta.dirname,
  build: { outDir: "../dist/page", emptyOutDir: true, target: "es2022" },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: { "/v1": "http://127.0.0.1:7860", "/healthz": "http://127.0.0.1:7860" } },
});
