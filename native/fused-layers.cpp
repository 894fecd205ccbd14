// Layers as one operator each, forwards and backwards, where libtorch's own take several passes over memory or have slow
// bfloat16 kernels on a CPU (docs/adr/0011-kernels.md). Elsewhere (CUDA, other dtypes) they are libtorch's operators.
#include "fused.h"

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

namespace {

at::Tensor floats(const at::Tensor& x) { return x.to(at::kFloat).contiguous(); }

class LayerNorm : public torch::autograd::Function<LayerNorm> {
 public:
  static Variable forward(AutogradContext* ctx, const Variable& input, const Variable& weight, const Variable& bias, double eps) {
    const at::Tensor x = input.contiguous(), w = floats(weight), b = floats(bias);
    const int64_t width = x.size(-1), rows = width ? x.numel() / width : 0;
    at::Tensor y = at::empty_like(x);
    const at::Tensor mean = at::empty({rows}, w.options()), rstd = at::empty({rows}, w.options());
    withType(x, [&](auto type) {
      using T = decltype(type);
      overRows(rows, width, [&](int64_t begin, int64_t end) {
        const int64_t at = begin * width;
        kernelsOf<T>().layerNorm(dataOf<T>(x) + at, dataOf<float>(w), dataOf<float>(b), dataOf<T>(y) + at, dataOf<float>(mean) + begin,
                                 dataOf<float>(rstd) + begin, end - begin, width, static_cast<float>(eps));
      });
    });
    ctx->save_for_backward({x, w, mean, rstd});
    ctx->saved_data["dtype"] = static_cast<int64_t>(weight.scalar_type());
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    refuseSecondDerivative("layer_norm");
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &w = saved[1], &mean = saved[2], &rstd = saved[3];
    const at::Tensor grad = grads[0].contiguous();
    const int64_t width = x.size(-1), rows = mean.numel();
    at::Tensor gradX = at::empty_like(x);
    const int64_t threads = at::get_num_threads();
    // Sums of their own for every thread, which are added up at the end.
    const at::Tensor sums = at::zeros({threads, 2, width}, w.options());
    withType(x, [&](auto type) {
      using T = decltype(type);
      overRows(rows, width, [&](int64_t begin, int64_t end) {
        const int64_t at = begin * width;
        float* own = dataOf<float>(sums) + at::get_thread_num() * 2 * width;
        kernelsOf<T>().layerNormBackward(dataOf<T>(grad) + at, dataOf<T>(x) + at, dataOf<float>(mean) + begin, dataOf<float>(rstd) + begin,
                                         dataOf<float>(w), dataOf<T>(gradX) + at, own, own + width, end - begin, width);
      });
    });
    const auto dtype = static_cast<at::ScalarType>(ctx->saved_data["dtype"].toInt());
    const at::Tensor total = sums.sum(0).to(dtype);
    return {gradX, total[0], total[1], Variable()};
  }
};

class Gelu : public torch::autograd::Function<Gelu> {
 public:
  static Variable forward(AutogradContext* ctx, const Variable& input) {
    const at::Tensor x = input.contiguous();
    at::Tensor y = at::empty_like(x);
    withType(x, [&](auto type) {
      using T = decltype(type);
      overRows(x.numel(), 1, [&](int64_t begin, int64_t end) { kernelsOf<T>().gelu(dataOf<T>(x) + begin, dataOf<T>(y) + begin, end - begin); });
    });
    ctx->save_for_backward({x});
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    refuseSecondDerivative("gelu");
    const at::Tensor x = ctx->get_saved_variables()[0], grad = grads[0].contiguous();
    at::Tensor gradX = at::empty_like(x);
    withType(x, [&](auto type) {
      using T = decltype(type);
      overRows(x.numel(), 1, [&](int64_t begin, int64_t end) {
        kernelsOf<T>().geluBackward(dataOf<T>(grad) + begin, dataOf<T>(x) + begin, dataOf<T>(gradX) + begin, end - begin);
      });
    });
    return {gradX};
  }
};

// A seed from the generator that libtorch's own random operators use, so that its state decides here, too.
uint64_t drawSeed() {
  at::Generator generator = at::globalContext().defaultGenerator(at::kCPU);
  std::lock_guard<std::mutex> lock(generator.mutex());
  auto* cpu = generator.get<at::CPUGeneratorImpl>();
  return cpu->random64();
}

DropoutMask maskOf(double p, uint64_t seed) {
  TORCH_CHECK(p >= 0 && p < 1, "dropout: p is ", p, ", expected a number from 0 to below 1");
  return {seed, static_cast<uint32_t>(p * 0x1p32), static_cast<float>(1 / (1 - p))};
}

at::Tensor dropped(const at::Tensor& x, const at::Tensor* residual, DropoutMask mask) {
  at::Tensor y = at::empty_like(x);
  withType(x, [&](auto type) {
    using T = decltype(type);
    overRows(x.numel(), 1, [&](int64_t begin, int64_t end) {
      kernelsOf<T>().dropout(dataOf<T>(x) + begin, residual ? dataOf<T>(*residual) + begin : nullptr, dataOf<T>(y) + begin, begin, end - begin, mask);
    });
  });
  return y;
}

// The mask is not kept: the seed makes it again.
DropoutMask keepMask(AutogradContext* ctx, double p, int64_t seed) {
  ctx->saved_data["p"] = p;
  ctx->saved_data["seed"] = seed;
  return maskOf(p, static_cast<uint64_t>(seed));
}

at::Tensor throughKeptMask(AutogradContext* ctx, const at::Tensor& grad) {
  refuseSecondDerivative("dropout");
  const auto seed = static_cast<uint64_t>(ctx->saved_data["seed"].toInt());
  return dropped(grad.contiguous(), nullptr, maskOf(ctx->saved_data["p"].toDouble(), seed));
}

class Dropout : public torch::autograd::Function<Dropout> {
 public:
  static Variable forward(AutogradContext* ctx, const Variable& x, double p, int64_t seed) {
    return dropped(x.contiguous(), nullptr, keepMask(ctx, p, seed));
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) { return {throughKeptMask(ctx, grads[0]), Variable(), Variable()}; }
};

class AddDropout : public torch::autograd::Function<AddDropout> {
 public:
  static Variable forward(AutogradContext* ctx, const Variable& residual, const Variable& x, double p, int64_t seed) {
    const at::Tensor other = residual.contiguous();
    return dropped(x.contiguous(), &other, keepMask(ctx, p, seed));
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    return {grads[0], throughKeptMask(ctx, grads[0]), Variable(), Variable()};
  }
};

at::Tensor dropout(const at::Tensor& x, double p) {
  if (!hasKernels(x)) return at::dropout(x, p, true);
  return Dropout::apply(x, p, static_cast<int64_t>(drawSeed()));
}

// residual + dropout(x)
at::Tensor addDropout(const at::Tensor& residual, const at::Tensor& x, double p) {
  if (!hasKernels(x) || x.sizes() != residual.sizes() || x.scalar_type() != residual.scalar_type()) return residual + at::dropout(x, p, true);
  return AddDropout::apply(residual, x, p, static_cast<int64_t>(drawSeed()));
}

// (B, T, P · H · d) → (P, B · H, T, d), or with `joins` the way back: whole heads are copied, which libtorch does number by number.
at::Tensor moveHeads(const at::Tensor& given, int64_t parts, int64_t heads, bool joins) {
  const at::Tensor from = given.contiguous();
  const int64_t batch = joins ? from.size(1) / heads : from.size(0), length = joins ? from.size(2) : from.size(1);
  const int64_t width = joins ? from.size(3) : from.size(2) / (parts * heads);
  at::Tensor to = joins ? at::empty({batch, length, parts * heads * width}, from.options())
                        : at::empty({parts, batch * heads, length, width}, from.options());
  const auto bytes = static_cast<int64_t>(from.element_size()) * width;
  const char* source = static_cast<const char*>(from.data_ptr());
  char* target = static_cast<char*>(to.data_ptr());
  overRows(batch * length, parts * heads * width, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t b = row / length, t = row % length;
      for (int64_t part = 0; part < parts; ++part)
        for (int64_t head = 0; head < heads; ++head) {
          const int64_t joined = ((row * parts + part) * heads + head) * bytes;
          const int64_t split = (((part * batch + b) * heads + head) * length + t) * bytes;
          std::memcpy(target + (joins ? joined : split), source + (joins ? split : joined), static_cast<size_t>(bytes));
        }
    }
  });
  return to;
}

