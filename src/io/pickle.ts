import { PickleBytes } from "./pickle-bytes.ts";
import { isGlobal, knownConstruct, type PickleRecord, type PickleValue } from "./pickle-values.ts";

/** What the format around the pickle adds: its own known constructors, and what a persistent id stands for. */
export type PickleHooks<Extra> = {
  /** The value of `name(...args)`, or undefined for a name it does not know: that becomes an inert record. */
  construct: (name: string, args: PickleValue<Extra>[]) => PickleValue<Extra> | undefined;
  persistent: (id: PickleValue<Extra>) => PickleValue<Extra>;
};

// Far above any checkpoint (a Lightning file of 4,000 tensors takes 200,000), far below what memory holds.
const MAX_OPERATIONS = 20_000_000;
const MAX_MARKS = 10_000;
// An empty dict takes one byte in the file and some two hundred here.
const CONTAINER_WORK = 20;
// A copied entry takes no byte in the file and up to forty here, in a set.
const COPY_WORK = 10;

/**
 * Reads one pickle (protocol 0 to 5) as a closed interpreter: it knows plain values, and whatever else the file names
 * becomes an inert record. Nothing is imported or called. Tuples come as arrays, dicts as `Map`s.
 * Returns the value and the offset after it. Throws `TruncatedPickleError` when the bytes end first.
 * Operations: Lib/pickletools.py of CPython.
 */
export function readPickle<Extra = never>(
  bytes: Uint8Array,
  options: { offset?: number; hooks?: PickleHooks<Extra> } = {},
): { value: PickleValue<Extra>; end: number } {
  const source = new PickleBytes(bytes, options.offset ?? 0);
  const value = new PickleMachine(source, options.hooks ?? null).run();
  return { value, end: source.position };
}

class PickleMachine<Extra> {
  readonly #source: PickleBytes;
  readonly #hooks: PickleHooks<Extra> | null;
  readonly #memo: Map<number, PickleValue<Extra>> = new Map();
  readonly #marks: number[] = [];
  #stack: PickleValue<Extra>[] = [];
  #work = 0;

  constructor(source: PickleBytes, hooks: PickleHooks<Extra> | null) {
    this.#source = source;
    this.#hooks = hooks;
  }

  run(): PickleValue<Extra> {
    for (;;) {
      const operation = this.#source.byte();
      if (operation === 0x2e) return this.#pop(); // STOP
      this.#charge(1);
      this.#step(operation);
    }
  }

  #step(operation: number): void {
    if (this.#pushScalar(operation) || this.#pushContainer(operation) || this.#useMemo(operation)) return;
    switch (operation) {
      case 0x80: // PROTO
        this.#checkProtocol(this.#source.byte());
        return;
      case 0x95: // FRAME
        this.#source.skip(8);
        return;
      case 0x28: // MARK
        if (this.#marks.length >= MAX_MARKS) throw this.#damaged(`it nests deeper than ${MAX_MARKS} levels`);
        this.#marks.push(this.#stack.length);
        return;
      case 0x30: // POP, which takes a mark when that is on top
        if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop();
        else this.#pop();
        return;
      case 0x31: // POP_MARK
        this.#popToMark();
        return;
      case 0x32: // DUP
        this.#stack.push(this.#top());
        return;
      case 0x63: // GLOBAL
        this.#stack.push({ kind: "global", name: `${this.#source.line()}.${this.#source.line()}` });
        return;
      case 0x93: {
        // STACK_GLOBAL
        const name = this.#pop();
        const module = this.#pop();
        if (typeof name !== "string" || typeof module !== "string") throw this.#damaged("a global's name is no text");
        this.#stack.push({ kind: "global", name: `${module}.${name}` });
        return;
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const args = this.#pop();
        this.#stack.push(this.#construct(this.#pop(), args));
        return;
      }
      case 0x92: {
        // NEWOBJ_EX; the keyword arguments are kept as the last argument
        const keywords = this.#pop();
        const args = this.#pop();
        if (Array.isArray(args)) this.#charge(args.length * COPY_WORK);
        const list = Array.isArray(args) ? [...args, keywords] : args;
        this.#stack.push(this.#construct(this.#pop(), list));
        return;
      }
      case 0x69: {
        // INST
        const name = `${this.#source.line()}.${this.#source.line()}`;
        this.#stack.push(this.#construct({ kind: "global", name }, this.#popToMark()));
        return;
      }
      case 0x6f: {
        // OBJ
        const [callable, ...args] = this.#popToMark();
        if (callable === undefined) throw this.#damaged("an object has no class");
        this.#stack.push(this.#construct(callable, args));
        return;
      }
      case 0x62: // BUILD
        this.#build(this.#pop());
        return;
      case 0x50: // PERSID
        this.#stack.push(this.#persistent(this.#source.line()));
        return;
      case 0x51: // BINPERSID
        this.#stack.push(this.#persistent(this.#pop()));
        return;
      default:
        throw this.#damaged(`the operation 0x${operation.toString(16)} is unknown or not supported`);
    }
  }

  #pushScalar(operation: number): boolean {
    const scalar = this.#source.scalar(operation);
    if (scalar === undefined) return false;
    this.#stack.push(scalar);
    return true;
  }

