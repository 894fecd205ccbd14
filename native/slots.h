// A table of values that JavaScript names by number. A number is never given out twice, so that a stale one is found
// out and cannot reach a value that came later; nor can one of another table or another thread.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <vector>

// From the lowest bit: place in the table, kind of value, owning thread, and how often the place was used before.
// 53 bits in all: up to there JavaScript's numbers are exact. Uses count from 1, so no small number is a handle.
struct HandleLayout {
  static constexpr int kIndexBits = 24;
  static constexpr int kKindBits = 1;
  static constexpr int kOwnerBits = 8;
  static constexpr int kUseShift = kIndexBits + kKindBits + kOwnerBits;
  static constexpr int64_t kIndexMask = (int64_t{1} << kIndexBits) - 1;
  static constexpr int64_t kUse = int64_t{1} << kUseShift;
  static constexpr int64_t kEnd = int64_t{1} << 53;
  static int64_t kind(int64_t handle) { return handle >> kIndexBits & ((1 << kKindBits) - 1); }
  static int64_t owner(int64_t handle) { return handle >> (kIndexBits + kKindBits) & ((1 << kOwnerBits) - 1); }
};

template <typename T>
class Slots {
 public:
  using Layout = HandleLayout;

  Slots(int64_t kind, int64_t owner) : first_(Layout::kUse | (owner << Layout::kKindBits | kind) << Layout::kIndexBits) {}

  int64_t put(T value) {
    if (free_.empty()) {
      if (slots_.size() > static_cast<size_t>(Layout::kIndexMask)) throw std::length_error("more than 16 million tensors are alive");
      free_.reserve(slots_.size() + 1);  // release() must not fail for lack of memory
      slots_.push_back({T(), first_ | static_cast<int64_t>(slots_.size()), false});
      free_.push_back(static_cast<uint32_t>(slots_.size() - 1));
    }
    Slot& slot = slots_[free_.back()];
    free_.pop_back();
    slot.value = std::move(value);
    slot.live = true;
    ++live_;
    return slot.handle;
  }

  // Null when the number was never given out or its value has been released.
  T* find(int64_t handle) {
    const size_t index = static_cast<size_t>(handle & Layout::kIndexMask);
    if (index >= slots_.size()) return nullptr;
    Slot& slot = slots_[index];
    return slot.live && slot.handle == handle ? &slot.value : nullptr;
  }

  // Releasing twice is no error: a finalizer may come after a scope.
  void release(int64_t handle) {
    if (!find(handle)) return;
    const uint32_t index = static_cast<uint32_t>(handle & Layout::kIndexMask);
    Slot& slot = slots_[index];
    slot.value = T();
    slot.live = false;
    slot.handle += Layout::kUse;
    --live_;
    // A place whose numbers are used up stays empty for good.
    if (slot.handle < Layout::kEnd) free_.push_back(index);
  }

  bool mine(int64_t handle) const { return HandleLayout::owner(handle) == HandleLayout::owner(first_); }
  size_t live() const { return live_; }

 private:
  struct Slot {
    T value;
    int64_t handle;  // of the value that is here, or of the next one
    bool live;
  };
  const int64_t first_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  size_t live_ = 0;
};
