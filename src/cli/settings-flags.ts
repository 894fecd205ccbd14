import { Option, type Command } from "commander";
import { z } from "zod";

// A stage's settings on the command line come from its schema: one flag a field, `--set` for what is nested, and
// `--config` for a file. The schema checks them all.

/** What is needed of a field to make a flag of it. */
export type JsonField = { type?: string; enum?: string[]; default?: unknown; description?: string };

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

/** The fields of a schema by name. */
export function fieldsOf(schema: z.ZodObject): Record<string, JsonField> {
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
