// Many processes that train one network: c10d's process group, its collectives, and gradients that are averaged while
// the backward pass goes on.
#include "engine.h"

#if defined(CLIP_GEN_GLOO)
#include <ATen/ScalarOps.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/version.h>
#if defined(CLIP_GEN_NCCL)
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

namespace {

// A process belongs to one group. Never destroyed at exit: the order in which static objects go would decide whether its
// threads still find what they need.
struct Group {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroup> processes;
};
Group& group() {
  static Group* const only = new Group;
  return *only;
}

c10d::ProcessGroup& processes() {
  if (!group().processes) throw CallerError("this process has joined no group");
  return *group().processes;
}

// A group of older versions is its backend; of newer ones it sends each collective to the backend of the tensors' device.
template <typename Backend>
c10::intrusive_ptr<c10d::ProcessGroup> groupOf(c10::intrusive_ptr<Backend> backend, const c10::intrusive_ptr<c10d::Store>& store, bool onCuda) {
#if TORCH_VERSION_MAJOR >= 2
  using Type = c10d::ProcessGroup::BackendType;
  auto processes = c10::make_intrusive<c10d::ProcessGroup>(store, backend->getRank(), backend->getSize());
  const Type type = backend->getBackendName() == "gloo" ? Type::GLOO : Type::NCCL;
  processes->setDefaultBackend(type);
  processes->setBackend(onCuda ? c10::DeviceType::CUDA : c10::DeviceType::CPU, type, backend);
  return processes;
#else
  return backend;
#endif
}

c10::intrusive_ptr<c10d::ProcessGroup> gloo(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size, const std::string& address,
                                            std::chrono::milliseconds timeout, bool onCuda) {
  auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
  return groupOf(c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, options), store, onCuda);
}

// joinGroup(backend, rank, size, host, port, serves, address, prefix, joinMs, waitMs): waits until all have joined.
// `address` is this machine's own, which the others connect to.
napi_value joinGroup(Engine& engine, const Arguments& arguments) {
  const napi_env env = engine.env;
  if (group().processes) throw CallerError("this process has joined a group already");
  const std::string backend = toString(env, arguments[0]);
  const int rank = static_cast<int>(toInt64(env, arguments[1]));
  const int size = static_cast<int>(toInt64(env, arguments[2]));
  const std::string address = toString(env, arguments[6]);
  const std::chrono::milliseconds joining(toInt64(env, arguments[8]));
  const std::chrono::milliseconds waiting(toInt64(env, arguments[9]));
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(toInt64(env, arguments[4]));
  options.isServer = toBool(env, arguments[5]);
  options.numWorkers = size;
  options.waitWorkers = false;
  options.timeout = joining;
  auto tcp = c10::make_intrusive<c10d::TCPStore>(toString(env, arguments[3]), options);
  c10::intrusive_ptr<c10d::Store> store = c10::make_intrusive<c10d::PrefixStore>(toString(env, arguments[7]), tcp);
  // Who is there is counted first, so that a missing one is told as that and not as a connection that failed.
  store->add("joined", 1);
  store->set("joined/" + std::to_string(rank), std::vector<uint8_t>{1});
  for (int other = 0; other < size; ++other) store->wait({"joined/" + std::to_string(other)}, joining);
  if (backend == "gloo" || backend == "gloo-cuda") {
    group().processes = gloo(store, rank, size, address, waiting, backend == "gloo-cuda");
#if defined(CLIP_GEN_NCCL)
  } else if (backend == "nccl") {
    auto nccl = c10d::ProcessGroupNCCL::Options::create();
    nccl->timeout = waiting;
    group().processes = groupOf(c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, nccl), store, true);
#endif
  } else {
    throw CallerError("this add-on was built without " + backend);
  }
  group().store = store;
  return undefined(env);
}

// groupBackends() → names
napi_value groupBackends(Engine& engine, const Arguments&) {
#if defined(CLIP_GEN_NCCL)
  const char* const names[] = {"gloo", "nccl"};
#else
  const char* const names[] = {"gloo"};
#endif
  return arrayOf(engine.env, sizeof(names) / sizeof(*names), [&](size_t i) { return fromString(engine.env, names[i]); });
}

napi_value leaveGroup(Engine& engine, const Arguments&) {
  group().processes.reset();
  group().store.reset();
  return undefined(engine.env);
}

// groupSet(key, text) and groupGet(key) → text, which waits until it is there
napi_value groupSet(Engine& engine, const Arguments& arguments) {
  processes();
  const std::string value = toString(engine.env, arguments[1]);
  group().store->set(toString(engine.env, arguments[0]), std::vector<uint8_t>(value.begin(), value.end()));
  return undefined(engine.env);
}

napi_value groupGet(Engine& engine, const Arguments& arguments) {
  processes();
  const std::vector<uint8_t> value = group().store->get(toString(engine.env, arguments[0]));
  return fromString(engine.env, std::string(value.begin(), value.end()));
}

