// What drawing tokens one by one is made of, beside products of few rows: attention over a cache that is written in place,
// and the choice of a token. None of it has gradients.
#include "decode.h"
#include "operators.h"

namespace {

// The k-th largest of some numbers.
float largest(const float* x, int64_t count, int64_t k) {
  std::vector<float> copy(x, x + count);
  std::nth_element(copy.begin(), copy.begin() + (k - 1), copy.end(), std::greater<float>());
  return copy[static_cast<size_t>(k - 1)];
}

// Among non-negative numbers: the greatest t such that those ≥ t add up to more than `wanted`. Such floats are in the order
// of their bits, so that a bisection over these finds it without sorting.
float thresholdFor(const float* x, int64_t count, double wanted) {
  uint32_t bits = 0;
  for (uint32_t bit = 1u << 30; bit > 0; bit >>= 1) {
    const uint32_t tried = bits | bit;
    float least;
    std::memcpy(&least, &tried, sizeof least);
    if (kernels().sumFrom(x, count, least) > wanted) bits = tried;
  }
  float threshold;
  std::memcpy(&threshold, &bits, sizeof threshold);
  return threshold;
}

// Draws a token from a row of logits, with one number in [0, 1): temperature, then top-k, then top-p, as `filterLogits`.
int64_t drawToken(float* x, int64_t count, double draw, double temperature, int64_t topK, double topP) {
  const KernelSet& k = kernels();
  const float least = topK > 0 && topK < count ? largest(x, count, topK) : -INFINITY;
  k.exponentials(x, count, k.greatest(x, count), static_cast<float>(1 / temperature), least);
  double total = k.sumFrom(x, count, 0);
  float threshold = 0;  // what is above it may be drawn,
  int64_t ties = count;  // and of what equals it the first ones, up to the one that crosses top-p
  if (topP < 1) {
    const double wanted = topP * total;
    threshold = thresholdFor(x, count, wanted);
    total = k.sumFrom(x, count, std::nextafter(threshold, INFINITY));
    for (ties = 0; total <= wanted && threshold > 0; ++ties) total += static_cast<double>(threshold);
  }
  const double wanted = draw * total;
  double cumulative = 0;
  int64_t last = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (x[i] < threshold || x[i] == 0 || (x[i] == threshold && ties-- <= 0)) continue;
    last = i;
    cumulative += static_cast<double>(x[i]);
    if (cumulative > wanted) break;
  }
  return last;
}

// logits (B, V) on the CPU, as many draws in [0, 1) → (B) int64. top_k of 0: all.
at::Tensor drawTokens(const at::Tensor& logits, at::ArrayRef<double> draws, double temperature, int64_t topK, double topP) {
  TORCH_CHECK(logits.dim() == 2 && logits.is_cpu() && logits.size(1) > 0 && logits.size(0) == static_cast<int64_t>(draws.size()) && temperature > 0,
              "draw_tokens: logits of ", logits.sizes(), ", ", draws.size(), " draws and a temperature of ", temperature);
  const at::Tensor wide = logits.to(at::kFloat).contiguous().clone();
  const at::Tensor tokens = at::empty({logits.size(0)}, logits.options().dtype(at::kLong));
  const int64_t classes = logits.size(1);
  const std::vector<double> numbers = draws.vec();
  overRows(logits.size(0), classes, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      dataOf<int64_t>(tokens)[row] = drawToken(dataOf<float>(wide) + row * classes, classes, numbers[static_cast<size_t>(row)], temperature, topK, topP);
  });
  return tokens;
}

}  // namespace

// Attention of new positions, qkv (B, T, 3 · C), over those in the cache and themselves → (B, T, C). Their keys and values
// are written at `start`: values (B, H, S, d), and keys likewise, or for kernels in blocks, (B, H, S / 32, d, 32).
at::Tensor applyAttendCached(const at::Tensor& given, at::Tensor keys, at::Tensor values, int64_t start) {
  TORCH_CHECK(given.dim() == 3 && values.dim() == 4 && keys.is_contiguous() && values.is_contiguous(), "attend_cached: wrong dimensions");
  const int64_t batch = given.size(0), length = given.size(1), heads = values.size(1), size = values.size(2), width = values.size(3);
  const bool blocks = keys.dim() == 5;
  TORCH_CHECK(given.size(2) == 3 * heads * width && values.size(0) == batch && start >= 0 && start + length <= size && keys.numel() == values.numel() &&
                  keys.scalar_type() == given.scalar_type() && values.scalar_type() == given.scalar_type() &&
                  (blocks ? hasKernels(given) && keys.size(4) == kCacheBlock && keys.size(3) == width : keys.sizes() == values.sizes()),
              "attend_cached: ", given.sizes(), " at ", start, " does not fit keys of ", keys.sizes(), " and values of ", values.sizes());
  const double scale = 1 / std::sqrt(static_cast<double>(width));
  if (!blocks) {
    const auto parts = given.view({batch, length, 3, heads, width}).permute({2, 0, 3, 1, 4}).unbind(0);  // (B, H, T, d)
    keys.narrow(2, start, length).copy_(parts[1]);
    values.narrow(2, start, length).copy_(parts[2]);
    at::Tensor scores = at::matmul(parts[0] * scale, keys.narrow(2, 0, start + length).transpose(2, 3));  // (B, H, T, S)
    scores = scores + at::full({length, start + length}, -INFINITY, scores.options()).triu(start + 1);
    return at::matmul(scores.softmax(-1), values.narrow(2, 0, start + length)).transpose(1, 2).reshape({batch, length, heads * width});
  }
  const at::Tensor qkv = given.contiguous();
  at::Tensor result = at::empty({batch, length, heads * width}, qkv.options());
  withType(qkv, [&](auto type) {
    using T = decltype(type);
    overRows(batch * heads, (start + length) * width, [&](int64_t begin, int64_t end) {
      std::vector<float> scratch(static_cast<size_t>(size + kCacheBlock + width));
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t b = unit / heads, head = unit % heads;
        T *ownKeys = dataOf<T>(keys) + unit * width * size, *ownValues = dataOf<T>(values) + unit * size * width;
        for (int64_t t = 0; t < length; ++t) {
          const T* query = dataOf<T>(qkv) + ((b * length + t) * 3 * heads + head) * width;
          T* out = dataOf<T>(result) + ((b * length + t) * heads + head) * width;
          attendPosition(query, heads * width, ownKeys, ownValues, out, scratch.data(), start + t, width, static_cast<float>(scale));
        }
      }
    });
  });
  return result;
}

TORCH_LIBRARY_FRAGMENT(clip_gen, library) {
  library.def("attend_cached(Tensor qkv, Tensor(a!) keys, Tensor(b!) values, int start) -> Tensor", applyAttendCached);
  library.def("draw_tokens(Tensor self, float[] draws, float temperature, int top_k, float top_p) -> Tensor", drawTokens);
}
