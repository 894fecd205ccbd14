import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

/**
 * The package as it is built and installed, in a folder of its own for each name: threads and processes run JavaScript, not the
 * sources that the tests import.
 */
export function buildPackage(name: string, { page = false }: { page?: boolean } = {}): string {
  const folder = join(root, "node_modules/.cache/clip-gen-built", name);
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  execFileSync(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", join(folder, "dist")], { cwd: root });
  if (page) {
    const vite = join(root, "node_modules/vite/bin/vite.js");
    const flags = [
      "build",
      "--config",
      "web/vite.config.ts",
      "--logLevel",
      "warn",
      "--outDir",
      join(folder, "dist/page"),
    ];
    execFileSync(process.execPath, [vite, ...flags], { cwd: root });
  }
  for (const part of ["package.json", "assets", "native"]) symlinkSync(join(root, part), join(folder, part));
  // A link would lead to what was built beside its target.
  cpSync(join(root, "bin"), join(folder, "bin"), { recursive: true });
  return folder;
}