// The keys and values of all heads are products of their own, for which libtorch's batched product is quick; what lies
// between them is one pass. Source of the arithmetic: Vaswani et al. 2017, section 3.2.1.
class Attention : public torch::autograd::Function<Attention> {
 public:
  static Variable forward(AutogradContext* ctx, const Variable& qkv, int64_t heads, bool causal, double p, int64_t seed) {
    const auto parts = moveHeads(qkv, 3, heads, false).unbind(0);
    const at::Tensor &q = parts[0], &k = parts[1], &v = parts[2];
    const int64_t length = q.size(1);
    const float scale = 1 / std::sqrt(static_cast<float>(q.size(2)));
    at::Tensor weights = at::bmm(q, k.transpose(1, 2));  // scores, for now
    at::Tensor kept = p > 0 ? at::empty_like(weights) : weights;
    const DropoutMask mask = maskOf(p, static_cast<uint64_t>(seed));
    withType(weights, [&](auto type) {
      using T = decltype(type);
      overRows(weights.size(0) * length, length, [&](int64_t begin, int64_t end) {
        kernelsOf<T>().attentionWeights(dataOf<T>(weights) + begin * length, p > 0 ? dataOf<T>(kept) + begin * length : nullptr, begin, end - begin,
                                        length, causal, scale, mask);
      });
    });
    ctx->save_for_backward({q, k, v, weights});
    ctx->saved_data["heads"] = heads;
    ctx->saved_data["dropoutScale"] = static_cast<double>(mask.scale);
    return moveHeads(at::bmm(kept, v).unsqueeze(0), 1, heads, true);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    refuseSecondDerivative("attention");
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &weights = saved[3];
    const int64_t heads = ctx->saved_data["heads"].toInt(), length = q.size(1), headWidth = q.size(2), batch = q.size(0) / heads;
    const float dropoutScale = static_cast<float>(ctx->saved_data["dropoutScale"].toDouble());
    const float scale = 1 / std::sqrt(static_cast<float>(headWidth));
    const at::Tensor grad = moveHeads(grads[0], 1, heads, false)[0];
    at::Tensor parts = at::empty({3, batch * heads, length, headWidth}, q.options());
    at::Tensor gradQ = parts[0], gradK = parts[1], gradV = parts[2];
    at::Tensor scores;
    withType(weights, [&](auto type) {
      using T = decltype(type);
      at::Tensor kept = weights;
      if (dropoutScale != 1) {
        kept = at::empty_like(weights);
        overRows(weights.size(0) * length, length, [&](int64_t begin, int64_t end) {
          kernelsOf<T>().droppedWeights(dataOf<T>(weights) + begin * length, dataOf<T>(kept) + begin * length, (end - begin) * length, dropoutScale);
        });
      }
      at::bmm_out(gradV, kept.transpose(1, 2), grad);
      kept = at::Tensor();
      scores = at::bmm(grad, v.transpose(1, 2));  // the gradient of dropped weights, for now
      overRows(weights.size(0) * length, length, [&](int64_t begin, int64_t end) {
        kernelsOf<T>().attentionWeightsBackward(dataOf<T>(weights) + begin * length, dataOf<T>(scores) + begin * length, end - begin, length, scale,
                                                dropoutScale);
      });
    });
    at::bmm_out(gradQ, scores, k);
    at::bmm_out(gradK, scores.transpose(1, 2), q);
    return {moveHeads(parts, 3, heads, true), Variable(), Variable(), Variable(), Variable()};
  }
};

