import { gptTraining } from "../src/config.ts";
import type { EncodedSet } from "../src/data/encoded.ts";
import { Random } from "../src/random.ts";
import { Gpt } from "../src/models/gpt.ts";
import { gptPresets, type GptConfig } from "../src/models/gpt-config.ts";
import { gptStage } from "../src/train/gpt.ts";
import { bestPrecision, type Context } from "./context.ts";
import type { Measurement } from "./measure.ts";
import { compareWork, trainingPeers } from "./training-step.ts";

const TOKENS = 256;
const EMBEDDING = 512;

const networks = [
  { name: "12×512", size: { layers: 12, heads: 8, width: 512, dropout: 0.1 }, batch: 8, codes: 1024, seconds: 60 },
  { name: "24×1024", size: gptPresets.paper, batch: 4, codes: 16_384, seconds: 90 },
];

/** A step of `train gpt` as it is: batch, forward, backward, clipping, AdamW. */
export async function measureGpt(context: Context): Promise<Measurement[]> {
  const results: Measurement[] = [];
  for (const network of networks) results.push(await measureNetwork(context, network));
  return results;
}

async function measureNetwork(context: Context, network: (typeof networks)[number]): Promise<Measurement> {
  const { name, size, codes } = network;
  const batch = context.batch ?? network.batch;
  const precision = bestPrecision();
  const model = { ...size, codebookSize: codes, tokenCount: TOKENS, conditionDim: EMBEDDING };
  using gpt = new Gpt(model);
  const config = gptTraining.parse({ batchSize: batch, precision, seed: context.seed });
  const stage = gptStage({ gpt, data: randomSet(64, codes, context.seed), config });
  let number = 0;
  return await compareWork(context, {
    name: `train GPT ${name}, ${batch}×${TOKENS} tokens, ${precision}`,
    flops: batch * stepFlops(gpt, model),
    items: { count: batch * TOKENS, name: "tokens" },
    precision,
    step: () => void stage.step(number++),
    shareGoal: 0.7,
    peers: trainingPeers("gpt", { model, optimizer: config, batch }, { float32: 5, bfloat16: 1.6 }),
    plan: { rounds: 6, count: 1, seconds: network.seconds },
  });
}

/**
 * For one picture, forwards and backwards: 6 N a token (Kaplan et al. 2020, arXiv 2001.08361), where N leaves out the
 * tables that are only looked up, and 12 · layers · width · T a token for attention, masked part included (PaLM, appendix B).
 */
export function stepFlops(gpt: Gpt, { codebookSize, tokenCount, layers, width }: GptConfig): number {
  const multiplied = gpt.parameterCount - (codebookSize + tokenCount) * width;
  return tokenCount * (6 * multiplied + 12 * layers * width * tokenCount);
}

/** Encoded pictures that hold nothing but chance. */
export function randomSet(count: number, codes: number, seed: number): EncodedSet {
  const random = new Random(seed, "bench");
  const side = Math.sqrt(TOKENS);
  return {
    count,
    views: 1,
    grid: [side, side],
    codebookSize: codes,
    embedDim: EMBEDDING,
    tokens: Int32Array.from({ length: count * TOKENS }, () => random.int(codes)),
    embeddings: new Float32Array(count * EMBEDDING).fill(EMBEDDING ** -0.5),
    names: Array.from({ length: count }, (_, i) => String(i)),
  };
}
