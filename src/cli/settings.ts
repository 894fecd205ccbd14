import { readFileSync } from "node:fs";
import { Option, type Command } from "commander";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { fromDisk } from "../config.ts";
import { UserError } from "./errors.ts";

// A stage's settings on the command line come from its schema: one flag a field, `--set` for what is nested, and
// `--config` for a file. The schema checks them all.

type JsonField = { type?: string; enum?: string[]; default?: unknown; description?: string };

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Adds a flag for every plain field of the schema, with its description and default. */
export function addSettings(command: Command, schema: z.ZodObject): void {
  for (const [name, field] of Object.entries(fieldsOf(schema))) {
    const choices = field.enum;
    const placeholder = field.type === "boolean" ? "" : ` <${choices ? choices.join("|") : "value"}>`;
    if (field.type === "array" || field.type === "object") continue;
    const preset = field.default === undefined ? "" : ` (default: ${String(field.default)})`;
    const text = `${field.description ?? ""}${preset}`.trim();
    if (field.type === "boolean" && field.default === true) command.option(`--no-${kebab(name)}`, `do not ${text}`);
    else command.addOption(new Option(`--${kebab(name)}${placeholder}`, text));
  }
  command.option("--config <file>", "settings from a YAML or JSON file; flags go before it");
  command.option("--set <key=value...>", "any setting, also nested ones: --set objective.embedding=0.2");
}

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
  if (!parsed.success) throw new UserError(`these settings do not work:\n${z.prettifyError(parsed.error)}`);
  const unknown = Object.keys(merged).filter((key) => !(key in schema.shape));
  if (unknown.length > 0) {
    throw new UserError(`unknown setting ${unknown.join(", ")}; known: ${Object.keys(schema.shape).join(", ")}`);
  }
  return parsed.data;
}

function fieldsOf(schema: z.ZodObject): Record<string, JsonField> {
  const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  const fields: Record<string, JsonField> = {};
  for (const [name, property] of Object.entries(json.properties ?? {})) {
    if (typeof property === "boolean") continue;
    const { type, enum: choices, default: preset, description } = property;
    const field: JsonField = { default: preset };
    if (typeof type === "string") field.type = type;
    if (choices) field.enum = choices.map(String);
    if (description !== undefined) field.description = description;
    fields[name] = field;
  }
  return fields;
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
