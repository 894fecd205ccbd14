// Group norm and batch norm with the activation that follows them, as one operator over channels-last pictures: forwards two
// passes over memory, backwards two. Statistics and arithmetic are in float32 whatever the pictures are in.
#include "fused.h"

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

namespace {

Activation activationOf(const std::string& name) {
  if (name == "none") return Activation::None;
  if (name == "silu") return Activation::Silu;
  TORCH_CHECK(name == "leaky_relu", "channel_norm: no activation is called ", name);
  return Activation::LeakyRelu;
}

at::Tensor channelsLast(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

// As many pixels as are summed up in float before they are added up in double.
constexpr int64_t kChunk = 256;

// Pictures that share statistics are one block of pixels: each picture of group norm, all of batch norm.
struct Layout {
  int64_t blocks, rows, channels, groups;
  static Layout of(const at::Tensor& x, int64_t groups, bool overBatch) {
    const int64_t pixels = x.size(2) * x.size(3);
    return {overBatch ? 1 : x.size(0), overBatch ? x.size(0) * pixels : pixels, x.size(1), groups};
  }
  int64_t perGroup() const { return channels / groups; }
  int64_t chunks() const { return (rows + kChunk - 1) / kChunk; }
};

// body(chunk, block, begin row, rows) over all chunks of all blocks, on all threads.
template <typename Body>
void overChunks(const Layout& layout, Body body) {
  const int64_t chunks = layout.chunks();
  overRows(layout.blocks * chunks, kChunk * layout.channels, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % chunks * kChunk;
      body(i, i / chunks, first, std::min(kChunk, layout.rows - first));
    }
  });
}

// Two sums for every channel of every block, (blocks, 2, C) in double: sum(block, begin row, rows, float sums).
template <typename Sum>
std::vector<double> sumsOf(const Layout& layout, Sum sum) {
  const int64_t chunks = layout.chunks(), width = 2 * layout.channels;
  std::vector<float> partial(static_cast<size_t>(layout.blocks * chunks * width), 0.0f);
  overChunks(layout, [&](int64_t chunk, int64_t block, int64_t first, int64_t rows) { sum(block, first, rows, partial.data() + chunk * width); });
  std::vector<double> total(static_cast<size_t>(layout.blocks * width), 0.0);
  for (int64_t i = 0; i < layout.blocks * chunks; ++i)
    for (int64_t c = 0; c < width; ++c) total[static_cast<size_t>(i / chunks * width + c)] += partial[static_cast<size_t>(i * width + c)];
  return total;
}

