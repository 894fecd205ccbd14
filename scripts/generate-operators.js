// Writes src/tensor/methods.generated.ts and src/tensor/functions.generated.ts from operators.txt and libtorch's schemas.
//
//   node scripts/generate-operators.js          (needs the native add-on)
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const native = createRequire(import.meta.url)(
  process.env.CLIP_GEN_NATIVE ?? join(root, "native", "build", "clip_gen.node"),
);

const camel = (name) => name.replace(/(?!^)_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const nameOf = camel;

/** `int[2] stride=1` → { type: "int[2]", name: "stride", fallback: "1" }; `*` marks what may only be named. */
function parse(schema) {
  const [, argumentText, returns] = /^[^(]+\((.*)\) -> (.*)$/.exec(schema);
  let keywordOnly = false;
  const parameters = [];
  for (const text of splitTopLevel(argumentText)) {
    if (text === "*") {
      keywordOnly = true;
      continue;
    }
    const [, type, name, fallback] = /^(.*?) (\w+)(?:=(.*))?$/.exec(text);
    parameters.push({ type: type.replace(/\([a-z]!?(?: -> \*)?\)/g, ""), name, fallback, keywordOnly });
  }
  return { parameters, returns };
}

function splitTopLevel(text) {
  const parts = [];
  let depth = 0;
  let part = "";
  for (const letter of text) {
    if ("([".includes(letter)) depth += 1;
    if (")]".includes(letter)) depth -= 1;
    if (letter === "," && depth === 0) {
      parts.push(part.trim());
      part = "";
    } else part += letter;
  }
  return part.trim() ? [...parts, part.trim()] : parts;
}

function tsType({ type, name }) {
  const bare = type.replace(/\?$/, "");
  const nullable = type.endsWith("?") ? " | null" : "";
  if (bare === "ScalarType") return `DType${nullable}`;
  if (bare === "MemoryFormat") return `MemoryFormat${nullable}`;
  if (name === "reduction") return "Reduction";
  if (bare === "Tensor") return `Tensor${nullable}`;
  if (bare === "Tensor[]") return "readonly Tensor[]";
  if (bare === "Tensor?[]") return "readonly (Tensor | undefined)[]";
  if (/^Sym[iI]nt$|^int$|^float$|^Scalar$/.test(bare)) return `number${nullable}`;
  if (/^(Sym[iI]nt|int|float)\[\d+\]$/.test(bare)) return `number | readonly number[]${nullable}`;
  if (/^(Sym[iI]nt|int|float)\[\]$/.test(bare)) return `readonly number[]${nullable}`;
  if (bare === "bool") return `boolean${nullable}`;
  if (bare === "str") return `string${nullable}`;
  if (bare === "Device") return `Device${nullable}`;
  if (bare === "Generator") return `Generator${nullable}`;
  throw new Error(`no TypeScript type for ${type} ${name}`);
}

const mayBeMissing = ({ type, fallback }) => fallback !== undefined || type.endsWith("?");

const lower = (parameter, expression) => {
  const bare = parameter.type.replace(/\?$/, "");
  if (bare === "Tensor[]" || bare === "Tensor?[]") return `handles(${expression})`;
  if (bare === "Tensor" || bare === "Generator") {
    const optional = parameter.type.endsWith("?") || parameter.fallback !== undefined;
    return optional ? `${expression}?.handle` : `${expression}.handle`;
  }
  return expression;
};

const SKIPPED = new Set(["layout", "pin_memory", "non_blocking"]);
const operators = [];
/** `add.Tensor` → [`aten::add`, `Tensor`]; a namespace in front stays. */
const nameAndVariant = (overload) => {
  const [name, variant = ""] = overload.split(".");
  return [name.includes("::") ? name : `aten::${name}`, variant];
};
const indexOf = (overload) => {
  native.findOperator(...nameAndVariant(overload));
  let index = operators.findIndex((known) => known === overload);
  if (index < 0) index = operators.push(overload) - 1;
  return index;
};

function generate(line) {
  const isFunction = line.startsWith("fn ");
  const [left, right] = line
    .replace(/^fn /, "")
    .split("=")
    .map((part) => part.trim());
  const overloads = (right ?? left).split(",").map((part) => part.trim());
  const schemas = overloads.map((overload) => native.schemaOf(native.findOperator(...nameAndVariant(overload))));
  const [first, second] = schemas.map(parse);
  const parameters = isFunction ? first.parameters : first.parameters.slice(1);
  const usable = parameters.filter(({ name }) => !SKIPPED.has(name));
  // What has a default and is not among the first three arguments is named, as in Python.
  const positional = usable.filter(
    (p) => !p.keywordOnly && (p.fallback === undefined || usable.filter((q) => !q.keywordOnly).length <= 3),
  );
  const named = usable.filter((p) => !positional.includes(p));
  // Two overloads differ in one argument: whether it is a number decides.
  const choice =
    second &&
    positional.find((p) => {
      const other = second.parameters.find((q) => q.name === p.name) ?? second.parameters[first.parameters.indexOf(p)];
      return other && other.type !== p.type;
    });
  const signature = positional.map((p, i) => {
    const type = p === choice ? "Tensor | number" : tsType(p);
    const optional = positional.slice(i).every(mayBeMissing);
    return `${nameOf(p.name)}${optional ? "?" : ""}: ${type}`;
  });
  if (named.length > 0) {
    signature.push(`options: { ${named.map((p) => `${nameOf(p.name)}?: ${tsType(p)} | undefined`).join("; ")} } = {}`);
  }
  const expression = (p, asNumber) => {
    if (SKIPPED.has(p.name)) return "undefined";
    const value = named.includes(p) ? `options.${nameOf(p.name)}` : nameOf(p.name);
    return p === choice && asNumber ? value : lower(p, value);
  };
  const inPlace = left.endsWith("_") && !isFunction;
  const call = (overload, chosen, asNumber) => {
    const names = chosen.parameters.slice(isFunction ? 0 : 1).map((p) => {
      const own = parameters.find((q) => q.name === p.name) ?? (asNumber ? choice : undefined);
      return own ? expression(own, asNumber) : "undefined";
    });
    while (names.at(-1) === "undefined") names.pop();
    const args = [`op[${indexOf(overload)}]`, ...(isFunction ? [] : ["this.handle"]), ...names].join(", ");
    return args;
  };
  const {
    type,
    wrap,
    result,
    unpack = (text) => `return ${wrap(text)};`,
  } = resultOf(first.returns, isFunction, inPlace);
  const finish = (args) =>
    type === "void"
      ? `native.call<undefined>(${args});`
      : inPlace
        ? `native.call<undefined>(${args}); return this;`
        : unpack(`native.call<${result}>(${args})`);
  const body = choice
    ? `if (typeof ${nameOf(choice.name)} === "number") { ${finish(call(overloads[1], second, true))} } ${finish(call(overloads[0], first, false))}`
    : finish(call(overloads[0], first, false));
  const doc = `/** \`${schemas.join("`, `")}\` */`;
  return isFunction
    ? `${doc}\nexport function ${left}(${signature.join(", ")}): ${type} { ${body} }`
    : `${doc}\n${left}(${signature.join(", ")}): ${inPlace ? "this" : type} { ${body} }`;
}

function resultOf(returns, isFunction, inPlace) {
  if (returns === "()") return { type: "void" };
  if (inPlace) return { type: "this", wrap: (text) => text, result: "undefined" };
  const wrapOne = (text) => (isFunction ? `new Tensor(${text})` : `this.wrap(${text})`);
  const bare = returns.replace(/\([a-z*!| \->]+\)/g, "").replace(/^\((.*)\)$/, "$1");
  const kinds = splitTopLevel(bare).map((kind) => kind.split(" ")[0]);
  if (kinds.length > 1 && isFunction) {
    const names = kinds.map((_, i) => ["first", "second", "third"][i]);
    return {
      type: `[${kinds.map(() => "Tensor").join(", ")}]`,
      result: `[${kinds.map(() => "Handle").join(", ")}]`,
      unpack: (text) =>
        `const [${names.join(", ")}] = ${text}; return [${names.map((name) => `new Tensor(${name})`).join(", ")}];`,
    };
  }
  if (kinds.length > 1) {
    return {
      type: `[${kinds.map(() => "Tensor").join(", ")}]`,
      result: `[${kinds.map(() => "Handle").join(", ")}]`,
      wrap: (text) => `this.wrapAll(${text})`,
    };
  }
  if (kinds[0] === "Tensor") return { type: "Tensor", wrap: wrapOne, result: "Handle" };
  if (kinds[0] === "Tensor[]") {
    return { type: "Tensor[]", result: "Handle[]", wrap: (text) => `${text}.map((handle) => this.wrap(handle))` };
  }
  throw new Error(`no TypeScript type for the result ${returns}`);
}

const lines = readFileSync(join(root, "scripts", "operators.txt"), "utf8")
  .split("\n")
  .map((line) => line.trim())
  .filter((line) => line && !line.startsWith("#"));

const NOTICE =
  "// Written by scripts/generate-operators.js from scripts/operators.txt and libtorch's schemas. Do not edit.\n";
const table = () =>
  `const op = [${operators
    .map((overload) => {
      const [name, variant] = nameAndVariant(overload);
      return `native.findOperator("${name}", "${variant}")`;
    })
    .join(", ")}] as const;`;

const types = (code) => {
  const named = ["DType", "MemoryFormat", "Reduction"].filter((name) => new RegExp(`\\b${name}\\b`).test(code));
  return named.length > 0 ? `import type { ${named.join(", ")} } from "./dtype.ts";\n` : "";
};
const handles =
  "const handles = (tensors: readonly (Tensor | undefined)[]): (Handle | undefined)[] => tensors.map((tensor) => tensor?.handle);\n";

const methods = lines
  .filter((line) => !line.startsWith("fn "))
  .map(generate)
  .join("\n\n");
writeFileSync(
  join(root, "src", "tensor", "methods.generated.ts"),
  `${NOTICE}${types(methods)}import { native, type Handle } from "./native.ts";
${/\bGenerator\b/.test(methods) ? 'import type { Generator } from "./random.ts";\n' : ""}import type { Device, Tensor } from "./tensor.ts";

${table()}
${/handles\(/.test(methods) ? handles : ""}
/** The operators as methods; \`Tensor\` adds what is no operator. */
export abstract class TensorMethods {
abstract readonly handle: Handle;
protected abstract wrap(handle: Handle): Tensor;
protected wrapAll([first, second]: [Handle, Handle]): [Tensor, Tensor] { return [this.wrap(first), this.wrap(second)]; }

${methods}
}
`,
);
operators.length = 0;
const functions = lines
  .filter((line) => line.startsWith("fn "))
  .map(generate)
  .join("\n\n");
writeFileSync(
  join(root, "src", "tensor", "functions.generated.ts"),
  `${NOTICE}${types(functions)}import { native, type Handle } from "./native.ts";
${/\bGenerator\b/.test(functions) ? 'import type { Generator } from "./random.ts";\n' : ""}import { Tensor${/\bDevice\b/.test(functions) ? ", type Device" : ""} } from "./tensor.ts";

${table()}
${/handles\(/.test(functions) ? handles : ""}
${functions}
`,
);
console.log(`wrote ${lines.length} operators`);
