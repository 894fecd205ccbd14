// The optimizer's step over all parameters as one operator: one pass over memory in place of eleven.
#include "fused.h"

namespace {

bool isPlain(const at::Tensor& x) { return x.is_cpu() && x.scalar_type() == at::kFloat && x.is_contiguous(); }

// The same arithmetic through libtorch, for CUDA.
void adamStep(at::Tensor& parameter, const at::Tensor& grad, at::Tensor& m, at::Tensor& v, const AdamStep& s) {
  const at::Tensor g = s.gradScale == 1 ? grad : grad * s.gradScale;
  parameter.mul_(s.decay);
  m.mul_(s.beta1).add_(g, 1 - s.beta1);
  v.mul_(s.beta2).addcmul_(g, g, 1 - s.beta2);
  parameter.addcdiv_(m, v.sqrt().div_(s.correction2).add_(s.eps), -s.lr / s.correction1);
}

// Lists of equal length; `step` counts from 1.
void adam(at::TensorList parameters, at::TensorList grads, at::TensorList ms, at::TensorList vs, at::ArrayRef<double> decays, double lr, double beta1,
          double beta2, double eps, int64_t step, double gradScale) {
  TORCH_CHECK(parameters.size() == grads.size() && grads.size() == ms.size() && ms.size() == vs.size() && vs.size() == decays.size(),
              "adam_: lists of different lengths");
  const at::NoGradGuard noGrad;
  const double t = static_cast<double>(step);
  AdamStep s{static_cast<float>(lr), static_cast<float>(beta1), static_cast<float>(beta2), static_cast<float>(eps), static_cast<float>(1 - std::pow(beta1, t)),
             static_cast<float>(std::sqrt(1 - std::pow(beta2, t))), 1, static_cast<float>(gradScale)};
  for (size_t i = 0; i < parameters.size(); ++i) {
    at::Tensor parameter = parameters[i], m = ms[i], v = vs[i];
    TORCH_CHECK(parameter.sizes() == grads[i].sizes() && m.sizes() == parameter.sizes() && v.sizes() == parameter.sizes(), "adam_: shapes differ at ", i);
    s.decay = static_cast<float>(1 - lr * decays[i]);
    const at::Tensor grad = grads[i].contiguous();
    if (!isPlain(parameter) || !isPlain(grad) || !isPlain(m) || !isPlain(v)) {
      adamStep(parameter, grad, m, v, s);
      continue;
    }
    overRows(parameter.numel(), 1, [&](int64_t begin, int64_t end) {
      kernels().adam(dataOf<float>(parameter) + begin, dataOf<float>(grad) + begin, dataOf<float>(m) + begin, dataOf<float>(v) + begin, end - begin, s);
    });
  }
}

// The common L2 norm of several tensors, as a float64 of one element.
at::Tensor gradNorm(at::TensorList grads) {
  const at::NoGradGuard noGrad;
  double squares = 0;
  for (const at::Tensor& given : grads) {
    const at::Tensor grad = given.contiguous();
    if (!isPlain(grad)) {
      const double norm = grad.norm().item<double>();
      squares += norm * norm;
      continue;
    }
    constexpr int64_t kBlock = 1 << 16;
    const int64_t blocks = (grad.numel() + kBlock - 1) / kBlock;
    std::vector<double> sums(static_cast<size_t>(blocks));
    overRows(blocks, kBlock, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block)
        sums[static_cast<size_t>(block)] = kernels().sumOfSquares(dataOf<float>(grad) + block * kBlock, std::min(kBlock, grad.numel() - block * kBlock));
    });
    for (const double sum : sums) squares += sum;  // in the order of memory, however many threads there were
  }
  return at::scalar_tensor(std::sqrt(squares), at::kDouble);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(clip_gen, library) {
  library.def(
      "adam_(Tensor(a!)[] self, Tensor[] grads, Tensor(b!)[] ms, Tensor(c!)[] vs, float[] decays, float lr, float beta1, float beta2, float eps, int step, "
      "float grad_scale) -> ()",
      adam);
  library.def("grad_norm(Tensor[] grads) -> Tensor", gradNorm);
}
