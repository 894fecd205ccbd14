import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Golden, goldenNote, hasGolden } from "../../test/golden.ts";
import { bytesOf, temporaryFolder, tinyClip, tinyGpt, tinyModel, tinyVqgan } from "../../test/tiny.ts";
import { ClipGen } from "../generate/pipeline.ts";
import { Clip } from "../models/clip.ts";
import { noGrad } from "../tensor/autograd.ts";
import { tidy } from "../tensor/scope.ts";
import { printedLines } from "../../test/printed.ts";
import { main } from "./main.ts";

const folder = temporaryFolder();
const { all: printed, clear } = printedLines();

async function run(...args: string[]): Promise<string> {
  await main(["node", "clip-gen", ...args]);
  return printed.join("\n");
}

describe.skipIf(!hasGolden)(`the released CLIP-GEN${goldenNote}`, () => {
  test("becomes a model that draws what the reference draws, and varies pictures", async () => {
    const golden = new Golden("clipgen-pipeline");
    const model = join(folder, "coco");
    const file = (name: string): string => golden.path(`pretrained/${name}`);
    const parts = ["--clip", file("clip_vit_b32.pt"), "--vqgan", file("vqgan_coco.pt"), "--gpt", file("gpt_coco.pt")];
    expect(await run("convert", ...parts, "--gpt-heads", "4", "-o", model)).toBe(`finished: ${model}`);

    const { clip, gpt, vqgan } = await ClipGen.fromPretrained(model, { precision: "float32", thread: "main" });
    expect(vqgan.config).toMatchObject({ resolution: 32, groupNormEps: 1e-5, attnResolutions: [4] });
    const embedding = noGrad(() =>
      tidy(() => {
        const raw = clip.encodeText(golden.tensor("text"));
        return raw.div(raw.vectorNorm(2, -1, true));
      }),
    );
    golden.expectEqual("text_embedding", embedding);
    const tokens = await gpt.sample(embedding, { temperature: 0 });
    golden.expectEqual("tokens", tokens);
    golden.expectEqual(
      "image",
      noGrad(() => vqgan.decode(tokens.view([3, 4, 4]))),
    );

    const picture = new Golden("image-preprocess").path("images/rgb_97x131.png");
    const output = join(folder, "varied.png");
    expect(await run("vary", picture, "-m", model, "-o", output, "--candidates", "3")).toContain(output);
    expect(existsSync(output)).toBe(true);
  });

  test("needs no more than its three files where shapes tell everything", async () => {
    const golden = new Golden("taming-vqgan");
    const output = join(folder, "alone");
    expect(await run("convert", golden.path("last.ckpt"), "-o", output, "--layout", "taming")).toContain("finished");
    expect(readFileSync(join(output, "model.yaml"), "utf8")).toContain("taming.models.vqgan.VQModel");
    expect(await run("inspect", output)).toMatch(/resolution +32[^]*fit +every name and shape[^]*numbers +all finite/);
  });
});

test("parts of our own become the model that they were", async () => {
  const [from, to] = [join(folder, "from"), join(folder, "to")];
  const model = tinyModel();
  await model.savePretrained(from);
  await run(
    "convert",
    ...["clip", "vqgan", "gpt"].flatMap((part) => [`--${part}`, join(from, part)]),
    "-o",
    to,
    "--save-dtype",
    "bfloat16",
  );
  const read = await ClipGen.fromPretrained(to, { precision: "float32", thread: "main" });
  expect(read.gpt.config).toEqual(model.gpt.config);
  expect(read.clip.visionModel.parameters()[0]?.dtype).toBe("bfloat16");
  expect(JSON.parse(readFileSync(join(to, "model.json"), "utf8"))).toMatchObject({
    converted_from: { clip: "clip", vqgan: "vqgan", gpt: "gpt" },
  });
});

test("a CLIP goes to open_clip's layout and back", async () => {
  const [from, there, back] = ["a", "b", "c"].map((name) => join(folder, `clip-${name}`));
  if (from === undefined || there === undefined || back === undefined) throw new Error("three folders");
  using clip = tinyClip();
  await clip.savePretrained(from);
  await run("convert", from, "-o", there, "--layout", "open_clip");
  await run("convert", there, "-o", back);
  expect(bytesOf((await Clip.fromPretrained(back)).stateDict())).toEqual(bytesOf(clip.stateDict()));
});

describe("says in one line what is wrong, and writes nothing:", () => {
  const output = join(folder, "nothing");

  test.each([
    ["no checkpoint", [], "a model needs --clip, --vqgan and --gpt"],
    ["two ways at once", ["x.pt", "--clip", "y.pt"], "not both"],
    ["a missing file", ["/nowhere.pt"], "/nowhere.pt does not exist"],
    ["an unknown activation", ["x.pt", "--clip-activation", "relu"], "expected quick_gelu or gelu"],
    ["an unknown dtype", ["x.pt", "--save-dtype", "float8"], "expected float32 or bfloat16"],
    ["heads that are none", ["x.pt", "--gpt-heads", "0"], "expected a whole number"],
  ])("%s", async (_, args, message) => {
    expect(await run("convert", ...args, "-o", output)).toMatch(/^clip-gen: [^\n]*$/);
    expect(printed.join()).toContain(message);
    expect(process.exitCode).toBe(1);
    expect(existsSync(output)).toBe(false);
  });

  test("a layout of another network, a GPT that does not fit, and a folder that is taken", async () => {
    const [gpt, vqgan, clip] = [join(folder, "gpt"), join(folder, "vqgan"), join(folder, "clip")];
    await tinyGpt({ codebookSize: 25 }).savePretrained(gpt);
    await tinyVqgan().savePretrained(vqgan);
    await tinyClip().savePretrained(clip);
    expect(await run("convert", gpt, "-o", output, "--layout", "taming")).toContain("none of a GPT");
    clear();
    const parts = ["--clip", clip, "--vqgan", vqgan, "--gpt", gpt];
    expect(await run("convert", ...parts, "-o", output)).toContain("the GPT does not fit");
    clear();
    expect(await run("convert", vqgan, "-o", clip)).toContain("exists already and is not empty");
    expect(existsSync(output)).toBe(false);
  });
});
