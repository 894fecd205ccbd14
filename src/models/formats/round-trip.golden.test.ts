import { describe, expect, test } from "vitest";
import { Golden, goldenNote, hasGolden } from "../../../test/golden.ts";
import { openWeights } from "../../io/weights-file.ts";
import { readWeight, type Weights } from "../../io/weight.ts";
import { openaiClipNames } from "./clip.ts";
import { hfaiGptNames } from "./gpt-hfai.ts";
import { tamingGptNames } from "./gpt-taming.ts";
import { toOurs, toTheirs, type NamePair } from "./name-pairs.ts";
import { hfaiVqganNames } from "./vqgan-hfai.ts";

// Real numbers through a table of names and back: every tensor is the same, bit for bit. (dalle-mini's, LlamaGen's and min-dalle's
// tables are tested with networks of our own in vqgan-relatives.test.ts.)

const bytesOf = (weights: Weights): Map<string, string> =>
  new Map(
    Array.from(weights, ([name, weight]) => {
      const { dtype, shape, data } = readWeight(name, weight);
      return [name, `${dtype} ${shape.join(" ")} ${Buffer.from(data).toString("hex")}`];
    }),
  );

/** Masks, facts about the model, and networks that lie beside it. */
const beside = /mask$|^discriminator\.|^(input_resolution|context_length|vocab_size)$/;

const resNet = (weights: Weights): string[] =>
  [...weights.keys()].filter((name) => name.startsWith("visual.")).map((name) => name.slice("visual.".length));

const cases: [name: string, file: string, pairs: (weights: Weights) => NamePair[]][] = [
  ["clip-vit/a", "model.pt", () => openaiClipNames({ text: 3, vision: 2 })],
  ["clip-vit/fp16", "model_jit.pt", () => openaiClipNames({ text: 2, vision: 1 })],
  ["clip-vit/b", "model_jit.pt", () => openaiClipNames({ text: 1, vision: 2 })],
  ["clip-rn", "model.pt", (weights) => openaiClipNames({ text: 2, vision: resNet(weights) })],
  ["clipgen-pipeline", "pretrained/vqgan_coco.pt", hfaiVqganNames],
  ["clipgen-pipeline", "pretrained/gpt_coco.pt", () => hfaiGptNames(2)],
  ["clipgen-gpt", "gpt.safetensors", () => hfaiGptNames(3)],
  ["gpt-taming", "net2net.ckpt", () => tamingGptNames(2)],
];

describe.skipIf(!hasGolden)(`there and back again${goldenNote}`, () => {
  test.each(cases)("%s/%s", (name, file, pairsOf) => {
    const { weights } = openWeights(new Golden(name).path(file));
    const theirs: Weights = new Map(
      [...weights].flatMap(([key, weight]) =>
        beside.test(key) ? [] : [[key.replace(/^transformer\.(?=blocks|tok_emb|pos_emb|ln_f|head)/, ""), weight]],
      ),
    );
    const pairs = pairsOf(theirs);
    const back = bytesOf(toTheirs(toOurs(theirs, pairs), pairs));
    const before = bytesOf(theirs);
    expect([...back.keys()].toSorted()).toEqual([...before.keys()].toSorted());
    for (const [key, bytes] of before) expect(back.get(key) === bytes, key).toBe(true);
  });

  test("OpenAI's and Hugging Face's files of one CLIP hold the same numbers under our names", () => {
    const golden = new Golden("clip-vit/a");
    const pairs = openaiClipNames({ text: 3, vision: 2 });
    const openai = bytesOf(toOurs(openWeights(golden.path("model.pt")).weights, pairs));
    const huggingFace = bytesOf(openWeights(golden.path("hf")).weights);
    for (const [key, bytes] of huggingFace) {
      if (!key.endsWith("position_ids")) expect(openai.get(key) === bytes, key).toBe(true);
    }
  });
});
