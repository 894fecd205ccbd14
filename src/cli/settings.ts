import { readFileSync } from "node:fs";
import { z } from "zod";
import { fromDisk } from "../config.ts";
import { oneLine } from "../io/read-error.ts";
import { parseYaml } from "../io/yaml.ts";
import { UserError } from "./errors.ts";
import { fieldsOf, type JsonField } from "./settings-flags.ts";

/** The settings that the flags, `--set`, the file and the defaults give, in this order of precedence. */
export function readSettings<T>(
  schema: z.ZodType<T> & z.ZodObject,
  options: Record<string, unknown>,
  base: Record<string, unknown> = {},
): T {
  const merged: Record<string, unknown> = { ...base };
  if (typeof options["config"] === "string") assign(merged, readFile(options["config"]));
  const sets: unknown[] = Array.isArray(options["set"]) ? options["set"] : [];
  for (const set of sets) assign(merged, parseSet(String(set)));
  for (const [name, field] of Object.entries(fieldsOf(schema))) {
    const value = options[name];
    if (value === undefined || field.type === "array" || field.type === "object") continue;
    // Commander sets a `--no-` flag to true by itself.
    if (field.type === "boolean" && field.default === true && value === true) continue;
    merged[name] = typeof value === "string" ? convert(value, field) : value;
  }
  const parsed = schema.safeParse(merged);
  if (!parsed.success) throw new UserError(`these settings do not work:\n${problemLines(parsed.error)}`);
  const unknown = Object.keys(merged).filter((key) => !Object.hasOwn(schema.shape, key));
  if (unknown.length > 0) {
    throw new UserError(
      `unknown setting ${oneLine(unknown.join(", "))}; known: ${Object.keys(schema.shape).join(", ")}`,
    );
  }
  return parsed.data;
}

/** Names of settings may come from a file that somebody else wrote. */
function problemLines(error: z.ZodError): string {
  return z
    .prettifyError(error)
    .split("\n")
    .map((line) => oneLine(line))
    .join("\n");
}

function convert(text: string, field: JsonField): unknown {
  if (field.type !== "number" && field.type !== "integer") return text;
  const value = Number(text);
  // An empty text counts as 0 for JavaScript, but not for the schema.
  return Number.isNaN(value) || text.trim() === "" ? text : value;
}

/** `objective.embedding=0.2` → { objective: { embedding: 0.2 } } */
function parseSet(text: string): Record<string, unknown> {
  const at = text.indexOf("=");
  if (at < 1) throw new UserError(`--set ${text}: expected key=value`);
  let value = parsedYaml(text.slice(at + 1), `--set ${text}`);
  for (const key of text.slice(0, at).split(".").toReversed()) value = { [key]: value };
  return asRecord(fromDisk(value), `--set ${text}`);
}

function readFile(file: string): Record<string, unknown> {
  const what = `--config ${file}`;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new UserError(`${what} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  return asRecord(fromDisk(parsedYaml(text, what)), what);
}

function parsedYaml(text: string, what: string): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    throw new UserError(`${what} is no YAML: ${messageOf(error)}`, { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function assign(into: Record<string, unknown>, from: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(from)) {
    const old = into[key];
    into[key] = isRecord(old) && isRecord(value) ? { ...old, ...value } : value;
  }
}

function asRecord(value: unknown, what: string): Record<string, unknown> {
  if (!isRecord(value)) throw new UserError(`${what}: expected names with values`);
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
