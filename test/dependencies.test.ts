import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { z } from "zod";

const read = (name: string): string => readFileSync(fileURLToPath(new URL(`../${name}`, import.meta.url)), "utf8");
const names = z.record(z.string(), z.string());
const own = z.object({ dependencies: names, devDependencies: names }).parse(JSON.parse(read("package.json")));
const { packages } = z
  .object({
    packages: z.record(
      z.string(),
      z.object({
        version: z.string().optional(),
        integrity: z.string().optional(),
        hasInstallScript: z.boolean().optional(),
        license: z.string().optional(),
      }),
    ),
  })
  .parse(JSON.parse(read("package-lock.json")));
const others = Object.entries(packages).filter(([path]) => path !== "");

/** Packages that may run something when they are installed, and why. docs/dependencies.md says it at length. */
const WITH_INSTALL_SCRIPT: readonly string[] = [];

test("no package but the listed ones runs anything when it is installed", () => {
  const found = others.filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([path]) => path);
  expect(found).toEqual(WITH_INSTALL_SCRIPT);
  expect(packages[""]?.hasInstallScript).toBe(true);
});

test("every package is pinned to a version and to its content, and comes from the registry", () => {
  const loose = others.filter(
    ([, { version = "", integrity = "" }]) => !/^\d/.test(version) || !integrity.startsWith("sha512-"),
  );
  expect(loose).toEqual([]);
  for (const range of Object.values({ ...own.dependencies, ...own.devDependencies })) expect(range).toMatch(/^\^?\d/);
});

test("licences are ones that a program under MIT can live with", () => {
  const known = new Set(["MIT", "ISC", "0BSD", "BSD-3-Clause", "Apache-2.0"]);
  // libvips, which is linked dynamically and can be replaced; Lightning CSS, which only builds the page.
  const weak = new Set(["LGPL-3.0-or-later", "MPL-2.0"]);
  for (const [path, { license = "none" }] of others) {
    const parts = license.split(" AND ");
    const allowed = parts.every((part) => known.has(part) || (weak.has(part) && /@img|lightningcss/.test(path)));
    expect(allowed, `${path}: ${license}`).toBe(true);
  }
});

test("docs/dependencies.md has a row for every dependency, and no other", () => {
  const rows = [...read("docs/dependencies.md").matchAll(/^\| (@?[\w./-]+) +\|/gm)].map(([, name = ""]) => name);
  const listed = rows.filter((name) => name !== "package" && !/^-+$/.test(name));
  expect(listed).toEqual([...Object.keys(own.dependencies), ...Object.keys(own.devDependencies)]);
});
