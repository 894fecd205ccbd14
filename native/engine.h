// What one JavaScript environment (the main thread or a worker) holds, and the helpers that every function here uses.
#pragma once
#define NAPI_VERSION 8
#include <ATen/ATen.h>
#include <node_api.h>

#include <deque>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "operators.h"
#include "slots.h"

// An error of the caller, with a message that is complete as it stands.
struct CallerError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What JavaScript passed; places without an argument are undefined.
struct Arguments {
  static constexpr size_t kMost = 32;
  napi_value at[kMost];
  size_t count = kMost;
  napi_value operator[](size_t i) const { return at[i]; }
};

class Engine {
 public:
  using Body = napi_value (*)(Engine&, const Arguments&);

  explicit Engine(napi_env env);

  // Adds a function to the exports. Every exception in its body becomes a JavaScript one: nothing may end the process.
  void define(napi_value exports, const char* name, Body body);

  int64_t hold(at::Tensor tensor);
  void release(napi_value handle);
  const at::Tensor& tensor(napi_value handle);  // throws when it is none, or has been disposed of
  at::Generator& generator(napi_value handle);
  bool isLive(napi_value handle);
  std::vector<at::Tensor> tensorList(napi_value handles);

  const napi_env env;
  Slots<at::Generator> generators;
  // A deque, so that operators stay where they are: a getter that runs while arguments are read may look one up.
  std::deque<Operator> operators;
  std::unordered_map<std::string, uint32_t> operatorIndex;

  size_t liveTensors() const { return tensors_.live(); }
  int64_t heldBytes() const { return heldBytes_; }

 private:
  struct Function {
    Engine& engine;
    const char* name;
    Body body;
  };
  struct HeldTensor {
    at::Tensor tensor;
    const void* storage = nullptr;
  };
  struct HeldStorage {
    int64_t bytes;
    int64_t holders;
  };

  Engine(napi_env env, int64_t owner);
  static napi_value enter(napi_env env, napi_callback_info info);
  [[noreturn]] void refuseHandle(napi_value value, int64_t handle, const char* expected, int64_t kind);
  void account(int64_t delta);

  Slots<HeldTensor> tensors_;
  // Views share a storage: it counts once, for as long as any of them is held.
  std::unordered_map<const void*, HeldStorage> storages_;
  std::deque<Function> functions_;
  int64_t heldBytes_ = 0;
  int64_t unreportedBytes_ = 0;
};

// Handles made within it go when it ends, not when the whole call returns.
class HandleScope {
 public:
  explicit HandleScope(napi_env env);
  ~HandleScope();
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;

 private:
  napi_env env_;
  napi_handle_scope scope_;
};

void check(napi_env env, napi_status status);
napi_value throwAsJavaScript(napi_env env, const char* where);

// For messages: "the number 3", "an object"; and a word in quotes, cut when it is long.
std::string describe(napi_env env, napi_value value);
std::string quoted(const std::string& text);
napi_valuetype typeOf(napi_env env, napi_value value);
bool isNullish(napi_env env, napi_value value);
bool isArray(napi_env env, napi_value value);
// These throw for every value that is not exactly what they return.
int64_t toInt64(napi_env env, napi_value value);
double toDouble(napi_env env, napi_value value);
bool toBool(napi_env env, napi_value value);
std::string toString(napi_env env, napi_value value);
at::Device toDevice(napi_env env, napi_value value);  // throws for CUDA where there is none
std::vector<int64_t> toInt64List(napi_env env, napi_value value);
// Whether a number is a whole one that JavaScript holds exactly. NaN is none.
inline bool isExactInteger(double number) {
  return number > -0x1p53 && number < 0x1p53 && static_cast<double>(static_cast<int64_t>(number)) == number;
}

napi_value fromInt64(napi_env env, int64_t value);  // a bigint where a number would not be exact
napi_value fromDouble(napi_env env, double value);
napi_value fromBool(napi_env env, bool value);
napi_value fromString(napi_env env, const std::string& value);
napi_value undefined(napi_env env);
// A handle, or null for an undefined tensor.
napi_value fromTensor(Engine& engine, at::Tensor tensor);

int64_t cudaDeviceCount();
at::ScalarType parseDtype(const std::string& name);
const char* dtypeName(at::ScalarType dtype);

// Elements in each of which a few handles are made; one scope serves this many.
constexpr uint32_t kElementsPerScope = 256;
// An array's length is a claim (`new Array(2 ** 32 - 1)`): no more than this is set aside on its word.
constexpr uint32_t kMostReserved = 4096;

// Calls visit(element) for each element of a JavaScript array; throws when it is none.
template <typename Visit>
void forEach(napi_env env, napi_value array, Visit visit) {
  if (!isArray(env, array)) throw CallerError("expected an array, got " + describe(env, array));
  uint32_t length;
  check(env, napi_get_array_length(env, array, &length));
  for (uint32_t start = 0; start < length; start += std::min(kElementsPerScope, length - start)) {
    HandleScope scope(env);
    for (uint32_t i = start; i < length && i - start < kElementsPerScope; ++i) {
      napi_value element;
      check(env, napi_get_element(env, array, i, &element));
      visit(element);
    }
  }
}

// A JavaScript array of make(0), make(1), …
template <typename Make>
napi_value arrayOf(napi_env env, size_t length, Make make) {
  napi_value array;
  check(env, napi_create_array_with_length(env, length, &array));
  for (size_t start = 0; start < length; start += kElementsPerScope) {
    HandleScope scope(env);
    for (size_t i = start; i < length && i - start < kElementsPerScope; ++i)
      check(env, napi_set_element(env, array, static_cast<uint32_t>(i), make(i)));
  }
  return array;
}

void defineOperators(Engine& engine, napi_value exports);
void defineTensors(Engine& engine, napi_value exports);
void defineAutograd(Engine& engine, napi_value exports);
void defineSystem(Engine& engine, napi_value exports);
void defineDistributed(Engine& engine, napi_value exports);

// From now on large tensors take their memory from native/allocator.cpp.
void keepFreedMemory();
