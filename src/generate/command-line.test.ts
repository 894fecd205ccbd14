import { describe, expect, test } from "vitest";
import { commandOf } from "./command-line.ts";

const drawn = { prompt: "a cat", seed: 7, score: 0.5, model: "pets", temperature: 1, topP: 0.9, guidanceScale: 1 };

describe("the command that draws a picture again", () => {
  test("tells what differs from the defaults", () => {
    expect(commandOf(drawn)).toBe("clip-gen generate 'a cat' -m pets --seed 7");
    expect(
      commandOf({
        ...drawn,
        blend: [
          { prompt: "a lion", weight: 0.5 },
          { picture: "my photo.png", weight: 0.1 },
        ],
        negativePrompt: "a dog",
        temperature: 0.8,
        topK: 50,
        topP: 1,
        guidanceScale: 2.5,
        precision: "bfloat16",
      }),
    ).toBe(
      "clip-gen generate 'a cat' -m pets --blend 'a lion:0.5' --from 'my photo.png:0.1' --negative 'a dog' " +
        "--seed 7 --temperature 0.8 --top-k 50 --top-p 1 --guidance 2.5 --precision bfloat16",
    );
    expect(commandOf({ prompt: "a cat", seed: 0, score: 0.5, model: "pets", beams: 4, guidanceScale: 1 })).toBe(
      "clip-gen generate 'a cat' -m pets --beams 4",
    );
    expect(commandOf({ ...drawn, prompt: "cat.jpg", varied: true })).toBe("clip-gen vary cat.jpg -m pets --seed 7");
    expect(
      commandOf({
        method: "vqgan-clip",
        prompt: "a cat",
        seed: 1,
        score: 0,
        model: "pets",
        steps: 30,
        cutouts: 8,
        lr: 0.1,
      }),
    ).toBe("clip-gen baseline optimise 'a cat' -m pets --seed 1 --steps 30 --cutouts 8 --lr 0.1");
  });

  test("is one word for a shell, whatever was asked for", () => {
    expect(commandOf({ ...drawn, prompt: 'it\'s $HOME `rm` \n"x"' })).toContain(`'it'\\''s $HOME \`rm\` \n"x"'`);
  });
});
