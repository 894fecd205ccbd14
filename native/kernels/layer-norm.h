#pragma once
#include "math.h"

namespace {

template <typename T>
void layerNorm(const T* x, const float* weight, const float* bias, T* y, float* mean, float* rstd, int64_t rows, int64_t width, float eps) {
  for (int64_t row = 0; row < rows; ++row, x += width, y += width) {
    float sum = 0;
    for (int64_t i = 0; i < width; ++i) sum += toFloat(x[i]);
    const float m = sum / static_cast<float>(width);
    float squares = 0;
    for (int64_t i = 0; i < width; ++i) {
      const float d = toFloat(x[i]) - m;
      squares += d * d;
    }
    const float r = 1.0f / __builtin_sqrtf(squares / static_cast<float>(width) + eps);
    for (int64_t i = 0; i < width; ++i) y[i] = fromFloat<T>((toFloat(x[i]) - m) * r * weight[i] + bias[i]);
    mean[row] = m;
    rstd[row] = r;
  }
}

// With x̂ the normalised row and h = grad · weight: gradX = rstd · (h − mean(h) − x̂ · mean(h · x̂)).
template <typename T>
void layerNormBackward(const T* __restrict grad, const T* __restrict x, const float* mean, const float* rstd, const float* __restrict weight,
                       T* __restrict gradX, float* __restrict gradWeight, float* __restrict gradBias, int64_t rows, int64_t width) {
  for (int64_t row = 0; row < rows; ++row, grad += width, x += width, gradX += width) {
    const float m = mean[row], r = rstd[row];
    float sum = 0, product = 0;
    for (int64_t i = 0; i < width; ++i) {
      const float g = toFloat(grad[i]), normalised = (toFloat(x[i]) - m) * r, h = g * weight[i];
      sum += h;
      product += h * normalised;
      gradWeight[i] += g * normalised;
      gradBias[i] += g;
    }
    sum /= static_cast<float>(width);
    product /= static_cast<float>(width);
    for (int64_t i = 0; i < width; ++i) {
      const float normalised = (toFloat(x[i]) - m) * r;
      gradX[i] = fromFloat<T>(r * (toFloat(grad[i]) * weight[i] - sum - normalised * product));
    }
  }
}

}  // namespace
