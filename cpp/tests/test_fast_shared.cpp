// What the two parts of a line add is what the line sums, row by row, and no row is read twice.
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

void rows_of_more_than_two_lines_are_not_shared() {
  CHECK(shared_rows(down_of(1080, 224, Interpolation::bicubic, true)).empty());
  CHECK(shared_rows(down_of(1080, 224, Interpolation::lanczos, true)).empty());
  CHECK(shared_rows(down_of(100, 224, Interpolation::bicubic, false)).empty());
}

void rows_of_one_line_are_not_shared() {
  CHECK(shared_rows(down_of(1080, 224, Interpolation::area, true)).empty());
  CHECK(shared_rows(down_of(1080, 224, Interpolation::box, true)).empty());
}

}  // namespace

int main() {
  for (const auto& [source, size] : {std::pair{448, 224},
                                     {480, 256},
                                     {1080, 256},
                                     {1080, 97},
                                     {1920, 224},
                                     {2160, 256},
                                     {4000, 40}}) {
    parts_are_the_whole(source, size);
  }
  rows_of_more_than_two_lines_are_not_shared();
  rows_of_one_line_are_not_shared();
  return check::result();
}
