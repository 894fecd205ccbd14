// What bfloat16 and int8 change in what a model draws: node dist-bench/bench/precision.js MODEL [--seed N]
//
// Scenes give pictures with sentences. Cross-entropy of their tokens, the tokens that greedy decoding agrees on with float32, and
// CLIP's score of the best of eight drawings.
import { environment } from "./environment.ts";
import { parseArgs } from "node:util";
import { joinEncoded, type EncodedSet } from "../src/data/encoded.ts";
import { drawScenes, streamOf } from "../src/data/pictures.ts";
import { ClipGen, type GeneratePrecision } from "../src/generate/pipeline.ts";
import { noGrad } from "../src/tensor/autograd.ts";
import { tidy } from "../src/tensor/scope.ts";
import { Tensor } from "../src/tensor/tensor.ts";
import { encodePictures } from "../src/train/encode.ts";
import { crossEntropy } from "../src/train/losses.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string", default: "1000000" }, pictures: { type: "string", default: "256" } },
});
const [path] = positionals;
if (path === undefined) throw new Error("which model? node dist-bench/bench/precision.js MODEL");

const PROMPTS = 24;

console.log(`environment: ${JSON.stringify(environment)}`);
const formats: GeneratePrecision[] = ["float32", "bfloat16", "int8"];
const reference = await ClipGen.fromPretrained(path, { precision: "float32", thread: "main" });
const scenes = drawScenes({
  count: Number(values.pictures),
  size: reference.vqgan.config.resolution,
  seed: Number(values.seed),
  heldOut: "exclude",
});
const { clip, vqgan } = reference;
const batches: EncodedSet[] = [];
for await (const batch of encodePictures(streamOf(scenes), { clip, vqgan, precision: "float32" })) batches.push(batch);
const encoded = joinEncoded(batches);
const prompts = scenes.captions.slice(0, PROMPTS).map(([caption = ""]) => caption);

let greedy: string[][] = [];
for (const precision of formats) {
  const model = await ClipGen.fromPretrained(path, { precision, thread: "main" });
  const length = encoded.tokens.length / encoded.count;
  const loss = noGrad(() =>
    tidy(() => {
      const tokens = Tensor.from(encoded.tokens, [encoded.count, length]).to("int64");
      const condition = Tensor.from(encoded.embeddings, [encoded.count, encoded.embedDim]);
      return crossEntropy(model.gpt.forward(tokens.narrow(1, 0, length - 1), condition), tokens).item();
    }),
  );
  const likeliest: string[][] = [];
  let score = 0;
  for (const [i, prompt] of prompts.entries()) {
    const [picture] = await model.generate(prompt, { temperature: 0 });
    likeliest.push((picture?.tokens ?? []).map(String));
    const [best] = await model.generate(prompt, { candidates: 8, seed: i * 8 });
    score += (best?.score ?? 0) / prompts.length;
  }
  if (precision === "float32") greedy = likeliest;
  const pairs = likeliest.flatMap((tokens, i) => tokens.map((token, at) => token === greedy[i]?.[at]));
  const agreement = pairs.filter(Boolean).length / pairs.length;
  console.log(
    `${precision.padEnd(9)} cross-entropy ${loss.toFixed(4)}  greedy tokens as float32 ${(agreement * 100).toFixed(1)} %  CLIP score ${score.toFixed(4)}`,
  );
}
