// What the two parts of a line add is what the line sums, row by row, and no row is read twice; and
// so do two lines that are made together.
#include <algorithm>
#include <utility>
#include <vector>

#include "check.h"
#include "edgeclf/fast.h"
#include "edgeclf/fast_shared.h"
#include "edgeclf/geometry.h"

using namespace edgeclf;

namespace {

Axis<std::int16_t> down_of(int source, int size, Interpolation interpolation, bool antialias) {
  InputSpec spec;
  spec.width = 1;
  spec.height = size;
  spec.interpolation = interpolation;
  spec.antialias = antialias;
  return to_words(make_axes(spec, place(spec, 1, source), 1, source).y, 22).taps;
}

void add(const SharedRows& shared, const std::vector<std::int16_t>& weights, std::size_t part,
         std::vector<int>& line) {
  for (int k = 0; k < shared.count[part]; ++k) {
    line[static_cast<std::size_t>(shared.first[part] + k)] +=
        weights[part * static_cast<std::size_t>(shared.row_count) + static_cast<std::size_t>(k)];
  }
}

void parts_are_the_whole(int source, int size) {
  const Axis<std::int16_t> down = down_of(source, size, Interpolation::bilinear, true);
  const SharedRows shared = shared_rows(down);
  CHECK(!shared.empty() && shared.row_count % 2 == 0);
  if (shared.empty()) return;
  int read = 0;
  for (std::size_t i = 0; i < down.first.size(); ++i) {
    CHECK(shared.first[i] >= read && shared.count[i] >= 0);
    read = shared.first[i] + shared.count[i];
    std::vector<int> expected(static_cast<std::size_t>(source));
    for (int k = 0; k < down.count[i]; ++k) {
      expected[static_cast<std::size_t>(down.first[i] + k)] += down.weight(static_cast<int>(i))[k];
    }
    std::vector<int> line(static_cast<std::size_t>(source));
    if (i > 0) add(shared, shared.next_weights, i - 1, line);
    add(shared, shared.weights, i, line);
    CHECK(line == expected);
  }
}

// Row by row, what pairs of lines sum is what each of them sums; and what is skipped weighs
// nothing.
void pairs_are_both_lines(int source, int size, Interpolation interpolation) {
  const Axis<std::int16_t> down = down_of(source, size, interpolation, true);
  const PairedRows paired = paired_rows(down);
  CHECK(!paired.empty() && paired.row_count % 2 == 0);
  if (paired.empty()) return;
  CHECK(paired.first.size() == (down.first.size() + 1) / 2);
  for (std::size_t i = 0; i < paired.first.size(); ++i) {
    const int begin = paired.next_begin[i];
    const int end = paired.end[i];
    CHECK(begin % 2 == 0 && end % 2 == 0 && 0 <= begin && begin <= end);
    CHECK(end <= paired.count[i] + paired.count[i] % 2 && paired.count[i] <= paired.row_count);
    CHECK(paired.first[i] >= 0 && paired.first[i] + paired.count[i] <= source);
    for (int next = 0; next < 2; ++next) {
      const int line = 2 * static_cast<int>(i) + next;
      std::vector<int> expected(static_cast<std::size_t>(source));
      if (line < down.size()) {
        const auto at = static_cast<std::size_t>(line);
        for (int k = 0; k < down.count[at]; ++k) {
          expected[static_cast<std::size_t>(down.first[at] + k)] += down.weight(line)[k];
        }
      }
      std::vector<int> summed(static_cast<std::size_t>(source));
      const auto& weights = next == 1 ? paired.next_weights : paired.weights;
      const int behind = next == 1 ? paired.count[i] : std::min(paired.count[i], end);
      for (int k = next == 1 ? begin : 0; k < behind; ++k) {
        summed[static_cast<std::size_t>(paired.first[i] + k)] +=
            weights[i * static_cast<std::size_t>(paired.row_count) + static_cast<std::size_t>(k)];
      }
      CHECK(summed == expected);
    }
  }
}

// An odd number of rows is made even with one that weighs nothing.
void behind_the_last_row_stand_zeros(int source, int size) {
  const PairedRows paired = paired_rows(down_of(source, size, Interpolation::bicubic, true));
  CHECK(!paired.empty());
  for (std::size_t i = 0; i < paired.first.size(); ++i) {
    for (int k = paired.count[i]; k < paired.row_count; ++k) {
      const auto at = i * static_cast<std::size_t>(paired.row_count) + static_cast<std::size_t>(k);
      CHECK(paired.weights[at] == 0 && paired.next_weights[at] == 0);
    }
  }
}

void lines_with_little_in_common_are_made_one_by_one() {
  CHECK(paired_rows(down_of(1080, 224, Interpolation::area, true)).empty());
  CHECK(paired_rows(down_of(1080, 224, Interpolation::box, true)).empty());
  CHECK(paired_rows(down_of(1080, 224, Interpolation::bicubic, false)).empty());
}

void rows_of_more_than_two_lines_are_not_shared() {
  CHECK(shared_rows(down_of(1080, 224, Interpolation::bicubic, true)).empty());
  CHECK(shared_rows(down_of(1080, 224, Interpolation::lanczos, true)).empty());
  CHECK(shared_rows(down_of(100, 224, Interpolation::bicubic, false)).empty());
  // Few rows: they are made in pairs.
  CHECK(shared_rows(down_of(480, 256, Interpolation::bilinear, true)).empty());
}

void rows_of_one_line_are_not_shared() {
  CHECK(shared_rows(down_of(1080, 224, Interpolation::area, true)).empty());
  CHECK(shared_rows(down_of(1080, 224, Interpolation::box, true)).empty());
}

}  // namespace

int main() {
  for (const auto& [source, size] :
       {std::pair{1080, 256}, {1080, 255}, {1080, 97}, {1920, 224}, {2160, 256}, {4000, 40}}) {
    parts_are_the_whole(source, size);
  }
  for (const int size : {2, 3, 97, 224, 255, 256}) {
    pairs_are_both_lines(480, size, Interpolation::bicubic);
    pairs_are_both_lines(1080, size, Interpolation::lanczos);
  }
  pairs_are_both_lines(100, 224, Interpolation::bicubic);
  pairs_are_both_lines(480, 256, Interpolation::bilinear);
  behind_the_last_row_stand_zeros(1080, 224);
  lines_with_little_in_common_are_made_one_by_one();
  rows_of_more_than_two_lines_are_not_shared();
  rows_of_one_line_are_not_shared();
  return check::result();
}
