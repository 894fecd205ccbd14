// Gradients: what autograd offers that is no operator.
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "engine.h"

namespace {

// backward(handle, retainGraph): gradients are added to those of the leaves.
napi_value backward(Engine& engine, const Arguments& arguments) {
  const at::Tensor& tensor = engine.tensor(arguments[0]);
  if (!tensor.requires_grad()) throw CallerError("the tensor does not depend on any tensor that requires a gradient");
  torch::autograd::backward({tensor}, {}, toBool(engine.env, arguments[1]), false);
  return undefined(engine.env);
}

// grad(outputs, inputs, gradOutputs, retainGraph, createGraph) → handles, null where an input is not part of the graph
napi_value grad(Engine& engine, const Arguments& arguments) {
  const auto outputs = engine.tensorList(arguments[0]);
  const auto inputs = engine.tensorList(arguments[1]);
  const auto results = torch::autograd::grad(outputs, inputs, engine.tensorList(arguments[2]), toBool(engine.env, arguments[3]),
                                             toBool(engine.env, arguments[4]), true);
  return arrayOf(engine.env, results.size(), [&](size_t i) { return fromTensor(engine, results[i]); });
}

napi_value requiresGrad(Engine& engine, const Arguments& arguments) { return fromBool(engine.env, engine.tensor(arguments[0]).requires_grad()); }

napi_value setRequiresGrad(Engine& engine, const Arguments& arguments) {
  engine.tensor(arguments[0]).requires_grad_(toBool(engine.env, arguments[1]));
  return undefined(engine.env);
}

napi_value gradOf(Engine& engine, const Arguments& arguments) { return fromTensor(engine, engine.tensor(arguments[0]).grad()); }

// setGrad(handle, gradient or null); autograd itself would only notice a wrong gradient when it adds to it.
napi_value setGrad(Engine& engine, const Arguments& arguments) {
  const at::Tensor& tensor = engine.tensor(arguments[0]);
  if (isNullish(engine.env, arguments[1])) {
    tensor.mutable_grad() = at::Tensor();
    return undefined(engine.env);
  }
  const at::Tensor& gradient = engine.tensor(arguments[1]);
  if (gradient.is_same(tensor)) throw CallerError("a tensor cannot be its own gradient");
  if (gradient.sizes() != tensor.sizes() || gradient.scalar_type() != tensor.scalar_type() || gradient.device() != tensor.device())
    throw CallerError("a gradient has the shape, dtype and device of its tensor: expected " + c10::str(tensor.sizes()) + " " +
                      dtypeName(tensor.scalar_type()) + " on " + tensor.device().str() + ", got " + c10::str(gradient.sizes()) + " " +
                      dtypeName(gradient.scalar_type()) + " on " + gradient.device().str());
  tensor.mutable_grad() = gradient;
  return undefined(engine.env);
}

// setGradEnabled(enabled) → what it was; for this thread
napi_value setGradEnabled(Engine& engine, const Arguments& arguments) {
  const bool enabled = toBool(engine.env, arguments[0]);
  const bool before = at::GradMode::is_enabled();
  at::GradMode::set_enabled(enabled);
  return fromBool(engine.env, before);
}

}  // namespace

void defineAutograd(Engine& engine, napi_value exports) {
  engine.define(exports, "backward", backward);
  engine.define(exports, "grad", grad);
  engine.define(exports, "requiresGrad", requiresGrad);
  engine.define(exports, "setRequiresGrad", setRequiresGrad);
  engine.define(exports, "gradOf", gradOf);
  engine.define(exports, "setGrad", setGrad);
  engine.define(exports, "setGradEnabled", setGradEnabled);
}
