import { describe, expect, test } from "vitest";
import { compositionAt, compositionKinds, heldOutPairs, isHeldOutPair, relations } from "./compositions.ts";
import { drawComposition } from "./composition-drawing.ts";
import { backgrounds, colors, isHeldOut, positions, shapes, sizes, textures } from "./scenes.ts";

const many = Array.from({ length: 3000 }, (_, index) => compositionAt(1, index));

describe("compositionAt", () => {
  test("repeats a composition for the same seed and index, and differs for others", () => {
    expect(compositionAt(1, 5)).toEqual(many[5]);
    expect(compositionAt(2, 5)).not.toEqual(many[5]);
    expect(compositionAt(1, 6)).not.toEqual(many[5]);
  });

  test("makes every kind with every value of every property", () => {
    for (const kind of compositionKinds) {
      const objects = many
        .filter((composition) => composition.kind === kind)
        .flatMap((composition) => composition.objects);
      const all = { color: colors, shape: shapes, size: sizes, texture: textures } as const;
      for (const key of ["color", "shape", "size", "texture"] as const) {
        expect(new Set(objects.map((object) => object[key])).size).toBe(all[key].length);
      }
      expect(new Set(objects.map(({ position }) => position)).size).toBe(kind === "one" ? positions.length : 8);
    }
    expect(new Set(many.map(({ background }) => background)).size).toBe(backgrounds.length);
    expect(new Set(many.map(({ relation }) => relation)).size).toBe(relations.length + 1);
  });

  test("makes some in a row alike in kind, colours and shapes, where it is asked to, and nothing else", () => {
    const rows = Array.from({ length: 800 }, (_, index) => compositionAt(1, index, { alike: 8 }));
    const named = rows.map(({ kind, objects: [first, second] }) =>
      [kind, first?.color, first?.shape, second?.color, second?.shape].join(" "),
    );
    for (let start = 0; start < rows.length; start += 8) expect(new Set(named.slice(start, start + 8)).size).toBe(1);
    expect(new Set(named).size).toBeGreaterThan(80);
    const first = rows.map(({ objects }) => objects[0]);
    expect(new Set(first.map((object) => object?.position)).size).toBe(positions.length);
    for (const key of ["size", "texture"] as const)
      expect(new Set(first.map((object) => object?.[key])).size).toBe(key === "size" ? 2 : 3);
  });

  test("has one object, two that differ in colour or shape, or two or three alike", () => {
    for (const { kind, objects, relation } of many) {
      const named = new Set(objects.map(({ color, shape }) => `${color} ${shape}`));
      expect(relation !== null).toBe(kind === "two");
      if (kind === "one") expect(objects.length).toBe(1);
      else if (kind === "two") expect([objects.length, named.size]).toEqual([2, 2]);
      else expect([2, 3]).toContain(objects.length);
      if (kind === "alike") expect(named.size).toBe(1);
    }
    const alike = many.filter(({ kind }) => kind === "alike");
    const three = alike.filter(({ objects }) => objects.length === 3).length / alike.length;
    expect(Math.abs(three - 0.5)).toBeLessThan(0.08);
  });

  test("keeps objects inside the picture and apart from each other", () => {
    for (const { objects } of many) {
      for (const [index, { center, radius }] of objects.entries()) {
        for (const at of center) {
          expect(at - radius).toBeGreaterThan(0.03);
          expect(at + radius).toBeLessThan(0.97);
        }
        for (const other of objects.slice(index + 1)) {
          const apart = Math.max(Math.abs(center[0] - other.center[0]), Math.abs(center[1] - other.center[1]));
          // Less than a tenth of the picture is three pixels of 32.
          expect(apart - radius - other.radius).toBeGreaterThan(0.09);
        }
      }
    }
  });

  test("puts the first of two where the relation says", () => {
    for (const { objects, relation } of many) {
      const [first, second] = objects;
      if (relation === null || first === undefined || second === undefined) continue;
      const across = first.center[0] - second.center[0];
      const down = first.center[1] - second.center[1];
      const along = { "left of": -across, "right of": across, above: -down, below: down }[relation];
      expect(along).toBeGreaterThan(0.4);
      expect(Math.min(Math.abs(across), Math.abs(down))).toBeLessThan(0.05);
    }
  });

  test("keeps out combinations and pairs of shapes, or makes only those", () => {
    const count = 600;
    const of = (options: Parameters<typeof compositionAt>[2]): typeof many =>
      Array.from({ length: count }, (_, index) => compositionAt(3, index, options));
    const trained = of({ heldOut: "exclude", heldOutPairs: "exclude" });
    expect(trained.flatMap(({ objects }) => objects).filter(isHeldOut)).toEqual([]);
    const pairs = trained.filter(({ kind }) => kind === "two").map(({ objects }) => objects.map(({ shape }) => shape));
    expect(pairs.filter(([a, b]) => a !== undefined && b !== undefined && isHeldOutPair(a, b))).toEqual([]);
    expect(of({ kind: "one", heldOut: "only" }).every(({ objects }) => objects.every(isHeldOut))).toBe(true);
    for (const { objects } of of({ kind: "two", heldOut: "exclude", heldOutPairs: "only" })) {
      const [first, second] = objects;
      expect(first && second && isHeldOutPair(first.shape, second.shape)).toBe(true);
      expect(objects.some(isHeldOut)).toBe(false);
    }
  });
});

test("held-out pairs hold each shape once", () => {
  expect(heldOutPairs.flat().toSorted()).toEqual(shapes.toSorted());
});

describe("drawComposition", () => {
  test("leaves the ground between the objects as it is", () => {
    for (const { kind, ...rest } of many.slice(0, 100)) {
      const picture = drawComposition({ kind, ...rest }, 32);
      expect([...picture.subarray(0, 3)]).toEqual([...rest.backgroundValue]);
      const middle = (15 * 32 + 15) * 3;
      if (kind === "two" && rest.objects.every(({ position }) => position.includes(" "))) {
        expect([...picture.subarray(middle, middle + 3)]).toEqual([...rest.backgroundValue]);
      }
    }
  });

  test("draws the same picture whatever the order of the objects", () => {
    for (const composition of many.slice(0, 50)) {
      const turned = { ...composition, objects: composition.objects.toReversed() };
      expect(drawComposition(turned, 32)).toEqual(drawComposition(composition, 32));
    }
  });
});
