import type { StoredTensor } from "./stored-tensor.ts";
import { byteLengthOf } from "./stored-tensor.ts";
import {
  isTorchTensor,
  readTorchTensor,
  type TorchStorage,
  type TorchTensor,
  type TorchValue,
} from "./torch-tensor.ts";

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
const MAX_DEPTH = 64;
const MAX_VISITS = 1_000_000;
// Several names for one tensor are copied; a small file that names one storage a million times is refused.
const MAX_COPIES = 16;
const FREE_BYTES = 2 ** 28;

/**
 * Finds the weights in what `readTorchArchive` returned and reads them: parameter name → tensor, contiguous.
 * Throws like `findStateTensors` and `readTorchTensor`.
 */
export function findStateDict(value: TorchValue): Map<string, StoredTensor> {
  const tensors = findStateTensors(value);
  const storages = new Set<TorchStorage>();
  let bytes = 0;
  for (const { dtype, shape, storage } of tensors.values()) {
    storages.add(storage);
    if (dtype !== null) bytes += byteLengthOf(dtype, shape);
  }
  const stored = [...storages].reduce((sum, storage) => sum + storage.byteLength, 0);
  if (bytes > stored * MAX_COPIES + FREE_BYTES) {
    throw new Error(`the tensors take ${bytes} bytes, but the file stores ${stored}: refused as a trap`);
  }
  return new Map([...tensors].map(([name, tensor]) => [name, readTorchTensor(name, tensor)]));
}

/**
 * Finds the weights without reading them, for files that should pass through memory one tensor at a time.
 * Knows a plain dict of tensors; dicts that hold it (`state_dict`, `model` … or any single one); whole modules and
 * TorchScript archives, whose tree of objects gives the dotted names. Removes the prefix that data-parallel (`module.`)
 * and compiled (`_orig_mod.`) wrappers add. Throws if there are no weights, or several sets and no telling which.
 */
export function findStateTensors(value: TorchValue): Map<string, TorchTensor> {
  const found = search(value, { path: "the file", depth: 0, seen: new Set() });
  if (found === null) throw new Error(`no weights found: ${describe(value)}; expected a state dict of named tensors`);
  return stripPrefixes(found);
}

type Place = { path: string; depth: number; seen: Set<TorchValue> };

function search(value: TorchValue, place: Place): Map<string, TorchTensor> | null {
  if (place.depth > MAX_DEPTH || place.seen.has(value)) return null;
  place.seen.add(value);
  const moduleTensors = new Map<string, TorchTensor>();
  if (isModule(value)) {
    collectModule(value, { prefix: "", into: moduleTensors, open: new Set(), budget: { visits: MAX_VISITS } });
    return moduleTensors.size > 0 ? moduleTensors : null;
  }
  const dict = entriesOf(value);
  if (dict === null) return null;
  const below = (key: string): Map<string, TorchTensor> | null =>
    search(dict.get(key) ?? null, { ...place, path: `${place.path} → ${key}`, depth: place.depth + 1 });
  for (const key of WRAPPERS) {
    const tensors = below(key);
    if (tensors !== null) return tensors;
  }
  const direct = new Map<string, TorchTensor>();
  for (const [key, tensor] of dict) if (typeof key === "string" && isTorchTensor(tensor)) direct.set(key, tensor);
  if (direct.size > 0) return direct;
  const candidates: [string, Map<string, TorchTensor>][] = [];
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

type Walk = { prefix: string; into: Map<string, TorchTensor>; open: Set<TorchValue>; budget: { visits: number } };

function collectModule(module: TorchValue, walk: Walk): void {
  const attributes = attributesOf(module);
  // A module that contains itself has no end; one that is used twice has two names, as in torch.
  if (attributes === null || walk.open.has(module)) return;
  if (walk.open.size >= MAX_DEPTH)
    throw new Error(`the modules nest deeper than ${MAX_DEPTH} levels at ${walk.prefix}`);
  // Modules that share modules that share modules make more paths than anyone can walk.
  walk.budget.visits -= attributes.size + 1;
  if (walk.budget.visits < 0) throw new Error(`the modules have more than ${MAX_VISITS} attributes; refused as a trap`);
  walk.open.add(module);
  // torch keeps a module's tensors and children in dicts of their own, TorchScript directly among the attributes.
  const groups = attributes.has("_parameters")
    ? ["_parameters", "_buffers", "_modules"].map((key) => entriesOf(attributes.get(key) ?? null) ?? new Map())
    : [attributes];
  for (const group of groups) {
    for (const [key, value] of group) {
      if (typeof key !== "string") continue;
      if (isTorchTensor(value)) walk.into.set(`${walk.prefix}${key}`, value);
      else collectModule(value, { ...walk, prefix: `${walk.prefix}${key}.` });
    }
  }
  walk.open.delete(module);
}

function stripPrefixes(tensors: Map<string, TorchTensor>): Map<string, TorchTensor> {
  const prefix = PREFIXES.find((start) => [...tensors.keys()].every((name) => name.startsWith(start)));
  if (prefix === undefined) return tensors;
  return stripPrefixes(new Map([...tensors].map(([name, tensor]) => [name.slice(prefix.length), tensor])));
}

function describe(value: TorchValue): string {
  if (value === null || typeof value !== "object") return `the file holds the value ${String(value)}`;
  const keys = [...(entriesOf(value)?.keys() ?? [])].filter((key) => typeof key === "string").slice(0, 10);
  if (keys.length > 0) return `the file holds ${keys.join(", ")}`;
  return "name" in value ? `the file holds an object of the class ${value.name}` : "the file holds no dict";
}
