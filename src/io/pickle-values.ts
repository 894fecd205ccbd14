/** A name that the file mentions (`torch.FloatStorage`). It is a name only: nothing is imported. */
export type PickleGlobal = { kind: "global"; name: string };

/**
 * Something of a class that the reader does not know, inert: what the file would have called, with which arguments,
 * and the state it would have set. `items` are the entries of a class that behaves like a dict.
 */
export type PickleRecord<Extra> = {
  kind: "object";
  name: string;
  args: PickleValue<Extra>[];
  state: PickleValue<Extra>;
  items: Map<PickleValue<Extra>, PickleValue<Extra>> | null;
};

/**
 * A value from a pickle. Tuples and lists are arrays, dicts are `Map`s, whole numbers beyond 2^53 are `bigint`.
 * `Extra` is what the format around the pickle adds. Values may be shared, and may contain themselves.
 */
export type PickleValue<Extra = never> =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue<Extra>[]
  | Map<PickleValue<Extra>, PickleValue<Extra>>
  | Set<PickleValue<Extra>>
  | PickleGlobal
  | PickleRecord<Extra>
  | Extra;

/** True for a name that the file mentions. */
export function isGlobal<Extra>(value: PickleValue<Extra>): value is PickleGlobal {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "global";
}

type Construct = <Extra>(args: PickleValue<Extra>[]) => PickleValue<Extra> | undefined;

const KNOWN = new Map<string, Construct>([
  ["collections.OrderedDict", (args) => makeDict(args)],
  // The first argument is the factory of defaults, which is never called.
  ["collections.defaultdict", (args) => makeDict(args.slice(1))],
  ["_codecs.encode", ([text, encoding]) => latin1Bytes(text, encoding)],
  ...["builtins", "__builtin__"].flatMap((module): [string, Construct][] => [
    [`${module}.dict`, (args) => makeDict(args)],
    [`${module}.list`, ([values]) => makeList(values)],
    [`${module}.tuple`, ([values]) => makeList(values)],
    [`${module}.set`, ([values]) => makeSet(values)],
    [`${module}.frozenset`, ([values]) => makeSet(values)],
    [`${module}.bytes`, ([text, encoding]) => (text === undefined ? new Uint8Array() : latin1Bytes(text, encoding))],
    [
      `${module}.bytearray`,
      ([text, encoding]) => (text === undefined ? new Uint8Array() : latin1Bytes(text, encoding)),
    ],
  ]),
]);

/**
 * The value of a call to one of Python's own containers, built here without any Python.
 * Undefined for every other name, and for arguments that such a container does not get from a pickle.
 */
export function knownConstruct<Extra>(name: string, args: PickleValue<Extra>[]): PickleValue<Extra> | undefined {
  return KNOWN.get(name)?.(args);
}

function makeDict<Extra>([source]: PickleValue<Extra>[]): Map<PickleValue<Extra>, PickleValue<Extra>> | undefined {
  const dict = new Map<PickleValue<Extra>, PickleValue<Extra>>();
  if (source === undefined) return dict;
  if (!Array.isArray(source)) return undefined;
  for (const pair of source) {
    if (!Array.isArray(pair) || pair.length !== 2) return undefined;
    dict.set(pair[0] ?? null, pair[1] ?? null);
  }
  return dict;
}

function makeList<Extra>(values: PickleValue<Extra> | undefined): PickleValue<Extra>[] | undefined {
  if (values === undefined) return [];
  return Array.isArray(values) ? [...values] : undefined;
}

function makeSet<Extra>(values: PickleValue<Extra> | undefined): Set<PickleValue<Extra>> | undefined {
  if (values === undefined) return new Set();
  return Array.isArray(values) ? new Set(values) : undefined;
}

/** Protocol 2 has no bytes: it writes them as text whose characters are the byte values. */
function latin1Bytes<Extra>(
  text: PickleValue<Extra> | undefined,
  encoding: PickleValue<Extra> | undefined,
): Uint8Array | undefined {
  if (typeof text !== "string" || (encoding !== "latin1" && encoding !== "latin-1")) return undefined;
  return new Uint8Array(Buffer.from(text, "latin1"));
}
