// What small changes of the words do, without a drawing: how many prompts find their own picture, and for how many the note comes
// that they may be outside of what the model knows; and the note for what it has never seen. Prints the table of docs/results.md.
//
//   node experiments/familiarity.js MODEL DATA      DATA holds fluent-emoji/ and grocery/
import { join } from "node:path";
import { rephrase, rephrasings } from "../dist/data/caption-variations.js";
import { streamOf } from "../dist/data/picture-stream.js";
import { findPairs, readPictures } from "../dist/data/pictures.js";
import { clipFeatures, featuresOf } from "../dist/evaluate/features.js";
import { unfamiliar } from "../dist/generate/calibration.js";
import { agreements } from "../dist/generate/embed.js";
import { ClipGen, textTargets } from "../dist/index.js";
import { normalize } from "../dist/nn/functional.js";
import { Random } from "../dist/random.js";

const strange = [
  "quarterly tax report",
  "the stock market crash of 1929",
  "a spreadsheet of expenses",
  "the theory of general relativity",
  "a motherboard with a soldered capacitor",
  "a courtroom during a trial",
  "the French revolution",
  "a bowl of ramen next to a laptop",
  "a wheelbarrow full of gravel",
  "a lawnmower in a garden shed",
  "terms and conditions",
  "a knitted scarf on a coat hanger",
  "the inside of a washing machine",
  "a suspension bridge in fog",
  "an empty parking garage at night",
  "a diagram of the human kidney",
  "a medieval tapestry of a battle",
  "linear algebra homework",
  "a rusty drainpipe",
  "a trench coat in the rain",
  "a crowd at a rock concert",
  "a portrait of a bearded philosopher",
  "the surface of Mars seen from orbit",
  "a container ship unloading",
  "a chandelier in an opera house",
  "a pile of unpaid invoices",
  "the feeling of nostalgia",
  "a submarine periscope",
  "a beekeeper inspecting a hive",
  "constitutional monarchy",
  "a stapler and a hole punch",
  "a glacier calving into the sea",
  "an oil painting of a windmill",
  "a supermarket checkout",
  "a broken umbrella in a puddle",
  "a bonsai on a windowsill",
  "a telegraph pole",
  "asdf qwer zxcv",
  "lorem ipsum dolor sit amet",
  "two dogs playing chess",
];

const [path, data] = process.argv.slice(2);
if (!data) throw new Error("usage: node experiments/familiarity.js MODEL DATA");
const model = await ClipGen.fromPretrained(path, { thread: "main" });
const known = model.calibration;
if (!known?.memory) throw new Error(`${path} has no calibration with a memory; see clip-gen calibrate`);

const [emojiList, flatList] = ["emoji", "flat"].map((list) => join(data, `fluent-emoji/${list}.jsonl`));
const produceList = `${join(data, "grocery/grocery.jsonl")}?group=fruit,vegetables&split=train,val&as=photo`;
const emoji = (await findPairs([emojiList])).map(({ captions }) => captions);
const produce = (await findPairs([produceList])).map(({ captions }) => captions);
const pictures = await readPictures(await findPairs([emojiList, flatList, produceList]), {
  size: model.clip.config.vision.imageSize,
});
const owners = pictures.captions.map(([name]) => name);
const seen = normalize((await featuresOf(streamOf(pictures), clipFeatures(model.clip))).features);

/** How many of some prompts get the note, and find one of their own pictures nearest of all. */
function row(name, prompts, names) {
  const targets = textTargets(model, prompts);
  const agreement = agreements(model, targets);
  const noted = prompts.filter((prompt, i) =>
    unfamiliar(prompt, { score: Number.NaN, agreement: agreement[i] }, known),
  );
  const nearest = targets.embedding.to("float32").matmul(seen.t()).argmax(1).toNumbers();
  const found = names && nearest.filter((picture, i) => owners[picture] === names[i]);
  const share = (some) => (some ? `${((100 * some.length) / prompts.length).toFixed(1)} %` : "");
  console.log(`| ${name} | ${prompts.length} | ${share(found)} | ${share(noted)} |`);
  return noted;
}

console.log("| prompts | of them | find their picture | noted |\n| --- | --: | --: | --: |");
const names = emoji.map(([name]) => name);
row("names of emoji", names, names);
for (const how of rephrasings.filter((each) => each !== "style")) {
  const said = emoji.map((captions, i) => rephrase(captions, how, new Random(0, "rephrase", i)));
  row(`… ${how}`, said, names);
}
const kinds = [...new Set(produce.map(([name]) => name))];
row("names of produce", kinds, kinds);
const noted = row("never seen", strange);
console.log(`\nnot noted: ${strange.filter((prompt) => !noted.includes(prompt)).join(", ")}`);
