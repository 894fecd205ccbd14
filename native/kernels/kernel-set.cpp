// The kernels of one instruction set: KERNEL_SET is its name.
#include "attend.h"
#include "channels.h"
#include "elementwise.h"
#include "few-rows.h"
#include "layer-norm.h"
#include "product.h"
#include "softmax.h"

#define TEXT(name) #name
#define NAME(name) TEXT(name)

template <typename T>
static constexpr Kernels<T> typed() {
  return {layerNorm<T>,      layerNormBackward<T>, dropout<T>,
          gelu<T>,           geluBackward<T>,      attentionWeights<T>,
          droppedWeights<T>, attentionWeightsBackward<T>, crossEntropy<T>,
          crossEntropyBackward<T>, fewRows<T, float>, fewRows<T, Bf16>,
          fewRows<T, int8_t>, attendOne<T>, channelSums<T>, scaleShift<T>,
          channelGradSums<T>, scaleShiftBackward<T>};
}

namespace kernel_sets {
extern const KernelSet KERNEL_SET;
const KernelSet KERNEL_SET = {NAME(KERNEL_SET), typed<float>(), typed<Bf16>(), adam, sumOfSquares, narrow, widenInt8, greatest, exponentials, sumFrom, kProduct, kPackRows};
}  // namespace kernel_sets
