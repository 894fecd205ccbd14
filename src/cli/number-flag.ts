import { UserError } from "./errors.ts";

/** A number from the command line, within limits. */
export function numberFlag(
  name: string,
  text: string,
  limits: { least: number; most?: number; whole?: boolean },
): number {
  const value = Number(text);
  const { least, most = Infinity, whole = false } = limits;
  if (text.trim() === "" || !(value >= least && value <= most) || (whole && !Number.isInteger(value))) {
    const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new UserError(`${name} ${text}: expected a ${whole ? "whole " : ""}number ${range}`);
  }
  return value;
}
