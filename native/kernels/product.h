// Products of bfloat16 matrices, for CPUs that multiply and add 32 such numbers in one instruction.
//
// That instruction takes pairs of numbers that follow each other in depth, the dimension that is summed over. A panel has 32
// columns of b with their pairs side by side, in the nearest cache; eight rows of a at a time go over it, with all sums in
// registers. Packing a panel costs as much as one or two rows, as long as its memory was asked for in time.
#pragma once
#include "lanes.h"

#if defined(__AVX512BF16__)

namespace {

constexpr int64_t kRows = 8;
constexpr int64_t kPanelAhead = 1024;

inline __m512bh pairs(__m512i bits) {
  __m512bh numbers;
  memcpy(&numbers, &bits, sizeof bits);
  return numbers;
}

inline __m512i bitsOf(__m512bh numbers) {
  __m512i bits;
  memcpy(&bits, &numbers, sizeof bits);
  return bits;
}

inline int64_t atMost(int64_t x, int64_t most) { return x < most ? x : most; }

// A mask of the first `count` of up to 32 lanes.
inline uint32_t firstLanes(int64_t count) { return count >= 32 ? 0xffffffffu : count <= 0 ? 0u : (1u << count) - 1u; }

// 32 numbers that follow each other, of which the first `count` exist; zeros after them.
inline __m512i load32(const Bf16* p, int64_t count) { return _mm512_maskz_loadu_epi16(firstLanes(count), p); }

inline __m512i load32(const float* p, int64_t count) {
  const uint32_t mask = firstLanes(count);
  return bitsOf(_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(static_cast<__mmask16>(mask >> 16), p + 16), _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), p)));
}

inline __m512i load32(const int8_t* p, int64_t count) {
  const __m256i bytes = _mm256_maskz_loadu_epi8(firstLanes(count), p);
  const __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(bytes)));
  const __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(bytes, 1)));
  return bitsOf(_mm512_cvtne2ps_pbh(high, low));
}

// 16 × 16 numbers of 32 bits.
inline void transpose(__m512i r[16]) {
  __m512i t[16];
  UNROLLED for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
  UNROLLED for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  UNROLLED for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
  UNROLLED for (int i = 0; i < 8; ++i) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
  }
}

