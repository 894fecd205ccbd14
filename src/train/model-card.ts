import type { GptTraining, VqganTraining } from "../config.ts";
import type { GptConfig } from "../models/gpt-config.ts";
import type { VqganConfig } from "../models/vqgan-config.ts";

/** The `README.md` of a model: what it is, what it learned from, how, and how to use it. */
export function modelCard(model: {
  name: string;
  /** How many, and where from. */
  pictures: { count: number; about: string };
  vqgan: { network: VqganConfig; training: VqganTraining };
  gpt: { network: GptConfig; training: GptTraining };
}): string {
  const { name, pictures, vqgan, gpt } = model;
  const side = Math.sqrt(gpt.network.tokenCount);
  const { resolution, codebookSize, embedDim } = vqgan.network;
  const { layers, heads, width } = gpt.network;
  return `# ${name}

A text-to-image generator (CLIP-GEN, arXiv 2203.00386) that learned from pictures without captions.

![Above: training pictures as the VQGAN has them. Below: what the GPT draws from their embeddings.](grid.png)

| | |
|---|---|
| Pictures | ${pictures.count}, ${pictures.about} |
| VQGAN | ${resolution}×${resolution} pixels as ${side}×${side} tokens, ${codebookSize} codes of ${embedDim} numbers; ${vqgan.training.steps} steps of ${vqgan.training.batchSize}, seed ${vqgan.training.seed} |
| GPT | ${layers} layers, ${heads} heads, ${width} wide; ${gpt.training.steps} steps of ${gpt.training.batchSize}, seed ${gpt.training.seed} |
| Licence | yours to decide: that of the pictures and of the CLIP bind you |

All settings are in \`model.json\`, the curves in \`runs/*/metrics.jsonl\`.

\`\`\`
clip-gen generate "…" -m ${name} --candidates 64
clip-gen vary picture.png -m ${name}
\`\`\`
`;
}
