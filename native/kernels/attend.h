#pragma once
#include "softmax.h"

namespace {

// Scores of a block of positions stay in registers over all of a head's numbers.
constexpr int64_t kPositions = kCacheBlock;

// Asks for memory that is read next: a head's part of the cache is too short for the processor to guess it.
template <typename T>
inline void prefetchNext(const T* next, int64_t count) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t i = 0; i < count; i += kLine) __builtin_prefetch(next + i, 0, 3);
}

template <typename T>
void attendOne(const T* query, const T* keys, const T* values, T* result, float* __restrict scores, int64_t seen, int64_t width, float scale) {
  for (int64_t s = 0; s < seen; s += kPositions) {
    float sums[kPositions] = {};
    for (int64_t d = 0; d < width; ++d) {
      const float q = toFloat(query[d]);
      const T* column = keys + s * width + d * kPositions;
      prefetchNext(column + 2 * width * kPositions, kPositions);
      for (int64_t i = 0; i < kPositions; ++i) sums[i] += q * toFloat(column[i]);
    }
    for (int64_t i = 0; i < kPositions; ++i) scores[s + i] = sums[i] * scale;
  }
  const float most = maximum(scores, seen);
  for (int64_t s = 0; s < seen; ++s) scores[s] = fastExp(scores[s] - most);
  float sum = 0;
  for (int64_t s = 0; s < seen; ++s) sum += scores[s];
  const float inverse = 1.0f / sum;
  float* __restrict mixed = scores + (seen + kPositions - 1) / kPositions * kPositions;
  for (int64_t d = 0; d < width; ++d) mixed[d] = 0;
  int64_t s = 0;
  for (; s + 4 <= seen; s += 4) {
    const float a = scores[s], b = scores[s + 1], c = scores[s + 2], e = scores[s + 3];
    const T* row = values + s * width;
    prefetchNext(row + 16 * width, 4 * width);
    for (int64_t d = 0; d < width; ++d)
      mixed[d] += a * toFloat(row[d]) + b * toFloat(row[width + d]) + c * toFloat(row[2 * width + d]) + e * toFloat(row[3 * width + d]);
  }
  for (; s < seen; ++s)
    for (int64_t d = 0; d < width; ++d) mixed[d] += scores[s] * toFloat(values[s * width + d]);
  for (int64_t d = 0; d < width; ++d) result[d] = fromFloat<T>(mixed[d] * inverse);
}

void narrow(const float* x, Bf16* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) y[i] = fromFloat<Bf16>(x[i]);
}

void widenInt8(const int8_t* weight, float scale, Bf16* wide, int64_t count) {
  for (int64_t i = 0; i < count; ++i) wide[i] = fromFloat<Bf16>(static_cast<float>(weight[i]) * scale);
}

float greatest(const float* x, int64_t count) { return maximum(x, count); }

void exponentials(float* x, int64_t count, float most, float factor, float least) {
  for (int64_t i = 0; i < count; ++i) x[i] = x[i] >= least ? fastExp((x[i] - most) * factor) : 0.0f;
}

double sumFrom(const float* x, int64_t count, float least) {
  constexpr int64_t kBlock = 1024;  // short float sums, added up in double
  double total = 0;
  for (int64_t start = 0; start < count; start += kBlock) {
    const int64_t length = count - start < kBlock ? count - start : kBlock;
    float sum = 0;
    for (int64_t i = 0; i < length; ++i) sum += x[start + i] >= least ? x[start + i] : 0.0f;
    total += static_cast<double>(sum);
  }
  return total;
}

}  // namespace
