import { native, type Handle } from "./native.ts";
import { keep } from "./scope.ts";
import { Tensor } from "./tensor.ts";

/** A tensor that a module learns: a leaf of autograd that no scope disposes of. */
export class Parameter extends Tensor {
  constructor(values: Tensor) {
    super(native.call<Handle>(detach, values.handle));
    keep(this);
    this.setRequiresGrad(true);
  }
}

const detach = native.findOperator("aten::detach", "");
