// A linear layer as it is kept, and the part of it that a thread computes of a few rows.
#pragma once
#include <cstring>

#include "fused.h"

// x Wᵀ · scale + b: weight (out, in) in float32, bfloat16, or in int8 with the scale of every output. What is not there is undefined.
struct LinearLayer {
  at::Tensor weight, bias, scale;
  int64_t inputs() const { return weight.size(1); }
  int64_t outputs() const { return weight.size(0); }
};

// A layer whose bias and scale are contiguous, the scale in float32, the bias in float32 or bfloat16.
LinearLayer readyLayer(const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& scale);

// Whether reading the weights is all that takes time, for which they are read where they lie.
bool isFewRows(const at::Tensor& x, const LinearLayer& layer, int64_t rows);

at::Tensor applyLinear(const at::Tensor& x, const LinearLayer& layer);

// Reads a number of a float32 or bfloat16 vector; 0 where there is no vector.
struct Numbers {
  const float* floats = nullptr;
  const uint16_t* halves = nullptr;
  explicit Numbers(const at::Tensor& x) {
    if (!x.defined()) return;
    if (x.scalar_type() == at::kFloat)
      floats = dataOf<float>(x);
    else
      halves = static_cast<const uint16_t*>(x.data_ptr());
  }
  float operator[](int64_t i) const {
    if (floats) return floats[i];
    if (!halves) return 0;
    const uint32_t bits = static_cast<uint32_t>(halves[i]) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
};

inline void store(const float* x, float* y, int64_t count) {
  if (x != y) std::memcpy(y, x, sizeof(float) * static_cast<size_t>(count));
}
inline void store(const float* x, Bf16* y, int64_t count) { kernels().narrow(x, y, count); }

// Outputs `begin` … `end` of few rows x (rows, in) → y (rows, out); sums has room for (rows, out), and may be y.
template <typename T>
void someOutputs(const T* x, const LinearLayer& layer, float* sums, T* y, int64_t rows, int64_t begin, int64_t end) {
  const int64_t inputs = layer.inputs(), outputs = layer.outputs();
  const at::Tensor& weight = layer.weight;
  if (weight.scalar_type() == at::kFloat)
    kernelsOf<T>().fewRowsFloat(x, dataOf<float>(weight), sums, rows, inputs, outputs, begin, end);
  else if (weight.scalar_type() == at::kBFloat16)
    kernelsOf<T>().fewRowsBf16(x, dataOf<Bf16>(weight), sums, rows, inputs, outputs, begin, end);
  else
    kernelsOf<T>().fewRowsInt8(x, dataOf<int8_t>(weight), sums, rows, inputs, outputs, begin, end);
  const Numbers bias(layer.bias);
  const float* scale = layer.scale.defined() ? dataOf<float>(layer.scale) : nullptr;
  for (int64_t row = 0; row < rows; ++row) {
    float* part = sums + row * outputs;
    if (scale)
      for (int64_t o = begin; o < end; ++o) part[o] *= scale[o];
    if (layer.bias.defined())
      for (int64_t o = begin; o < end; ++o) part[o] += bias[o];
    store(part + begin, y + row * outputs + begin, end - begin);
  }
}
