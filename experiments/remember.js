// A GPT that was trained without, with what sentences are moved or looked up by: the same weights as from `train gpt` with
// --memory or --sentences, since neither takes part in the training.
//
//   node experiments/remember.js GPT ENCODED OUT --memory N
//   node experiments/remember.js GPT ENCODED OUT --clip CLIP --sentences FILE
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { readEncoded } from "../dist/data/encoded.js";
import { Clip, Gpt } from "../dist/index.js";
import { embedTexts } from "../dist/generate/embed.js";
import { meanShift, someEmbeddings } from "../dist/train/gpt-conditions.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { memory: { type: "string" }, clip: { type: "string" }, sentences: { type: "string" } },
});
const [path, encoded, output] = positionals;
const data = readEncoded(encoded);
const trained = await Gpt.fromPretrained(path);
const state = trained.stateDict();
const config = { ...trained.config };
if (values.memory) {
  const memory = someEmbeddings(data, Number(values.memory));
  config.memorySize = memory.size(0);
  state.set("memory", memory);
}
if (values.sentences) {
  const sentences = readFileSync(values.sentences, "utf8").trim().split("\n");
  config.textShift = true;
  state.set("text_shift", meanShift(data, embedTexts(await Clip.fromPretrained(values.clip), sentences)));
}
const gpt = new Gpt(config);
gpt.loadStateDict(state);
await gpt.savePretrained(output);
