// Which memory is fetched next, and how much of it now; included by fast_vector_down.h,
// which compiles it for its instruction set: inlined, each has its own.
#pragma once

#include <cstdint>

#include "edgeclf/fast.h"

namespace edgeclf {
namespace {

constexpr int kCacheLine = 64;

// The cache lines of an Ahead from its byte `begin` to `end` of each row: of all rows the first
// line, then the second, in as many equal parts as are begun.
class FetchPace {
 public:
  [[gnu::always_inline]] inline FetchPace(const Ahead& ahead, int begin, int end, int parts)
      : row_(ahead.rows), rows_end_(ahead.rows + ahead.count), count_(ahead.count), at_(begin) {
    const int lines = end > begin ? (end - begin + kCacheLine - 1) / kCacheLine : 0;
    left_ = count_ * lines;
    part_ = parts > 0 ? (left_ + parts - 1) / parts : 0;
  }

  [[gnu::always_inline]] inline void begin_part() {
    due_ = part_ < left_ ? part_ : left_;
    left_ -= due_;
  }

  // The next line of the part, or null behind its last. Many at once would hold up what is
  // computed: better one here and one there.
  [[gnu::always_inline]] inline const std::uint8_t* next() {
    if (due_ <= 0) return nullptr;
    --due_;
    const std::uint8_t* line = *row_ + at_;
    if (++row_ == rows_end_) {
      row_ -= count_;
      at_ += kCacheLine;
    }
    return line;
  }

 private:
  const std::uint8_t* const* row_;
  const std::uint8_t* const* rows_end_;
  int count_;
  int at_;
  int left_;
  int part_;
  int due_ = 0;
};

}  // namespace
}  // namespace edgeclf
