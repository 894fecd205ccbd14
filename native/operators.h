// Operators of the dispatcher, found by name; what their schema says of each argument is worked out once.
#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <string>
#include <type_traits>
#include <vector>

// libtorch 1.13 has an optional of its own, 2.x takes the standard one: whichever it is, taken from its own interface.
using OptionalValue = std::decay_t<decltype(std::declval<const c10::Argument&>().default_value())>;
template <typename>
struct Rebind;
template <template <typename> class Optional, typename Value>
struct Rebind<Optional<Value>> {
  template <typename T>
  using to = Optional<T>;
};
using OptionalTensor = Rebind<OptionalValue>::to<at::Tensor>;

enum class Kind { Tensor, Int, Float, Bool, Scalar, String, Device, Generator, Unsupported };

// In a schema, dtypes, memory formats and reductions are integers; in JavaScript they are words.
enum class Words { None, Dtype, MemoryFormat, Reduction };

struct Parameter {
  std::string name;
  std::string type;  // as the schema writes it, for messages
  Kind kind = Kind::Unsupported;
  Words words = Words::None;
  bool list = false;
  bool optional = false;         // null is allowed
  bool optionalElement = false;  // Tensor?[]
  int64_t fixedLength = 0;       // int[2]: one number stands for all
  OptionalValue fallback;
};

struct Operator {
  c10::OperatorHandle handle;
  std::string name;
  std::vector<Parameter> parameters;
  bool mutates = false;  // the results are arguments that JavaScript already holds
  std::string foreign;     // a result type that JavaScript cannot hold; empty in nearly all
};
