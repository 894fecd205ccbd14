// Tensors from and to bytes, and what can be asked of one.
#include <mutex>

#include "engine.h"

#include <ATen/Parallel.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace {

struct Bytes {
  const uint8_t* data;
  size_t length;
};

Bytes bytesOf(napi_env env, napi_value value) {
  bool isTyped;
  check(env, napi_is_typedarray(env, value, &isTyped));
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  if (isTyped) check(env, napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr));
  if (type != napi_uint8_array) throw CallerError("expected a Uint8Array, got " + describe(env, value));
  return {static_cast<const uint8_t*>(data), length};
}

// Infinity stands for a size that no memory has.
double bytesFor(const std::vector<int64_t>& shape, size_t elementSize) {
  double bytes = static_cast<double>(elementSize);
  for (const int64_t size : shape) {
    if (size < 0) throw CallerError("sizes are not negative, got " + std::to_string(size));
    bytes *= static_cast<double>(size);
  }
  return bytes;
}

// fromBytes(bytes, shape, dtype) → handle of a new tensor on the CPU
napi_value fromBytes(Engine& engine, const Arguments& arguments) {
  // The shape first: reading an array may run a getter, and with it what changes the bytes.
  const std::vector<int64_t> shape = toInt64List(engine.env, arguments[1]);
  const at::ScalarType dtype = parseDtype(toString(engine.env, arguments[2]));
  if (c10::isQIntType(dtype)) throw CallerError(std::string(dtypeName(dtype)) + " needs a scale: make it with aten::quantize_per_tensor");
  const Bytes bytes = bytesOf(engine.env, arguments[0]);
  // Before the memory is taken: a shape may come from a damaged file.
  const double expected = bytesFor(shape, c10::elementSize(dtype));
  if (expected != static_cast<double>(bytes.length))
    throw CallerError("a " + std::string(dtypeName(dtype)) + " tensor of shape " + c10::str(at::IntArrayRef(shape)) + " has " +
                      (expected < 1e18 ? std::to_string(static_cast<int64_t>(expected)) : "too many") + " bytes, got " + std::to_string(bytes.length));
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(dtype));
  if (dtype == at::kBool) {
    // Any other byte than 0 and 1 in a bool is undefined behaviour.
    bool* values = tensor.data_ptr<bool>();
    for (size_t i = 0; i < bytes.length; ++i) values[i] = bytes.data[i] != 0;
  } else if (bytes.length > 0) {
    std::memcpy(tensor.data_ptr(), bytes.data, bytes.length);
  }
  return fromTensor(engine, std::move(tensor));
}

// An ArrayBuffer from JavaScript's own constructor: it throws where napi_create_arraybuffer ends the process.
napi_value largeArrayBuffer(napi_env env, size_t length) {
  napi_value global, constructor, size, buffer;
  check(env, napi_get_global(env, &global));
  check(env, napi_get_named_property(env, global, "ArrayBuffer", &constructor));
  check(env, napi_create_double(env, static_cast<double>(length), &size));
  check(env, napi_new_instance(env, constructor, 1, &size, &buffer));
  return buffer;
}

// toBytes(handle) → ArrayBuffer with a row-major copy
napi_value toBytes(Engine& engine, const Arguments& arguments) {
  const at::Tensor& source = engine.tensor(arguments[0]);
  if (source.layout() != at::kStrided) throw CallerError("only dense tensors have row-major bytes; see aten::to_dense");
  const at::Tensor tensor = source.detach().to(at::kCPU).resolve_conj().resolve_neg().contiguous();
  constexpr size_t kLarge = 64 << 20;
  napi_value buffer;
  void* data = nullptr;
  if (tensor.nbytes() < kLarge) {
    check(engine.env, napi_create_arraybuffer(engine.env, tensor.nbytes(), &data, &buffer));
  } else {
    buffer = largeArrayBuffer(engine.env, tensor.nbytes());
    size_t length = 0;
    check(engine.env, napi_get_arraybuffer_info(engine.env, buffer, &data, &length));
    if (length != tensor.nbytes()) throw CallerError("the global ArrayBuffer is not JavaScript's own");
  }
  if (tensor.nbytes() > 0) std::memcpy(data, tensor.data_ptr(), tensor.nbytes());
  return buffer;
}

