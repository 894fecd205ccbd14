// Loops over plain memory that libtorch has no fast ones for. Each file of this folder is compiled once for every
// instruction set of KERNEL_SETS in scripts/build-native.js.
//
// Nothing of libtorch or of the C++ library is included here: an inline function of theirs that was compiled for
// AVX-512 could be the one that the linker keeps for the whole add-on.
#pragma once
#include <cstdint>

struct Bf16 {
  uint16_t bits;
};

// Which elements dropout keeps: element i when hash(seed, i) ≥ threshold. The same numbers give the same mask again, so
// that none has to be stored.
struct DropoutMask {
  uint64_t seed;
  uint32_t threshold;  // p · 2³²; 0 keeps all
  float scale;         // 1 / (1 − p)
};

enum class Activation { None, Silu, LeakyRelu };  // leaky with a slope of 0.2

// T is what activations are in: float or Bf16. Sums are taken in float.
template <typename T>
struct Kernels {
  // y = (x − mean) · rstd · weight + bias for rows of `width`; mean and rstd (rows) are kept for the way back.
  void (*layerNorm)(const T* x, const float* weight, const float* bias, T* y, float* mean, float* rstd, int64_t rows, int64_t width, float eps);
  // gradWeight and gradBias (width) are added to.
  void (*layerNormBackward)(const T* grad, const T* x, const float* mean, const float* rstd, const float* weight, T* gradX, float* gradWeight,
                            float* gradBias, int64_t rows, int64_t width);

  // y = residual + dropout(x), where there is a residual; `first` is the index of element 0 within the mask.
  void (*dropout)(const T* x, const T* residual, T* y, int64_t first, int64_t count, DropoutMask mask);

  // x · Φ(x)
  void (*gelu)(const T* x, T* y, int64_t count);
  void (*geluBackward)(const T* grad, const T* x, T* gradX, int64_t count);

  // Attention's weights, in place of the scores of queries `first` … `first + rows`: softmax(scale · scores) over the keys
  // that a query sees, all or those up to its own position. `size` queries and as many keys are a matrix of scores.
  // With dropout, `dropped` gets what multiplies the values, and a dropped weight stays in `scores` with a minus sign.
  void (*attentionWeights)(T* scores, T* dropped, int64_t first, int64_t rows, int64_t size, bool causal, float scale, DropoutMask mask);
  // What dropout left of signed weights.
  void (*droppedWeights)(const T* weights, T* dropped, int64_t count, float dropoutScale);
  // In place of the gradient of dropped weights: the gradient of the scores.
  void (*attentionWeightsBackward)(const T* weights, T* grad, int64_t rows, int64_t size, float scale, float dropoutScale);

  // loss = logsumexp(logits) − logits[target] of rows of `classes`; `lse` is kept for the way back.
  void (*crossEntropy)(const T* logits, const int64_t* targets, float* loss, float* lse, int64_t rows, int64_t classes);
  void (*crossEntropyBackward)(const T* logits, const int64_t* targets, const float* lse, T* grad, int64_t rows, int64_t classes, float scale);

  // y (rows, outputs) for some of the outputs: x (rows, inputs) times weight (outputs, inputs); inputs a multiple of 32.
  void (*fewRowsFloat)(const T* x, const float* weight, float* y, int64_t rows, int64_t inputs, int64_t outputs, int64_t begin, int64_t end);
  void (*fewRowsBf16)(const T* x, const Bf16* weight, float* y, int64_t rows, int64_t inputs, int64_t outputs, int64_t begin, int64_t end);
  void (*fewRowsInt8)(const T* x, const int8_t* weight, float* y, int64_t rows, int64_t inputs, int64_t outputs, int64_t begin, int64_t end);

  // Attention of one query of one head: keys in blocks (seen / 32, width, 32), values (seen, width). `scores` has room for all
  // positions of the blocks and `width` more.
  void (*attendOne)(const T* query, const T* keys, const T* values, T* result, float* scores, int64_t seen, int64_t width, float scale);

