// Which kernels this CPU can run. KERNEL_SETS is what scripts/build-native.js compiled, as SET(name) …
#include "kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace kernel_sets {
#define SET(name) extern const KernelSet name;
KERNEL_SETS
#undef SET
}  // namespace kernel_sets

namespace {

bool runs(const char* name) {
#if defined(__x86_64__)
  if (strcmp(name, "avx512_bf16") == 0) return runs("avx512") && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni");
  if (strcmp(name, "avx512") == 0)
    return runs("avx2") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd");
  if (strcmp(name, "avx2") == 0)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("lzcnt") && __builtin_cpu_supports("f16c");
#endif
  return strcmp(name, "portable") == 0;
}

struct Runnable {
  const KernelSet* sets[8] = {};
  Runnable() {
    size_t count = 0;
#define SET(name) \
  if (runs(#name)) sets[count++] = &kernel_sets::name;
    KERNEL_SETS
#undef SET
  }
};

std::atomic<const KernelSet*> chosen{nullptr};

}  // namespace

const KernelSet* const* runnableKernels() {
  static const Runnable runnable;
  return runnable.sets;
}

bool useKernels(const char* name) {
  for (const KernelSet* const* set = runnableKernels(); *set; ++set)
    if (strcmp((*set)->name, name) == 0) {
      chosen = *set;
      return true;
    }
  return false;
}

const KernelSet& kernels() {
  if (!chosen) {
    const KernelSet* const* last = runnableKernels();
    while (last[1]) ++last;
    const char* wanted = getenv("CLIP_GEN_KERNELS");
    if (!wanted || !useKernels(wanted)) chosen = *last;
  }
  return *chosen;
}

bool hasTiles() {
#if defined(__x86_64__)
  static const bool has = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> 22 & 1u) != 0;
  }();
  return has;
#else
  return false;
#endif
}
