// How well a CLIP tells composed scenes apart by their sentences: for each split, how often a sentence's own picture is the closest
// of 100, and their cosine in the mean; then how often it names each attribute right, among sentences that differ in it alone. The
// second is the harder question: colours and shapes tell nearly all of 100 random scenes apart.
//
//   node experiments/composed-clip.js assets/composed-clip
import { drawComposition } from "../dist/data/composition-drawing.js";
import { sayDescription } from "../dist/data/composition-captions.js";
import { describeComposition } from "../dist/data/composition-descriptions.js";
import { compositionAt, relations } from "../dist/data/compositions.js";
import { testSentence, testSplits } from "../dist/data/composition-splits.js";
import { streamOf } from "../dist/data/picture-stream.js";
import { embedTexts } from "../dist/generate/embed.js";
import { rPrecision } from "../dist/evaluate/clip-score.js";
import { clipFeatures, featuresOf } from "../dist/evaluate/features.js";
import { Clip } from "../dist/models/clip.js";
import { normalize } from "../dist/nn/functional.js";
import { backgrounds, colors, positions, shapes, sizes, textures } from "../dist/data/scenes.js";
import { Random } from "../dist/random.js";
import { keep, tidy } from "../dist/tensor/scope.js";

const [path] = process.argv.slice(2);
if (!path) throw new Error("usage: node experiments/composed-clip.js CLIP");
const clip = await Clip.fromPretrained(path);
const COUNT = 100;
const SIZE = 64;
console.log(
  "| split | sentence found among 100 pictures | picture found among 100 sentences | cosine |\n|---|---|---|---|",
);
for (const split of testSplits) {
  const sentences = Array.from({ length: COUNT }, (_, i) => testSentence(split, 0, i));
  const images = Buffer.concat(sentences.map(({ composition }) => drawComposition(composition, SIZE)));
  const pictures = { images, size: SIZE, count: COUNT, names: sentences.map(({ text }) => text), skipped: [] };
  const { features } = await featuresOf(streamOf(pictures), clipFeatures(clip));
  const texts = embedTexts(
    clip,
    sentences.map(({ text }) => text),
  );
  const cosine = tidy(() => normalize(features).mul(texts).sum([1]).mean().item());
  const cells = [rPrecision(texts, features), rPrecision(features, texts), cosine];
  console.log(`| ${split} | ${cells.map((value) => value.toFixed(2)).join(" | ")} |`);
}

// name: what may be said, of which kind of scene, and how it is put into a description
const attributes = {
  color: { values: colors, kind: "one", details: [] },
  shape: { values: shapes, kind: "one", details: [] },
  size: { values: sizes, kind: "one", details: ["size 0"] },
  texture: { values: textures, kind: "one", details: ["texture 0"] },
  position: { values: positions, kind: "one", details: ["position 0"] },
  background: { values: backgrounds, kind: "one", details: ["background"] },
  relation: { values: relations, kind: "two", details: ["relation"] },
};
console.log("\n| attribute | named right, of 200 scenes |\n|---|---|");
for (const [name, { values, kind, details }] of Object.entries(attributes)) {
  const scenes = Array.from({ length: 200 }, (_, i) => compositionAt("attributes", i, { kind }));
  const images = Buffer.concat(scenes.map((scene) => drawComposition(scene, SIZE)));
  const pictures = { images, size: SIZE, count: scenes.length, names: scenes.map(String), skipped: [] };
  const { features } = await featuresOf(streamOf(pictures), clipFeatures(clip));
  const seen = keep(tidy(() => normalize(features)));
  let right = 0;
  for (const [i, scene] of scenes.entries()) {
    const told = describeComposition(scene, details);
    const isWhole = name in told;
    const sentences = values.map((value) => {
      const wanted = isWhole
        ? { ...told, [name]: value }
        : { ...told, objects: [{ ...told.objects[0], [name]: value }] };
      return sayDescription(wanted, { random: new Random("wording", i), rare: 0 });
    });
    const texts = embedTexts(clip, sentences);
    const best = tidy(() => seen.narrow(0, i, 1).matmul(texts.t()).argmax(-1).item());
    texts.dispose();
    if (values[best] === (isWhole ? told[name] : told.objects[0][name])) right += 1;
  }
  console.log(`| ${name} | ${((100 * right) / scenes.length).toFixed(1)} % |`);
}
