// Shared by the operators over kernels/: which type a tensor's numbers have there, and how rows are split over threads.
#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "kernels/kernels.h"

// Kernels take float32 and bfloat16 on the CPU; all else goes through libtorch's own operators.
inline bool hasKernels(const at::Tensor& x) { return x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16); }

template <typename T>
T* dataOf(const at::Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}

// visit(T()) with the type that the tensor's numbers have.
template <typename Visit>
void withType(const at::Tensor& x, Visit visit) {
  if (x.scalar_type() == at::kFloat)
    visit(float());
  else
    visit(Bf16());
}

// A thread is worth waking for this many elements.
constexpr int64_t kElementsPerThread = 1 << 14;

// body(begin, end) over rows of `width` elements.
template <typename Body>
void overRows(int64_t rows, int64_t width, Body body) {
  at::parallel_for(0, rows, std::max<int64_t>(1, kElementsPerThread / std::max<int64_t>(1, width)), body);
}

// Gradients of these operators have none of their own.
inline void refuseSecondDerivative(const char* name) {
  TORCH_CHECK(!at::GradMode::is_enabled(), name, " has no second derivative");
}

// Operators that others are made of.
at::Tensor applyLayerNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps);
at::Tensor applyGelu(const at::Tensor& x);
at::Tensor applyAttendCached(const at::Tensor& qkv, at::Tensor keys, at::Tensor values, int64_t start);
