// How well a CLIP tells composed scenes apart by their sentences: for each split, how often a sentence's own picture is the closest
// of 100, and their cosine in the mean.
//
//   node experiments/composed-clip.js assets/composed-clip
import { drawComposition } from "../dist/data/composition-drawing.js";
import { testSentence, testSplits } from "../dist/data/composition-splits.js";
import { streamOf } from "../dist/data/picture-stream.js";
import { embedTexts } from "../dist/generate/embed.js";
import { rPrecision } from "../dist/evaluate/clip-score.js";
import { clipFeatures, featuresOf } from "../dist/evaluate/features.js";
import { Clip } from "../dist/models/clip.js";
import { normalize } from "../dist/nn/functional.js";
import { tidy } from "../dist/tensor/scope.js";

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
