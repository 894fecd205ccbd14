// The tables of one environment, and how its functions are entered.
#include "engine.h"

#include <atomic>

namespace {

enum HandleKind : int64_t { kTensor = 0, kGenerator = 1 };

// Numbers the environments of this process; a handle tells which one it belongs to.
int64_t nextOwner() {
  static std::atomic<int64_t> count{0};
  return count++ & ((1 << HandleLayout::kOwnerBits) - 1);
}

// No handle is negative, so that what is no whole number is found to be no handle.
int64_t handleOf(napi_env env, napi_value value) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok || !isExactInteger(number)) return -1;
  return static_cast<int64_t>(number);
}

}  // namespace

Engine::Engine(napi_env env) : Engine(env, nextOwner()) {}

Engine::Engine(napi_env env, int64_t owner) : env(env), generators(kGenerator, owner), tensors_(kTensor, owner) {}

void Engine::define(napi_value exports, const char* name, Body body) {
  functions_.push_back({*this, name, body});
  napi_value function;
  check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, enter, &functions_.back(), &function));
  check(env, napi_set_named_property(env, exports, name, function));
}

napi_value Engine::enter(napi_env env, napi_callback_info info) {
  Arguments arguments;
  void* data = nullptr;
  if (napi_get_cb_info(env, info, &arguments.count, arguments.at, nullptr, &data) != napi_ok) return nullptr;
  const Function& function = *static_cast<Function*>(data);
  try {
    return function.body(function.engine, arguments);
  } catch (...) {
    return throwAsJavaScript(env, function.name);
  }
}

int64_t Engine::hold(at::Tensor tensor) {
  HeldTensor held{std::move(tensor), nullptr};
  if (held.tensor.has_storage()) {
    const at::Storage& storage = held.tensor.storage();
    held.storage = storage.unsafeGetStorageImpl();
    HeldStorage& known = storages_.try_emplace(held.storage, HeldStorage{0, 0}).first->second;
    if (known.holders++ == 0) {
      known.bytes = held.tensor.is_meta() ? 0 : static_cast<int64_t>(storage.nbytes());
      account(known.bytes);
    }
  }
  return tensors_.put(std::move(held));
}

void Engine::release(napi_value value) {
  const int64_t handle = handleOf(env, value);
  const HeldTensor* held = tensors_.find(handle);
  if (!held) return;
  const auto storage = storages_.find(held->storage);
  tensors_.release(handle);
  if (storage == storages_.end() || --storage->second.holders > 0) return;
  account(-storage->second.bytes);
  storages_.erase(storage);
}

const at::Tensor& Engine::tensor(napi_value value) {
  const int64_t handle = handleOf(env, value);
  const HeldTensor* held = tensors_.find(handle);
  if (!held) refuseHandle(value, handle, "tensor", kTensor);
  return held->tensor;
}

at::Generator& Engine::generator(napi_value value) {
  const int64_t handle = handleOf(env, value);
  at::Generator* generator = generators.find(handle);
  if (!generator) refuseHandle(value, handle, "generator", kGenerator);
  return *generator;
}

bool Engine::isLive(napi_value value) { return tensors_.find(handleOf(env, value)) != nullptr; }

std::vector<at::Tensor> Engine::tensorList(napi_value handles) {
  std::vector<at::Tensor> tensors;
  forEach(env, handles, [&](napi_value element) { tensors.push_back(tensor(element)); });
  return tensors;
}

void Engine::refuseHandle(napi_value value, int64_t handle, const char* expected, int64_t kind) {
  const std::string name = expected;
  if (handle < HandleLayout::kUse) throw CallerError("expected a " + name + ", got " + describe(env, value));
  if (!generators.mine(handle)) throw CallerError("the " + name + " belongs to another thread; send its values instead");
  if (HandleLayout::kind(handle) != kind) throw CallerError("expected a " + name + ", got a " + (kind == kTensor ? "generator" : "tensor"));
  if (kind == kTensor) throw CallerError("the tensor has been disposed of; keep() it, or return it from its scope, to use it later");
  throw CallerError("the " + name + " has been disposed of");
}

void Engine::account(int64_t delta) {
  heldBytes_ += delta;
  unreportedBytes_ += delta;
  // V8 is told in steps: a call for each tensor would cost as much as a small operator.
  constexpr int64_t kStep = 1 << 20;
  if (unreportedBytes_ > kStep || unreportedBytes_ < -kStep) {
    int64_t total;
    napi_adjust_external_memory(env, unreportedBytes_, &total);
    unreportedBytes_ = 0;
  }
}

static napi_value initialize(napi_env env, napi_value exports) {
  try {
    auto engine = std::make_unique<Engine>(env);
    // Runs when the environment ends, also when a worker is terminated; no JavaScript comes after it.
    const napi_finalize end = [](napi_env, void* data, void*) { delete static_cast<Engine*>(data); };
    check(env, napi_set_instance_data(env, engine.get(), end, nullptr));
    Engine& owned = *engine.release();
    defineOperators(owned, exports);
    defineTensors(owned, exports);
    defineAutograd(owned, exports);
    defineSystem(owned, exports);
    defineDistributed(owned, exports);
    return exports;
  } catch (...) {
    return throwAsJavaScript(env, "clip-gen native");
  }
}

NAPI_MODULE(clip_gen, initialize)
