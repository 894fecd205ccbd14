// Any ATen operator, by name and schema: arguments go in as the schema says, and the boxed kernel is called.
#include <ATen/core/Reduction.h>

#include <cmath>

#include "engine.h"

namespace {

Kind kindOf(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType: return Kind::Tensor;
    case c10::TypeKind::IntType: return Kind::Int;
    case c10::TypeKind::FloatType: return Kind::Float;
    case c10::TypeKind::BoolType: return Kind::Bool;
    case c10::TypeKind::NumberType: return Kind::Scalar;
    case c10::TypeKind::StringType: return Kind::String;
    case c10::TypeKind::DeviceObjType: return Kind::Device;
    case c10::TypeKind::GeneratorType: return Kind::Generator;
    default: return Kind::Unsupported;
  }
}

Words wordsOf(const c10::Argument& argument) {
  if (argument.name() == "reduction") return Words::Reduction;
  const std::string type = argument.real_type()->str();  // the schema's own: ScalarType, where type() has int
  if (type.rfind("ScalarType", 0) == 0) return Words::Dtype;
  if (type.rfind("MemoryFormat", 0) == 0) return Words::MemoryFormat;
  return Words::None;
}

Parameter describeParameter(const c10::Argument& argument) {
  Parameter parameter;
  parameter.name = argument.name();
  parameter.type = argument.type()->str();
  parameter.words = wordsOf(argument);
  parameter.fallback = argument.default_value();
  c10::TypePtr type = argument.type();
  if (const auto optional = type->cast<c10::OptionalType>()) {
    parameter.optional = true;
    type = optional->getElementType();
  }
  if (const auto list = type->cast<c10::ListType>()) {
    parameter.list = true;
    parameter.fixedLength = argument.N().value_or(0);
    type = list->getElementType();
    if (const auto optional = type->cast<c10::OptionalType>()) {
      parameter.optionalElement = true;
      type = optional->getElementType();
    }
  }
  parameter.kind = kindOf(type);
  return parameter;
}

int64_t fromWord(const std::string& word, Words words) {
  if (words == Words::Dtype) return static_cast<int64_t>(parseDtype(word));
  if (words == Words::Reduction) {
    if (word == "none") return at::Reduction::None;
    if (word == "mean") return at::Reduction::Mean;
    if (word == "sum") return at::Reduction::Sum;
    throw CallerError("expected none, mean or sum, got " + quoted(word));
  }
  if (word == "contiguous_format") return static_cast<int64_t>(at::MemoryFormat::Contiguous);
  if (word == "preserve_format") return static_cast<int64_t>(at::MemoryFormat::Preserve);
  if (word == "channels_last") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast);
  throw CallerError("expected contiguous_format, preserve_format or channels_last, got " + quoted(word));
}

int64_t integer(napi_env env, napi_value value, const Parameter& parameter) {
  if (parameter.words != Words::None && typeOf(env, value) == napi_string) return fromWord(toString(env, value), parameter.words);
  return toInt64(env, value);
}

at::Scalar scalar(napi_env env, napi_value value) {
  const napi_valuetype type = typeOf(env, value);
  if (type == napi_boolean) return toBool(env, value);
  if (type == napi_bigint) return toInt64(env, value);
  const double number = toDouble(env, value);
  // JavaScript has one kind of number; a whole one is an integer here, as 2 is in Python, so that integer tensors stay so.
  if (isExactInteger(number) && !(number == 0 && std::signbit(number))) return static_cast<int64_t>(number);
  return number;
}

c10::IValue single(Engine& engine, napi_value value, const Parameter& parameter) {
  switch (parameter.kind) {
    case Kind::Tensor: return engine.tensor(value);
    case Kind::Int: return integer(engine.env, value, parameter);
    case Kind::Float: return toDouble(engine.env, value);
    case Kind::Bool: return toBool(engine.env, value);
    case Kind::Scalar: return scalar(engine.env, value);
    case Kind::String: return toString(engine.env, value);
    case Kind::Device: return toDevice(engine.env, value);
    case Kind::Generator: return engine.generator(value);
    case Kind::Unsupported: break;
  }
  throw CallerError("this type cannot be passed from JavaScript");
}

