// Memory for large tensors on the CPU that stays when they go. Every training step takes and gives back the same blocks,
// and a block that the kernel hands out anew costs more to clear, page by page, than most operators need to fill it.
#include <c10/core/Allocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <sys/mman.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <climits>
#include <map>
#include <mutex>
#include <unordered_map>

#include "engine.h"

namespace {

constexpr size_t kLeast = 1 << 16;      // smaller ones are malloc's
constexpr size_t kHugePage = 2 << 20;
constexpr double kWaste = 1.125;        // a block serves what is at most this much smaller
constexpr double kMostAbovePeak = 1.1;  // of all that was ever in use at once

size_t roundUp(size_t bytes, size_t multiple) { return (bytes + multiple - 1) / multiple * multiple; }

class CachingAllocator final : public c10::Allocator {
 public:
  // libtorch 1.13 declares the first of these, newer ones the second.
  c10::DataPtr allocate(size_t bytes) const { return const_cast<CachingAllocator*>(this)->take(bytes); }
  c10::DataPtr allocate(size_t bytes) { return take(bytes); }
  void copy_data(void* to, const void* from, size_t bytes) const { std::memcpy(to, from, bytes); }
  c10::DeleterFnPtr raw_deleter() const override { return &giveBack; }

 private:
  struct Cached {
    void* memory;
    uint64_t age;
  };

  static void giveBack(void* memory);

  c10::DataPtr take(size_t bytes) {
    void* memory = bytes == 0 ? nullptr : bytes < kLeast ? c10::alloc_cpu(bytes) : takeLarge(bytes);
    return {memory, memory, &giveBack, c10::Device(c10::DeviceType::CPU)};
  }

  void* takeLarge(size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const size_t size = roundUp(bytes, bytes < kHugePage ? size_t{1} << 14 : size_t{1} << 16);
    void* memory = reuse(size);
    if (!memory) memory = map(size);
    used_ += sizes_[memory];
    peak_ = std::max(peak_, used_);
    return memory;
  }

  void* reuse(size_t size) {
    const auto found = cached_.lower_bound(size);
    if (found == cached_.end() || static_cast<double>(found->first) > static_cast<double>(size) * kWaste) return nullptr;
    void* memory = found->second.memory;
    kept_ -= found->first;
    cached_.erase(found);
    return memory;
  }

  void* map(size_t size) {
    trim(size);
    void* memory = mapAligned(size);
    if (!memory) {  // perhaps what is kept is what is missing
      trim(SIZE_MAX / 2);
      memory = mapAligned(size);
    }
    TORCH_CHECK(memory, "DefaultCPUAllocator: can't allocate memory: you tried to allocate ", size, " bytes.");
    sizes_[memory] = size;
    return memory;
  }

  // Large blocks begin at a huge page; the kernel then clears two megabytes at once.
  static void* mapAligned(size_t size) {
    const bool huge = size >= kHugePage;
    const size_t room = huge ? size + kHugePage : size;
    void* start = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return nullptr;
    if (!huge) return start;
    char* begin = static_cast<char*>(start);
    char* aligned = reinterpret_cast<char*>(roundUp(reinterpret_cast<size_t>(begin), kHugePage));
    if (aligned > begin) munmap(begin, static_cast<size_t>(aligned - begin));
    char* end = begin + room;
    if (end > aligned + size) munmap(aligned + size, static_cast<size_t>(end - (aligned + size)));
#ifdef MADV_HUGEPAGE
    madvise(aligned, size, MADV_HUGEPAGE);
#endif
    return aligned;
  }

  // Unmaps what was kept longest, until there is room for `size` more.
  void trim(size_t size) {
    const double most = kMostAbovePeak * static_cast<double>(std::max(peak_, used_ + std::min(size, SIZE_MAX / 2 - used_)));
    while (kept_ > 0 && (size > SIZE_MAX / 4 || static_cast<double>(used_ + kept_ + size) > most)) {
      auto oldest = cached_.begin();
      for (auto block = cached_.begin(); block != cached_.end(); ++block)
        if (block->second.age < oldest->second.age) oldest = block;
      munmap(oldest->second.memory, oldest->first);
      sizes_.erase(oldest->second.memory);
      kept_ -= oldest->first;
      cached_.erase(oldest);
    }
  }

  void give(void* memory) {
    const std::unique_lock<std::mutex> lock(mutex_);
    const auto size = sizes_.find(memory);
    if (size == sizes_.end()) {
      c10::free_cpu(memory);
      return;
    }
    used_ -= size->second;
    kept_ += size->second;
    cached_.insert({size->second, {memory, ++clock_}});
  }

  std::mutex mutex_;
  std::multimap<size_t, Cached> cached_;      // by size
  std::unordered_map<void*, size_t> sizes_;  // of all large blocks
  size_t used_ = 0, kept_ = 0, peak_ = 0;
  uint64_t clock_ = 0;
};

// Never destroyed: tensors may outlive every static object.
CachingAllocator& allocator() {
  static CachingAllocator* const only = new CachingAllocator;
  return *only;
}

void CachingAllocator::giveBack(void* memory) {
  if (memory) allocator().give(memory);
}

}  // namespace

void keepFreedMemory() {
  c10::SetAllocator(c10::DeviceType::CPU, &allocator(), 1);
#ifdef __GLIBC__
  // The same for what libraries take from malloc, such as oneDNN's scratch memory: the greatest values that glibc takes.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}
