import { describe, expect, test } from "vitest";
import { blurred, noisy } from "../../test/degrade.ts";
import { Random } from "../random.ts";
import { attributes, type Attribute, checkComposition, compareWithWanted, isAllRight } from "./composition-checker.ts";
import { describeComposition, type Description, detailsOf } from "./composition-descriptions.ts";
import { drawComposition } from "./composition-drawing.ts";
import { readComposition, type SeenThing } from "./composition-reader.ts";
import {
  type Composition,
  compositionAt,
  type CompositionKind,
  compositionKinds,
  placed,
  type Relation,
} from "./compositions.ts";
import {
  backgrounds,
  backgroundValues,
  colors,
  colorValues,
  positions,
  type Rgb,
  shapes,
  sizes,
  textures,
} from "./scenes.ts";

type Degrade = (picture: Uint8Array, pixels: number, random: Random) => Uint8Array | Uint8ClampedArray;
const asDrawn: Degrade = (picture) => picture;
const softened: Degrade = (picture, pixels, random) => noisy(blurred(picture, pixels, 0.7), 8, random);

const everything = (composition: Composition): Description => describeComposition(composition, detailsOf(composition));

/** For each attribute, the share of the compositions whose answer is true; no entry where it is never asked for. */
function sharesRight(
  options: { kind: CompositionKind; count: number; pixels: number; degrade: Degrade },
  change: (composition: Composition, random: Random) => Composition = (composition) => composition,
): Map<Attribute, number> {
  const { kind, count, pixels, degrade } = options;
  const right = new Map<Attribute, number>();
  for (let index = 0; index < count; index++) {
    const composition = compositionAt(41, index, { kind });
    const random = new Random(42, index);
    const picture = degrade(drawComposition(change(composition, random), pixels), pixels, random);
    const answers = checkComposition(picture, pixels, everything(composition));
    for (const name of attributes) {
      const answer = answers[name];
      if (answer !== undefined) right.set(name, (right.get(name) ?? 0) + (answer ? 1 / count : 0));
    }
  }
  return right;
}

const asked: Readonly<Record<CompositionKind, readonly Attribute[]>> = {
  one: ["count", "color", "shape", "size", "texture", "position", "background"],
  two: ["count", "color", "shape", "size", "texture", "position", "background", "relation"],
  alike: ["count", "color", "shape", "size", "texture", "background"],
};

describe.each([32, 64])("checkComposition on true scenes of %i pixels", (pixels) => {
  test.each(compositionKinds)("says yes to every attribute of at least 99 %% of 1,000: %s", (kind) => {
    const right = sharesRight({ kind, count: 1000, pixels, degrade: asDrawn });
    expect([...right.keys()].sort()).toEqual(asked[kind].toSorted());
    for (const [name, share] of right) expect(share, name).toBeGreaterThanOrEqual(0.99);
  });

  test.each(compositionKinds)(
    "says yes to at least 95 %% after a blur of 0.7 pixels and noise of 8 levels: %s",
    (kind) => {
      const right = sharesRight({ kind, count: pixels === 32 ? 300 : 100, pixels, degrade: softened });
      for (const [name, share] of right) expect(share, name).toBeGreaterThanOrEqual(0.95);
    },
  );
});

test("checkComposition takes a mirrored picture for what it is: its stripes lean the other way", () => {
  let right = 0;
  for (let index = 0; index < 200; index++) {
    const composition = compositionAt(44, index, { kind: "alike" });
    const picture = drawComposition(composition, 32);
    const mirrored = picture.map((_, offset) => {
      const [row, column, channel] = [Math.floor(offset / 96), Math.floor(offset / 3) % 32, offset % 3];
      return picture[(row * 32 + 31 - column) * 3 + channel] ?? 0;
    });
    if (isAllRight(checkComposition(mirrored, 32, everything(composition)))) right++;
  }
  expect(right).toBeGreaterThanOrEqual(198);
});

/** Another of the values. */
function other<T>(values: readonly T[], value: T, random: Random): T {
  return random.pick(values.filter((one) => one !== value));
}

function near(value: Rgb, random: Random): Rgb {
  const vary = (level: number): number => Math.min(255, level + random.between(-4, 4));
  return [vary(value[0]), vary(value[1]), vary(value[2])];
}

