import type { PictureOrigin } from "./picture-origin.ts";

/**
 * The command that draws a picture again, to the byte: from its own seed, at its place in a batch as large. Where a picture was
 * blended in or varied, its file has to be where the command runs. With int8 the others of the batch count, too.
 */
export function commandOf(origin: PictureOrigin): string {
  const words = ["clip-gen", ...verbOf(origin), origin.prompt, "-m", origin.model];
  for (const part of origin.blend ?? []) {
    if ("prompt" in part) words.push("--blend", `${part.prompt}:${part.weight}`);
    else words.push("--from", `${part.picture}:${part.weight}`);
  }
  const flags: [flag: string, value: string | number | undefined, standard?: number][] = [
    ["--negative", origin.negativePrompt],
    ["--seed", origin.method === "retrieval" || origin.beams !== undefined ? undefined : origin.seed],
    ["--batch-row", origin.batch && `${origin.batch.row}/${origin.batch.rows}`],
    ["--beams", origin.beams],
    ["--temperature", origin.temperature, 1],
    ["--top-k", origin.topK],
    ["--top-p", origin.topP, 0.9],
    ["--guidance", origin.guidanceScale, 1],
    ["--steps", origin.steps],
    ["--cutouts", origin.cutouts],
    ["--lr", origin.lr],
    ["--precision", origin.precision],
  ];
  for (const [flag, value, standard] of flags) {
    if (value !== undefined && value !== standard) words.push(flag, String(value));
  }
  return words.map(quoted).join(" ");
}

function verbOf({ method, varied }: PictureOrigin): string[] {
  if (method === "vqgan-clip") return ["baseline", "optimise"];
  if (method === "retrieval") return ["baseline", "retrieve"];
  return [varied ? "vary" : "generate"];
}

/** As a POSIX shell takes it for one word. */
function quoted(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
