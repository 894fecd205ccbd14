import { expect, test } from "vitest";
import { showsPictures, terminalPictures } from "./terminal-picture.ts";

test("two pixels are a character, and large pictures are means", () => {
  const red = [255, 0, 0];
  const blue = [0, 0, 255];
  const two = { pixels: new Uint8Array([...red, ...blue, ...blue, ...red]), size: 2 };
  expect(terminalPictures([two], 80)).toBe(
    "\u001b[38;2;255;0;0m\u001b[48;2;0;0;255m▀\u001b[38;2;0;0;255m\u001b[48;2;255;0;0m▀\u001b[0m",
  );
  const large = { pixels: new Uint8Array(64 * 64 * 3).map((_, i) => (i % 6 < 3 ? 100 : 200)), size: 64 };
  const lines = terminalPictures([large, large, large], 70).split("\n");
  expect(lines).toHaveLength(16);
  expect(lines[0]?.match(/▀/g)).toHaveLength(64); // two of the three fit
  expect(lines[0]).toContain("38;2;150;150;150m");
});

test("only terminals that say so are taken to show colours", () => {
  const truecolor = { COLORTERM: "truecolor" };
  expect(showsPictures({ isTTY: true }, truecolor)).toBe(true);
  expect(showsPictures({}, truecolor)).toBe(false);
  expect(showsPictures({ isTTY: true }, {})).toBe(false);
  expect(showsPictures({ isTTY: true }, { ...truecolor, NO_COLOR: "1" })).toBe(false);
});
