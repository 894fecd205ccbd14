// Linear layers: the product with a weight in any of the formats that weights are kept in, forwards and backwards
// (docs/adr/0013-products.md).
#include "linear.h"
#include "operators.h"

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

namespace {

// Up to this many rows, reading weights is all that takes time; products of more rows pack them first.
int64_t fewRows(at::ScalarType weight) { return weight == at::kBFloat16 ? 8 : 4; }

bool isStored(at::ScalarType dtype) { return dtype == at::kFloat || dtype == at::kBFloat16 || dtype == at::kChar; }

// The weights that int8 ones stand for: (outputs, inputs) and a scale for every output.
at::Tensor widened(const at::Tensor& weight, const at::Tensor& scale, at::ScalarType dtype) {
  const int64_t inputs = weight.size(1);
  if (!weight.is_cpu() || dtype != at::kBFloat16) return (weight.to(at::kFloat) * scale.unsqueeze(1)).to(dtype);
  at::Tensor wide = at::empty(weight.sizes(), weight.options().dtype(at::kBFloat16));
  const at::Tensor factors = scale.to(at::kFloat).contiguous();
  overRows(weight.size(0), inputs, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      kernels().widenInt8(dataOf<int8_t>(weight) + row * inputs, dataOf<float>(factors)[row], dataOf<Bf16>(wide) + row * inputs, inputs);
  });
  return wide;
}

at::Tensor fewRowsLinear(const at::Tensor& given, const LinearLayer& layer) {
  const at::Tensor x = given.contiguous();
  const int64_t inputs = layer.inputs(), outputs = layer.outputs(), rows = x.numel() / inputs;
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = outputs;
  at::Tensor y = at::empty(shape, x.options());
  const at::Tensor sums = y.scalar_type() == at::kFloat ? y : at::empty(shape, x.options().dtype(at::kFloat));
  withType(x, [&](auto type) {
    using T = decltype(type);
    // In blocks of eight outputs, of which kernels read eight at once.
    overRows((outputs + 7) / 8, 8 * inputs, [&](int64_t first, int64_t last) {
      someOutputs(dataOf<T>(x), layer, dataOf<float>(sums), dataOf<T>(y), rows, 8 * first, std::min(8 * last, outputs));
    });
  });
  return y;
}

Stored storedAs(const at::Tensor& x) {
  return x.scalar_type() == at::kFloat ? Stored::Float : x.scalar_type() == at::kBFloat16 ? Stored::Bf16 : Stored::Int8;
}

// As many rows of a product as stay in the cache that cores share, and few enough for all threads to have work.
int64_t rowsAtOnce(int64_t rows, int64_t depth, int64_t panels) {
  constexpr int64_t kShared = 1 << 21;
  int64_t most = std::max<int64_t>(256, kShared / std::min(kDepth, depth));
  const int64_t units = 4 * at::get_num_threads();
  if (panels < units) most = std::min(most, std::max<int64_t>(64, rows * panels / units));
  const int64_t parts = (rows + most - 1) / most;
  return ((rows + parts - 1) / parts + 7) / 8 * 8;
}

// Memory that a thread keeps for its panel and its sums: what comes anew from the system each time has to be cleared first.
struct Scratch {
  std::vector<uint16_t> panel;
  std::vector<float> sums;

  static Scratch& ofThread(int64_t panelSize, int64_t sumsSize) {
    thread_local Scratch scratch;
    if (static_cast<int64_t>(scratch.panel.size()) < panelSize) scratch.panel.resize(static_cast<size_t>(panelSize));
    if (static_cast<int64_t>(scratch.sums.size()) < sumsSize) scratch.sums.resize(static_cast<size_t>(sumsSize));
    return scratch;
  }
};

void multiply(Product p, int64_t rows) {
  const int64_t depth = p.b.depth, panels = (p.b.columns + kPanel - 1) / kPanel;
  const int64_t some = rowsAtOnce(rows, depth, panels), parts = (rows + some - 1) / some;
  const int64_t room = kPanel * ((std::min(depth, kDepth) + 31) / 32 * 32);
  overRows(parts * panels, some * depth, [&](int64_t begin, int64_t end) {
    Product own = p;
    Scratch& scratch = Scratch::ofThread(room + 32, depth > kDepth ? some * kPanel : 0);
    own.panel = reinterpret_cast<Bf16*>((reinterpret_cast<uintptr_t>(scratch.panel.data()) + 63) / 64 * 64);
    own.sums = scratch.sums.data();
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t part = unit / panels, at = unit % panels;
      const bool another = at + 1 < panels && unit + 1 < end;
      kernels().product(own, part * some, std::min(rows, (part + 1) * some), at * kPanel, another);
    }
  });
}

// x (…, in) in bfloat16, contiguous → (…, out)
at::Tensor manyRowsLinear(const at::Tensor& x, const LinearLayer& layer) {
  const int64_t inputs = layer.inputs(), outputs = layer.outputs();
  const auto floats = [](const at::Tensor& t) { return t.defined() ? t.to(at::kFloat).contiguous() : t; };
  const auto start = [](const at::Tensor& t) { return t.defined() ? dataOf<float>(t) : nullptr; };
  const at::Tensor bias = floats(layer.bias), scale = floats(layer.scale);
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = outputs;
  const at::Tensor y = at::empty(shape, x.options());
  const ProductFactor factor = {layer.weight.data_ptr(), storedAs(layer.weight), true, inputs, outputs};
  multiply({dataOf<Bf16>(x), false, factor, start(scale), start(bias), y.data_ptr(), false, nullptr, nullptr}, x.numel() / inputs);
  return y;
}