// Numbers of two rows in turn: those of lanes 0 … 15, and those of lanes 16 … 31.
inline void interleave(__m512i upper, __m512i lower, __m512i& first, __m512i& second) {
  alignas(64) static const uint16_t kFirst[32] = {0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39,
                                                  8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
  const __m512i order = _mm512_load_si512(kFirst);
  first = _mm512_permutex2var_epi16(upper, order, lower);
  second = _mm512_permutex2var_epi16(upper, _mm512_add_epi16(order, _mm512_set1_epi16(16)), lower);
}

// The panel (depth / 2, 32, 2) of b's columns from `column` on, for `depth` of its rows from `start` on.
template <typename Stored>
inline void packPanel(const ProductFactor& b, int64_t column, int64_t start, int64_t depth, Bf16* panel) {
  const Stored* data = static_cast<const Stored*>(b.data);
  const int64_t columns = b.columns - column;
  if (b.transposed) {  // (columns, depth)
    for (int64_t k = 0; k < depth; k += 32)
      for (int64_t half = 0; half < kPanel; half += 16) {
        __m512i r[16];
        UNROLLED for (int i = 0; i < 16; ++i)
          r[i] = half + i < columns ? load32(data + (column + half + i) * b.depth + start + k, depth - k) : _mm512_setzero_si512();
        transpose(r);
        UNROLLED for (int i = 0; i < 16; ++i) _mm512_store_si512(panel + ((k / 2 + i) * kPanel + half) * 2, r[i]);
      }
    return;
  }
  for (int64_t k = 0; k < depth; k += 2) {  // (depth, columns)
    const Stored* row = data + (start + k) * b.columns + column;
    __m512i first, second;
    interleave(load32(row, columns), k + 1 < depth ? load32(row + b.columns, columns) : _mm512_setzero_si512(), first, second);
    _mm512_store_si512(panel + k * kPanel, first);
    _mm512_store_si512(panel + k * kPanel + kPanel, second);
  }
  for (int64_t k = (depth + 1) / 2 * 2; k % 8 != 0; k += 2) {
    _mm512_store_si512(panel + k * kPanel, _mm512_setzero_si512());
    _mm512_store_si512(panel + k * kPanel + kPanel, _mm512_setzero_si512());
  }
}

// Memory that is needed next, so much of it at every eighth of depth.
struct Ahead {
  const char* next;
  int64_t lines;
};

// sums (ROWS, 32), which are added to where a product `goesOn`: a panel's columns for some rows. A pair of row r and depth k is
// at r · stride + k, or where rows are in panels of eight at 8 · k + 2 · r.
template <int ROWS, bool PANELS>
inline void rowsTimesPanel(const Bf16* a, int64_t stride, const Bf16* panel, int64_t depth, float* sums, bool goesOn, Ahead ahead) {
  __m512 left[ROWS], right[ROWS];
  UNROLLED for (int r = 0; r < ROWS; ++r) {
    left[r] = goesOn ? _mm512_loadu_ps(sums + r * kPanel) : _mm512_setzero_ps();
    right[r] = goesOn ? _mm512_loadu_ps(sums + r * kPanel + 16) : _mm512_setzero_ps();
  }
  for (int64_t k = 0; k < depth; k += 8) {
    for (int64_t line = 0; line < ahead.lines; ++line, ahead.next += 64) __builtin_prefetch(ahead.next, 0, 2);
    if (PANELS) {  // one stream, which the processor follows too late
      __builtin_prefetch(a + k * kRows + kPanelAhead, 0, 3);
      __builtin_prefetch(a + k * kRows + kPanelAhead + 32, 0, 3);
    }
    UNROLLED for (int64_t i = 0; i < 8; i += 2) {
      const Bf16* column = panel + (k + i) * kPanel;
      const __m512bh first = pairs(_mm512_load_si512(column)), second = pairs(_mm512_load_si512(column + kPanel));
      UNROLLED for (int r = 0; r < ROWS; ++r) {
        int32_t pair;
        memcpy(&pair, PANELS ? a + (k + i) * kRows + 2 * r : a + r * stride + k + i, sizeof pair);
        const __m512bh both = pairs(_mm512_set1_epi32(pair));
        left[r] = _mm512_dpbf16_ps(left[r], first, both);
        right[r] = _mm512_dpbf16_ps(right[r], second, both);
      }
    }
  }
  UNROLLED for (int r = 0; r < ROWS; ++r) {
    _mm512_storeu_ps(sums + r * kPanel, left[r]);
    _mm512_storeu_ps(sums + r * kPanel + 16, right[r]);
  }
}

// c = sums · scale + bias
inline void finish(const Product& p, const float* sums, int64_t row, int64_t rows, int64_t column) {
  for (int64_t half = 0; half < kPanel && column + half < p.b.columns; half += 16) {
    const auto mask = static_cast<__mmask16>(firstLanes(p.b.columns - column - half));
    const int64_t at = column + half;
    const __m512 scale = p.scale ? _mm512_maskz_loadu_ps(mask, p.scale + at) : _mm512_set1_ps(1);
    const __m512 bias = p.bias ? _mm512_maskz_loadu_ps(mask, p.bias + at) : _mm512_setzero_ps();
    for (int64_t r = 0; r < rows; ++r) {
      const __m512 value = _mm512_fmadd_ps(_mm512_loadu_ps(sums + r * kPanel + half), scale, bias);
      const int64_t target = (row + r) * p.b.columns + at;
      if (p.wide)
        _mm512_mask_storeu_ps(static_cast<float*>(p.c) + target, mask, value);
      else {
        const __m256bh narrow = _mm512_cvtneps_pbh(value);
        __m256i bits;
        memcpy(&bits, &narrow, sizeof bits);
        _mm256_mask_storeu_epi16(static_cast<Bf16*>(p.c) + target, mask, bits);
      }
    }
  }
}

template <typename Stored>
inline void pack(const Product& p, int64_t column, int64_t start, int64_t depth) {
  packPanel<Stored>(p.b, column, start, depth, p.panel);
}

template <bool PANELS>
inline void productPanel(const Product& p, int64_t firstRow, int64_t lastRow, int64_t column, bool another) {
  const int64_t depth = p.b.depth;
  const int64_t size = p.b.stored == Stored::Float ? 4 : p.b.stored == Stored::Bf16 ? 2 : 1;
  for (int64_t start = 0; start < depth; start += kDepth) {
    const int64_t part = atMost(depth - start, kDepth), rounded = (part + 7) / 8 * 8;
    if (p.b.stored == Stored::Float) pack<float>(p, column, start, part);
    if (p.b.stored == Stored::Bf16) pack<Bf16>(p, column, start, part);
    if (p.b.stored == Stored::Int8) pack<int8_t>(p, column, start, part);
    // The next panel is one piece of memory where b is transposed and all of its depth fits.
    const char* next = static_cast<const char*>(p.b.data) + (column + kPanel) * depth * size;
    int64_t lines = another && p.b.transposed && depth <= kDepth ? atMost(kPanel, p.b.columns - column - kPanel) * depth * size / 64 : 0;
    const int64_t steps = rounded / 8, blocks = (lastRow - firstRow + kRows - 1) / kRows;
    const int64_t perStep = (lines + steps * blocks - 1) / (steps * blocks);
    const bool goesOn = start > 0, ends = start + part == depth;
    int64_t row = firstRow;
    const auto some = [&](auto count) {
      constexpr int kCount = decltype(count)::kRows;
      float own[kCount * kPanel];
      float* sums = depth > kDepth ? p.sums + (row - firstRow) * kPanel : own;
      const Bf16* a = PANELS ? p.a + row / kRows * kRows * ((depth + 7) / 8 * 8) + start * kRows + row % kRows * 2 : p.a + row * depth + start;
      const Ahead ahead = {next, lines >= perStep * steps ? perStep : 0};
      next += ahead.lines * steps * 64;
      lines -= ahead.lines * steps;
      rowsTimesPanel<kCount, PANELS>(a, depth, p.panel, rounded, sums, goesOn, ahead);
      if (ends) finish(p, sums, row, kCount, column);
      row += kCount;
    };
    while (lastRow - row >= 8) some(Rows<8>());
    if (lastRow - row >= 4) some(Rows<4>());
    if (lastRow - row >= 2) some(Rows<2>());
    if (lastRow - row >= 1) some(Rows<1>());
  }
}

void product(const Product& p, int64_t firstRow, int64_t lastRow, int64_t column, bool another) {
  if (p.panels)
    productPanel<true>(p, firstRow, lastRow, column, another);
  else
    productPanel<false>(p, firstRow, lastRow, column, another);
}

// x (depth, columns) → panels of eight columns as rows, (columns / 8, depth / 2, 8, 2), for columns `begin` … `end`, which
// begin at a multiple of 32; depth is filled up with zeros to a multiple of 8. Its columns' sums over depth go along.
void packRows(const Bf16* x, Bf16* panels, float* sums, int64_t depth, int64_t columns, int64_t begin, int64_t end) {
  constexpr int64_t kStrip = 64, kAhead = 16;
  const int64_t rounded = (depth + 7) / 8 * 8;
  const __m512bh ones = pairs(_mm512_set1_epi16(0x3f80));
  for (int64_t strip = begin; strip < end; strip += kStrip) {
    __m512 totals[kStrip / 16];
    for (__m512& total : totals) total = _mm512_setzero_ps();
    const int64_t stop = atMost(strip + kStrip, end);
    for (int64_t k = 0; k < rounded; k += 2) {
      for (int64_t column = strip; column < stop; column += 32) {
        const int64_t count = stop - column;
        __builtin_prefetch(x + (k + kAhead) * columns + column, 0, 3);
        __builtin_prefetch(x + (k + kAhead + 1) * columns + column, 0, 3);
        const __m512i upper = k < depth ? load32(x + k * columns + column, count) : _mm512_setzero_si512();
        const __m512i lower = k + 1 < depth ? load32(x + (k + 1) * columns + column, count) : _mm512_setzero_si512();
        __m512i first, second;
        interleave(upper, lower, first, second);
        __m512* total = totals + (column - strip) / 16;
        total[0] = _mm512_dpbf16_ps(total[0], pairs(first), ones);
        total[1] = _mm512_dpbf16_ps(total[1], pairs(second), ones);
        Bf16* target = panels + column * rounded + k * kRows;
        for (int64_t eight = 0; 8 * eight < atMost(count, 32); ++eight, target += kRows * rounded) {
          const __m512i source = eight < 2 ? first : second;
          const __m256i bits = eight % 2 ? _mm512_extracti64x4_epi64(source, 1) : _mm512_castsi512_si256(source);
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(target), bits);
        }
      }
    }
    for (int64_t column = strip; column < stop; column += 16)
      _mm512_mask_storeu_ps(sums + column, static_cast<__mmask16>(firstLanes(stop - column)), totals[(column - strip) / 16]);
  }
}

constexpr auto kProduct = product;
constexpr auto kPackRows = packRows;

}  // namespace

#else

namespace {
constexpr void (*kProduct)(const Product&, int64_t, int64_t, int64_t, bool) = nullptr;
constexpr void (*kPackRows)(const Bf16*, Bf16*, float*, int64_t, int64_t, int64_t, int64_t) = nullptr;
}  // namespace

#endif
