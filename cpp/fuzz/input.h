// A fuzzer's bytes as a stream of choices; when they run out, every choice is its first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace edgeclf {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  // A whole number from low to high, both included.
  int number(int low, int high) {
    const auto span = static_cast<unsigned>(high - low) + 1U;
    unsigned value = byte();
    if (span > 256) value = value * 256U + byte();
    return low + static_cast<int>(value % span);
  }

  bool flag() { return number(0, 1) == 1; }

  template <class Enum>
  Enum choice(Enum last) {
    return static_cast<Enum>(number(0, static_cast<int>(last)));
  }

  // Noise for pixels, from a state that the remaining bytes set: a picture needs more bytes than
  // a fuzzer likes to give.
  void fill(std::uint8_t* bytes, std::size_t count) {
    std::uint32_t state = 2463534242U;
    for (int i = 0; i < 4; ++i) state = state * 31U + byte();
    const bool extremes = flag();
    for (std::size_t i = 0; i < count; ++i) {
      state ^= state << 13;
      state ^= state >> 17;
      state ^= state << 5;
      const auto noise = static_cast<std::uint8_t>(state >> 24);
      bytes[i] = extremes ? static_cast<std::uint8_t>(noise & 1 ? 255 : 0) : noise;
    }
  }

 private:
  unsigned byte() { return at_ < size_ ? data_[at_++] : 0U; }

  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

// What a target came to, over all its inputs (FNV-1a), for `replay` to compare.
inline std::uint64_t& digest() {
  static std::uint64_t value = 14695981039346656037U;
  return value;
}

inline void add_to_digest(const void* bytes, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    digest() = (digest() ^ static_cast<const std::uint8_t*>(bytes)[i]) * 1099511628211U;
  }
}

inline void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace edgeclf
