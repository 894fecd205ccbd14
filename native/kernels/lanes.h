// One vector of floats, for the few loops that compilers do not turn into good vector code by themselves: products with
// numbers of 8 or 16 bits.
#pragma once
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "math.h"

#define UNROLLED _Pragma("GCC unroll 16")

namespace {

// A number of rows that the compiler knows.
template <int COUNT>
struct Rows {
  static constexpr int kRows = COUNT;
};

#if defined(__AVX512F__)

struct Lanes {
  static constexpr int64_t kCount = 16;
  __m512 value;
  static Lanes zero() { return {_mm512_setzero_ps()}; }
  static Lanes load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Lanes load(const Bf16* p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
  }
  static Lanes load(const int8_t* p) {
    return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
  }
  void addProduct(Lanes a, Lanes b) { value = _mm512_fmadd_ps(a.value, b.value, value); }
  float sum() const { return _mm512_reduce_add_ps(value); }
};

#elif defined(__AVX2__)

struct Lanes {
  static constexpr int64_t kCount = 8;
  __m256 value;
  static Lanes zero() { return {_mm256_setzero_ps()}; }
  static Lanes load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static Lanes load(const Bf16* p) {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(wide, 16))};
  }
  static Lanes load(const int8_t* p) {
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
  }
  void addProduct(Lanes a, Lanes b) { value = _mm256_fmadd_ps(a.value, b.value, value); }
  float sum() const {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
  }
};

#else

inline float toFloat(int8_t x) { return static_cast<float>(x); }

struct Lanes {
  static constexpr int64_t kCount = 8;
  float value[kCount];
  static Lanes zero() { return {}; }
  template <typename T>
  static Lanes load(const T* p) {
    Lanes lanes;
    for (int64_t i = 0; i < kCount; ++i) lanes.value[i] = toFloat(p[i]);
    return lanes;
  }
  void addProduct(Lanes a, Lanes b) {
    for (int64_t i = 0; i < kCount; ++i) value[i] += a.value[i] * b.value[i];
  }
  float sum() const {
    float total = 0;
    for (const float lane : value) total += lane;
    return total;
  }
};

#endif

// The sum of products of a row's numbers with a weight's, as it grows.
template <typename T, typename Weight>
struct Sums {
  static constexpr int64_t kCount = Lanes::kCount;
  using Row = Lanes;
  using Column = Lanes;
  Lanes lanes;
  void clear() { lanes = Lanes::zero(); }
  static Row loadRow(const T* p) { return Lanes::load(p); }
  static Column loadColumn(const Weight* p) { return Lanes::load(p); }
  void add(Row row, Column column) { lanes.addProduct(row, column); }
  float total() const { return lanes.sum(); }
};

#if defined(__AVX512BF16__)

// Thirty-two products of bfloat16 numbers in one instruction, added up in float.
template <>
struct Sums<Bf16, Bf16> {
  static constexpr int64_t kCount = 32;
  using Row = __m512bh;
  using Column = __m512bh;
  __m512 value;
  void clear() { value = _mm512_setzero_ps(); }
  static __m512bh load(const Bf16* p) {
    const __m512i bits = _mm512_loadu_si512(p);
    __m512bh numbers;
    memcpy(&numbers, &bits, sizeof bits);
    return numbers;
  }
  static Row loadRow(const Bf16* p) { return load(p); }
  static Column loadColumn(const Bf16* p) { return load(p); }
  void add(Row row, Column column) { value = _mm512_dpbf16_ps(value, row, column); }
  float total() const { return _mm512_reduce_add_ps(value); }
};

#endif

}  // namespace
