import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeFileAtomic, writeFileExclusive, writeFolderAtomic } from "./atomic.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "atomic-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const text = (path: string): string => readFileSync(path, "utf8");

function* breaking(error: Error): Generator<Uint8Array> {
  yield Buffer.from("half");
  throw error;
}

const fill = (content: string) => (temporary: string) => writeFileSync(join(temporary, "w"), content);

async function failing(temporary: string): Promise<void> {
  writeFileSync(join(temporary, "w"), "new");
  throw new Error("interrupted");
}

describe("writeFileAtomic", () => {
  test("replaces a file and leaves nothing else behind", () => {
    const path = join(folder, "a.json");
    writeFileAtomic(path, "old");
    writeFileAtomic(path, [Buffer.from("n"), Buffer.from("ew")]);
    expect(text(path)).toBe("new");
    expect(readdirSync(folder)).toEqual(["a.json"]);
  });

  test("keeps the old file and removes the temporary one when the content fails", () => {
    const path = join(folder, "a.json");
    writeFileAtomic(path, "old");
    expect(() => writeFileAtomic(path, breaking(new Error("out of memory")))).toThrow("out of memory");
    expect(text(path)).toBe("old");
    expect(readdirSync(folder)).toEqual(["a.json"]);
  });

  test("says that a full disk is full", () => {
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    expect(() => writeFileAtomic(join(folder, "a.bin"), breaking(full))).toThrow(
      /cannot write .*a\.bin: the disk is full/,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test("explains a missing folder and a folder in the way", () => {
    expect(() => writeFileAtomic(join(folder, "none", "a"), "x")).toThrow(/the folder .*none does not exist/);
    writeFileSync(join(folder, "file"), "");
    expect(() => writeFileAtomic(join(folder, "file", "a"), "x")).toThrow(/file is not a folder/);
    mkdirSync(join(folder, "b"));
    expect(() => writeFileAtomic(join(folder, "b"), "x")).toThrow(/there is a folder of that name/);
  });
});

describe("writeFileExclusive", () => {
  test("counts up instead of overwriting", () => {
    const path = join(folder, "cat.png");
    const paths = ["1", "2", "3"].map((content) => writeFileExclusive(path, content));
    expect(paths).toEqual([path, join(folder, "cat-2.png"), join(folder, "cat-3.png")]);
    expect(paths.map(text)).toEqual(["1", "2", "3"]);
    expect(readdirSync(folder)).toHaveLength(3);
  });

  test("steps around a folder of that name", () => {
    mkdirSync(join(folder, "cat.png"));
    expect(writeFileExclusive(join(folder, "cat.png"), "x")).toBe(join(folder, "cat-2.png"));
  });
});

describe("writeFolderAtomic", () => {
  test("the folder appears only when it is whole", async () => {
    const path = join(folder, "step-1");
    await writeFolderAtomic(path, (temporary) => {
      mkdirSync(join(temporary, "deep"));
      writeFileSync(join(temporary, "deep", "w"), "1");
      expect(existsSync(path)).toBe(false);
    });
    expect(text(join(path, "deep", "w"))).toBe("1");
    expect(readdirSync(folder)).toEqual(["step-1"]);
  });

  test("a failure leaves nothing, and the old folder as it was", async () => {
    const path = join(folder, "step-1");
    await writeFolderAtomic(path, (temporary) => writeFileSync(join(temporary, "w"), "old"));
    await expect(writeFolderAtomic(path, failing, { replace: true })).rejects.toThrow("interrupted");
    expect(text(join(path, "w"))).toBe("old");
    expect(readdirSync(folder)).toEqual(["step-1"]);
  });

  test("an existing folder is replaced only on demand, a file never", async () => {
    const path = join(folder, "step-1");
    await writeFolderAtomic(path, fill("1"));
    await expect(writeFolderAtomic(path, fill("2"))).rejects.toThrow(/exists already/);
    expect(text(join(path, "w"))).toBe("1");
    await writeFolderAtomic(path, fill("3"), { replace: true });
    expect(text(join(path, "w"))).toBe("3");
    expect(readdirSync(folder)).toEqual(["step-1"]);
    writeFileSync(join(folder, "file"), "");
    await expect(writeFolderAtomic(join(folder, "file"), fill("4"), { replace: true })).rejects.toThrow(
      /a file of that/,
    );
  });
});
