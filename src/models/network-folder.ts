import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { fromDisk } from "../config.ts";
import { problemsOf, readJson } from "../io/json.ts";
import { oneLine } from "../io/read-error.ts";

/** Whether a path is a folder that says in `config.json` what it holds. */
export function hasConfig(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory() && existsSync(join(path, "config.json"));
}

const typed = z.looseObject({ model_type: z.string() });

/** What a folder's `config.json` calls the network; undefined where it does not say. */
export function modelTypeOf(folder: string): string | undefined {
  const found = typed.safeParse(readJson(join(folder, "config.json")));
  return found.success ? found.data.model_type : undefined;
}

/** The configuration of a network's folder, checked; errors name the file and every wrong field. */
export function readConfig<T>(folder: string, options: { modelType: string; schema: z.ZodType<T> }): T {
  const file = join(folder, "config.json");
  const json = readJson(file);
  const { modelType, schema } = options;
  const found = modelTypeOf(folder);
  if (found !== undefined && found !== modelType) {
    throw new Error(`${file} describes a ${oneLine(found)}, expected a ${modelType}`);
  }
  const parsed = schema.safeParse(fromDisk(json));
  if (!parsed.success) throw new Error(`${file} is no configuration of a ${modelType}: ${problemsOf(parsed.error)}`);
  return parsed.data;
}