template <typename T, typename Convert>
c10::IValue listOf(napi_env env, napi_value array, Convert convert) {
  c10::List<T> list;
  forEach(env, array, [&](napi_value element) { list.push_back(convert(element)); });
  return list;
}

c10::IValue list(Engine& engine, napi_value value, const Parameter& parameter) {
  napi_env env = engine.env;
  if (parameter.fixedLength > 0 && typeOf(env, value) == napi_number) {
    if (parameter.kind == Kind::Int) return c10::List<int64_t>(std::vector<int64_t>(parameter.fixedLength, integer(env, value, parameter)));
    if (parameter.kind == Kind::Float) return c10::List<double>(std::vector<double>(parameter.fixedLength, toDouble(env, value)));
  }
  switch (parameter.kind) {
    case Kind::Tensor:
      if (parameter.optionalElement)
        return listOf<OptionalTensor>(env, value, [&](napi_value element) {
          return isNullish(env, element) ? OptionalTensor() : OptionalTensor(engine.tensor(element));
        });
      return listOf<at::Tensor>(env, value, [&](napi_value element) { return engine.tensor(element); });
    case Kind::Int: return listOf<int64_t>(env, value, [&](napi_value element) { return integer(env, element, parameter); });
    case Kind::Float: return listOf<double>(env, value, [&](napi_value element) { return toDouble(env, element); });
    case Kind::Bool: return listOf<bool>(env, value, [&](napi_value element) { return toBool(env, element); });
    case Kind::Scalar: {
      c10::impl::GenericList scalars(c10::NumberType::get());
      forEach(env, value, [&](napi_value element) { scalars.push_back(scalar(env, element)); });
      return scalars;
    }
    default: throw CallerError("lists of this type cannot be passed from JavaScript");
  }
}

c10::IValue missing(const Parameter& parameter, bool isNull) {
  if (!isNull && parameter.fallback) return *parameter.fallback;
  if (parameter.optional) return c10::IValue();
  throw CallerError(std::string("missing, got ") + (isNull ? "null" : "undefined"));
}

c10::IValue convert(Engine& engine, napi_value value, const Parameter& parameter) {
  // Most arguments are tensors, and most tensors are there: nothing else is asked of those.
  if (parameter.kind != Kind::Tensor || parameter.optional || parameter.list) {
    const napi_valuetype type = typeOf(engine.env, value);
    if (type == napi_undefined || type == napi_null) return missing(parameter, type == napi_null);
    return parameter.list ? list(engine, value, parameter) : single(engine, value, parameter);
  }
  double number;
  if (napi_get_value_double(engine.env, value, &number) != napi_ok && isNullish(engine.env, value))
    return missing(parameter, typeOf(engine.env, value) == napi_null);
  return engine.tensor(value);
}

napi_value fromIValue(Engine& engine, const c10::IValue& value) {
  napi_env env = engine.env;
  if (value.isTensor()) return fromTensor(engine, value.toTensor());
  if (value.isInt()) return fromInt64(env, value.toInt());
  if (value.isDouble()) return fromDouble(env, value.toDouble());
  if (value.isBool()) return fromBool(env, value.toBool());
  if (value.isScalar()) return fromDouble(env, value.toScalar().toDouble());
  if (value.isNone()) return undefined(env);
  if (value.isString()) return fromString(env, value.toStringRef());
  if (value.isDevice()) return fromString(env, value.toDevice().str());
  if (value.isList()) {
    const auto elements = value.toListRef();
    return arrayOf(env, elements.size(), [&](size_t i) { return fromIValue(engine, elements[i]); });
  }
  throw CallerError("a result of type " + value.tagKind() + " cannot be passed to JavaScript");
}

