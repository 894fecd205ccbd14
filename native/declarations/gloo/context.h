#pragma once
#include <chrono>
#include <memory>
namespace gloo {
class Context {
 public:
  // Called by c10d's header where nothing here calls that.
  void setTimeout(std::chrono::milliseconds timeout);
};
namespace transport {
class Device;
class UnboundBuffer {
 public:
  virtual ~UnboundBuffer();
};
}  // namespace transport
}  // namespace gloo
