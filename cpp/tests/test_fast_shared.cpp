// What the two parts of a line add is what the line sums, row by row, and no row is read twice; and
// so do lines that are made in bundles.
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

// What a line weighs its rows with, of `source`; nothing where there is no such line.
std::vector<int> weights_of(const Axis<std::int16_t>& down, int line, int source) {
  std::vector<int> weights(static_cast<std::size_t>(source));
  if (line >= down.size()) return weights;
  const auto at = static_cast<std::size_t>(line);
  for (int k = 0; k < down.count[at]; ++k) {
    weights[static_cast<std::size_t>(down.first[at] + k)] += down.weight(line)[k];
  }
  return weights;
}

// BundleSum's order: kernels rely on it.
void lines_begin_and_end_in_turn(const BundledRows& bundled, std::size_t bundle) {
  const auto lines = static_cast<std::size_t>(bundled.lines);
  const std::int32_t* begin = bundled.begin.data() + bundle * lines;
  const std::int32_t* end = bundled.end.data() + bundle * lines;
  const int count = bundled.count[bundle];
  CHECK(begin[0] == 0 && begin[lines - 1] <= end[0] && end[lines - 1] == count + count % 2);
  for (std::size_t i = 0; i < lines; ++i) {
    CHECK(begin[i] % 2 == 0 && end[i] % 2 == 0);
    CHECK(i == 0 || (begin[i - 1] <= begin[i] && end[i - 1] <= end[i]));
  }
}

// Row by row, what bundles sum is what each of their lines sums. An odd number of rows is made even
// with one that weighs nothing.
void bundles_are_their_lines(const Axis<std::int16_t>& down, int source, int lines) {
  const BundledRows bundled = bundled_rows(down, lines);
  CHECK(bundled.lines == lines && bundled.row_count % 2 == 0);
  if (bundled.lines != lines) return;
  CHECK(static_cast<int>(bundled.first.size()) == (down.size() + lines - 1) / lines);
  for (std::size_t i = 0; i < bundled.first.size(); ++i) {
    const int first = bundled.first[i];
    const int count = bundled.count[i];
    lines_begin_and_end_in_turn(bundled, i);
    CHECK(first >= 0 && first + count <= source && count <= bundled.row_count);
    for (int line = static_cast<int>(i) * lines; line < static_cast<int>(i + 1) * lines; ++line) {
      const auto at = static_cast<std::size_t>(line);
      const std::int16_t* weights =
          bundled.weights.data() + at * static_cast<std::size_t>(bundled.row_count);
      std::vector<int> summed(static_cast<std::size_t>(source));
      for (int k = bundled.begin[at]; k < bundled.end[at]; ++k) {
        CHECK(k < count || weights[k] == 0);
        if (k < count) summed[static_cast<std::size_t>(first + k)] += weights[k];
      }
      CHECK(summed == weights_of(down, line, source));
    }
  }
}

void bundles_of_two_and_four(int source, int size, Interpolation interpolation) {
  const Axis<std::int16_t> down = down_of(source, size, interpolation, true);
  bundles_are_their_lines(down, source, 2);
  bundles_are_their_lines(down, source, 4);
}

void lines_with_little_in_common_are_made_one_by_one() {
  CHECK(bundled_rows(down_of(1080, 224, Interpolation::area, true), 4).empty());
  CHECK(bundled_rows(down_of(1080, 224, Interpolation::box, true), 4).empty());
  CHECK(bundled_rows(down_of(1080, 224, Interpolation::bicubic, false), 4).empty());
}

void rows_of_more_than_two_lines_are_not_shared() {
  CHECK(shared_rows(down_of(1080, 224, Interpolation::bicubic, true)).empty());
  CHECK(shared_rows(down_of(1080, 224, Interpolation::lanczos, true)).empty());
  CHECK(shared_rows(down_of(100, 224, Interpolation::bicubic, false)).empty());
  // Few rows: they are made in bundles.
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
    bundles_of_two_and_four(480, size, Interpolation::bicubic);
    bundles_of_two_and_four(1080, size, Interpolation::lanczos);
  }
  bundles_of_two_and_four(100, 224, Interpolation::bicubic);
  bundles_of_two_and_four(480, 256, Interpolation::bilinear);
  lines_with_little_in_common_are_made_one_by_one();
  rows_of_more_than_two_lines_are_not_shared();
  rows_of_one_line_are_not_shared();
  return check::result();
}
