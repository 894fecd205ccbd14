import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { Random } from "../random.ts";
import { captionCombination, captionScene } from "./scene-captions.ts";
import { drawScene } from "./scene-drawing.ts";
import { shapeDistances, shapeMoments } from "./scene-shapes.ts";
import {
  backgrounds,
  backgroundValues,
  colors,
  colorValues,
  heldOutCombinations,
  isHeldOut,
  positions,
  type Rgb,
  type Scene,
  sceneAt,
  shapes,
  sizes,
  textures,
} from "./scenes.ts";

function apart(a: Rgb, b: Rgb): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

const plain: Scene = {
  color: "red",
  shape: "circle",
  size: "large",
  texture: "plain",
  position: "center",
  background: "white",
  colorValue: [200, 0, 0],
  backgroundValue: [250, 250, 250],
  center: [0.5, 0.5],
  radius: 0.375,
};

describe("sceneAt", () => {
  const scenes = Array.from({ length: 2000 }, (_, index) => sceneAt(1, index));

  test("repeats a scene for the same seed and index, and differs for others", () => {
    expect(sceneAt(1, 5)).toEqual(scenes[5]);
    expect(sceneAt(2, 5)).not.toEqual(scenes[5]);
    expect(sceneAt(1, 6)).not.toEqual(scenes[5]);
  });

  test("draws every value of every property", () => {
    const all = { color: colors, shape: shapes, size: sizes, texture: textures, position: positions } as const;
    for (const key of ["color", "shape", "size", "texture", "position"] as const) {
      expect(new Set(scenes.map((scene) => scene[key])).size).toBe(all[key].length);
    }
    expect(new Set(scenes.map((scene) => scene.background)).size).toBe(backgrounds.length);
  });

  test("keeps every shape inside the picture", () => {
    for (const { center, radius } of scenes) {
      for (const at of center) {
        expect(at - radius).toBeGreaterThan(0.015);
        expect(at + radius).toBeLessThan(0.985);
      }
    }
  });

  test("puts the shape on the side that its position names", () => {
    for (const { center, position } of scenes) {
      expect(center[0] < 0.46).toBe(position.includes("left"));
      expect(center[0] > 0.54).toBe(position.includes("right"));
      expect(center[1] < 0.46).toBe(position.includes("top"));
      expect(center[1] > 0.54).toBe(position.includes("bottom"));
    }
  });

  test("excludes the held-out pairs, or draws only those", () => {
    const excluded = Array.from({ length: 1000 }, (_, index) => sceneAt(1, index, { heldOut: "exclude" }));
    const only = Array.from({ length: 200 }, (_, index) => sceneAt(1, index, { heldOut: "only" }));
    expect(excluded.filter((scene) => isHeldOut(scene))).toEqual([]);
    expect(only.every((scene) => isHeldOut(scene))).toBe(true);
    expect(scenes.some((scene) => isHeldOut(scene))).toBe(true);
  });
});

test("held-out pairs hold each colour and each shape once", () => {
  expect(new Set(heldOutCombinations.map(({ color }) => color)).size).toBe(8);
  expect(new Set(heldOutCombinations.map(({ shape }) => shape)).size).toBe(8);
});

test("colours are far apart from each other and from every background", () => {
  for (const color of colors) {
    for (const other of colors)
      if (other !== color) expect(apart(colorValues[color], colorValues[other])).toBeGreaterThan(70);
    for (const ground of backgrounds) {
      expect(apart(colorValues[color], backgroundValues[ground])).toBeGreaterThan(70);
    }
  }
});

describe("drawScene", () => {
  test("covers the area that the shape has", () => {
    for (const shape of shapes) {
      const picture = drawScene({ ...plain, shape }, 64);
      let covered = 0;
      for (let offset = 1; offset < picture.length; offset += 3) covered += 1 - (picture[offset] ?? 0) / 250;
      const expected = shapeMoments[shape].area * (0.375 * 64) ** 2;
      expect(covered / expected).toBeGreaterThan(0.98);
      expect(covered / expected).toBeLessThan(1.02);
    }
  });

  test("knows the areas of the circle, the diamond and the ring", () => {
    expect(shapeMoments.circle.area).toBeCloseTo(Math.PI, 1);
    expect(shapeMoments.diamond.area).toBeCloseTo(1.6, 1);
    expect(shapeMoments.ring.area).toBeCloseTo(Math.PI * (1 - 0.48 ** 2), 1);
  });

  test("leaves no shape outside its square", () => {
    for (const shape of shapes) {
      for (let at = -1.2; at <= 1.2; at += 0.01) {
        for (const [x, y] of [
          [at, 1.01],
          [at, -1.01],
          [1.01, at],
          [-1.01, at],
        ] as const) {
          expect(shapeDistances[shape](x, y)).toBeGreaterThan(0);
        }
      }
    }
  });

  test("paints the shape's colour in the middle and the background around it", () => {
    const picture = drawScene(plain, 32);
    expect([...picture.subarray(0, 3)]).toEqual([250, 250, 250]);
    expect([...picture.subarray((16 * 32 + 16) * 3, (16 * 32 + 16) * 3 + 3)]).toEqual([200, 0, 0]);
  });

  test("darkens a part of a textured shape and keeps its hue", () => {
    for (const texture of ["striped", "dotted"] as const) {
      const picture = drawScene({ ...plain, texture }, 32);
      const reds = new Set<number>();
      for (let offset = 0; offset < picture.length; offset += 3)
        if (picture[offset + 1] === 0) reds.add(picture[offset] ?? 0);
      expect(Math.min(...reds)).toBe(140);
      expect(Math.max(...reds)).toBe(200);
    }
  });

  test("rejects a size that makes no picture", () => {
    for (const pixels of [0, 7, 32.5, 5000]) expect(() => drawScene(plain, pixels)).toThrow("pixels must be");
  });
});

describe("captionScene", () => {
  test("always names colour and shape, and nothing that is not in the scene", () => {
    for (let index = 0; index < 1000; index++) {
      const scene = sceneAt(4, index);
      const caption = captionScene(scene, new Random(index));
      const said = (words: readonly string[]): string[] =>
        words.filter((word) => new RegExp(`\\b${word}\\b`).test(caption));
      expect(said(colors)).toEqual([scene.color]);
      expect(said(shapes)).toEqual([scene.shape]);
      expect([[], [scene.size]]).toContainEqual(said(sizes));
      expect([[], [scene.texture]]).toContainEqual(said(textures));
      expect([[], [scene.background]]).toContainEqual(said(backgrounds));
      if (scene.texture === "plain") expect(caption).not.toMatch(/stripes|dots/);
    }
  });

  test("uses many sentences for one scene, and the same one for the same draws", () => {
    const captions = Array.from({ length: 300 }, (_, index) => captionScene(plain, new Random(index)));
    expect(new Set(captions).size).toBeGreaterThan(80);
    expect(captionScene(plain, new Random(7))).toBe(captions[7]);
  });

  test("puts an before a vowel", () => {
    expect(captionCombination({ color: "orange", shape: "star" })).toBe("an orange star");
    expect(captionCombination({ color: "red", shape: "ring" })).toBe("a red ring");
  });
});

test("scenes, captions and pixels stay what they are for a seed: the shipped CLIP was trained on them", () => {
  const hash = createHash("sha256");
  for (let index = 0; index < 200; index++) {
    const scene = sceneAt(2, index);
    hash.update(JSON.stringify(scene));
    hash.update(captionScene(scene, new Random(2, index)));
    hash.update(drawScene(scene, 32));
  }
  expect(hash.digest("hex").slice(0, 16)).toBe("9eb268fcee67cba1");
});