// The gradients go through the same products, with the weight as it is kept: no copy in another dtype is made or held.
class ManyRows : public torch::autograd::Function<ManyRows> {
 public:
  // An empty bias is none: libtorch asks every input for its device.
  static Variable forward(AutogradContext* ctx, const Variable& x, const Variable& weight, const Variable& bias) {
    ctx->save_for_backward({x, weight});
    ctx->saved_data["x"] = x.requires_grad();
    ctx->saved_data["weight"] = weight.requires_grad();
    if (bias.requires_grad()) ctx->saved_data["bias"] = static_cast<int64_t>(bias.scalar_type());
    return manyRowsLinear(x, {weight, bias.numel() > 0 ? bias : at::Tensor(), at::Tensor()});
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    refuseSecondDerivative("linear");
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], grad = grads[0].contiguous();
    const int64_t inputs = weight.size(1), outputs = weight.size(0), rows = x.numel() / inputs;
    at::Tensor gradX, gradWeight, gradBias;
    if (ctx->saved_data["x"].toBool()) {
      gradX = at::empty_like(x);
      const ProductFactor factor = {weight.data_ptr(), storedAs(weight), false, outputs, inputs};
      multiply({dataOf<Bf16>(grad), false, factor, nullptr, nullptr, gradX.data_ptr(), false, nullptr, nullptr}, rows);
    }
    const bool learnsWeight = ctx->saved_data["weight"].toBool(), learnsBias = ctx->saved_data.count("bias") > 0;
    if (learnsWeight || learnsBias) {
      const at::Tensor sums = at::empty({outputs}, x.options().dtype(at::kFloat));
      const at::Tensor panels = at::empty({(outputs + 7) / 8, (rows + 7) / 8 * 8, 8}, x.options());
      overRows((outputs + 31) / 32, 32 * rows, [&](int64_t begin, int64_t end) {
        kernels().packRows(dataOf<Bf16>(grad), dataOf<Bf16>(panels), dataOf<float>(sums), rows, outputs, 32 * begin, std::min(outputs, 32 * end));
      });
      if (learnsBias) gradBias = sums.to(static_cast<at::ScalarType>(ctx->saved_data["bias"].toInt()));
      if (learnsWeight) {
        gradWeight = at::empty_like(weight);
        const ProductFactor factor = {x.data_ptr(), Stored::Bf16, false, rows, inputs};
        const bool wide = weight.scalar_type() == at::kFloat;
        multiply({dataOf<Bf16>(panels), true, factor, nullptr, nullptr, gradWeight.data_ptr(), wide, nullptr, nullptr}, outputs);
      }
    }
    return {gradX, gradWeight, gradBias};
  }
};

// x Wᵀ + b: x (…, in), weight (out, in) in float32, bfloat16, or in int8 with the scale of every output.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias, const OptionalTensor& scale) {
  const LinearLayer layer = {weight, bias.has_value() ? *bias : at::Tensor(), scale.has_value() ? *scale : at::Tensor()};
  TORCH_CHECK(x.dim() > 0 && weight.dim() == 2 && x.size(-1) == weight.size(1) && (weight.scalar_type() == at::kChar) == layer.scale.defined(),
              "linear: a weight of ", weight.sizes(), " does not fit an input of ", x.sizes(), "; int8 needs a scale, other dtypes have none");
  return applyLinear(x, layer);
}

}  // namespace

LinearLayer readyLayer(const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& scale) {
  const auto ready = [](const at::Tensor& x, bool mayBeNarrow) {
    return !x.defined() || (mayBeNarrow && hasKernels(x)) ? x : x.to(at::kFloat);
  };
  const auto inOrder = [](const at::Tensor& x) { return x.defined() ? x.contiguous() : x; };
  return {weight, inOrder(ready(bias, true)), inOrder(ready(scale, false))};
}

bool isFewRows(const at::Tensor& x, const LinearLayer& layer, int64_t rows) {
  const at::Tensor& weight = layer.weight;
  return hasKernels(x) && weight.is_cpu() && isStored(weight.scalar_type()) && weight.is_contiguous() && rows > 0 &&
         rows <= fewRows(weight.scalar_type()) && layer.inputs() % 32 == 0;
}

at::Tensor applyLinear(const at::Tensor& x, const LinearLayer& layer) {
  const at::Tensor &weight = layer.weight, &bias = layer.bias;
  const auto isLearned = [](const at::Tensor& t) { return t.defined() && t.requires_grad(); };
  const bool learns = at::GradMode::is_enabled() && (isLearned(x) || isLearned(weight) || isLearned(bias));
  const int64_t inputs = layer.inputs(), outputs = layer.outputs(), rows = inputs > 0 ? x.numel() / inputs : 0;
  if (!learns && isFewRows(x, layer, rows)) return fewRowsLinear(x, readyLayer(weight, bias, layer.scale));
  const bool multiplied = x.is_cpu() && x.scalar_type() == at::kBFloat16 && weight.is_cpu() && isStored(weight.scalar_type()) &&
                          weight.is_contiguous() && kernels().product && !hasTiles() && rows > 0 && inputs % 8 == 0 && outputs % 8 == 0;
  if (multiplied && !learns) return manyRowsLinear(x.contiguous(), layer);
  if (multiplied && !layer.scale.defined()) return ManyRows::apply(x.contiguous(), weight, bias.defined() ? bias : at::empty({0}, x.options()));
  const at::Tensor wide = layer.scale.defined() ? widened(weight.contiguous(), layer.scale, x.scalar_type()) : weight;
  return at::linear(x, wide.to(x.scalar_type()), bias.defined() ? OptionalTensor(bias.to(x.scalar_type())) : OptionalTensor());
}

TORCH_LIBRARY_FRAGMENT(clip_gen, library) {
  library.def("linear(Tensor self, Tensor weight, Tensor? bias=None, Tensor? scale=None) -> Tensor", linear);
}
