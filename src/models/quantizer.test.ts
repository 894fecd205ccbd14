import { describe, expect, test } from "vitest";
import { grad, noGrad } from "../tensor/autograd.ts";
import { zeros } from "../tensor/functions.generated.ts";
import { Generator } from "../tensor/random.ts";
import { Tensor } from "../tensor/tensor.ts";
import { VectorQuantizer, type QuantizerConfig } from "./quantizer.ts";

const plain: QuantizerConfig = {
  codebookSize: 3,
  embedDim: 2,
  beta: 0.25,
  legacy: false,
  normalizeCodebook: false,
  quantizer: "nearest",
  klWeight: 0,
  rotationTrick: false,
  simVq: false,
};

/** Codes (1, 0), (0, 2) and (−4, 0). */
function quantizer(changes: Partial<QuantizerConfig> = {}): VectorQuantizer {
  const made = new VectorQuantizer({ ...plain, ...changes });
  made.loadStateDict(new Map([["embedding.weight", Tensor.from([1, 0, 0, 2, -4, 0], [3, 2])]]));
  return made;
}

/** Vectors of two numbers in one row of the grid: (1, 2, 1, count). */
function row(...vectors: [number, number][]): Tensor {
  return Tensor.from([...vectors.map(([x]) => x), ...vectors.map(([, y]) => y)], [1, 2, 1, vectors.length]);
}

function close(tensor: Tensor | undefined): number[] {
  return (tensor?.toNumbers() ?? []).map((value) => Math.round(value * 1e4) / 1e4 + 0);
}

describe("VectorQuantizer", () => {
  test("takes the nearest code, which need not be the one in the same direction", () => {
    const { indices, zQ } = quantizer().forward(row([0.9, 0.1], [0.2, 5], [-1, 0.5], [-3, 0]));
    expect(indices.shape).toEqual([1, 1, 4]);
    expect(indices.toNumbers()).toEqual([0, 1, 1, 2]);
    expect(zQ.toNumbers()).toEqual([1, 0, 0, -4, 0, 2, 2, 0]);
  });

  test("takes the code in the nearest direction when codes are normalised, and gives unit vectors", () => {
    const { indices, zQ } = quantizer({ normalizeCodebook: true }).forward(row([-0.1, 0.01], [0.1, 0.2]));
    expect(indices.toNumbers()).toEqual([2, 1]);
    expect(close(zQ)).toEqual([-1, 0, 0, 1]);
  });

  test("looks up what it quantised", () => {
    const made = quantizer({ normalizeCodebook: true });
    const { indices, zQ } = made.forward(row([1, 0.5], [-2, 1]));
    const difference = made.lookup(indices).sub(zQ).abs().amax().item();
    expect(difference).toBeLessThan(1e-6);
  });

  test("lets the gradient pass straight through", () => {
    const z = row([0.9, 0.1], [-3, 1]).setRequiresGrad(true);
    const [gradient] = grad([quantizer().forward(z).zQ], [z], { gradOutputs: [row([3, 5], [7, 11])] });
    expect(gradient?.toNumbers()).toEqual([3, 7, 5, 11]);
  });

  test("turns and stretches the gradient like the latent with the rotation trick", () => {
    // (0, 1) goes to (−4, 0) here: a quarter turn to the left and four times the length; the gradient goes back.
    const made = quantizer({ rotationTrick: true });
    made.loadStateDict(new Map([["embedding.weight", Tensor.from([-4, 0, 90, 0, 0, 90], [3, 2])]]));
    const z = row([0, 1]).setRequiresGrad(true);
    const { zQ } = made.forward(z);
    const [gradient] = grad([zQ], [z], { gradOutputs: [row([1, 0])] });
    expect(close(zQ)).toEqual([-4, 0]);
    expect(close(gradient)).toEqual([0, -4]);
  });

  test("weighs one term or the other with beta: the loss is the same, the pull on codes and latents is not", () => {
    const pulls = [false, true].map((legacy) => {
      const made = quantizer({ legacy });
      const z = row([2, 0]).setRequiresGrad(true);
      const { loss } = made.forward(z);
      const [ofZ, ofCodes] = grad([loss], [z, made.embedding.weight]);
      return { loss: loss.item(), z: ofZ?.toNumbers()[0], code: ofCodes?.toNumbers()[0] };
    });
    expect(pulls).toEqual([
      { loss: 0.625, z: 0.25, code: -1 },
      { loss: 0.625, z: 1, code: -0.25 },
    ]);
  });

  test("moves all codes together with SimVQ: only the matrix learns, and none is moved alone", () => {
    const made = new VectorQuantizer({ ...plain, codebookSize: 64, embedDim: 4, simVq: true });
    const before = made.codebook().toNumbers();
    const { loss, zQ, indices } = made.forward(zeros([1, 4, 2, 2]).add(0.5));
    expect(made.lookup(indices).sub(zQ).abs().amax().item()).toBeLessThan(1e-6);
    loss.backward();
    expect(made.embedding.weight.requiresGrad).toBe(false);
    noGrad(() => made.embeddingProj?.weight.sub_(made.embeddingProj.weight.grad ?? 0));
    const moved = made
      .codebook()
      .toNumbers()
      .filter((value, i) => value !== before[i]);
    expect(moved.length).toBeGreaterThan(250);
    using generator = new Generator(4);
    expect(made.reviveDeadCodes(zeros([1, 4, 2, 2]), zeros([64]), generator)).toBe(0);
  });

  test("moves unused codes onto latents, the same ones for the same seed, and leaves used ones alone", () => {
    const z = row([5, 6], [7, 8]);
    const revived = [1, 2].map(() => {
      using generator = new Generator(4);
      const made = quantizer();
      const used = made.usage(Tensor.from([0, 0, 0], [1, 1, 3], "int64"));
      expect(used.toNumbers()).toEqual([3, 0, 0]);
      expect(made.reviveDeadCodes(z, used, generator)).toBe(2);
      return made.embedding.weight.toNumbers();
    });
    expect(revived[0]).toEqual(revived[1]);
    expect(revived[0]?.slice(0, 2)).toEqual([1, 0]);
    for (const at of [2, 4]) expect([5, 7]).toContain(revived[0]?.[at]);
  });

  test("has no dead codes to revive when all are used", () => {
    using generator = new Generator(4);
    const made = quantizer();
    expect(made.reviveDeadCodes(row([5, 6]), zeros([3]).add(1), generator)).toBe(0);
  });
});
