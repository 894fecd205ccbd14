// Arithmetic that compilers turn into vector instructions: no branches, no calls.
#pragma once
#include <cstring>

#include "kernels.h"

namespace {

inline float toFloat(float x) { return x; }

inline float toFloat(Bf16 x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

template <typename T>
inline T fromFloat(float x);

template <>
inline float fromFloat<float>(float x) {
  return x;
}

// Rounds to the nearest, ties to even. Every NaN that arithmetic makes stays one.
template <>
inline Bf16 fromFloat<Bf16>(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

// eˣ to 2 ulp (Cephes' expf); 0 below the smallest normal number.
inline float fastExp(float x) {
  constexpr float kLog2e = 1.44269504088896341f;
  constexpr float kLeast = -87.3365447f, kMost = 88.7228317f;
  float y = x > kMost ? kMost : x;
  y = y < kLeast ? kLeast : y;
  const float n = __builtin_rintf(y * kLog2e);
  const float r = (y - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // In two steps, since 2¹²⁸ is no number.
  const int32_t half = static_cast<int32_t>(n) >> 1;
  const uint32_t a = static_cast<uint32_t>(half + 127) << 23;
  const uint32_t b = static_cast<uint32_t>(static_cast<int32_t>(n) - half + 127) << 23;
  float scaleA, scaleB;
  memcpy(&scaleA, &a, sizeof a);
  memcpy(&scaleB, &b, sizeof b);
  return x < kLeast ? 0.0f : p * scaleA * scaleB;
}

// Φ(x) = ½ (1 + erf(x / √2)) to 2e-7; erf is a rational function, as in Eigen.
inline float normalCdf(float x) {
  float z = x * 0.707106781f;
  z = z > 4.0f ? 4.0f : z;
  z = z < -4.0f ? -4.0f : z;
  const float s = z * z;
  float p = -2.72614225801306e-10f;
  p = p * s + 2.77068142495902e-08f;
  p = p * s - 2.10102402082508e-06f;
  p = p * s - 5.69250639462346e-05f;
  p = p * s - 7.34990630326855e-04f;
  p = p * s - 2.95459980854025e-03f;
  p = p * s - 1.60960333262415e-02f;
  float q = -1.45660718464996e-05f;
  q = q * s - 2.13374055278905e-04f;
  q = q * s - 1.68282697438203e-03f;
  q = q * s - 7.37332916720468e-03f;
  q = q * s - 1.42647390514189e-02f;
  return 0.5f + 0.5f * z * p / q;
}

// A well-mixed number for every element of a tensor (two rounds of multiply and shift, Wellons' "lowbias32").
inline uint32_t hash(uint32_t x, uint32_t low, uint32_t high) {
  x = x * 0x9e3779b9u + low;
  x ^= x >> 16;
  x *= 0x21f0aaadu;
  x ^= high ^ (x >> 15);
  x *= 0x735a2d97u;
  return x ^ (x >> 15);
}

// The two halves of a seed; elements past 2³² get a seed of their own.
struct HashSeed {
  uint32_t low, high;
};
inline HashSeed hashSeed(uint64_t seed, int64_t first) {
  const uint32_t block = static_cast<uint32_t>(static_cast<uint64_t>(first) >> 32);
  return {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32) ^ (block * 0x85ebca6bu)};
}

// What dropout multiplies an element with.
inline float keepFactor(uint32_t index, HashSeed seed, DropoutMask mask) { return hash(index, seed.low, seed.high) >= mask.threshold ? mask.scale : 0.0f; }

}  // namespace
