// A CLIP between two of the same network, whose weights are (1 − share) of the one's and share of the other's: it keeps what the
// one could, and has most of what the other learnt since (WiSE-FT, Wortsman et al. 2022, arXiv 2109.01903).
//
//   node experiments/average.js CLIP OTHER SHARE OUT
import { Clip } from "../dist/index.js";

const [one, other, share, output] = process.argv.slice(2);
if (!output) throw new Error("usage: node experiments/average.js CLIP OTHER SHARE OUT");
const [clip, added] = await Promise.all([one, other].map((path) => Clip.fromPretrained(path, { dtype: "float32" })));
const state = clip.stateDict();
for (const [name, weight] of added.stateDict()) {
  state.set(name, state.get(name).detach().lerp(weight.detach(), Number(share)));
}
clip.loadStateDict(state);
await clip.savePretrained(output, { dtype: "bfloat16" });
