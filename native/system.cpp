// Random generators, threads, devices, memory figures, and what this libtorch is.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/version.h>

#include <cstdlib>

#include "engine.h"
#include "kernels/kernels.h"

namespace {

// Where the CPU has no NNPACK, newer libtorch says so at every convolution that asks for it; oneDNN does as well.
// Older libtorch has no such switch, and does not complain.
template <typename Context>
auto turnOffNnpack(Context& context, int) -> decltype(context.setUserEnabledNNPACK(false)) {
  context.setUserEnabledNNPACK(false);
}
template <typename Context>
void turnOffNnpack(Context&, long) {}

at::Generator generatorFor(Engine& engine, napi_value value) {
  // A device's name stands for the generator that its operators use when none is given; all threads share it.
  if (typeOf(engine.env, value) == napi_string) return at::globalContext().defaultGenerator(toDevice(engine.env, value));
  return engine.generator(value);
}

// createGenerator(device) → handle
napi_value createGenerator(Engine& engine, const Arguments& arguments) {
  const at::Device device = toDevice(engine.env, arguments[0]);
  at::Generator generator = device.is_cpu() ? at::detail::createCPUGenerator() : at::globalContext().defaultGenerator(device).clone();
  return fromInt64(engine.env, engine.generators.put(std::move(generator)));
}

napi_value releaseGenerator(Engine& engine, const Arguments& arguments) {
  engine.generators.release(toInt64(engine.env, arguments[0]));
  return undefined(engine.env);
}

// seedGenerator(generator or device, seed)
napi_value seedGenerator(Engine& engine, const Arguments& arguments) {
  at::Generator generator = generatorFor(engine, arguments[0]);
  const uint64_t seed = static_cast<uint64_t>(toInt64(engine.env, arguments[1]));
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(seed);
  return undefined(engine.env);
}

napi_value generatorState(Engine& engine, const Arguments& arguments) {
  at::Generator generator = generatorFor(engine, arguments[0]);
  std::lock_guard<std::mutex> lock(generator.mutex());
  return fromTensor(engine, generator.get_state());
}

napi_value setGeneratorState(Engine& engine, const Arguments& arguments) {
  at::Generator generator = generatorFor(engine, arguments[0]);
  const at::Tensor& state = engine.tensor(arguments[1]);
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(state);
  return undefined(engine.env);
}

napi_value threads(Engine& engine, const Arguments&) { return fromInt64(engine.env, at::get_num_threads()); }

napi_value setThreads(Engine& engine, const Arguments& arguments) {
  const int64_t count = toInt64(engine.env, arguments[0]);
  if (count < 1 || count > 1024) throw CallerError("expected between 1 and 1024 threads, got " + std::to_string(count));
  at::set_num_threads(static_cast<int>(count));
  return undefined(engine.env);
}

// memory() → [live tensors, live generators, bytes of the storages of live tensors]
napi_value memory(Engine& engine, const Arguments&) {
  const int64_t figures[] = {static_cast<int64_t>(engine.liveTensors()), static_cast<int64_t>(engine.generators.live()), engine.heldBytes()};
  return arrayOf(engine.env, 3, [&](size_t i) { return fromInt64(engine.env, figures[i]); });
}

// kernels() → names of the kernel sets that this CPU can run, from the plainest to the newest
napi_value kernelNames(Engine& engine, const Arguments&) {
  const KernelSet* const* sets = runnableKernels();
  size_t count = 0;
  while (sets[count]) ++count;
  return arrayOf(engine.env, count, [&](size_t i) { return fromString(engine.env, sets[i]->name); });
}

// useKernels(name): for the whole process
napi_value chooseKernels(Engine& engine, const Arguments& arguments) {
  const std::string name = toString(engine.env, arguments[0]);
  if (!useKernels(name.c_str())) throw CallerError("this CPU runs no kernels called " + quoted(name));
  return undefined(engine.env);
}

napi_value version(Engine& engine, const Arguments&) { return fromString(engine.env, TORCH_VERSION); }

napi_value configuration(Engine& engine, const Arguments&) { return fromString(engine.env, at::show_config()); }

napi_value cudaDevices(Engine& engine, const Arguments&) { return fromInt64(engine.env, cudaDeviceCount()); }

// Waits until the device has done all it was given: needed for timing on CUDA.
napi_value synchronize(Engine& engine, const Arguments& arguments) {
  const at::Device device = toDevice(engine.env, arguments[0]);
  if (!device.is_cpu()) {
    const auto* guard = c10::impl::getDeviceGuardImpl(device.type());
    guard->synchronizeStream(guard->getStream(device));
  }
  return undefined(engine.env);
}

// endProcess(code): for a thread that finds out that the others will wait for ever.
napi_value endProcess(Engine& engine, const Arguments& arguments) { std::_Exit(static_cast<int>(toInt64(engine.env, arguments[0]))); }

}  // namespace

void defineSystem(Engine& engine, napi_value exports) {
  static const bool once = (keepFreedMemory(), turnOffNnpack(at::globalContext(), 0), true);
  static_cast<void>(once);
  engine.define(exports, "createGenerator", createGenerator);
  engine.define(exports, "releaseGenerator", releaseGenerator);
  engine.define(exports, "seedGenerator", seedGenerator);
  engine.define(exports, "generatorState", generatorState);
  engine.define(exports, "setGeneratorState", setGeneratorState);
  engine.define(exports, "threads", threads);
  engine.define(exports, "setThreads", setThreads);
  engine.define(exports, "memory", memory);
  engine.define(exports, "kernels", kernelNames);
  engine.define(exports, "useKernels", chooseKernels);
  engine.define(exports, "version", version);
  engine.define(exports, "configuration", configuration);
  engine.define(exports, "cudaDevices", cudaDevices);
  engine.define(exports, "synchronize", synchronize);
  engine.define(exports, "endProcess", endProcess);
}
