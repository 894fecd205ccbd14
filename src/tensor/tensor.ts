import { dtypeOf, fromBytes, isDType, toBytes, type DType, type TensorData, type TypedArray } from "./dtype.ts";
import { native, type Handle } from "./native.ts";
import { TensorMethods } from "./methods.generated.ts";
import { born, type TensorScope } from "./scope.ts";

/** `cpu`, `cuda`, or `cuda:1`. */
export type Device = "cpu" | "cuda" | `cuda:${number}`;

/**
 * An array in libtorch's memory. The operators (`add`, `matmul`, …) are generated from libtorch's own schemas
 * (`methods.generated.ts`); errors name the operator, the argument and what was expected.
 */
export class Tensor extends TensorMethods {
  readonly handle: Handle;
  /** The scope that disposes of this tensor; `keep` takes it out. */
  scope: TensorScope | undefined;
  #shape: readonly number[] | undefined;
  #dtype: DType | undefined;

  constructor(handle: Handle) {
    super();
    this.handle = handle;
    born(this);
  }

  /**
   * A tensor with a copy of the data, row by row.
   * @param shape sizes; without it, one dimension with all of the data
   * @param dtype the data's own by default: float32 for plain numbers
   */
  static from(data: TensorData, shape: readonly number[] = [data.length], dtype: DType = dtypeOf(data)): Tensor {
    const written = toBytes(data, dtype);
    const tensor = new Tensor(native.fromBytes(written.bytes, shape, written.dtype));
    return written.dtype === dtype ? tensor : tensor.to(dtype);
  }

  /** A tensor from little-endian bytes, as files hold them. */
  static fromBytes(bytes: Uint8Array, shape: readonly number[], dtype: DType): Tensor {
    return new Tensor(native.fromBytes(bytes, shape, dtype));
  }

  get shape(): readonly number[] {
    this.#shape ??= native.shape(this.handle);
    return this.#shape;
  }

  get dtype(): DType {
    if (this.#dtype === undefined) {
      const name = native.dtype(this.handle);
      if (!isDType(name)) throw new TypeError(`a tensor of dtype ${name} cannot leave the engine`);
      this.#dtype = name;
    }
    return this.#dtype;
  }

  /** The device's full name, such as `cpu` or `cuda:0`. */
  get device(): Device {
    const name = native.device(this.handle);
    return name.startsWith("cuda:") ? `cuda:${Number(name.slice(5))}` : name === "cuda" ? "cuda" : "cpu";
  }

  /** The size of one dimension; negative ones count from the end. */
  size(dim: number): number {
    const size = this.shape.at(dim);
    if (size === undefined)
      throw new RangeError(`a tensor of shape [${this.shape.join(", ")}] has no dimension ${dim}`);
    return size;
  }

  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  /** The same values in another dtype, or on another device; itself when nothing changes. */
  to(target: DType | Device): Tensor {
    if (isDType(target)) return target === this.dtype ? this : this.toDtype(target);
    return target === this.device ? this : this.toDevice(target, this.dtype);
  }

  /** A copy of the values, row by row; 16-bit floats are widened to float32. */
  toArray(): TypedArray {
    const dtype = this.dtype;
    if (dtype !== "float16" && dtype !== "bfloat16") return fromBytes(native.toBytes(this.handle), dtype);
    const wide = native.call<Handle>(toFloat32, this.handle, "float32");
    try {
      return new Float32Array(native.toBytes(wide));
    } finally {
      native.release(wide);
    }
  }

  /** A copy of the values as plain numbers. */
  toNumbers(): number[] {
    return Array.from<number | bigint, number>(this.toArray(), Number);
  }

  /** A copy of the raw little-endian bytes, as files hold them. */
  toBytes(): Uint8Array {
    return new Uint8Array(native.toBytes(this.handle));
  }

  /** The only value of a tensor with one element. */
  item(): number {
    const value = this.toArray();
    if (value.length !== 1) throw new RangeError(`item() needs one element, the shape is [${this.shape.join(", ")}]`);
    return Number(value[0]);
  }

  /** Adds the gradients of this scalar to those of the leaves that it depends on. */
  backward(options: { retainGraph?: boolean } = {}): void {
    native.backward(this.handle, options.retainGraph ?? false);
  }

  get requiresGrad(): boolean {
    return native.requiresGrad(this.handle);
  }

  /** Whether autograd records what is computed from this tensor. Returns the tensor itself. */
  setRequiresGrad(value: boolean): this {
    native.setRequiresGrad(this.handle, value);
    return this;
  }

  /** The gradient that `backward` left here; undefined before. */
  get grad(): Tensor | undefined {
    const handle = native.gradOf(this.handle);
    return handle === null ? undefined : new Tensor(handle);
  }

  set grad(gradient: Tensor | undefined) {
    native.setGrad(this.handle, gradient ? gradient.handle : null);
  }

  get isDisposed(): boolean {
    return !native.isLive(this.handle);
  }

  /** Gives the memory back now. Using the tensor afterwards is an error; disposing of it again is none. */
  dispose(): void {
    native.release(this.handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  override toString(): string {
    if (this.isDisposed) return "Tensor(disposed)";
    const values = this.numel <= 16 ? `, [${this.toNumbers().join(", ")}]` : "";
    return `Tensor([${this.shape.join(", ")}], ${this.dtype}, ${this.device}${values})`;
  }

  protected override wrap(handle: Handle): Tensor {
    return new Tensor(handle);
  }
}

const toFloat32 = native.findOperator("aten::to", "dtype");
