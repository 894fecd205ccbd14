// A few rows times a matrix. Reading the matrix from memory is all that takes time, if every number that comes in is used
// for all rows at once, and if that needs few instructions.
#pragma once
#include "lanes.h"

namespace {

// What the next outputs will need. Rows are too short for the processor to guess it.
inline void prefetch(const void* next) { __builtin_prefetch(next, 0, 3); }

#define UNROLLED _Pragma("GCC unroll 8")

// y (ROWS, outputs) for outputs `first` … `first + OUTPUTS`: x (ROWS, inputs), weight (outputs, inputs).
template <int ROWS, int OUTPUTS, typename T, typename Weight>
inline void productBlock(const T* x, const Weight* weight, float* y, int64_t inputs, int64_t outputs, int64_t first) {
  Sums<T, Weight> sums[OUTPUTS][ROWS];
  UNROLLED for (int o = 0; o < OUTPUTS; ++o) UNROLLED for (int row = 0; row < ROWS; ++row) sums[o][row].clear();
  const Weight* w = weight + first * inputs;
  using Step = Sums<T, Weight>;
  for (int64_t i = 0; i < inputs; i += Step::kCount) {
    typename Step::Row rows[ROWS];
    UNROLLED for (int row = 0; row < ROWS; ++row) rows[row] = Step::loadRow(x + row * inputs + i);
    UNROLLED for (int o = 0; o < OUTPUTS; ++o) {
      const typename Step::Column column = Step::loadColumn(w + o * inputs + i);
      prefetch(w + (o + OUTPUTS) * inputs + i);
      UNROLLED for (int row = 0; row < ROWS; ++row) sums[o][row].add(rows[row], column);
    }
  }
  UNROLLED for (int o = 0; o < OUTPUTS; ++o) UNROLLED for (int row = 0; row < ROWS; ++row) y[row * outputs + first + o] = sums[o][row].total();
}

template <int ROWS, typename T, typename Weight>
void productRows(const T* x, const Weight* weight, float* y, int64_t inputs, int64_t outputs, int64_t begin, int64_t end) {
  constexpr int kOutputs = ROWS <= 2 ? 8 : ROWS <= 4 ? 4 : 2;
  int64_t o = begin;
  for (; o + kOutputs <= end; o += kOutputs) productBlock<ROWS, kOutputs>(x, weight, y, inputs, outputs, o);
  for (; o < end; ++o) productBlock<ROWS, 1>(x, weight, y, inputs, outputs, o);
}

template <typename T, typename Weight>
void fewRows(const T* x, const Weight* weight, float* y, int64_t rows, int64_t inputs, int64_t outputs, int64_t begin, int64_t end) {
  while (rows > 0) {
    const int64_t now = rows >= 8 ? 8 : rows >= 4 ? 4 : rows >= 2 ? 2 : 1;
    if (now == 8) productRows<8>(x, weight, y, inputs, outputs, begin, end);
    if (now == 4) productRows<4>(x, weight, y, inputs, outputs, begin, end);
    if (now == 2) productRows<2>(x, weight, y, inputs, outputs, begin, end);
    if (now == 1) productRows<1>(x, weight, y, inputs, outputs, begin, end);
    rows -= now;
    x += now * inputs;
    y += now * outputs;
  }
}

#undef UNROLLED

}  // namespace
