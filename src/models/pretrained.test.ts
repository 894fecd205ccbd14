import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { bytesOf, settledTensors, temporaryFolder, tinyClip, tinyGpt, tinyVqgan } from "../../test/tiny.ts";
import type { Module } from "../nn/module.ts";
import { memoryFigures, setThreadCount } from "../tensor/engine.ts";
import { ones } from "../tensor/functions.generated.ts";
import { readSafetensors, writeSafetensors } from "../tensor/safetensors.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Clip } from "./clip.ts";
import { Gpt } from "./gpt.ts";
import { readWeights } from "./pretrained.ts";
import { Vqgan } from "./vqgan.ts";

// Networks this small lose more time to waiting for other threads than they gain.
beforeAll(() => setThreadCount(1));

type Network = Module & {
  config: object;
  savePretrained(folder: string, options?: { dtype?: "float32" | "bfloat16" }): Promise<void>;
};
type Kind = { type: string; make: () => Network; load: (folder: string) => Promise<Network>; some: string };

const kinds: Record<string, Kind> = {
  Gpt: { type: "clip_gen_gpt", make: () => tinyGpt(), load: (path) => Gpt.fromPretrained(path), some: "head.bias" },
  Vqgan: {
    type: "clip_gen_vqgan",
    make: () => tinyVqgan(),
    load: (path) => Vqgan.fromPretrained(path),
    some: "quant_conv.bias",
  },
  Clip: { type: "clip", make: () => tinyClip(), load: (path) => Clip.fromPretrained(path), some: "logit_scale" },
};

const folder = temporaryFolder();

describe.each(Object.entries(kinds))("the folder of a %s", (name, { type, make, load, some }) => {
  const path = join(folder, name);
  const network = make();
  const weights = join(path, "model.safetensors");
  const config = join(path, "config.json");
  const changeConfig = (change: (json: object) => object): void =>
    writeFileSync(config, JSON.stringify(change(JSON.parse(readFileSync(config, "utf8")))));
  const changeWeights = (change: (tensors: Map<string, Tensor>) => void): void =>
    tidy(() => {
      const tensors = readSafetensors(weights);
      change(tensors);
      writeSafetensors(weights, tensors);
    });

  test("gives the same network back, bit for bit, ready to be used", async () => {
    await network.savePretrained(path);
    const read = await load(path);
    expect(bytesOf(read.stateDict())).toEqual(bytesOf(network.stateDict()));
    expect(read.config).toEqual(network.config);
    expect(read.training).toBe(false);
    expect(JSON.parse(readFileSync(config, "utf8"))).toMatchObject({ model_type: type });
  });

  test("in bfloat16 is half as large and rounded to 8 bits", async () => {
    const half = join(folder, `${name}-half`);
    await network.savePretrained(half, { dtype: "bfloat16" });
    const read = (await load(half)).stateDict();
    for (const [key, tensor] of network.stateDict()) {
      tidy(() => {
        const rounded = read.get(key);
        expect(rounded?.dtype).toBe("bfloat16");
        expect(bytesOf(new Map([[key, tensor.detach().to("bfloat16")]]))).toEqual(
          bytesOf(new Map([[key, rounded ?? tensor]])),
        );
        const error = tensor
          .detach()
          .sub(rounded ?? tensor)
          .abs()
          .sub(
            tensor
              .detach()
              .abs()
              .mul(2 ** -8),
          );
        expect(error.amax().item(), key).toBeLessThanOrEqual(0);
      });
    }
    const [large, small] = [weights, join(half, "model.safetensors")].map((file) => readFileSync(file).length);
    expect(small).toBeLessThan(0.6 * (large ?? 0));
  });

  test("leaves no tensor behind but the network's own", async () => {
    const before = await settledTensors();
    const read = await load(path);
    await read.savePretrained(join(folder, `${name}-again`));
    read.dispose();
    expect(memoryFigures().tensors).toBe(before);
  });

  test("with other names is refused, and all of them are listed", async () => {
    changeWeights((tensors) => {
      tensors.delete(some);
      tensors.set("surplus.weight", Tensor.from([1]));
    });
    await expect(load(path)).rejects.toThrow(
      `these weights do not fit this ${name}: missing (1): ${some}; extra (1): surplus.weight`,
    );
    await network.savePretrained(path);
  });

  test("with other shapes is refused", async () => {
    changeWeights((tensors) => tensors.set(some, Tensor.from([1, 2, 3, 4, 5], [1, 5])));
    await expect(load(path)).rejects.toThrow(`${some} is [1, 5], expected [`);
    await network.savePretrained(path);
  });

  test("of another network, or with a configuration that is none, is refused", async () => {
    changeConfig((json) => ({ ...json, model_type: "bert" }));
    await expect(load(path)).rejects.toThrow(/bert, expected a clip_gen_|model_type: .*expected "clip"/);
    writeFileSync(config, "{");
    await expect(load(path)).rejects.toThrow(`${config} is no JSON`);
    writeFileSync(config, "[]");
    await expect(load(path)).rejects.toThrow(config);
    await network.savePretrained(path);
  });

  test("with damaged or missing weights is told with the file's name", async () => {
    truncateSync(weights, 1000);
    await expect(load(path)).rejects.toThrow(weights);
    rmSync(weights);
    await expect(load(path)).rejects.toThrow(`${path} holds no weights: expected model.safetensors,`);
    await expect(load(join(folder, "nowhere"))).rejects.toThrow("nowhere");
  });
});