  // For norms over channels: `rows` pixels of `channels` numbers each, z = x · scale + shift, y = activation(z).
  // sums gets Σ x and Σ x² of every channel, or backwards Σ dz and Σ dz · x: two rows of `channels`, which are added to.
  void (*channelSums)(const T* x, int64_t rows, int64_t channels, float* sums);
  void (*scaleShift)(const T* x, T* y, int64_t rows, int64_t channels, const float* scale, const float* shift, Activation activation);
  void (*channelGradSums)(const T* grad, const T* x, int64_t rows, int64_t channels, const float* scale, const float* shift, Activation activation,
                          float* sums);
  // gradX = scale · dz + slope · x + offset
  void (*scaleShiftBackward)(const T* grad, const T* x, T* gradX, int64_t rows, int64_t channels, const float* scale, const float* shift,
                             Activation activation, const float* slope, const float* offset);
};

// Positions whose keys lie side by side in a cache, number by number: one pass over a block gives the scores of all of them.
constexpr int64_t kCacheBlock = 32;

struct AdamStep {
  float lr, beta1, beta2, eps;
  float correction1;  // 1 − β₁ᵗ
  float correction2;  // √(1 − β₂ᵗ)
  float decay;        // 1 − lr · weight decay
  float gradScale;    // for clipping
};

// Columns of a product that are worked on at once, and how much of its depth.
constexpr int64_t kPanel = 32;
constexpr int64_t kDepth = 2048;

enum class Stored { Float, Bf16, Int8 };

// What is multiplied with: (depth, columns), or as it lies in memory (columns, depth).
struct ProductFactor {
  const void* data;
  Stored stored;
  bool transposed;
  int64_t depth, columns;
};

// c (rows, columns) = a (rows, depth) · b · scale + bias, with sums in float.
struct Product {
  const Bf16* a;  // rows, depth a multiple of 8; or as `packRows` makes them
  bool panels;
  ProductFactor b;
  const float *scale, *bias;  // (columns), or null
  void* c;                    // float where it is wide, or else Bf16
  bool wide;
  Bf16* panel;  // room for 32 · min(depth, 2048), filled up to a multiple of 32, at a multiple of 64 bytes
  float* sums;  // where depth is above 2048: room for 32 for each of the rows
};

struct KernelSet {
  const char* name;
  Kernels<float> f32;
  Kernels<Bf16> bf16;
  void (*adam)(float* parameter, const float* grad, float* m, float* v, int64_t count, AdamStep step);
  double (*sumOfSquares)(const float* x, int64_t count);
  void (*narrow)(const float* x, Bf16* y, int64_t count);
  void (*widenInt8)(const int8_t* weight, float scale, Bf16* wide, int64_t count);
  float (*greatest)(const float* x, int64_t count);
  // In place of x: e^(factor · (x − most)), and 0 where x is below `least`.
  void (*exponentials)(float* x, int64_t count, float most, float factor, float least);
  // Σ of the x that are at least `least`.
  double (*sumFrom)(const float* x, int64_t count, float least);
  // Both null in a set without instructions for them. Rows `firstRow` … `lastRow` of a product, for 32 columns from `column`
  // on; `another` says that the next 32 follow.
  void (*product)(const Product& p, int64_t firstRow, int64_t lastRow, int64_t column, bool another);
  // x (depth, columns) → its columns as rows of a product, (columns / 8, depth / 2, 8, 2), for columns `begin` … `end`; and
  // their sums.
  void (*packRows)(const Bf16* x, Bf16* panels, float* sums, int64_t depth, int64_t columns, int64_t begin, int64_t end);
};

// The set in use. At first the newest that this CPU can run, or what CLIP_GEN_KERNELS names.
const KernelSet& kernels();
// Those that this CPU can run, from the plainest to the newest, and a null at the end.
const KernelSet* const* runnableKernels();
// False where there is none of that name.
bool useKernels(const char* name);
// Whether the CPU multiplies tiles of bfloat16 (AMX), with which the library's products are faster than ours.
bool hasTiles();

template <typename T>
const Kernels<T>& kernelsOf();
template <>
inline const Kernels<float>& kernelsOf<float>() {
  return kernels().f32;
}
template <>
inline const Kernels<Bf16>& kernelsOf<Bf16>() {
  return kernels().bf16;
}
