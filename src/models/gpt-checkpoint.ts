import type { StateDict } from "../nn/module.ts";
import type { Tensor } from "../tensor/tensor.ts";

const outside: Readonly<Record<string, string>> = {
  "tok_emb.weight": "token_embedding.weight",
  "cond_proj.weight": "condition_proj.weight",
  "cond_proj.bias": "condition_proj.bias",
};

const insideBlock: Readonly<Record<string, string>> = {
  "self_attn.in_proj_weight": "attention.qkv.weight",
  "self_attn.in_proj_bias": "attention.qkv.bias",
  "self_attn.out_proj.weight": "attention.proj.weight",
  "self_attn.out_proj.bias": "attention.proj.bias",
  "linear1.weight": "mlp.fc1.weight",
  "linear1.bias": "mlp.fc1.bias",
  "linear2.weight": "mlp.fc2.weight",
  "linear2.bias": "mlp.fc2.bias",
  "norm1.weight": "norm1.weight",
  "norm1.bias": "norm1.bias",
  "norm2.weight": "norm2.weight",
  "norm2.bias": "norm2.bias",
};

/**
 * The weights of HFAiLab's conditional GPT (`gpt_coco.pt`) under the names of our `Gpt`. Its mask buffers are left out.
 * Names that it does not know stay as they are, for the loader to complain about. The tensors are views of the given ones.
 */
export function hfaiGptStateDict(state: StateDict): Map<string, Tensor> {
  const named = new Map<string, Tensor>();
  for (const [original, tensor] of state) {
    const name = original.replace(/^module\./, "");
    if (/^blocks\.\d+\.mask$/.test(name)) continue;
    if (name === "pos_emb") named.set("position_embedding", tensor.squeeze(0)); // (1, T, C) → (T, C)
    else named.set(renamed(name), tensor);
  }
  return named;
}

function renamed(name: string): string {
  const [, layer, part = ""] = /^blocks\.(\d+)\.encoder\.(.+)$/.exec(name) ?? [];
  const newPart = insideBlock[part];
  return layer !== undefined && newPart !== undefined ? `blocks.${layer}.${newPart}` : (outside[name] ?? name);
}
