// How often the note comes that a prompt may be outside of what a model knows: for what it was trained on, for the same said
// otherwise, and for what it has never seen. Prints the table of docs/results.md.
//
//   node experiments/familiarity.js MODEL DATA      DATA holds fluent-emoji/ and grocery/
import { join } from "node:path";
import { rephrase, rephrasings } from "../dist/data/caption-variations.js";
import { findPairs } from "../dist/data/pictures.js";
import { unfamiliar } from "../dist/generate/calibration.js";
import { agreements } from "../dist/generate/embed.js";
import { ClipGen, textTargets } from "../dist/index.js";
import { Random } from "../dist/random.js";
import { some } from "../dist/cli/prompts.js";

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

/** Those of some prompts that get a note, which depends on what is found in the memory, and on no drawing. */
function notedOf(prompts) {
  const agreement = agreements(model, textTargets(model, prompts));
  return prompts.filter((prompt, i) => unfamiliar(prompt, { score: Number.NaN, agreement: agreement[i] }, known));
}

const emoji = some(
  (await findPairs([join(data, "fluent-emoji/emoji.jsonl")])).flatMap(({ captions = [] }) => [captions]),
  200,
);
const produce = await findPairs([`${join(data, "grocery/grocery.jsonl")}?group=fruit,vegetables&split=test&as=photo`]);
const sets = {
  "names of emoji": emoji.map(([name]) => name),
  "names of produce": [...new Set(produce.flatMap(({ captions = [] }) => captions.slice(0, 1)))],
  ...Object.fromEntries(
    rephrasings
      .filter((how) => how !== "style")
      .map((how) => [
        `emoji: ${how}`,
        emoji.map((captions, i) => rephrase(captions, how, new Random(0, "rephrase", i))),
      ]),
  ),
  "never seen": strange,
};
console.log("| prompts | noted | of |\n| --- | --: | --: |");
for (const [name, prompts] of Object.entries(sets)) {
  const noted = notedOf(prompts);
  console.log(`| ${name} | ${((100 * noted.length) / prompts.length).toFixed(0)} % | ${prompts.length} |`);
  if (prompts === strange)
    console.log(`\nnot noted: ${prompts.filter((prompt) => !noted.includes(prompt)).join(", ")}`);
}