// Multi-head self-attention of (B, T, 3 · C), queries, keys and values side by side → (B, T, C).
at::Tensor attention(const at::Tensor& qkv, int64_t heads, bool causal, double p) {
  TORCH_CHECK(qkv.dim() == 3 && heads > 0 && qkv.size(2) % (3 * heads) == 0, "attention: ", qkv.sizes(), " is no (B, T, 3 · C) for ", heads, " heads");
  const bool drops = p > 0;
  if (hasKernels(qkv)) return Attention::apply(qkv, heads, causal, p, drops ? static_cast<int64_t>(drawSeed()) : int64_t{0});
  const int64_t length = qkv.size(1);
  const at::Tensor split = qkv.reshape({qkv.size(0), length, 3, heads, -1}).permute({2, 0, 3, 1, 4});
  const auto parts = split.reshape({3, qkv.size(0) * heads, length, -1}).unbind(0);
  at::Tensor scores = at::bmm(parts[0] * (1 / std::sqrt(static_cast<double>(parts[0].size(2)))), parts[1].transpose(1, 2));
  if (causal) scores = scores + at::full({length, length}, -INFINITY, scores.options()).triu(1);
  const at::Tensor attended = at::bmm(at::dropout(scores.softmax(-1), p, drops), parts[2]);
  return attended.view({qkv.size(0), heads, length, -1}).transpose(1, 2).reshape({qkv.size(0), length, -1});
}

