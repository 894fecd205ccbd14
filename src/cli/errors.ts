import { printable } from "../io/read-error.ts";

/** What the user did wrong, or what stands in the way: told in one message without a stack trace. */
export class UserError extends Error {
  override readonly name = "UserError";
}

/** Prints an error as a person wants it; `CLIP_GEN_DEBUG=1` adds where it came from. */
export function reportError(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  console.error(`clip-gen: ${printable(text)}`);
  if (process.env["CLIP_GEN_DEBUG"] && error instanceof Error) console.error(printable(error.stack ?? ""));
}
