#pragma once
#include "math.h"

namespace {

// In lanes of their own: compilers do not vectorise a maximum, since NaN makes its order matter.
template <typename T>
inline float maximum(const T* x, int64_t count) {
  constexpr int64_t kLanes = 32;
  float lanes[kLanes], rest[kLanes];
  for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] = rest[lane] = -__builtin_inff();
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const float value = toFloat(x[i + lane]);
      lanes[lane] = value > lanes[lane] ? value : lanes[lane];
    }
  for (int64_t lane = 0; i + lane < count; ++lane) rest[lane] = toFloat(x[i + lane]);
  for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] = rest[lane] > lanes[lane] ? rest[lane] : lanes[lane];
  for (int64_t half = kLanes / 2; half > 0; half /= 2)
    for (int64_t lane = 0; lane < half; ++lane) lanes[lane] = lanes[lane + half] > lanes[lane] ? lanes[lane + half] : lanes[lane];
  return lanes[0];
}

template <typename T>
void attentionWeights(T* scores, T* dropped, int64_t first, int64_t rows, int64_t size, bool causal, float scale, DropoutMask mask) {
  for (int64_t row = first; row < first + rows; ++row, scores += size) {
    const int64_t seen = causal ? row % size + 1 : size;
    const float most = maximum(scores, seen);
    for (int64_t i = 0; i < seen; ++i) scores[i] = fromFloat<T>(fastExp((toFloat(scores[i]) - most) * scale));
    // As they were rounded, so that the weights add up to 1.
    float sum = 0;
    for (int64_t i = 0; i < seen; ++i) sum += toFloat(scores[i]);
    const float inverse = 1.0f / sum;
    for (int64_t i = seen; i < size; ++i) scores[i] = fromFloat<T>(0.0f);
    if (!dropped) {
      for (int64_t i = 0; i < seen; ++i) scores[i] = fromFloat<T>(toFloat(scores[i]) * inverse);
      continue;
    }
    const HashSeed seed = hashSeed(mask.seed, row * size);
    const uint32_t start = static_cast<uint32_t>(row * size);
    for (int64_t i = 0; i < seen; ++i) {
      const float weight = toFloat(scores[i]) * inverse;
      const bool kept = hash(start + static_cast<uint32_t>(i), seed.low, seed.high) >= mask.threshold;
      scores[i] = fromFloat<T>(kept ? weight : -weight);
      dropped[i] = fromFloat<T>(kept ? weight * mask.scale : 0.0f);
    }
    for (int64_t i = seen; i < size; ++i) dropped[i] = fromFloat<T>(0.0f);
    dropped += size;
  }
}

template <typename T>
void droppedWeights(const T* weights, T* dropped, int64_t count, float dropoutScale) {
  for (int64_t i = 0; i < count; ++i) {
    const float weight = toFloat(weights[i]);
    dropped[i] = fromFloat<T>(weight > 0 ? weight * dropoutScale : 0.0f);
  }
}

// With P the weights and h the gradient after dropout: gradScores = scale · P · (h − Σ h · P). Keys that a query does not
// see have weight 0, and so has their gradient.
template <typename T>
void attentionWeightsBackward(const T* __restrict weights, T* __restrict grad, int64_t rows, int64_t size, float scale, float dropoutScale) {
  for (int64_t row = 0; row < rows; ++row, weights += size, grad += size) {
    float dot = 0;
    for (int64_t i = 0; i < size; ++i) {
      const float weight = toFloat(weights[i]);
      dot += toFloat(grad[i]) * (weight > 0 ? weight : 0.0f);
    }
    dot *= dropoutScale;
    for (int64_t i = 0; i < size; ++i) {
      const float signedWeight = toFloat(weights[i]);
      const float h = signedWeight > 0 ? toFloat(grad[i]) * dropoutScale : 0.0f;
      grad[i] = fromFloat<T>(scale * __builtin_fabsf(signedWeight) * (h - dot));
    }
  }
}

template <typename T>
void crossEntropy(const T* logits, const int64_t* targets, float* loss, float* lse, int64_t rows, int64_t classes) {
  for (int64_t row = 0; row < rows; ++row, logits += classes) {
    const float most = maximum(logits, classes);
    float sum = 0;
    for (int64_t i = 0; i < classes; ++i) sum += fastExp(toFloat(logits[i]) - most);
    const float rest = __builtin_logf(sum);
    lse[row] = most + rest;
    loss[row] = rest + (most - toFloat(logits[targets[row]]));
  }
}

template <typename T>
void crossEntropyBackward(const T* logits, const int64_t* targets, const float* lse, T* grad, int64_t rows, int64_t classes, float scale) {
  for (int64_t row = 0; row < rows; ++row, logits += classes, grad += classes) {
    const float shift = lse[row];
    const float ofTarget = scale * (fastExp(toFloat(logits[targets[row]]) - shift) - 1.0f);
    for (int64_t i = 0; i < classes; ++i) grad[i] = fromFloat<T>(scale * fastExp(toFloat(logits[i]) - shift));
    grad[targets[row]] = fromFloat<T>(ofTarget);
  }
}

}  // namespace
