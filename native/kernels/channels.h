#pragma once
#include "math.h"

// Pixels lie one after the other, with all their channels (channels-last). Loops over channels are the inner ones.

namespace {

template <Activation activation>
inline float activate(float z) {
  if (activation == Activation::Silu) return z / (1.0f + fastExp(-z));
  if (activation == Activation::LeakyRelu) return z > 0 ? z : 0.2f * z;
  return z;
}

template <Activation activation>
inline float slopeOf(float z) {
  if (activation == Activation::Silu) {
    const float sigmoid = 1.0f / (1.0f + fastExp(-z));
    return sigmoid * (1.0f + z * (1.0f - sigmoid));
  }
  if (activation == Activation::LeakyRelu) return z > 0 ? 1.0f : 0.2f;
  return 1.0f;
}

template <typename T>
void channelSums(const T* x, int64_t rows, int64_t channels, float* __restrict sums) {
  for (int64_t row = 0; row < rows; ++row, x += channels)
    for (int64_t c = 0; c < channels; ++c) {
      const float value = toFloat(x[c]);
      sums[c] += value;
      sums[channels + c] += value * value;
    }
}

template <typename T, Activation activation>
void scaleShiftWith(const T* x, T* __restrict y, int64_t rows, int64_t channels, const float* __restrict scale, const float* __restrict shift) {
  for (int64_t row = 0; row < rows; ++row, x += channels, y += channels)
    for (int64_t c = 0; c < channels; ++c) y[c] = fromFloat<T>(activate<activation>(toFloat(x[c]) * scale[c] + shift[c]));
}

template <typename T>
void scaleShift(const T* x, T* y, int64_t rows, int64_t channels, const float* scale, const float* shift, Activation activation) {
  if (activation == Activation::Silu) return scaleShiftWith<T, Activation::Silu>(x, y, rows, channels, scale, shift);
  if (activation == Activation::LeakyRelu) return scaleShiftWith<T, Activation::LeakyRelu>(x, y, rows, channels, scale, shift);
  scaleShiftWith<T, Activation::None>(x, y, rows, channels, scale, shift);
}

template <typename T, Activation activation>
void channelGradSumsWith(const T* grad, const T* x, int64_t rows, int64_t channels, const float* __restrict scale, const float* __restrict shift,
                         float* __restrict sums) {
  for (int64_t row = 0; row < rows; ++row, x += channels, grad += channels)
    for (int64_t c = 0; c < channels; ++c) {
      const float value = toFloat(x[c]);
      const float dz = toFloat(grad[c]) * slopeOf<activation>(value * scale[c] + shift[c]);
      sums[c] += dz;
      sums[channels + c] += dz * value;
    }
}

template <typename T>
void channelGradSums(const T* grad, const T* x, int64_t rows, int64_t channels, const float* scale, const float* shift, Activation activation,
                     float* sums) {
  if (activation == Activation::Silu) return channelGradSumsWith<T, Activation::Silu>(grad, x, rows, channels, scale, shift, sums);
  if (activation == Activation::LeakyRelu) return channelGradSumsWith<T, Activation::LeakyRelu>(grad, x, rows, channels, scale, shift, sums);
  channelGradSumsWith<T, Activation::None>(grad, x, rows, channels, scale, shift, sums);
}

template <typename T, Activation activation>
void scaleShiftBackwardWith(const T* grad, const T* x, T* __restrict gradX, int64_t rows, int64_t channels, const float* __restrict scale,
                            const float* __restrict shift, const float* __restrict slope, const float* __restrict offset) {
  for (int64_t row = 0; row < rows; ++row, x += channels, grad += channels, gradX += channels)
    for (int64_t c = 0; c < channels; ++c) {
      const float value = toFloat(x[c]);
      const float dz = toFloat(grad[c]) * slopeOf<activation>(value * scale[c] + shift[c]);
      gradX[c] = fromFloat<T>(scale[c] * dz + slope[c] * value + offset[c]);
    }
}

template <typename T>
void scaleShiftBackward(const T* grad, const T* x, T* gradX, int64_t rows, int64_t channels, const float* scale, const float* shift,
                        Activation activation, const float* slope, const float* offset) {
  if (activation == Activation::Silu)
    return scaleShiftBackwardWith<T, Activation::Silu>(grad, x, gradX, rows, channels, scale, shift, slope, offset);
  if (activation == Activation::LeakyRelu)
    return scaleShiftBackwardWith<T, Activation::LeakyRelu>(grad, x, gradX, rows, channels, scale, shift, slope, offset);
  scaleShiftBackwardWith<T, Activation::None>(grad, x, gradX, rows, channels, scale, shift, slope, offset);
}

}  // namespace
