#include "x86_features.h"

#include <cstdint>
#include <cstring>

#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>

namespace edgeclf {
namespace {

enum Register { kEbx, kEcx };

// Which registers the system must keep for a thread: bits of XCR0.
constexpr std::uint32_t kNone = 0;
constexpr std::uint32_t kYmm = 0x6;
constexpr std::uint32_t kZmm = 0xe6;

struct Extension {
  const char* name;
  std::uint32_t leaf;
  Register in;
  int bit;
  std::uint32_t registers;
};

// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, CPUID.
constexpr Extension kExtensions[] = {
    {"sse4.1", 1, kEcx, 19, kNone},   {"avx2", 7, kEbx, 5, kYmm},
    {"avx512f", 7, kEbx, 16, kZmm},   {"avx512dq", 7, kEbx, 17, kZmm},
    {"avx512bw", 7, kEbx, 30, kZmm},  {"avx512vl", 7, kEbx, 31, kZmm},
    {"avx512vbmi", 7, kEcx, 1, kZmm}, {"avx512vnni", 7, kEcx, 11, kZmm},
};
constexpr unsigned kOsSavesRegisters = 27;  // of leaf 1, ECX

struct Leaf {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// All zeros where the processor has no such leaf.
Leaf leaf(std::uint32_t number) {
  Leaf found;
  if (__get_cpuid_count(number, 0, &found.eax, &found.ebx, &found.ecx, &found.edx) == 0) return {};
  return found;
}

std::uint32_t registers_kept(const Leaf& first) {
  if ((first.ecx >> kOsSavesRegisters & 1) == 0) return 0;
  std::uint32_t low = 0, high = 0;
  // Not by its intrinsic, which would have to be compiled for processors that have it.
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

// Asked once: a virtual machine leaves its guest for every question.
struct Processor {
  Leaf first = leaf(1);
  Leaf seventh = leaf(7);
  std::uint32_t registers = registers_kept(first);
};

}  // namespace

bool x86_supports(const char* extension) {
  static const Processor processor;
  for (const Extension& one : kExtensions) {
    if (std::strcmp(one.name, extension) != 0) continue;
    const Leaf& asked = one.leaf == 1 ? processor.first : processor.seventh;
    const std::uint32_t bits = one.in == kEbx ? asked.ebx : asked.ecx;
    return (bits >> one.bit & 1) != 0 && (processor.registers & one.registers) == one.registers;
  }
  return false;
}

}  // namespace edgeclf

#else

namespace edgeclf {

bool x86_supports(const char*) { return false; }

}  // namespace edgeclf

#endif