function draw(gpt: Gpt): Uint8Array {
  return tidy(() => gpt.forward(Tensor.from([1, 2, 3], [1, 3], "int64"), ones([1, 8])).toBytes());
}

test("bfloat16 weights are widened on demand, and compute what the rounded network computes", async () => {
  const path = join(folder, "widened");
  await tinyGpt().savePretrained(path, { dtype: "bfloat16" });
  const [narrow, wide] = [await Gpt.fromPretrained(path), await Gpt.fromPretrained(path, { dtype: "float32" })];
  expect(narrow.head.weight.dtype).toBe("bfloat16");
  expect(wide.head.weight.dtype).toBe("float32");
  expect(draw(narrow)).toEqual(draw(wide));
  expect(draw(narrow.to("float32"))).toEqual(draw(wide));
});

test("weights that are not finite are refused by name", async () => {
  const path = join(folder, "nan");
  const gpt = tinyGpt();
  tidy(() => gpt.head.bias?.detach().fill_(Number.NaN));
  await gpt.savePretrained(path);
  await expect(Gpt.fromPretrained(path)).rejects.toThrow("tensor head.bias holds NaN or infinity");
});

test("every wrong field of a configuration is named", async () => {
  const path = join(folder, "fields");
  await tinyGpt().savePretrained(path);
  const file = join(path, "config.json");
  const json: object = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...json, layers: -1, width: "wide", heads: undefined }));
  const message = await Gpt.fromPretrained(path).catch(String);
  expect(message).toContain(`${file} is no configuration of a clip_gen_gpt`);
  for (const field of ["layers", "width", "heads"]) expect(message).toContain(field);
});

test("a configuration whose parts do not go together is told, too", async () => {
  const path = join(folder, "heads");
  await tinyGpt().savePretrained(path);
  const file = join(path, "config.json");
  writeFileSync(file, readFileSync(file, "utf8").replace('"heads": 2', '"heads": 3'));
  await expect(Gpt.fromPretrained(path)).rejects.toThrow("width 16 is no multiple of heads 3");
});

test("a folder without weights is told from a path where there is nothing", async () => {
  const path = join(folder, "bare");
  mkdirSync(path);
  await expect(Vqgan.fromPretrained(path)).rejects.toThrow(`${path} holds no weights`);
  expect(() => readWeights(path)).toThrow("holds no weights");
  expect(() => readWeights(join(path, "none"))).toThrow("does not exist");
});

test("a name of the Hub is looked up in its cache, and never downloaded", async () => {
  const cache = join(folder, "hub-cache");
  vi.stubEnv("HF_HUB_CACHE", cache);
  vi.stubEnv("HF_ENDPOINT", "http://127.0.0.1:9"); // where nothing answers
  try {
    await expect(Gpt.fromPretrained("someone/gpt")).rejects.toThrow("get it with: clip-gen download someone/gpt");
    const commit = "0123456789012345678901234567890123456789";
    const repository = join(cache, "models--someone--gpt");
    mkdirSync(join(repository, "refs"), { recursive: true });
    writeFileSync(join(repository, "refs", "main"), commit);
    await tinyGpt().savePretrained(join(repository, "snapshots", commit));
    const read = await Gpt.fromPretrained("someone/gpt");
    expect(bytesOf(read.stateDict())).toEqual(bytesOf(tinyGpt().stateDict()));
  } finally {
    vi.unstubAllEnvs();
  }
});