class CrossEntropy : public torch::autograd::Function<CrossEntropy> {
 public:
  static Variable forward(AutogradContext* ctx, const Variable& input, const Variable& targets) {
    const at::Tensor logits = input.contiguous(), wanted = targets.contiguous();
    const int64_t classes = logits.size(-1), rows = wanted.numel();
    const at::Tensor loss = at::empty({rows}, logits.options().dtype(at::kFloat)), lse = at::empty_like(loss);
    withType(logits, [&](auto type) {
      using T = decltype(type);
      overRows(rows, classes, [&](int64_t begin, int64_t end) {
        kernelsOf<T>().crossEntropy(dataOf<T>(logits) + begin * classes, dataOf<int64_t>(wanted) + begin, dataOf<float>(loss) + begin,
                                    dataOf<float>(lse) + begin, end - begin, classes);
      });
    });
    ctx->save_for_backward({logits, wanted, lse});
    return loss.mean();
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    refuseSecondDerivative("cross_entropy");
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &logits = saved[0], &targets = saved[1], &lse = saved[2];
    const int64_t classes = logits.size(-1), rows = targets.numel();
    const float scale = grads[0].item<float>() / static_cast<float>(rows);
    at::Tensor gradLogits = at::empty_like(logits);
    withType(logits, [&](auto type) {
      using T = decltype(type);
      overRows(rows, classes, [&](int64_t begin, int64_t end) {
        kernelsOf<T>().crossEntropyBackward(dataOf<T>(logits) + begin * classes, dataOf<int64_t>(targets) + begin, dataOf<float>(lse) + begin,
                                            dataOf<T>(gradLogits) + begin * classes, end - begin, classes, scale);
      });
    });
    return {gradLogits, Variable()};
  }
};

// The mean of −log softmax(logits)[target]: logits (…, V), targets (…) int64 → float32.
at::Tensor crossEntropy(const at::Tensor& logits, const at::Tensor& targets) {
  TORCH_CHECK(logits.dim() > 0 && targets.scalar_type() == at::kLong && targets.sizes() == logits.sizes().slice(0, logits.dim() - 1),
              "cross_entropy: targets ", targets.sizes(), " ", targets.scalar_type(), " do not fit logits ", logits.sizes());
  const int64_t classes = logits.size(-1);
  if (!hasKernels(logits)) return at::cross_entropy_loss(logits.reshape({-1, classes}).to(at::kFloat), targets.reshape({-1}));
  TORCH_CHECK(targets.numel() > 0 && targets.min().item<int64_t>() >= 0 && targets.max().item<int64_t>() < classes,
              "cross_entropy: a target is none of ", classes, " classes");
  return CrossEntropy::apply(logits, targets);
}

}  // namespace

// layer_norm over the last dimension; weight and bias may be wider than x.
at::Tensor applyLayerNorm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps) {
  TORCH_CHECK(x.dim() > 0 && weight.dim() == 1 && weight.sizes() == bias.sizes() && weight.size(0) == x.size(-1),
              "layer_norm: weight and bias of [", weight.sizes(), "] and [", bias.sizes(), "] do not fit an input of ", x.sizes());
  if (!hasKernels(x)) return at::layer_norm(x, weight.sizes(), weight.to(x.scalar_type()), bias.to(x.scalar_type()), eps);
  return LayerNorm::apply(x, weight, bias, eps);
}

at::Tensor applyGelu(const at::Tensor& x) { return hasKernels(x) ? Gelu::apply(x) : at::gelu(x); }

TORCH_LIBRARY_FRAGMENT(clip_gen, library) {
  library.def("layer_norm(Tensor self, Tensor weight, Tensor bias, float eps) -> Tensor", applyLayerNorm);
  library.def("gelu(Tensor self) -> Tensor", applyGelu);
  library.def("dropout(Tensor self, float p) -> Tensor", dropout);
  library.def("add_dropout(Tensor self, Tensor x, float p) -> Tensor", addDropout);
  library.def("attention(Tensor qkv, int heads, bool causal, float p) -> Tensor", attention);
  library.def("cross_entropy(Tensor self, Tensor targets) -> Tensor", crossEntropy);
}
