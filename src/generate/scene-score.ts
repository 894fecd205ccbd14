import { captionCombination } from "../data/scene-captions.ts";
import { checkScene } from "../data/scene-checker.ts";
import { colors, isHeldOut, shapes, type Combination } from "../data/scenes.ts";
import type { GenerateOptions, ClipGen } from "./pipeline.ts";
import type { GeneratedPicture } from "./picture.ts";

/** One combination of colour and shape, drawn from its sentence and looked at by the checker. */
export type SceneResult = {
  combination: Combination;
  /** Whether the generator's training never saw this combination. */
  heldOut: boolean;
  picture: GeneratedPicture;
  rightColor: boolean;
  rightShape: boolean;
};

/** Draws every combination of colour and shape, and checks what was drawn. */
export async function scoreScenes(
  model: ClipGen,
  options: GenerateOptions & { onDrawn?: (done: number, total: number) => void } = {},
): Promise<SceneResult[]> {
  const { onDrawn, ...drawing } = options;
  const results: SceneResult[] = [];
  const combinations = colors.flatMap((color) => shapes.map((shape) => ({ color, shape })));
  for (const combination of combinations) {
    const [picture] = await model.generate(captionCombination(combination), drawing);
    if (!picture) throw new Error("no picture was drawn");
    const seen = checkScene(picture.pixels, picture.size);
    results.push({
      combination,
      heldOut: isHeldOut(combination),
      picture,
      rightColor: seen.color === combination.color,
      rightShape: seen.shape === combination.shape,
    });
    onDrawn?.(results.length, combinations.length);
  }
  return results;
}

/** How many of the results are right, in colour and shape together. */
export function rightOf(results: readonly SceneResult[]): { right: number; of: number } {
  return { right: results.filter((result) => result.rightColor && result.rightShape).length, of: results.length };
}