// Memory for many tensors at once, in huge pages that are there before they are written. A page at its first write costs an
// interruption each: for the weights of a large network those take many times as long as reading them.
at::Tensor hugeMemory(size_t length) {
#if defined(__linux__)
  constexpr size_t kHuge = 2 << 20;
  if (length >= kHuge) {
    const size_t mapped = length + kHuge;
    void* start = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start != MAP_FAILED) {
      void* aligned = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(start) + kHuge - 1) & ~(kHuge - 1));
      // Both are requests: where the kernel does not know them, pages come one by one as ever.
      madvise(aligned, length, MADV_HUGEPAGE);
#if defined(MADV_POPULATE_WRITE)
      at::parallel_for(0, static_cast<int64_t>((length + kHuge - 1) / kHuge), 16, [&](int64_t from, int64_t to) {
        char* part = static_cast<char*>(aligned) + from * kHuge;
        madvise(part, std::min(length - from * kHuge, (to - from) * kHuge), MADV_POPULATE_WRITE);
      });
#endif
      const auto release = [start, mapped](void*) { munmap(start, mapped); };
      return at::from_blob(aligned, {static_cast<int64_t>(length)}, release, at::TensorOptions().dtype(at::kByte));
    }
  }
#endif
  return at::empty({static_cast<int64_t>(length)}, at::TensorOptions().dtype(at::kByte));
}

// Tensors on their way from one thread of JavaScript to another, whose handles are its own.
struct Shared {
  std::mutex mutex;
  std::unordered_map<int64_t, at::Tensor> tensors;
  int64_t last = 0;
};
Shared& shared() {
  static Shared* const only = new Shared;
  return *only;
}

// share(handle) → a number for which `claim` gives the same tensor, once, in any thread of this process
napi_value share(Engine& engine, const Arguments& arguments) {
  const at::Tensor tensor = engine.tensor(arguments[0]).detach();
  const std::lock_guard<std::mutex> lock(shared().mutex);
  shared().tensors.emplace(++shared().last, tensor);
  return fromInt64(engine.env, shared().last);
}

// claim(number) → handle; the memory is the one that was shared
napi_value claim(Engine& engine, const Arguments& arguments) {
  at::Tensor tensor;
  {
    const std::lock_guard<std::mutex> lock(shared().mutex);
    const auto found = shared().tensors.find(toInt64(engine.env, arguments[0]));
    if (found == shared().tensors.end()) throw CallerError("no tensor was shared under this number, or it has been claimed");
    tensor = std::move(found->second);
    shared().tensors.erase(found);
  }
  return fromTensor(engine, std::move(tensor));
}

// arena(bytes) → handle of memory that `within` gives out
napi_value arena(Engine& engine, const Arguments& arguments) {
  const int64_t length = toInt64(engine.env, arguments[0]);
  if (length < 0) throw CallerError("expected a size in bytes, got " + std::to_string(length));
  return fromTensor(engine, hugeMemory(static_cast<size_t>(length)));
}

