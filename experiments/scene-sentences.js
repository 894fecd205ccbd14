// Prints sentences about composed scenes that nobody drew, one a line: `train gpt --sentences` wants such.
//
//   node experiments/scene-sentences.js COUNT
import { captionComposition } from "../dist/data/composition-captions.js";
import { generatorCompositions } from "../dist/data/composition-splits.js";
import { compositionAt } from "../dist/data/compositions.js";
import { Random } from "../dist/random.js";

const count = Number(process.argv[2] ?? 2000);
for (let i = 0; i < count; i += 1) {
  const composition = compositionAt("sentences", i, generatorCompositions);
  console.log(captionComposition(composition, new Random("sentences", i, "caption")));
}