class ChannelNorm : public torch::autograd::Function<ChannelNorm> {
 public:
  static variable_list forward(AutogradContext* ctx, const Variable& input, const Variable& weight, const Variable& bias, int64_t groups, bool overBatch,
                               double eps, int64_t activationIndex) {
    const at::Tensor x = channelsLast(input), w = weight.to(at::kFloat).contiguous(), b = bias.to(at::kFloat).contiguous();
    const Layout layout = Layout::of(x, groups, overBatch);
    const int64_t channels = layout.channels, perGroup = layout.perGroup();
    const auto activation = static_cast<Activation>(activationIndex);
    at::Tensor y = at::empty_like(x);
    const at::Tensor mean = at::empty({layout.blocks, groups}, w.options()), variance = at::empty_like(mean);
    const at::Tensor affine = at::empty({2, layout.blocks, channels}, w.options());  // scale and shift
    withType(x, [&](auto type) {
      using T = decltype(type);
      const auto& kernels = kernelsOf<T>();
      const auto at = [&](int64_t block, int64_t row) { return (block * layout.rows + row) * channels; };
      const auto sums = sumsOf(layout, [&](int64_t block, int64_t first, int64_t rows, float* out) {
        kernels.channelSums(dataOf<T>(x) + at(block, first), rows, channels, out);
      });
      const double count = static_cast<double>(layout.rows * perGroup);
      float *scale = dataOf<float>(affine), *shift = scale + layout.blocks * channels;
      for (int64_t block = 0; block < layout.blocks; ++block)
        for (int64_t group = 0; group < groups; ++group) {
          double sum = 0, squares = 0;
          for (int64_t c = group * perGroup; c < (group + 1) * perGroup; ++c) {
            sum += sums[static_cast<size_t>(block * 2 * channels + c)];
            squares += sums[static_cast<size_t>((block * 2 + 1) * channels + c)];
          }
          const double m = sum / count, v = std::max(0.0, squares / count - m * m), r = 1 / std::sqrt(v + eps);
          dataOf<float>(mean)[block * groups + group] = static_cast<float>(m);
          dataOf<float>(variance)[block * groups + group] = static_cast<float>(v);
          for (int64_t c = group * perGroup; c < (group + 1) * perGroup; ++c) {
            const double s = static_cast<double>(dataOf<float>(w)[c]) * r;
            scale[block * channels + c] = static_cast<float>(s);
            shift[block * channels + c] = static_cast<float>(static_cast<double>(dataOf<float>(b)[c]) - s * m);
          }
        }
      overChunks(layout, [&](int64_t, int64_t block, int64_t first, int64_t rows) {
        kernels.scaleShift(dataOf<T>(x) + at(block, first), dataOf<T>(y) + at(block, first), rows, channels, scale + block * channels,
                           shift + block * channels, activation);
      });
    });
    ctx->save_for_backward({x, w, mean, variance, affine});
    ctx->saved_data["groups"] = groups;
    ctx->saved_data["overBatch"] = overBatch;
    ctx->saved_data["eps"] = eps;
    ctx->saved_data["activation"] = activationIndex;
    ctx->saved_data["dtype"] = static_cast<int64_t>(weight.scalar_type());
    ctx->mark_non_differentiable({mean, variance});
    return {y, mean, variance};
  }

  // With h = dz · weight, as for layer norm: dx = rstd · (h − mean(h) − x̂ · mean(h · x̂)), sorted by powers of x.
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    refuseSecondDerivative("channel_norm");
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &w = saved[1], &mean = saved[2], &variance = saved[3], &affine = saved[4];
    const at::Tensor grad = channelsLast(grads[0]);
    const Layout layout = Layout::of(x, ctx->saved_data["groups"].toInt(), ctx->saved_data["overBatch"].toBool());
    const int64_t channels = layout.channels, perGroup = layout.perGroup();
    const auto activation = static_cast<Activation>(ctx->saved_data["activation"].toInt());
    const double eps = ctx->saved_data["eps"].toDouble();
    at::Tensor gradX = at::empty_like(x);
    at::Tensor gradWeight = at::zeros_like(w), gradBias = at::zeros_like(w);
    withType(x, [&](auto type) {
      using T = decltype(type);
      const auto& kernels = kernelsOf<T>();
      const auto at = [&](int64_t block, int64_t row) { return (block * layout.rows + row) * channels; };
      const float *scale = dataOf<float>(affine), *shift = scale + layout.blocks * channels;
      const auto sums = sumsOf(layout, [&](int64_t block, int64_t first, int64_t rows, float* out) {
        kernels.channelGradSums(dataOf<T>(grad) + at(block, first), dataOf<T>(x) + at(block, first), rows, channels, scale + block * channels,
                                shift + block * channels, activation, out);
      });
      const double count = static_cast<double>(layout.rows * perGroup);
      std::vector<float> slope(static_cast<size_t>(layout.blocks * channels)), offset(slope.size());
      for (int64_t block = 0; block < layout.blocks; ++block)
        for (int64_t group = 0; group < layout.groups; ++group) {
          const double m = static_cast<double>(dataOf<float>(mean)[block * layout.groups + group]);
          const double r = 1 / std::sqrt(static_cast<double>(dataOf<float>(variance)[block * layout.groups + group]) + eps);
          double h = 0, hx = 0;
          for (int64_t c = group * perGroup; c < (group + 1) * perGroup; ++c) {
            const double dz = sums[static_cast<size_t>(block * 2 * channels + c)];
            const double normalised = (sums[static_cast<size_t>((block * 2 + 1) * channels + c)] - m * dz) * r;
            dataOf<float>(gradBias)[c] += static_cast<float>(dz);
            dataOf<float>(gradWeight)[c] += static_cast<float>(normalised);
            h += dz * static_cast<double>(dataOf<float>(w)[c]);
            hx += normalised * static_cast<double>(dataOf<float>(w)[c]);
          }
          for (int64_t c = group * perGroup; c < (group + 1) * perGroup; ++c) {
            const double p = -r * r * hx / count;
            slope[static_cast<size_t>(block * channels + c)] = static_cast<float>(p);
            offset[static_cast<size_t>(block * channels + c)] = static_cast<float>(-r * h / count - p * m);
          }
        }
      overChunks(layout, [&](int64_t, int64_t block, int64_t first, int64_t rows) {
        kernels.scaleShiftBackward(dataOf<T>(grad) + at(block, first), dataOf<T>(x) + at(block, first), dataOf<T>(gradX) + at(block, first), rows,
                                   channels, scale + block * channels, shift + block * channels, activation, slope.data() + block * channels,
                                   offset.data() + block * channels);
      });
    });
    const auto dtype = static_cast<at::ScalarType>(ctx->saved_data["dtype"].toInt());
    return {gradX, gradWeight.to(dtype), gradBias.to(dtype), Variable(), Variable(), Variable(), Variable()};
  }
};