void reduce(const at::Tensor& tensor, c10d::ReduceOp::RedOpType operation = c10d::ReduceOp::SUM) {
  std::vector<at::Tensor> tensors{tensor};
  c10d::AllreduceOptions options;
  options.reduceOp = operation;
  processes().allreduce(tensors, options)->wait();
}

// allReduce(tensor, "sum" or "max"): in place
napi_value allReduce(Engine& engine, const Arguments& arguments) {
  const std::string operation = toString(engine.env, arguments[1]);
  if (operation != "sum" && operation != "max") throw CallerError("expected sum or max, got " + quoted(operation));
  reduce(engine.tensor(arguments[0]).detach(), operation == "sum" ? c10d::ReduceOp::SUM : c10d::ReduceOp::MAX);
  return undefined(engine.env);
}

// broadcast(tensor): in place, from process 0
napi_value broadcast(Engine& engine, const Arguments& arguments) {
  std::vector<at::Tensor> tensors{engine.tensor(arguments[0]).detach()};
  processes().broadcast(tensors)->wait();
  return undefined(engine.env);
}

// Rows of all processes, one after the other. What each does with them adds to the gradient of the rows' owner.
struct GatherRows : torch::autograd::Function<GatherRows> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& rows) {
    context->saved_data["rows"] = rows.size(0);
    std::vector<at::Tensor> own{rows.contiguous()};
    std::vector<std::vector<at::Tensor>> all(1);
    for (int i = 0; i < processes().getSize(); ++i) all[0].push_back(at::empty_like(own[0]));
    processes().allgather(all, own)->wait();
    return at::cat(all[0]);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    const int64_t rows = context->saved_data["rows"].toInt();
    const at::Tensor whole = gradients[0].clone(at::MemoryFormat::Contiguous);
    reduce(whole);
    return {whole.narrow(0, processes().getRank() * rows, rows)};
  }
};

// The sum over all processes, whose gradient is the sum of the gradients.
struct SumOverProcesses : torch::autograd::Function<SumOverProcesses> {
  static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& own) {
    const at::Tensor whole = own.clone(at::MemoryFormat::Contiguous);
    reduce(whole);
    return whole;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext*, torch::autograd::variable_list gradients) {
    const at::Tensor whole = gradients[0].clone(at::MemoryFormat::Contiguous);
    reduce(whole);
    return {whole};
  }
};

// gatherRows(tensor) and sumOverProcesses(tensor) → handles of new tensors, through which gradients go
napi_value gatherRows(Engine& engine, const Arguments& arguments) {
  return fromTensor(engine, GatherRows::apply(engine.tensor(arguments[0])));
}

napi_value sumOverProcesses(Engine& engine, const Arguments& arguments) {
  return fromTensor(engine, SumOverProcesses::apply(engine.tensor(arguments[0])));
}

