import { oneLine } from "./read-error.ts";
import { byteLengthOf } from "./stored-tensor.ts";
import { isWeight, type TorchValue } from "./torch-pickle.ts";
import type { Weight, Weights, WeightStorage } from "./weight.ts";

// The names under which trainers keep the weights, in the order in which they are tried.
const WRAPPERS = [
  "state_dict",
  "model_state_dict",
  "model",
  "module",
  "net",
  "network",
  "generator",
  "weights",
  "params",
];
// Adam's averages are tensors too, and must never be taken for the weights.
const NOT_WEIGHTS = /optim|scheduler|scaler|callbacks|loops|hyper_parameters|config|args/i;
const PREFIXES = ["module.", "_orig_mod."];
const MAX_WRAPPERS = 8;
const MAX_DEPTH = 64;
// Attributes, and the characters of the names that they make.
const MAX_WALK = 2 ** 24;
// Several names for one tensor are copied; a small file that names one storage a million times is refused.
const MAX_COPIES = 16;
const FREE_BYTES = 2 ** 25;

/**
 * Finds the weights in what `readTorchArchive` returned, without reading them.
 * Knows a plain dict of tensors; dicts that hold it (`state_dict`, `model` … or any single one); whole modules and
 * TorchScript archives, whose tree of objects gives the dotted names. Removes the prefix that data-parallel (`module.`)
 * and compiled (`_orig_mod.`) wrappers add. Throws if there are no weights, several sets and no telling which, or
 * tensors that take far more memory than the file has.
 */
export function findStateTensors(value: TorchValue): Map<string, Weight> {
  const found = search(value, { path: "the file", depth: 0, seen: new Set() });
  if (found === null) throw new Error(`no weights found: ${describe(value)}; expected a state dict of named tensors`);
  refuseCopies(found);
  return stripPrefixes(found);
}

function refuseCopies(tensors: Weights): void {
  let bytes = 0;
  const storages = new Set<WeightStorage>();
  for (const { dtype, shape, storage } of tensors.values()) {
    storages.add(storage.within ?? storage);
    if (dtype !== null) bytes += byteLengthOf(dtype, shape);
  }
  const stored = [...storages].reduce((sum, storage) => sum + storage.byteLength, 0);
  if (bytes > stored * MAX_COPIES + FREE_BYTES) {
    throw new Error(`the tensors take ${bytes} bytes, but the file stores ${stored}: refused as a trap`);
  }
}

type Place = { path: string; depth: number; seen: Set<TorchValue> };

function search(value: TorchValue, place: Place): Map<string, Weight> | null {
  if (place.depth > MAX_DEPTH || place.seen.has(value)) return null;
  place.seen.add(value);
  const moduleTensors = new Map<string, Weight>();
  if (isModule(value)) {
    collectModule(value, { prefix: "", into: moduleTensors, open: new Set(), budget: { left: MAX_WALK } });
    return moduleTensors.size > 0 ? moduleTensors : null;
  }
  const dict = entriesOf(value);
  if (dict === null) return null;
  const below = (key: string): Map<string, Weight> | null =>
    search(dict.get(key) ?? null, { ...place, path: `${place.path} → ${key}`, depth: place.depth + 1 });
  for (const key of WRAPPERS) {
    const tensors = below(key);
    if (tensors !== null) return tensors;
  }
  const direct = new Map<string, Weight>();
  for (const [key, tensor] of dict) if (typeof key === "string" && isWeight(tensor)) direct.set(key, tensor);
  if (direct.size > 0) return direct;
  const candidates: [string, Map<string, Weight>][] = [];
  for (const key of dict.keys()) {
    if (typeof key !== "string" || NOT_WEIGHTS.test(key)) continue;
    const tensors = below(key);
    if (tensors !== null) candidates.push([key, tensors]);
  }
  if (candidates.length > 1) {
    const choices = candidates.map(([key, tensors]) => `${key} (${tensors.size} tensors)`).join(", ");
    throw new Error(`${place.path} holds several sets of weights: ${choices}; pass one of them`);
  }
  return candidates[0]?.[1] ?? null;
}

/** The entries of a dict, or of a class that behaves like one. */
function entriesOf(value: TorchValue): Map<TorchValue, TorchValue> | null {
  if (value instanceof Map) return value;
  if (typeof value !== "object" || value === null || !("kind" in value) || value.kind !== "object") return null;
  return value.items ?? (value.state instanceof Map ? value.state : null);
}

/** The attributes of an object: of a pickled module or of a TorchScript one. */
function attributesOf(value: TorchValue | undefined): Map<TorchValue, TorchValue> | null {
  if (typeof value !== "object" || value === null || !("kind" in value) || value.kind !== "object") return null;
  return value.state instanceof Map ? value.state : null;
}

function isModule(value: TorchValue): boolean {
  const attributes = attributesOf(value);
  if (attributes === null || typeof value !== "object" || value === null || !("name" in value)) return false;
  return attributes.has("_parameters") || value.name.startsWith("__torch__.");
}

type Walk = { prefix: string; into: Map<string, Weight>; open: Set<TorchValue>; budget: { left: number } };

function collectModule(module: TorchValue, walk: Walk): void {
  const attributes = attributesOf(module);
  // A module that contains itself has no end; one that is used twice has two names, as in torch.
  if (attributes === null || walk.open.has(module)) return;
  if (walk.open.size >= MAX_DEPTH)
    throw new Error(`the modules nest deeper than ${MAX_DEPTH} levels at ${walk.prefix}`);
  // Modules that share modules that share modules make more paths than anyone can walk.
  walk.budget.left -= 1;
  walk.open.add(module);
  // torch keeps a module's tensors and children in dicts of their own, TorchScript directly among the attributes.
  const groups = attributes.has("_parameters")
    ? ["_parameters", "_buffers", "_modules"].map((key) => entriesOf(attributes.get(key) ?? null) ?? new Map())
    : [attributes];
  for (const group of groups) {
    for (const [key, value] of group) {
      walk.budget.left -= 1;
      if (typeof key !== "string") continue;
      if (isWeight(value) || attributesOf(value) !== null) walk.budget.left -= walk.prefix.length + key.length;
      if (walk.budget.left < 0) throw new Error("the modules make more names than memory holds; refused as a trap");
      if (isWeight(value)) walk.into.set(`${walk.prefix}${key}`, value);
      else collectModule(value, { ...walk, prefix: `${walk.prefix}${key}.` });
    }
  }
  walk.open.delete(module);
}

function stripPrefixes(tensors: Map<string, Weight>): Map<string, Weight> {
  let stripped = tensors;
  // No trainer wraps a network more often.
  for (let round = 0; round < MAX_WRAPPERS; round += 1) {
    const prefix = PREFIXES.find((start) => [...stripped.keys()].every((name) => name.startsWith(start)));
    if (prefix === undefined) break;
    stripped = new Map([...stripped].map(([name, tensor]) => [name.slice(prefix.length), tensor]));
  }
  return stripped;
}

function describe(value: TorchValue): string {
  if (value === null || typeof value !== "object") return `the file holds the value ${oneLine(String(value), 100)}`;
  const keys = [...(entriesOf(value)?.keys() ?? [])].filter((key) => typeof key === "string").slice(0, 10);
  if (keys.length > 0) return `the file holds ${oneLine(keys.join(", "), 500)}`;
  return "name" in value
    ? `the file holds an object of the class ${oneLine(value.name, 100)}`
    : "the file holds no dict";
}