/** The composition with one of its objects changed. */
function withObject(
  composition: Composition,
  random: Random,
  change: (object: Composition["objects"][number]) => Partial<Composition["objects"][number]>,
): Composition {
  const at = random.int(composition.objects.length);
  const objects = composition.objects.map((object, index) =>
    index === at ? Object.assign({}, object, change(object)) : object,
  );
  return { ...composition, objects };
}

type Change = (composition: Composition, random: Random) => Composition;

/** Compositions of one or two objects with a single attribute changed. */
const changes: Readonly<Record<Exclude<Attribute, "relation" | "position">, Change>> = {
  count: (composition, random) => {
    const [first] = composition.objects;
    if (composition.objects.length > 1) return { ...composition, objects: composition.objects.slice(1) };
    if (first === undefined) throw new Error("a composition has objects");
    const place = first.position.includes("left") ? "right" : "left";
    // From the middle to a side is too close for two.
    const where = first.position.includes("left") || first.position.includes("right") ? first.position : "right";
    return { ...composition, objects: [placed(first, where, random), placed(first, place, random)] };
  },
  color: (composition, random) =>
    withObject(composition, random, ({ color }) => {
      const changed = other(colors, color, random);
      return { color: changed, colorValue: near(colorValues[changed], random) };
    }),
  shape: (composition, random) =>
    withObject(composition, random, ({ shape }) => ({ shape: other(shapes, shape, random) })),
  size: (composition, random) =>
    withObject(composition, random, (object) => ({
      radius: placed({ ...object, size: other(sizes, object.size, random) }, object.position, random).radius,
    })),
  texture: (composition, random) =>
    withObject(composition, random, ({ texture }) => ({ texture: other(textures, texture, random) })),
  background: (composition, random) => {
    const background = other(backgrounds, composition.background, random);
    return { ...composition, background, backgroundValue: near(backgroundValues[background], random) };
  },
};

const move: Change = (composition, random) =>
  withObject(composition, random, (object) => placed(object, other(positions, object.position, random), random));

/** Each of the two objects in the other's place. */
const swap: Change = (composition) => {
  const [first, second] = composition.objects;
  if (first === undefined || second === undefined) throw new Error("two objects are needed");
  const objects = [
    { ...first, center: second.center },
    { ...second, center: first.center },
  ];
  return { ...composition, objects };
};

const reverse: Readonly<Record<Relation, Relation>> = {
  "left of": "right of",
  "right of": "left of",
  above: "below",
  below: "above",
};

describe.each([32, 64])("checkComposition on scenes of %i pixels that differ in one attribute", (pixels) => {
  test.each(["color", "shape", "size", "texture", "background"] as const)(
    "says no to it, and yes to the others, for at least 99 %%: %s",
    (name) => {
      for (const kind of ["one", "two"] as const) {
        const right = sharesRight({ kind, count: pixels === 32 ? 500 : 200, pixels, degrade: asDrawn }, changes[name]);
        for (const [attribute, share] of right) {
          if (attribute === name) expect(share, attribute).toBeLessThanOrEqual(0.01);
          else expect(share, attribute).toBeGreaterThanOrEqual(0.99);
        }
      }
    },
  );

  test("says no to a number that is one too many or too few, and yes to what alike ones look like", () => {
    for (const kind of ["one", "two", "alike"] as const) {
      const right = sharesRight({ kind, count: 300, pixels, degrade: asDrawn }, changes.count);
      expect(right.get("count")).toBeLessThanOrEqual(0.01);
      // One of two that differ is missing: what it should look like is not there.
      if (kind === "two") expect(right.get("color")).toBeLessThanOrEqual(0.01);
      else expect(right.get("color")).toBeGreaterThanOrEqual(0.99);
    }
  });

  test("says no to another place", () => {
    const right = sharesRight({ kind: "one", count: 400, pixels, degrade: asDrawn }, move);
    expect(right.get("position")).toBeLessThanOrEqual(0.01);
    expect(right.get("color")).toBeGreaterThanOrEqual(0.99);
  });

  test("says no to a relation the wrong way round, which swaps the places too", () => {
    const right = sharesRight({ kind: "two", count: 400, pixels, degrade: asDrawn }, swap);
    for (const name of ["relation", "position"] as const) expect(right.get(name)).toBeLessThanOrEqual(0.01);
    for (const name of ["color", "shape", "size"] as const) expect(right.get(name)).toBeGreaterThanOrEqual(0.99);
  });

  test("says no where the colours of two shapes are swapped", () => {
    for (let index = 0; index < 300; index++) {
      const composition = compositionAt(43, index, { kind: "two" });
      const [first, second] = composition.objects;
      if (first === undefined || second === undefined) throw new Error("two objects are needed");
      if (first.color === second.color || first.shape === second.shape) continue;
      const objects = [
        { ...first, colorValue: second.colorValue },
        { ...second, colorValue: first.colorValue },
      ];
      const picture = drawComposition({ ...composition, objects }, pixels);
      const answers = checkComposition(picture, pixels, describeComposition(composition, ["relation"]));
      expect(isAllRight(answers)).toBe(false);
    }
  });
});