// (B, C, H, W) → the same, with mean and (biased) variance of each group: (B, groups), or (1, C) over the batch.
std::tuple<at::Tensor, at::Tensor, at::Tensor> channelNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, int64_t groups,
                                                           bool overBatch, double eps, const std::string& activationName) {
  TORCH_CHECK(x.dim() == 4 && groups > 0 && x.size(1) % groups == 0 && weight.dim() == 1 && weight.size(0) == x.size(1) && bias.sizes() == weight.sizes(),
              "channel_norm: weight and bias of ", weight.sizes(), " and ", bias.sizes(), " and ", groups, " groups do not fit an input of ", x.sizes());
  const Activation activation = activationOf(activationName);
  if (hasKernels(x) && x.numel() > 0) {
    const auto results = ChannelNorm::apply(x, weight, bias, groups, overBatch, eps, static_cast<int64_t>(activation));
    return {results[0], results[1], results[2]};
  }
  const at::Tensor wide = x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
  const at::Tensor grouped = overBatch ? wide.transpose(0, 1).reshape({1, x.size(1), -1}) : wide.reshape({x.size(0), groups, -1});
  const at::Tensor mean = grouped.mean(-1, true), variance = (grouped - mean).square().mean(-1, true);
  const at::Tensor normalised = (grouped - mean) * (variance + eps).rsqrt();
  const at::Tensor back = overBatch ? normalised.reshape({x.size(1), x.size(0), x.size(2), x.size(3)}).transpose(0, 1) : normalised.reshape(x.sizes());
  at::Tensor y = back * weight.to(wide.scalar_type()).view({1, -1, 1, 1}) + bias.to(wide.scalar_type()).view({1, -1, 1, 1});
  if (activation == Activation::Silu) y = at::silu(y);
  if (activation == Activation::LeakyRelu) y = at::leaky_relu(y, 0.2);
  return {y.to(x.scalar_type()), mean.squeeze(-1).detach(), variance.squeeze(-1).detach()};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(clip_gen, library) {
  library.def(
      "channel_norm(Tensor self, Tensor weight, Tensor bias, int groups, bool over_batch, float eps, str activation) -> (Tensor, Tensor, Tensor)", channelNorm);
}
