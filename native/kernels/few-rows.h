// A few rows times a matrix. Reading the matrix from memory is all that takes time, if every number that comes in is used
// for all rows at once, and if that needs few instructions.
#pragma once
#include "lanes.h"

namespace {

// What the next outputs will need. Rows are too short for the processor to guess it.
inline void prefetch(const void* next) { __builtin_prefetch(next, 0, 3); }

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

// All rows for some outputs, whose weights stay in the nearest cache meanwhile. So many sums at once are kept in registers.
template <int OUTPUTS, typename T, typename Weight>
inline void allRows(const T* x, const Weight* weight, float* y, int64_t rows, int64_t inputs, int64_t outputs, int64_t first) {
  constexpr int kMostRows = 16 / OUTPUTS < 8 ? 16 / OUTPUTS : 8;
  int64_t row = 0;
  const auto block = [&](auto count) {
    productBlock<decltype(count)::kRows, OUTPUTS>(x + row * inputs, weight, y + row * outputs, inputs, outputs, first);
    row += decltype(count)::kRows;
  };
  while (rows - row >= kMostRows) block(Rows<kMostRows>());
  if (kMostRows > 4 && rows - row >= 4) block(Rows<4>());
  if (kMostRows > 2 && rows - row >= 2) block(Rows<2>());
  if (kMostRows > 1 && rows - row >= 1) block(Rows<1>());
}

template <typename T, typename Weight>
void fewRows(const T* x, const Weight* weight, float* y, int64_t rows, int64_t inputs, int64_t outputs, int64_t begin, int64_t end) {
  int64_t o = begin;
  if (rows <= 2)
    for (; o + 8 <= end; o += 8) allRows<8>(x, weight, y, rows, inputs, outputs, o);
  else if (rows <= 4)
    for (; o + 4 <= end; o += 4) allRows<4>(x, weight, y, rows, inputs, outputs, o);
  else
    for (; o + 2 <= end; o += 2) allRows<2>(x, weight, y, rows, inputs, outputs, o);
  for (; o < end; ++o) allRows<1>(x, weight, y, rows, inputs, outputs, o);
}

}  // namespace
