// Attention of one position over a cache, as the operators of decode.cpp and decode-block.cpp use it.
#pragma once
#include "linear.h"

// Writes the key and value of position `at` of one head into its cache, and attends over all up to it. The key lies `apart`
// numbers after the query, and the value as far after the key.
template <typename T>
void attendPosition(const T* query, int64_t apart, T* keys, T* values, T* result, float* scratch, int64_t at, int64_t width, float scale) {
  const T *key = query + apart, *value = key + apart;
  T* block = keys + at / kCacheBlock * width * kCacheBlock + at % kCacheBlock;
  for (int64_t d = 0; d < width; ++d) block[d * kCacheBlock] = key[d];
  std::memcpy(values + at * width, value, sizeof(T) * static_cast<size_t>(width));
  kernelsOf<T>().attendOne(query, keys, values, result, scratch, at + 1, width, scale);
}