describe("compareWithWanted", () => {
  const circle: SeenThing = {
    color: "red",
    shape: "circle",
    size: "large",
    texture: "plain",
    position: "left",
    center: [0.25, 0.5],
  };
  const square: SeenThing = { ...circle, color: "blue", shape: "square", position: "right", center: [0.75, 0.5] };
  const reading = { background: "white", objects: [circle, square] } as const;
  const things = [
    { color: "blue", shape: "square" },
    { color: "red", shape: "circle" },
  ] as const;

  test("leaves undefined what is not asked for", () => {
    expect(compareWithWanted(reading, { count: 2, objects: things })).toEqual({
      count: true,
      color: true,
      shape: true,
      size: undefined,
      texture: undefined,
      position: undefined,
      background: undefined,
      relation: undefined,
    });
  });

  test.each(Object.entries(reverse))("tells %s from %s", (relation, opposite) => {
    const isAcross = relation.endsWith("of");
    const isFirstLow = relation === "left of" || relation === "above";
    const at = (low: boolean): readonly [number, number] =>
      isAcross ? [low ? 0.2 : 0.8, 0.5] : [0.5, low ? 0.2 : 0.8];
    const objects = [
      { ...square, center: at(isFirstLow) },
      { ...circle, center: at(!isFirstLow) },
    ];
    for (const [name, expected] of [
      [relation, true],
      [opposite, false],
    ] as const) {
      const known = Object.keys(reverse).find((one): one is Relation => one === name);
      if (known === undefined) throw new Error(`${name} is no relation`);
      const answers = compareWithWanted(
        { background: "white", objects },
        { count: 2, objects: things, relation: known },
      );
      expect(answers.relation).toBe(expected);
    }
  });

  test("asks for every one of two objects, and for one that is there of alike ones", () => {
    const missing = compareWithWanted({ background: null, objects: [circle] }, { count: 2, objects: things });
    expect(missing).toMatchObject({ count: false, color: false, shape: false });
    const fewer = compareWithWanted(
      { background: null, objects: [circle, circle] },
      { count: 3, objects: [{ color: "red", shape: "circle" }] },
    );
    expect(fewer).toMatchObject({ count: false, color: true, shape: true });
  });

  test("finds everything wrong in an empty picture", () => {
    const wanted = { count: 2, objects: things, relation: "left of", background: "white" } as const;
    const answers = compareWithWanted({ background: null, objects: [] }, wanted);
    for (const name of ["count", "color", "shape", "background", "relation"] as const)
      expect(answers[name]).toBe(false);
  });
});

describe("readComposition on what is no composition", () => {
  test("sees nothing in blank pictures and in noise", () => {
    const random = new Random(1);
    for (const level of [16, 160, 248]) {
      const blank = new Uint8Array(32 * 32 * 3).fill(level);
      expect(readComposition(noisy(blank, 8, random), 32).objects).toEqual([]);
    }
    for (let index = 0; index < 50; index++) {
      const noise = Uint8Array.from({ length: 32 * 32 * 3 }, () => random.int(256));
      expect(readComposition(noise, 32)).toEqual({ background: null, objects: [] });
    }
  });

  test("names no colour that it does not know, and no background either", () => {
    const composition = compositionAt(1, 1, { kind: "one" });
    const objects = composition.objects.map((object) => Object.assign({}, object, { colorValue: [40, 230, 230] }));
    const reading = readComposition(
      drawComposition({ ...composition, backgroundValue: [120, 20, 20], objects }, 64),
      64,
    );
    expect(reading.background).toBe(null);
    expect(reading.objects.map(({ color }) => color)).toEqual([null]);
  });

  test("rejects bytes that are no such picture", () => {
    expect(() => readComposition(new Uint8Array(100), 32)).toThrow("needs 3072 bytes, got 100");
  });
});