Operator describeOperator(const c10::OperatorHandle& handle, const std::string& name) {
  Operator op{handle, name, {}, false, {}};
  const c10::FunctionSchema& schema = handle.schema();
  for (const c10::Argument& argument : schema.arguments()) op.parameters.push_back(describeParameter(argument));
  for (const c10::Argument& result : schema.returns()) {
    op.mutates |= result.alias_info() && result.alias_info()->isWrite();
    if (describeParameter(result).kind == Kind::Unsupported) op.foreign = result.type()->str();
  }
  return op;
}

// findOperator(name, overload) → index; throws when there is none.
napi_value findOperator(Engine& engine, const Arguments& arguments) {
  const std::string name = toString(engine.env, arguments[0]);
  const std::string overload = toString(engine.env, arguments[1]);
  const std::string full = overload.empty() ? name : name + "." + overload;
  const auto known = engine.operatorIndex.find(full);
  if (known != engine.operatorIndex.end()) return fromInt64(engine.env, known->second);
  const auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!handle) throw CallerError("this libtorch has no operator " + quoted(full));
  if (handle->schema().arguments().size() >= Arguments::kMost) throw CallerError(quoted(full) + " has more arguments than can be passed");
  const uint32_t index = static_cast<uint32_t>(engine.operators.size());
  engine.operators.push_back(describeOperator(*handle, full));
  engine.operatorIndex.emplace(full, index);
  return fromInt64(engine.env, index);
}

const Operator& operatorAt(Engine& engine, napi_value index) {
  double number;
  // Written so that NaN is refused too.
  if (napi_get_value_double(engine.env, index, &number) != napi_ok || !(number >= 0 && number < static_cast<double>(engine.operators.size())))
    throw CallerError("no such operator; findOperator() gives the numbers that exist");
  return engine.operators[static_cast<size_t>(number)];
}

// schemaOf(index) → the schema in libtorch's own notation.
napi_value schemaOf(Engine& engine, const Arguments& arguments) {
  std::ostringstream text;
  text << operatorAt(engine, arguments[0]).handle.schema();
  return fromString(engine.env, text.str());
}

torch::jit::Stack stackOf(Engine& engine, const Operator& op, const Arguments& arguments) {
  const size_t expected = op.parameters.size();
  const size_t given = arguments.count - 1;
  if (given > expected) throw CallerError("takes " + std::to_string(expected) + " arguments, got " + std::to_string(given));
  torch::jit::Stack stack;
  stack.reserve(expected);
  for (size_t i = 0; i < expected; ++i) {
    const Parameter& parameter = op.parameters[i];
    try {
      stack.push_back(i < given ? convert(engine, arguments[i + 1], parameter) : missing(parameter, false));
    } catch (const CallerError& error) {
      throw CallerError("argument '" + parameter.name + "' (" + parameter.type + "): " + error.what());
    }
  }
  return stack;
}

// call(index, ...args) → a handle, a number, a list of them, or nothing for operators that work in place.
napi_value call(Engine& engine, const Arguments& arguments) {
  const Operator& op = operatorAt(engine, arguments[0]);
  try {
    if (!op.foreign.empty()) throw CallerError("its result of type " + op.foreign + " cannot be passed to JavaScript");
    torch::jit::Stack stack = stackOf(engine, op, arguments);
    op.handle.callBoxed(&stack);
    if (op.mutates || stack.empty()) return undefined(engine.env);

    if (stack.size() == 1 && stack[0].isTensor()) return fromTensor(engine, std::move(stack[0]).toTensor());
    if (stack.size() == 1) return fromIValue(engine, stack[0]);
    return arrayOf(engine.env, stack.size(), [&](size_t i) { return fromIValue(engine, stack[i]); });
  } catch (...) {
    return throwAsJavaScript(engine.env, op.name.c_str());
  }
}

}  // namespace

void defineOperators(Engine& engine, napi_value exports) {
  engine.define(exports, "findOperator", findOperator);
  engine.define(exports, "schemaOf", schemaOf);
  engine.define(exports, "call", call);
}
