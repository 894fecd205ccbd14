/** Sentences about scenes. */

import type { Random } from "../random.ts";
import type { Combination, Position, Scene } from "./scenes.ts";

export const openings = ["", "", "", "a picture of ", "a drawing of ", "an image of ", "there is "] as const;

export const places: Readonly<Record<Position, readonly string[]>> = {
  center: ["in the center", "in the middle"],
  left: ["on the left", "at the left"],
  right: ["on the right", "at the right"],
  top: ["at the top"],
  bottom: ["at the bottom"],
  "top left": ["at the top left", "in the top left corner"],
  "top right": ["at the top right", "in the top right corner"],
  "bottom left": ["at the bottom left", "in the bottom left corner"],
  "bottom right": ["at the bottom right", "in the bottom right corner"],
};

export const textureEndings = { striped: "with stripes", dotted: "with dots" } as const;

/**
 * A sentence about the scene, in small letters without a full stop: "a large striped red circle at the top left on a
 * black background". Colour and shape are always named, the rest at random. The same draws give the same sentence.
 */
export function captionScene(scene: Scene, random: Random): string {
  const opening = random.pick(openings);
  const adjectives: string[] = [];
  const endings: string[] = [];
  if (random.chance(0.45)) adjectives.push(scene.size);
  const textureMention = random.next();
  if (scene.texture === "plain") {
    // Few people say that something is plain.
    if (textureMention < 0.15) adjectives.push("plain");
  } else if (textureMention < 0.4) adjectives.push(scene.texture);
  else if (textureMention < 0.55) endings.push(textureEndings[scene.texture]);
  adjectives.push(scene.color);
  if (random.chance(0.4)) endings.push(random.pick(places[scene.position]));
  if (random.chance(0.4)) endings.push(`on a ${scene.background} background`);
  const noun = withArticle([...adjectives, scene.shape].join(" "));
  return `${opening}${[noun, ...endings].join(" ")}`;
}

/** The shortest sentence that names the pair, for prompts: "a red circle", "an orange star". */
export function captionCombination({ color, shape }: Combination): string {
  return withArticle(`${color} ${shape}`);
}

export function withArticle(words: string): string {
  return `${/^[aeiou]/.test(words) ? "an" : "a"} ${words}`;
}
