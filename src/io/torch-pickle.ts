import type { PickleHooks } from "./pickle.ts";
import { isGlobal, type PickleValue } from "./pickle-values.ts";
import { bytesPerElement, type StoredDType } from "./stored-tensor.ts";
import type { Weight, WeightStorage } from "./weight.ts";

/** What a torch file holds: plain values, tensors, and inert records for everything else. */
export type TorchValue = PickleValue<Weight | WeightStorage>;

/** torch's names of our element types, with and without the storage classes' spelling. */
const TORCH_DTYPES: ReadonlyMap<string, StoredDType> = new Map<string, StoredDType>([
  ["torch.DoubleStorage", "float64"],
  ["torch.FloatStorage", "float32"],
  ["torch.HalfStorage", "float16"],
  ["torch.BFloat16Storage", "bfloat16"],
  ["torch.LongStorage", "int64"],
  ["torch.IntStorage", "int32"],
  ["torch.ShortStorage", "int16"],
  ["torch.CharStorage", "int8"],
  ["torch.ByteStorage", "uint8"],
  ["torch.BoolStorage", "bool"],
  ["torch.UntypedStorage", "uint8"],
  ["torch.storage.UntypedStorage", "uint8"],
  ["torch.float64", "float64"],
  ["torch.float32", "float32"],
  ["torch.float16", "float16"],
  ["torch.bfloat16", "bfloat16"],
  ["torch.int64", "int64"],
  ["torch.int32", "int32"],
  ["torch.int16", "int16"],
  ["torch.int8", "int8"],
  ["torch.uint8", "uint8"],
  ["torch.bool", "bool"],
  ["torch.uint16", "uint16"],
  ["torch.uint32", "uint32"],
  ["torch.uint64", "uint64"],
  ["torch.float8_e4m3fn", "float8_e4m3fn"],
  ["torch.float8_e5m2", "float8_e5m2"],
]);

// What torch allows. A shape is copied for each tensor, so a long one could fill the memory.
const MAX_AXES = 64;

/** True for a tensor that a torch file holds. */
export function isWeight(value: TorchValue | undefined): value is Weight {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "tensor";
}

/** What a persistent id of torch says about a storage. `byteLength` is 0 where the element type is unknown. */
export type StorageId = {
  key: string;
  dtype: StoredDType | null;
  dtypeName: string;
  elements: number;
  byteLength: number;
};

/** Takes a persistent id apart: `("storage", class, key, device, number of elements, …)`. Throws for anything else. */
export function parseStorageId(id: TorchValue): StorageId {
  if (!Array.isArray(id)) throw new Error("the pickle is damaged: a storage's id is no tuple");
  const [kind, type, key, , elements] = id;
  if (kind !== "storage" || type === undefined || !isGlobal(type) || typeof key !== "string") {
    throw new Error("the pickle is damaged: a storage's id is not (storage, class, key, device, size)");
  }
  if (typeof elements !== "number" || !Number.isSafeInteger(elements) || elements < 0) {
    throw new Error(`the pickle is damaged: the storage ${key} has ${String(elements)} elements`);
  }
  const dtype = TORCH_DTYPES.get(type.name) ?? null;
  const byteLength = dtype === null ? 0 : elements * bytesPerElement(dtype);
  return { key, dtype, dtypeName: type.name, elements, byteLength };
}

/** The few names of torch that stand for weights. `storage` finds the storage behind a persistent id. */
export function torchHooks(storage: (id: TorchValue) => TorchValue): PickleHooks<Weight | WeightStorage> {
  return { persistent: storage, construct: constructTorch };
}

function constructTorch(name: string, args: TorchValue[]): TorchValue | undefined {
  switch (name) {
    case "torch.Size":
      return Array.isArray(args[0]) && args[0].length <= MAX_AXES ? [...args[0]] : undefined;
    case "torch._utils._rebuild_tensor": // (storage, offset, shape, strides)
    case "torch._utils._rebuild_tensor_v2": // (…, requires grad, hooks)
      return rebuildTensor(args, null);
    case "torch._utils._rebuild_tensor_v3": {
      // (…, requires grad, hooks, dtype): types that have no storage class of their own
      const dtype = args[6];
      return dtype !== undefined && isGlobal(dtype) ? rebuildTensor(args, dtype.name) : undefined;
    }
    case "torch._utils._rebuild_parameter": // (tensor, requires grad, hooks)
    case "torch._utils._rebuild_parameter_with_state": // (…, state)
    case "torch.jit._pickle.restore_type_tag": // (value, type)
      return args[0];
    case "torch.jit._pickle.build_intlist":
    case "torch.jit._pickle.build_doublelist":
    case "torch.jit._pickle.build_boollist":
    case "torch.jit._pickle.build_tensorlist":
      return Array.isArray(args[0]) ? args[0] : undefined;
    case "torch._tensor._rebuild_from_type_v2": {
      // (function, class, arguments, state): tensors with attributes
      const [callable, , inner] = args;
      if (callable === undefined || !isGlobal(callable) || !Array.isArray(inner)) return undefined;
      // Not by way of itself: a chain of such calls would nest without end.
      return callable.name === name ? undefined : constructTorch(callable.name, inner);
    }
    default:
      return undefined;
  }
}

function rebuildTensor(args: TorchValue[], dtypeName: string | null): Weight {
  const [storage, offset, shape, strides] = args;
  if (!isStorage(storage) || typeof offset !== "number") {
    throw new Error("the pickle is damaged: a tensor has no storage");
  }
  return {
    kind: "tensor",
    dtype: dtypeName === null ? storage.dtype : (TORCH_DTYPES.get(dtypeName) ?? null),
    dtypeName: dtypeName ?? storage.dtypeName,
    shape: toSizes(shape),
    strides: toSizes(strides),
    offset,
    storage,
  };
}

function isStorage(value: TorchValue | undefined): value is WeightStorage {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "storage";
}

function toSizes(value: TorchValue | undefined): number[] {
  if (!Array.isArray(value)) throw new Error("the pickle is damaged: a tensor has no shape or strides");
  if (value.length > MAX_AXES) throw new Error(`the pickle is damaged: a tensor has ${value.length} axes`);
  return value.map((size) => {
    if (typeof size === "number" && Number.isSafeInteger(size) && size >= 0) return size;
    throw new Error("the pickle is damaged: a tensor's shape or strides are no whole numbers of zero or more");
  });
}