  #pushContainer(operation: number): boolean {
    switch (operation) {
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        this.#stack.push([]);
        return true;
      case 0x7d: // EMPTY_DICT
        this.#charge(CONTAINER_WORK);
        this.#stack.push(new Map());
        return true;
      case 0x8f: // EMPTY_SET
        this.#charge(CONTAINER_WORK);
        this.#stack.push(new Set());
        return true;
      case 0x6c: // LIST
      case 0x74: // TUPLE
        this.#stack.push(this.#popToMark());
        return true;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        this.#stack.push(this.#popCount(operation - 0x84));
        return true;
      case 0x64: {
        // DICT
        const pairs = this.#popToMark();
        const dict = new Map<PickleValue<Extra>, PickleValue<Extra>>();
        this.#charge(CONTAINER_WORK);
        this.#setItems(dict, pairs);
        this.#stack.push(dict);
        return true;
      }
      case 0x91: // FROZENSET
        this.#charge(CONTAINER_WORK);
        this.#stack.push(new Set(this.#popToMark()));
        return true;
      case 0x61: // APPEND
        this.#append(this.#popCount(1));
        return true;
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        this.#append(this.#popToMark());
        return true;
      case 0x73: {
        // SETITEM
        const pair = this.#popCount(2);
        this.#setItems(this.#top(), pair);
        return true;
      }
      case 0x75: {
        // SETITEMS
        const pairs = this.#popToMark();
        this.#setItems(this.#top(), pairs);
        return true;
      }
      default:
        return false;
    }
  }

  #useMemo(operation: number): boolean {
    switch (operation) {
      case 0x67: // GET
        this.#stack.push(this.#recall(this.#source.lineNumber()));
        return true;
      case 0x68: // BINGET
        this.#stack.push(this.#recall(this.#source.byte()));
        return true;
      case 0x6a: // LONG_BINGET
        this.#stack.push(this.#recall(this.#source.uint32()));
        return true;
      case 0x70: // PUT
        this.#memo.set(this.#source.lineNumber(), this.#top());
        return true;
      case 0x71: // BINPUT
        this.#memo.set(this.#source.byte(), this.#top());
        return true;
      case 0x72: // LONG_BINPUT
        this.#memo.set(this.#source.uint32(), this.#top());
        return true;
      case 0x94: // MEMOIZE
        this.#memo.set(this.#memo.size, this.#top());
        return true;
      default:
        return false;
    }
  }

  #recall(key: number): PickleValue<Extra> {
    const value = this.#memo.get(key);
    if (value === undefined) throw this.#damaged(`it refers to the value ${key}, which was never stored`);
    return value;
  }

  #construct(callable: PickleValue<Extra>, args: PickleValue<Extra>): PickleValue<Extra> {
    const list = Array.isArray(args) ? args : [args];
    // A small file could have set(list) copy the same long list again and again, or make calls with it.
    this.#charge(list.length);
    for (const arg of list) {
      if (Array.isArray(arg)) this.#charge(arg.length * COPY_WORK);
      else if (typeof arg === "string") this.#charge(arg.length);
    }
    const name = isGlobal(callable) ? callable.name : "(no name)";
    const known = knownConstruct(name, list) ?? this.#hooks?.construct(name, list);
    if (known !== undefined) return known;
    return { kind: "object", name, args: list, state: null, items: null };
  }

  #build(state: PickleValue<Extra>): void {
    const target = this.#top();
    const object = asRecord(target);
    if (object !== null) object.state = state;
    // Attributes on plain values (an OrderedDict's _metadata) say nothing that a reader of weights needs.
  }

  #append(values: PickleValue<Extra>[]): void {
    const target = this.#top();
    if (Array.isArray(target)) for (const value of values) target.push(value);
    else if (target instanceof Set) for (const value of values) target.add(value);
    else if (asRecord(target) === null) throw this.#damaged("it appends to something that is no list");
    // What an unknown class (a list of its own, a deque) holds is dropped: no weights live there.
  }

  #setItems(target: PickleValue<Extra>, pairs: PickleValue<Extra>[]): void {
    const object = asRecord(target);
    if (object !== null) object.items ??= new Map();
    const dict = object === null ? target : object.items;
    if (!(dict instanceof Map)) throw this.#damaged("it sets items of something that is no dict");
    if (pairs.length % 2 !== 0) throw this.#damaged("a dict has a key without a value");
    for (let index = 0; index < pairs.length; index += 2) dict.set(pairs[index] ?? null, pairs[index + 1] ?? null);
  }

  #persistent(id: PickleValue<Extra>): PickleValue<Extra> {
    if (this.#hooks === null) throw this.#damaged("it refers to data outside of itself");
    return this.#hooks.persistent(id);
  }

  #checkProtocol(protocol: number): void {
    if (protocol > 5) throw this.#damaged(`protocol ${protocol} is unknown; known are 0 to 5`);
  }

  #charge(work: number): void {
    this.#work += work;
    if (this.#work > MAX_OPERATIONS) throw this.#damaged(`it has more than ${MAX_OPERATIONS} operations`);
  }

  #top(): PickleValue<Extra> {
    const top = this.#stack.at(-1);
    if (top === undefined || this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.#damaged("its stack is empty");
    return top;
  }

  #pop(): PickleValue<Extra> {
    const top = this.#top();
    this.#stack.pop();
    return top;
  }

  #popCount(count: number): PickleValue<Extra>[] {
    if (this.#stack.length - (this.#marks.at(-1) ?? 0) < count) throw this.#damaged("its stack is empty");
    return this.#stack.splice(this.#stack.length - count, count);
  }

  #popToMark(): PickleValue<Extra>[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.#damaged("a list or dict ends that never began");
    return this.#stack.splice(mark);
  }

  #damaged(why: string): Error {
    return new Error(`the pickle is damaged at byte ${this.#source.position}: ${why}`);
  }
}

function asRecord<Extra>(value: PickleValue<Extra>): PickleRecord<Extra> | null {
  if (typeof value !== "object" || value === null || !("kind" in value)) return null;
  return value.kind === "object" ? value : null;
}
