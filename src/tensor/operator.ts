import { native, type Argument, type Handle } from "./native.ts";
import { Tensor } from "./tensor.ts";
import { Generator } from "./random.ts";

/** What the generic call takes: tensors and generators in place of their handles. */
export type OperatorArgument = Tensor | Generator | Argument | readonly (Tensor | Argument)[];
/**
 * What the generic call gives back; handles come back as tensors only where the schema says Tensor, integers as
 * bigints only where a number would not be exact.
 */
export type OperatorResult = Tensor | number | bigint | boolean | string | undefined | OperatorResult[];

/** Whether this libtorch has the operator, such as `aten::scaled_dot_product_attention`. */
export function hasOperator(name: string): boolean {
  const [base, overload] = split(name);
  try {
    native.findOperator(base, overload);
    return true;
  } catch {
    return false;
  }
}

/** The schema of an operator in libtorch's notation: `aten::relu(Tensor self) -> Tensor`. */
export function operatorSchema(name: string): string {
  return native.schemaOf(native.findOperator(...split(name)));
}

/**
 * Calls any operator of libtorch by name (`aten::add.Tensor`), with its arguments in the schema's order.
 * Missing trailing arguments take their defaults. For operators in regular use there are typed methods on `Tensor`.
 */
export function callOperator(name: string, ...args: OperatorArgument[]): OperatorResult {
  const operator = native.findOperator(...split(name));
  const returns = native.schemaOf(operator).split(" -> ").at(-1) ?? "";
  const result = native.call<RawResult>(operator, ...args.map(lower));
  const kinds = returns.startsWith("(") ? returns.slice(1, -1).split(", ") : [returns];
  return kinds.length > 1 && Array.isArray(result)
    ? result.map((value, i) => raise(value, kinds[i] ?? ""))
    : raise(result, kinds[0] ?? "");
}

type RawResult = Handle | bigint | boolean | string | undefined | null | RawResult[];

function raise(value: RawResult, kind: string): OperatorResult {
  if (Array.isArray(value)) return value.map((element) => raise(element, kind));
  if (typeof value === "number" && kind.startsWith("Tensor")) return new Tensor(value);
  return value ?? undefined;
}

function lower(value: OperatorArgument): Argument {
  if (value instanceof Tensor || value instanceof Generator) return value.handle;
  if (isList(value)) return value.map((element) => lowerElement(element));
  return value;
}

function lowerElement(value: Tensor | Argument): Handle | boolean | null | undefined {
  if (value instanceof Tensor) return value.handle;
  if (typeof value === "string" || typeof value === "bigint" || isList(value)) {
    throw new TypeError(`a list holds tensors, numbers or booleans, got ${String(value)}`);
  }
  return value;
}

function isList(value: OperatorArgument): value is readonly (Tensor | Argument)[] {
  return Array.isArray(value);
}

function split(name: string): [string, string] {
  const dot = name.indexOf(".");
  return dot < 0 ? [name, ""] : [name.slice(0, dot), name.slice(dot + 1)];
}
