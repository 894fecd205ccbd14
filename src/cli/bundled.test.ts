import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ClipGen } from "../generate/pipeline.ts";
import { bundledModel } from "./bundled.ts";

describe("the model that comes along", () => {
  test("draws in words of its world, and CLIP prefers what was drawn for them", async () => {
    const model = await ClipGen.fromPretrained(bundledModel, { thread: "main" });
    const [pizza] = await model.generate("a slice of pizza", { candidates: 8 });
    const [moon] = await model.generate("full moon", { candidates: 8 });
    if (!pizza || !moon) throw new Error("nothing was drawn");
    expect(pizza.size).toBe(128);
    using words = model.embedText(["a slice of pizza"]);
    const cosine = async (picture: Uint8Array): Promise<number> => {
      using seen = await model.embedImage(picture);
      using product = seen.mul(words);
      return product.toNumbers().reduce((sum, value) => sum + value, 0);
    };
    expect(await cosine(await pizza.toPng())).toBeGreaterThan((await cosine(await moon.toPng())) + 0.1);
    expect(model.calibration?.prompts).toBeGreaterThan(100);
  });

  test("is small, and says what it was made of", () => {
    const files = readdirSync(bundledModel, { recursive: true, encoding: "utf8" }).map((file) =>
      join(bundledModel, file),
    );
    const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
    expect(bytes).toBeLessThan(48 * 2 ** 20);
    const card = readFileSync(join(bundledModel, "README.md"), "utf8");
    for (const part of ["Data", "Licence", "Training", "Quality"]) expect(card).toContain(part);
  });
});
