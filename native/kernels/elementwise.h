#pragma once
#include "math.h"

namespace {

template <typename T>
void dropout(const T* x, const T* residual, T* y, int64_t first, int64_t count, DropoutMask mask) {
  const HashSeed seed = hashSeed(mask.seed, first);
  const uint32_t start = static_cast<uint32_t>(first);
  if (residual) {
    for (int64_t i = 0; i < count; ++i)
      y[i] = fromFloat<T>(toFloat(residual[i]) + toFloat(x[i]) * keepFactor(start + static_cast<uint32_t>(i), seed, mask));
  } else {
    for (int64_t i = 0; i < count; ++i) y[i] = fromFloat<T>(toFloat(x[i]) * keepFactor(start + static_cast<uint32_t>(i), seed, mask));
  }
}

template <typename T>
void gelu(const T* x, T* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const float value = toFloat(x[i]);
    y[i] = fromFloat<T>(value * normalCdf(value));
  }
}

// d/dx x Φ(x) = Φ(x) + x φ(x)
template <typename T>
void geluBackward(const T* grad, const T* x, T* gradX, int64_t count) {
  constexpr float kInverseRoot2Pi = 0.398942280f;
  for (int64_t i = 0; i < count; ++i) {
    const float value = toFloat(x[i]);
    const float density = fastExp(-0.5f * value * value) * kInverseRoot2Pi;
    gradX[i] = fromFloat<T>(toFloat(grad[i]) * (normalCdf(value) + value * density));
  }
}

// Kingma & Ba 2015, algorithm 1, with AdamW's decay (Loshchilov & Hutter 2019), in PyTorch's order.
void adam(float* parameter, const float* grad, float* m, float* v, int64_t count, AdamStep s) {
  const float stepSize = s.lr / s.correction1, inverse2 = 1.0f / s.correction2;
  for (int64_t i = 0; i < count; ++i) {
    const float g = grad[i] * s.gradScale;
    const float first = s.beta1 * m[i] + (1 - s.beta1) * g;
    const float second = s.beta2 * v[i] + (1 - s.beta2) * g * g;
    m[i] = first;
    v[i] = second;
    parameter[i] = parameter[i] * s.decay - stepSize * first / (__builtin_sqrtf(second) * inverse2 + s.eps);
  }
}

double sumOfSquares(const float* x, int64_t count) {
  constexpr int64_t kBlock = 4096;  // short float sums, added up in double
  double total = 0;
  for (int64_t start = 0; start < count; start += kBlock) {
    const int64_t length = count - start < kBlock ? count - start : kBlock;
    float sum = 0;
    for (int64_t i = 0; i < length; ++i) sum += x[start + i] * x[start + i];
    total += static_cast<double>(sum);
  }
  return total;
}

}  // namespace
