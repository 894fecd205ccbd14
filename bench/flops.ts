import { TensorMethods } from "../src/tensor/methods.generated.ts";
import { tidy } from "../src/tensor/scope.ts";
import { Tensor } from "../src/tensor/tensor.ts";

/**
 * Floating-point operations of every matrix product and convolution that a function computes, from the shapes that it
 * meets; a multiply-add is two. A backward pass, in which each of them comes back as two, is not counted.
 */
export function countFlops(run: () => void): number {
  const plain = TensorMethods.prototype;
  let flops = 0;
  Tensor.prototype.matmul = function matmul(this: Tensor, other) {
    const product = plain.matmul.call(this, other);
    flops += 2 * product.numel * this.size(-1);
    return product;
  };
  Tensor.prototype.linear = function linear(this: Tensor, weight, bias) {
    const product = plain.linear.call(this, weight, bias);
    flops += 2 * product.numel * weight.size(1);
    return product;
  };
  Tensor.prototype.conv2d = function conv2d(this: Tensor, weight, options) {
    const maps = plain.conv2d.call(this, weight, options);
    flops += (2 * maps.numel * weight.numel) / weight.size(0);
    return maps;
  };
  try {
    tidy(run);
  } finally {
    for (const name of ["matmul", "linear", "conv2d"]) Reflect.deleteProperty(Tensor.prototype, name);
  }
  return flops;
}
