import { gptTraining } from "../src/config.ts";
import type { EncodedSet } from "../src/data/encoded.ts";
import { Random } from "../src/random.ts";
import { Gpt } from "../src/models/gpt.ts";
import { gptPresets, type GptConfig } from "../src/models/gpt-config.ts";
import { gptStage } from "../src/train/gpt.ts";
import { precisions, type Context, type Precision } from "./context.ts";
import type { Measurement } from "./measure.ts";
import { compareSteps } from "./training-step.ts";

const TOKENS = 256;
const CODES = 1024;
const EMBEDDING = 512;

const networks = [
  { name: "tiny (6×256)", size: gptPresets.tiny, batch: 8 },
  { name: "small (8×384)", size: gptPresets.small, batch: 4 },
  { name: "12×512", size: { layers: 12, heads: 8, width: 512, dropout: 0.1 }, batch: 2 },
];

/** A step of `train gpt` as it is: batch, forward, backward, clipping, AdamW. */
export async function measureGpt(context: Context): Promise<Measurement[]> {
  const results: Measurement[] = [];
  for (const precision of precisions()) {
    for (const network of networks) results.push(await measureNetwork(context, { ...network, precision }));
  }
  return results;
}

async function measureNetwork(
  context: Context,
  network: (typeof networks)[number] & { precision: Precision },
): Promise<Measurement> {
  const { name, size, batch, precision } = network;
  const model = { ...size, codebookSize: CODES, tokenCount: TOKENS, conditionDim: EMBEDDING };
  using gpt = new Gpt(model);
  const config = gptTraining.parse({ batchSize: batch, precision });
  const stage = gptStage({ gpt, data: randomSet(64), config });
  let number = 0;
  return await compareSteps(context, {
    name: `GPT ${name}, ${batch}×${TOKENS} tokens, ${precision}`,
    flops: batch * stepFlops(gpt, model),
    items: { count: batch * TOKENS, name: "tokens" },
    precision,
    step: () => void stage.step(number++),
    peer: { workload: "gpt", settings: { model, optimizer: config, batch, dtype: precision } },
    plan: { rounds: 20, count: 1, seconds: 32 / precisions().length },
  });
}

/**
 * For one picture, forwards and backwards: 6 N a token (Kaplan et al. 2020, arXiv 2001.08361), where N leaves out the
 * tables that are only looked up, and 12 · layers · width · T a token for attention, masked part included (PaLM, appendix B).
 */
function stepFlops(gpt: Gpt, { codebookSize, tokenCount, layers, width }: GptConfig): number {
  const multiplied = gpt.parameterCount - (codebookSize + tokenCount) * width;
  return tokenCount * (6 * multiplied + 12 * layers * width * tokenCount);
}

function randomSet(count: number): EncodedSet {
  const random = new Random(0, "bench");
  const side = Math.sqrt(TOKENS);
  return {
    count,
    views: 1,
    grid: [side, side],
    codebookSize: CODES,
    embedDim: EMBEDDING,
    tokens: Int32Array.from({ length: count * TOKENS }, () => random.int(CODES)),
    embeddings: new Float32Array(count * EMBEDDING).fill(EMBEDDING ** -0.5),
    names: Array.from({ length: count }, (_, i) => String(i)),
  };
}