// Averages gradients over all processes in buckets, each of which starts on its way as soon as the backward pass is done with
// all of its parameters (Li et al., PyTorch Distributed, arXiv 2006.15704). libtorch has such a thing in c10d::Reducer; what its
// constructor takes changes from version to version, and it knows one backward pass a step.
class GradientAverage {
 public:
  // The last parameters get their gradients first: buckets are filled from the end.
  GradientAverage(std::vector<at::Tensor> parameters, int64_t bucketBytes) : parameters_(std::move(parameters)), place_(parameters_.size()) {
    int64_t bytes = bucketBytes;
    for (size_t i = parameters_.size(); i-- > 0;) {
      const at::Tensor& parameter = parameters_[i];
      if (bytes >= bucketBytes || parameter.options().dtype() != buckets_.back().flat.options().dtype()) {
        buckets_.emplace_back();
        buckets_.back().flat = at::empty({0}, parameter.options().requires_grad(false));
        bytes = 0;
      }
      place_[i] = buckets_.size() - 1;
      buckets_.back().members.push_back(i);
      bytes += static_cast<int64_t>(parameter.nbytes());
      auto node = torch::autograd::impl::grad_accumulator(parameter);
      const auto hook = [this, i](const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>&) {
        arrived(i);
        return outputs;
      };
      hooks_.emplace_back(node, node->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(hook)));
    }
    for (Bucket& bucket : buckets_) {
      int64_t elements = 0;
      for (const size_t i : bucket.members) elements += parameters_[i].numel();
      bucket.flat.resize_({elements});
    }
  }

  ~GradientAverage() {
    for (auto& [node, key] : hooks_) node->del_post_hook(key);
  }

  GradientAverage(const GradientAverage&) = delete;
  GradientAverage& operator=(const GradientAverage&) = delete;

  // From now on buckets start as they are complete: the next backward pass is the last one of the step.
  void watch() {
    watching_ = true;
    started_ = 0;
    for (Bucket& bucket : buckets_) bucket.missing = bucket.members.size();
  }

  // Starts what has not started, waits for all, and puts the averages where the gradients are.
  void finish() {
    if (!watching_) watch();
    while (started_ < buckets_.size()) start(buckets_[started_++]);
    watching_ = false;
    const at::NoGradGuard noGrad;
    for (Bucket& bucket : buckets_) {
      bucket.work->wait();
      bucket.work.reset();
      int64_t offset = 0;
      for (const size_t i : bucket.members) {
        const at::Tensor& parameter = parameters_[i];
        if (parameter.grad().defined()) parameter.grad().copy_(bucket.flat.narrow(0, offset, parameter.numel()).view(parameter.sizes()));
        offset += parameter.numel();
      }
    }
  }

 private:
  struct Bucket {
    std::vector<size_t> members;
    at::Tensor flat;
    size_t missing = 0;
    c10::intrusive_ptr<c10d::Work> work;
  };

  void arrived(size_t i) {
    if (!watching_) return;
    Bucket& bucket = buckets_[place_[i]];
    if (bucket.missing > 0) --bucket.missing;
    // In their order, whatever came first: collectives are matched by their order alone.
    while (started_ < buckets_.size() && buckets_[started_].missing == 0) start(buckets_[started_++]);
  }

  void start(Bucket& bucket) {
    const at::NoGradGuard noGrad;
    const double share = 1.0 / processes().getSize();
    int64_t offset = 0;
    for (const size_t i : bucket.members) {
      const at::Tensor& parameter = parameters_[i];
      at::Tensor part = bucket.flat.narrow(0, offset, parameter.numel()).view(parameter.sizes());
      if (parameter.grad().defined()) {
        at::mul_out(part, parameter.grad(), at::native::wrapped_scalar_tensor(share));
      } else {
        part.zero_();
      }
      offset += parameter.numel();
    }
    std::vector<at::Tensor> tensors{bucket.flat};
    bucket.work = processes().allreduce(tensors);
  }

  std::vector<at::Tensor> parameters_;
  std::vector<size_t> place_;
  std::vector<Bucket> buckets_;
  // Newer versions count references in the node, older ones beside it.
  using Node = decltype(torch::autograd::impl::grad_accumulator(std::declval<const at::Tensor&>()));
  std::vector<std::pair<Node, uintptr_t>> hooks_;
  size_t started_ = 0;
  bool watching_ = false;
};

// Averages by number, for as long as the process lives: there is one for each network that learns.
std::vector<std::unique_ptr<GradientAverage>>& averages() {
  static auto* const all = new std::vector<std::unique_ptr<GradientAverage>>;
  return *all;
}

GradientAverage& average(Engine& engine, napi_value number) {
  const int64_t at = toInt64(engine.env, number);
  if (at < 0 || static_cast<size_t>(at) >= averages().size() || !averages()[at]) throw CallerError("there is no such average of gradients");
  return *averages()[at];
}

// averageGradients(parameters, bucketBytes) → number
napi_value averageGradients(Engine& engine, const Arguments& arguments) {
  processes();
  const int64_t bytes = toInt64(engine.env, arguments[1]);
  averages().push_back(std::make_unique<GradientAverage>(engine.tensorList(arguments[0]), bytes));
  return fromInt64(engine.env, static_cast<int64_t>(averages().size()) - 1);
}

napi_value watchGradients(Engine& engine, const Arguments& arguments) {
  average(engine, arguments[0]).watch();
  return undefined(engine.env);
}

napi_value finishGradients(Engine& engine, const Arguments& arguments) {
  average(engine, arguments[0]).finish();
  return undefined(engine.env);
}

napi_value forgetGradients(Engine& engine, const Arguments& arguments) {
  average(engine, arguments[0]);
  averages()[toInt64(engine.env, arguments[0])].reset();
  return undefined(engine.env);
}

}  // namespace

void defineDistributed(Engine& engine, napi_value exports) {
  engine.define(exports, "joinGroup", joinGroup);
  engine.define(exports, "groupBackends", groupBackends);
  engine.define(exports, "leaveGroup", leaveGroup);
  engine.define(exports, "groupSet", groupSet);
  engine.define(exports, "groupGet", groupGet);
  engine.define(exports, "allReduce", allReduce);
  engine.define(exports, "broadcast", broadcast);
  engine.define(exports, "gatherRows", gatherRows);
  engine.define(exports, "sumOverProcesses", sumOverProcesses);
  engine.define(exports, "averageGradients", averageGradients);
  engine.define(exports, "watchGradients", watchGradients);
  engine.define(exports, "finishGradients", finishGradients);
  engine.define(exports, "forgetGradients", forgetGradients);
}
#else
// A libtorch without c10d trains on one process.
void defineDistributed(Engine&, napi_value) {}
#endif