// within(arena, offset, shape, dtype) → handle of a tensor in that memory, which lives for as long as any of its tensors
napi_value within(Engine& engine, const Arguments& arguments) {
  const at::Tensor memory = engine.tensor(arguments[0]);
  const int64_t offset = toInt64(engine.env, arguments[1]);
  const std::vector<int64_t> shape = toInt64List(engine.env, arguments[2]);
  const at::ScalarType dtype = parseDtype(toString(engine.env, arguments[3]));
  if (memory.scalar_type() != at::kByte || !memory.device().is_cpu() || !memory.is_contiguous() || c10::isQIntType(dtype))
    throw CallerError("expected memory that arena() gave, and a plain dtype");
  const double length = bytesFor(shape, c10::elementSize(dtype));
  if (offset < 0 || offset % 64 != 0 || static_cast<double>(offset) + length > static_cast<double>(memory.numel()))
    throw CallerError("there is no place for " + c10::str(at::IntArrayRef(shape)) + " at byte " + std::to_string(offset));
  // A storage of its own, not a view: in-place changes of one weight are none of another.
  const auto release = [memory](void*) {};
  void* start = memory.data_ptr<uint8_t>() + offset;
  return fromTensor(engine, at::from_blob(start, shape, release, at::TensorOptions().dtype(dtype)));
}

// withBytes(handle, use): calls use(Uint8Array) with the tensor's own memory, which the array loses when the call ends.
napi_value withBytes(Engine& engine, const Arguments& arguments) {
  const napi_env env = engine.env;
  const at::Tensor tensor = engine.tensor(arguments[0]);  // a copy: `use` may dispose of the handle
  if (!tensor.device().is_cpu() || !tensor.is_contiguous()) throw CallerError("only contiguous tensors on the CPU can be written as bytes");
  if (tensor.nbytes() == 0) return undefined(env);
  napi_value buffer, bytes, self, result;
  check(env, napi_create_external_arraybuffer(env, tensor.data_ptr(), tensor.nbytes(), nullptr, nullptr, &buffer));
  check(env, napi_create_typedarray(env, napi_uint8_array, tensor.nbytes(), buffer, 0, &bytes));
  check(env, napi_get_undefined(env, &self));
  const napi_status status = napi_call_function(env, self, arguments[1], 1, &bytes, &result);
  // Whatever happened: nobody may hold a view of memory that the tensor gives back. It can't be done while an error is pending.
  napi_value error = nullptr;
  if (status == napi_pending_exception) check(env, napi_get_and_clear_last_exception(env, &error));
  check(env, napi_detach_arraybuffer(env, buffer));
  if (error) {
    check(env, napi_throw(env, error));
    return nullptr;
  }
  check(env, status);
  if (tensor.scalar_type() == at::kBool) {
    // Any other byte than 0 and 1 in a bool is undefined behaviour.
    uint8_t* values = static_cast<uint8_t*>(tensor.data_ptr());
    for (size_t i = 0; i < tensor.nbytes(); ++i) values[i] = values[i] != 0;
  }
  return undefined(env);
}

napi_value shapeOf(Engine& engine, const Arguments& arguments) {
  const at::IntArrayRef sizes = engine.tensor(arguments[0]).sizes();
  return arrayOf(engine.env, sizes.size(), [&](size_t i) { return fromInt64(engine.env, sizes[i]); });
}

napi_value dtypeOf(Engine& engine, const Arguments& arguments) {
  return fromString(engine.env, dtypeName(engine.tensor(arguments[0]).scalar_type()));
}

napi_value deviceOf(Engine& engine, const Arguments& arguments) { return fromString(engine.env, engine.tensor(arguments[0]).device().str()); }

napi_value release(Engine& engine, const Arguments& arguments) {
  engine.release(arguments[0]);
  return undefined(engine.env);
}

napi_value isLive(Engine& engine, const Arguments& arguments) { return fromBool(engine.env, engine.isLive(arguments[0])); }

}  // namespace

void defineTensors(Engine& engine, napi_value exports) {
  engine.define(exports, "fromBytes", fromBytes);
  engine.define(exports, "toBytes", toBytes);
  engine.define(exports, "share", share);
  engine.define(exports, "claim", claim);
  engine.define(exports, "arena", arena);
  engine.define(exports, "within", within);
  engine.define(exports, "withBytes", withBytes);
  engine.define(exports, "shape", shapeOf);
  engine.define(exports, "dtype", dtypeOf);
  engine.define(exports, "device", deviceOf);
  engine.define(exports, "release", release);
  engine.define(exports, "isLive", isLive);
}
