// Where composed scenes lose what their sentences say: in the VQGAN's tokens, in the GPT, or between words and pictures.
//
//   node experiments/scene-losses.js MODEL [EACH]
import { benchmarkSentences } from "../dist/evaluate/composition-benchmark.js";
import { markPictures, scoreMarks, scoreTable } from "../dist/evaluate/composition-score.js";
import { reconstructPictures } from "../dist/evaluate/reconstruction-figures.js";
import { clipFeatures, featuresOf } from "../dist/evaluate/features.js";
import { drawComposition } from "../dist/data/composition-drawing.js";
import { ClipGen, drawEach, keep, streamOf, Targets, textTargets, tidy } from "../dist/index.js";
import { normalize } from "../dist/nn/functional.js";

const [path, each = "60"] = process.argv.slice(2);
const model = await ClipGen.fromPretrained(path, { thread: "main", precision: "float32" });
const size = model.vqgan.config.resolution;
const sentences = benchmarkSentences(Number(each));
const images = Buffer.concat(sentences.map(({ composition }) => drawComposition(composition, size)));
const pictures = { images, size, count: sentences.length, names: sentences.map(({ text }) => text), skipped: [] };
const { features } = await featuresOf(streamOf(pictures), clipFeatures(model.clip), { device: "cpu" });
const own = new Targets(keep(tidy(() => normalize(features))));
const drawn = async (targets) => Buffer.concat((await drawEach(model, targets)).map(({ pixels }) => pixels));

const stages = {
  "the scenes themselves": images,
  "reconstructed by the VQGAN": (await reconstructPictures(pictures, { vqgan: model.vqgan, device: "cpu" })).images,
  "drawn from the scenes' embeddings": await drawn(own),
  "drawn from the sentences": await drawn(textTargets(model, pictures.names)),
};
for (const [name, shown] of Object.entries(stages)) {
  console.log(`${name}\n${scoreTable(scoreMarks([markPictures(sentences, { images: shown, size })]))}\n`);
}
