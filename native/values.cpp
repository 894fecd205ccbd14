// Values between JavaScript and C++, and errors from one to the other.
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "engine.h"

HandleScope::HandleScope(napi_env env) : env_(env) { check(env, napi_open_handle_scope(env, &scope_)); }

HandleScope::~HandleScope() { napi_close_handle_scope(env_, scope_); }

void check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  throw CallerError(info && info->error_message ? info->error_message : "unknown N-API error");
}

napi_value throwAsJavaScript(napi_env env, const char* where) {
  std::string message = where;
  message += ": ";
  try {
    throw;
  } catch (const c10::Error& error) {
    message += error.what_without_backtrace();
  } catch (const std::bad_alloc&) {
    message += "out of memory";
  } catch (const std::exception& error) {
    message += error.what();
  } catch (...) {
    message += "unknown C++ exception";
  }
  // libtorch appends where in its own sources an error arose; that helps nobody here.
  for (const char* tail : {"\nException raised from", "\nThe above operation failed"}) {
    const size_t cut = message.find(tail);
    if (cut != std::string::npos) message.resize(cut);
  }
  // One that JavaScript threw meanwhile (a getter) says more than what came of it here.
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_error(env, "ERR_CLIP_GEN_ENGINE", message.c_str());
  return nullptr;
}

std::string quoted(const std::string& text) {
  constexpr size_t kMost = 64;
  std::string result = "'";
  for (const char letter : text.substr(0, kMost)) result += letter >= 0 && letter < ' ' ? '?' : letter;
  return result + (text.size() > kMost ? "…'" : "'");
}

std::string describe(napi_env env, napi_value value) {
  switch (typeOf(env, value)) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_boolean: return "a boolean";
    case napi_function: return "a function";
    case napi_bigint: return "a bigint";
    case napi_number: {
      napi_value text;
      check(env, napi_coerce_to_string(env, value, &text));
      return "the number " + toString(env, text);
    }
    case napi_string: return "the string " + quoted(toString(env, value));
    default: return isArray(env, value) ? "an array" : "an object";
  }
}

napi_valuetype typeOf(napi_env env, napi_value value) {
  napi_valuetype type;
  check(env, napi_typeof(env, value, &type));
  return type;
}

bool isNullish(napi_env env, napi_value value) {
  const napi_valuetype type = typeOf(env, value);
  return type == napi_undefined || type == napi_null;
}

bool isArray(napi_env env, napi_value value) {
  bool result;
  check(env, napi_is_array(env, value, &result));
  return result;
}

int64_t toInt64(napi_env env, napi_value value) {
  double number;
  if (napi_get_value_double(env, value, &number) == napi_ok) {
    if (isExactInteger(number)) return static_cast<int64_t>(number);
  } else {
    int64_t result;
    bool lossless = false;
    if (napi_get_value_bigint_int64(env, value, &result, &lossless) == napi_ok) {
      if (lossless) return result;
      throw CallerError("the bigint does not fit into 64 bits");
    }
  }
  throw CallerError("expected an integer, got " + describe(env, value));
}

double toDouble(napi_env env, napi_value value) {
  double result;
  if (napi_get_value_double(env, value, &result) != napi_ok) throw CallerError("expected a number, got " + describe(env, value));
  return result;
}

bool toBool(napi_env env, napi_value value) {
  bool result;
  if (napi_get_value_bool(env, value, &result) != napi_ok) throw CallerError("expected true or false, got " + describe(env, value));
  return result;
}

std::string toString(napi_env env, napi_value value) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) throw CallerError("expected a string, got " + describe(env, value));
  std::string result(length, '\0');
  check(env, napi_get_value_string_utf8(env, value, result.data(), length + 1, &length));
  return result;
}

namespace {
at::Device parseDevice(const std::string& name) {
  try {
    return at::Device(name);
  } catch (const std::exception&) {
    throw CallerError(quoted(name) + " is no device; expected cpu, cuda or cuda:N");
  }
}
}  // namespace

at::Device toDevice(napi_env env, napi_value value) {
  const at::Device device = parseDevice(toString(env, value));
  // libtorch's own message on this is a page about how it is linked.
  if (device.is_cuda() && cudaDeviceCount() == 0) throw CallerError("there is no CUDA device, or this libtorch has no CUDA");
  return device;
}

int64_t cudaDeviceCount() {
  return c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA) ? c10::impl::getDeviceGuardImpl(c10::DeviceType::CUDA)->deviceCount() : 0;
}

std::vector<int64_t> toInt64List(napi_env env, napi_value value) {
  std::vector<int64_t> result;
  forEach(env, value, [&](napi_value element) { result.push_back(toInt64(env, element)); });
  return result;
}

napi_value fromInt64(napi_env env, int64_t value) {
  napi_value result;
  const bool exact = value < int64_t{1} << 53 && value > -(int64_t{1} << 53);
  check(env, exact ? napi_create_int64(env, value, &result) : napi_create_bigint_int64(env, value, &result));
  return result;
}

napi_value fromDouble(napi_env env, double value) {
  napi_value result;
  check(env, napi_create_double(env, value, &result));
  return result;
}

napi_value fromBool(napi_env env, bool value) {
  napi_value result;
  check(env, napi_get_boolean(env, value, &result));
  return result;
}

napi_value fromString(napi_env env, const std::string& value) {
  napi_value result;
  check(env, napi_create_string_utf8(env, value.data(), value.size(), &result));
  return result;
}

napi_value undefined(napi_env env) {
  napi_value result;
  check(env, napi_get_undefined(env, &result));
  return result;
}

napi_value fromTensor(Engine& engine, at::Tensor tensor) {
  if (tensor.defined()) return fromInt64(engine.env, engine.hold(std::move(tensor)));
  napi_value null;
  check(engine.env, napi_get_null(engine.env, &null));
  return null;
}

namespace {
struct DtypeName {
  const char* name;
  at::ScalarType dtype;
};
constexpr DtypeName kDtypes[] = {
    {"float32", at::kFloat}, {"float64", at::kDouble}, {"float16", at::kHalf}, {"bfloat16", at::kBFloat16},
    {"int64", at::kLong},    {"int32", at::kInt},      {"int16", at::kShort},  {"int8", at::kChar},
    {"uint8", at::kByte},    {"bool", at::kBool},      {"qint8", at::kQInt8},  {"quint8", at::kQUInt8},
};
}  // namespace

at::ScalarType parseDtype(const std::string& name) {
  for (const DtypeName& known : kDtypes)
    if (name == known.name) return known.dtype;
  throw CallerError("unknown dtype " + quoted(name) + "; expected one of float32, float64, float16, bfloat16, int64, int32, int16, int8, uint8, bool");
}

const char* dtypeName(at::ScalarType dtype) {
  for (const DtypeName& known : kDtypes)
    if (dtype == known.dtype) return known.name;
  return c10::toString(dtype);
}
