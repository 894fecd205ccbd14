// A block of a GPT for one new position of few rows. Reading its weights takes some microseconds of milliseconds, so that
// waking threads for each of its ten layers would take as long: here they stay awake for the whole block.
#include <omp.h>
#include <sched.h>

#include <atomic>

#include "decode.h"
#include "operators.h"

namespace {

struct BlockLayers {
  at::Tensor norm1Weight, norm1Bias, norm2Weight, norm2Bias;
  LinearLayer qkv, proj, fc1, fc2;
  float eps;
};

// Where threads wait for each other: awake, since it is not for long, unless another program has a core.
class Meeting {
 public:
  void wait(int threads) {
    const int round = round_.load(std::memory_order_acquire);
    if (waiting_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
      waiting_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    for (int turn = 0; round_.load(std::memory_order_acquire) == round; ++turn) {
      if (turn < kPatience)
        pause();
      else
        sched_yield();
    }
  }

 private:
  static constexpr int kPatience = 2000;

  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  std::atomic<int> waiting_{0}, round_{0};
};

// What a thread does of `count` things, in whole groups. Shares are fixed: taking them in turn was slower, since the processor
// then no longer guesses what is read next.
struct Share {
  int64_t begin, end;
  Share(int64_t count, int64_t group, int thread, int threads) {
    const int64_t groups = (count + group - 1) / group;
    begin = std::min(count, groups * thread / threads * group);
    end = std::min(count, groups * (thread + 1) / threads * group);
  }
};

template <typename T>
at::Tensor fewRowsBlock(const at::Tensor& given, const at::Tensor& keys, const at::Tensor& values, int64_t start, const BlockLayers& layers) {
  const at::Tensor x = given.contiguous();
  const int64_t rows = x.size(0), width = x.size(2), heads = values.size(1), room = values.size(2), headWidth = width / heads;
  const int64_t inner = layers.fc1.outputs(), widest = std::max(3 * width, inner);
  const float scale = 1 / std::sqrt(static_cast<float>(headWidth));
  const at::Tensor y = at::empty_like(x);
  // For all threads: float sums, then qkv or what is in the MLP, what attention gave, and what goes into the MLP.
  const at::Tensor sums = at::empty({rows, widest}, x.options().dtype(at::kFloat));
  const at::Tensor shared = at::empty({rows, widest + 2 * width}, x.options());
  T *broad = dataOf<T>(shared), *attended = broad + rows * widest, *middle = attended + rows * width;
  float* wide = dataOf<float>(sums);
  const int worthwhile = static_cast<int>(std::max<int64_t>(1, width * width / kElementsPerThread));
  const int most = at::in_parallel_region() ? 1 : std::min(at::get_num_threads(), worthwhile);
  const at::Tensor norms = at::empty({most, rows * width}, x.options());
  const at::Tensor scratch = at::empty({most, 2 * rows + room + kCacheBlock + headWidth}, sums.options());
  Meeting meeting;
  const auto work = [&](int thread, int threads) {
    T* normed = dataOf<T>(norms) + thread * rows * width;
    float* floats = dataOf<float>(scratch) + thread * scratch.size(1);
    const auto normalize = [&](const T* from, const at::Tensor& weight, const at::Tensor& bias) {
      kernelsOf<T>().layerNorm(from, dataOf<float>(weight), dataOf<float>(bias), normed, floats, floats + rows, rows, width, layers.eps);
    };
    const Share narrow(width, 8, thread, threads), broader(inner, 8, thread, threads), own(heads, 1, thread, threads);
    // Dropout that drops nothing is a sum.
    const auto addTo = [&](const T* residual, T* sum) {
      for (int64_t at = narrow.begin; at < rows * width; at += width)
        kernelsOf<T>().dropout(sum + at, residual + at, sum + at, 0, narrow.end - narrow.begin, {0, 0, 1});
    };
    normalize(dataOf<T>(x), layers.norm1Weight, layers.norm1Bias);
    // A head's queries, keys and values are computed by the thread that needs them.
    for (int64_t third = 0; third < 3; ++third)
      someOutputs(normed, layers.qkv, wide, broad, rows, third * width + own.begin * headWidth, third * width + own.end * headWidth);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t head = own.begin; head < own.end; ++head) {
        const int64_t at = (row * heads + head) * room * headWidth, first = head * headWidth;
        attendPosition(broad + row * 3 * width + first, width, dataOf<T>(keys) + at, dataOf<T>(values) + at, attended + row * width + first, floats,
                       start, headWidth, scale);
      }
    meeting.wait(threads);
    someOutputs(attended, layers.proj, wide, middle, rows, narrow.begin, narrow.end);
    addTo(dataOf<T>(x), middle);
    meeting.wait(threads);
    normalize(middle, layers.norm2Weight, layers.norm2Bias);
    someOutputs(normed, layers.fc1, wide, broad, rows, broader.begin, broader.end);
    for (int64_t at = broader.begin; at < rows * inner; at += inner) kernelsOf<T>().gelu(broad + at, broad + at, broader.end - broader.begin);
    meeting.wait(threads);
    someOutputs(broad, layers.fc2, wide, dataOf<T>(y), rows, narrow.begin, narrow.end);
    addTo(middle, dataOf<T>(y));
  };
  if (most == 1) {
    work(0, 1);
  } else {
    // There may be fewer threads than asked for.
#pragma omp parallel num_threads(most)
    work(omp_get_thread_num(), omp_get_num_threads());
  }
  return y;
}

// x (B, T, C) → (B, T, C): x + attention(norm1(x)), and to that its MLP. Keys and values as in attend_cached; norms are
// weight and bias of both; linears weight, bias and scale of qkv, proj, fc1 and fc2.
at::Tensor decodeBlock(const at::Tensor& x, at::Tensor keys, at::Tensor values, int64_t start, at::TensorList norms,
                       const c10::List<OptionalTensor>& linears, double eps) {
  TORCH_CHECK(x.dim() == 3 && norms.size() == 4 && linears.size() == 12, "decode_block: x (B, T, C), four tensors of norms, twelve of linear layers");
  const auto layer = [&](size_t i) {
    const auto part = [&](size_t j) {
      const OptionalTensor tensor = linears.get(3 * i + j);
      return tensor.has_value() ? *tensor : at::Tensor();
    };
    TORCH_CHECK(part(0).defined(), "decode_block: linear layer ", i, " has no weight");
    return readyLayer(part(0), part(1), part(2));
  };
  const LinearLayer qkv = layer(0), proj = layer(1), fc1 = layer(2), fc2 = layer(3);
  const int64_t rows = x.size(0), width = x.size(2);
  bool few = x.size(1) == 1 && keys.dim() == 5 && keys.scalar_type() == x.scalar_type() && values.scalar_type() == x.scalar_type() && start < values.size(2);
  for (const LinearLayer* each : {&qkv, &proj, &fc1, &fc2}) few = few && isFewRows(x, *each, rows);
  if (few) {
    TORCH_CHECK(qkv.inputs() == width && qkv.outputs() == 3 * width && proj.inputs() == width && proj.outputs() == width && fc1.inputs() == width &&
                    fc2.inputs() == fc1.outputs() && fc2.outputs() == width && values.size(0) == rows && values.size(1) * values.size(3) == width &&
                    keys.numel() == values.numel() && keys.size(3) == values.size(3) && keys.size(4) == kCacheBlock && start >= 0,
                "decode_block: the layers do not fit an input of ", x.sizes());
    const auto floats = [](const at::Tensor& t) { return t.to(at::kFloat).contiguous(); };
    const BlockLayers layers = {floats(norms[0]), floats(norms[1]), floats(norms[2]), floats(norms[3]), qkv, proj, fc1, fc2, static_cast<float>(eps)};
    at::Tensor y;
    withType(x, [&](auto type) { y = fewRowsBlock<decltype(type)>(x, keys, values, start, layers); });
    return y;
  }
  const at::Tensor attended = applyAttendCached(applyLinear(applyLayerNorm(x, norms[0], norms[1], eps), qkv), keys, values, start);
  const at::Tensor middle = x + applyLinear(attended, proj);
  return middle + applyLinear(applyGelu(applyLinear(applyLayerNorm(middle, norms[2], norms[3], eps), fc1)), fc2);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(clip_gen, library) {
  library.def(
      "decode_block(Tensor self, Tensor(a!) keys, Tensor(b!) values, int start, Tensor[] norms, Tensor?[] linears, float eps) -> Tensor",
      decodeBlock);
}
