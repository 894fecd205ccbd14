import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { dict, storage, tensor, torchZip } from "../../test/torch-files.ts";
import { temporaryFolder, tinyGpt, tinyVqgan } from "../../test/tiny.ts";
import { readSafetensors, writeSafetensors } from "../tensor/safetensors.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { printedLines } from "../../test/printed.ts";
import { main } from "./main.ts";

const folder = temporaryFolder();
const { log: printed, error: failed, clear } = printedLines();

async function inspect(...args: string[]): Promise<Record<string, unknown>> {
  await main(["node", "clip-gen", "inspect", "--json", ...args]);
  return printed.length === 0 ? {} : JSON.parse(printed.join("\n"));
}

/** The weights of a tiny VQGAN, changed. */
async function changed(name: string, change: (tensors: Map<string, Tensor>) => void): Promise<string> {
  const path = join(folder, name);
  await tinyVqgan().savePretrained(path);
  const file = join(path, "model.safetensors");
  tidy(() => {
    const tensors = readSafetensors(file);
    change(tensors);
    writeSafetensors(file, tensors);
  });
  return path;
}

test("tells container, network, configuration, parameters and dtypes", async () => {
  const path = join(folder, "gpt");
  await tinyGpt().savePretrained(path, { dtype: "bfloat16" });
  expect(await inspect(path)).toMatchObject({
    kind: "network",
    container: "safetensors",
    dtypes: ["bfloat16"],
    gpt: { format: "clip-gen", config: { layers: 2, codebook_size: 24 }, fit: "every name and shape" },
    numbers: "all finite",
  });
  expect(failed).toEqual([]);
  // Without the configuration the names tell as much.
  clear();
  expect(await inspect(join(path, "model.safetensors"))).toMatchObject({ gpt: { fit: "every name and shape" } });
});

test("lists all names that are missing, left over or of another shape, then fails in one line", async () => {
  const path = await changed("odd", (tensors) => {
    tensors.delete("quant_conv.bias");
    tensors.set("decoder.extra", Tensor.from([1]));
    tensors.set("encoder.conv_in.bias", Tensor.from([1, 2]));
  });
  expect(await inspect(path)).toMatchObject({
    vqgan: {
      fit: "no",
      missing: ["quant_conv.bias"],
      extra: ["decoder.extra"],
      misshapen: ["encoder.conv_in.bias is [2], expected [8]"],
    },
  });
  expect(failed).toHaveLength(1);
  expect(failed[0]).toMatch(
    /^clip-gen: .*odd would not load: as VQGAN: missing \(1\): quant_conv\.bias; extra [^\n]*$/,
  );
  expect(process.exitCode).toBe(1);
});

test("finds numbers that are not finite, unless it is told not to read them", async () => {
  const path = await changed("nan", (tensors) => {
    tensors.get("quant_conv.bias")?.fill_(Number.NaN);
  });
  expect(await inspect(path)).toMatchObject({ numbers: "tensor quant_conv.bias holds NaN or infinity" });
  expect(failed[0]).toContain("would not load: tensor quant_conv.bias holds NaN or infinity");
  clear();
  process.exitCode = 0;
  expect(await inspect(path, "--no-numbers")).toMatchObject({ numbers: "not read" });
  expect(failed).toEqual([]);
});

test("a file of tensors that are no network of ours is told as such", async () => {
  const file = join(folder, "other.safetensors");
  writeSafetensors(file, [["a", Tensor.from([1, 2])]]);
  expect(await inspect(file)).toMatchObject({ network: "none that clip-gen knows", tensors: 1, parameters: 2 });
});

describe("hostile files end in one line and exit code 1:", () => {
  const good = torchZip(dict({ w: tensor(storage("0", 4), { shape: [2, 2], strides: [2, 1] }) }), {
    "0": new Uint8Array(16),
  });

  test.each([
    ["a text", Buffer.from("hello")],
    ["nothing", Buffer.alloc(0)],
    ["a header of gigabytes", Buffer.concat([Buffer.from([0, 0, 0, 0, 16, 0, 0, 0]), Buffer.from("{}")])],
    ["half an archive", good.subarray(0, good.length / 2)],
    [
      "a tensor beyond its storage",
      torchZip(dict({ w: tensor(storage("0", 4), { shape: [9, 9], strides: [9, 1] }) }), { "0": new Uint8Array(16) }),
    ],
    ["a map without an end", Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff])],
  ])("%s", async (name, bytes) => {
    const file = join(folder, `${name}.pt`);
    writeFileSync(file, bytes);
    await inspect(file);
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatch(/^clip-gen: [^\n]*$/);
    expect(process.exitCode).toBe(1);
  });

  test("a folder of nothing", async () => {
    const path = join(folder, "empty");
    mkdirSync(path);
    await inspect(path);
    expect(failed[0]).toMatch(/holds no weights/);
  });
});

test("a damaged configuration is told with its file", async () => {
  const path = join(folder, "damaged");
  await tinyVqgan().savePretrained(path);
  const file = join(path, "config.json");
  writeFileSync(file, readFileSync(file, "utf8").replace('"ch": 8', '"ch": -8'));
  await inspect(path);
  expect(failed[0]).toContain(`${file} is no configuration of a clip_gen_vqgan`);
});
