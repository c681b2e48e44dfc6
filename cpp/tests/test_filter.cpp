#include <cmath>
#include <initializer_list>

#include "check.h"
#include "edgeclf/filter.h"

using namespace edgeclf;

namespace {

Axis<double> axis_of(Interpolation interpolation, bool antialias, int source, int size) {
  InputSpec spec;
  spec.width = size;
  spec.height = size;
  spec.interpolation = interpolation;
  spec.antialias = antialias;
  return make_axes(spec, place(spec, source, source), source, source).x;
}

void check_row(const Axis<double>& axis, int i, int first, std::initializer_list<double> weights) {
  const auto at = static_cast<std::size_t>(i);
  CHECK_EQUAL(axis.first[at], first);
  CHECK_EQUAL(axis.count[at], static_cast<int>(weights.size()));
  int k = 0;
  for (const double weight : weights) CHECK(std::abs(axis.weight(i)[k++] - weight) < 1e-12);
}

void weights_sum_to_one_and_stay_inside() {
  for (const auto interpolation :
       {Interpolation::bilinear, Interpolation::bicubic, Interpolation::lanczos, Interpolation::box,
        Interpolation::area}) {
    for (const bool antialias : {true, false}) {
      for (const int source : {1, 2, 3, 17, 480, 65535}) {
        for (const int size : {1, 2, 5, 17, 224, 1000}) {
          const Axis<double> axis = axis_of(interpolation, antialias, source, size);
          CHECK_EQUAL(axis.size(), size);
          for (int i = 0; i < size; ++i) {
            const auto at = static_cast<std::size_t>(i);
            CHECK(axis.first[at] >= 0 && axis.first[at] + axis.count[at] <= source);
            CHECK(i == 0 ||
                  (axis.first[at] >= axis.first[at - 1] &&
                   axis.first[at] + axis.count[at] >= axis.first[at - 1] + axis.count[at - 1]));
            double sum = 0.0;
            for (int k = 0; k < axis.count[at]; ++k) sum += axis.weight(i)[k];
            CHECK(std::abs(sum - 1.0) < 1e-9);
          }
        }
      }
    }
  }
}

// Worked out by hand.
void known_weights() {
  check_row(axis_of(Interpolation::bilinear, true, 4, 2), 0, 0, {3.0 / 7, 3.0 / 7, 1.0 / 7});
  check_row(axis_of(Interpolation::bilinear, false, 4, 2), 0, 0, {0.5, 0.5});
  check_row(axis_of(Interpolation::bilinear, false, 2, 4), 0, 0, {1.0});
  check_row(axis_of(Interpolation::bilinear, false, 2, 4), 1, 0, {0.75, 0.25});
  check_row(axis_of(Interpolation::bicubic, false, 8, 4), 1, 1,
            {-0.09375, 0.59375, 0.59375, -0.09375});
  check_row(axis_of(Interpolation::area, true, 3, 2), 0, 0, {2.0 / 3, 1.0 / 3});
  check_row(axis_of(Interpolation::area, true, 2, 4), 1, 0, {1.0, 0.0});
  check_row(axis_of(Interpolation::box, true, 4, 2), 1, 2, {0.5, 0.5});
}

Axis<double> axis_of_averages(Interpolation interpolation, int source, int size,
                              const Fold& blocks) {
  InputSpec spec;
  spec.width = size;
  spec.height = size;
  spec.interpolation = interpolation;
  spec.antialias = true;
  const Geometry geometry = place(spec, source, source);
  return make_axes(spec, geometry, source, source, blocks, blocks).x;
}

void averages_of_whole_blocks_are_pixels() {
  for (const auto interpolation :
       {Interpolation::bilinear, Interpolation::bicubic, Interpolation::lanczos}) {
    for (const int span : {2, 4, 8}) {
      const Axis<double> pixels = axis_of(interpolation, true, 90, 37);
      const Axis<double> averages = axis_of_averages(interpolation, 90 * span, 37, {span, 0});
      CHECK(averages.first == pixels.first);
      CHECK(averages.count == pixels.count);
      CHECK_EQUAL(averages.weights.size(), pixels.weights.size());
      for (std::size_t i = 0; i < pixels.weights.size(); ++i) {
        CHECK(std::abs(averages.weights[i] - pixels.weights[i]) < 1e-12);
      }
    }
  }
}

// Worked out by hand: 6 pixels in blocks of 4, for 1: all of it, centred at 3 of 6 pixels, 0.75
// blocks from the left. The triangle reaches 1.5 blocks; the second block is half there.
void parts_of_blocks() {
  const double whole = 1.0 - (0.75 - 0.5) / 1.5;
  const double half = 0.5 * (1.0 - (1.25 - 0.75) / 1.5);
  const double sum = whole + half;
  check_row(axis_of_averages(Interpolation::bilinear, 6, 1, {4, 0}), 0, 0,
            {whole / sum, half / sum});
  // Turned around, the first block begins two pixels before the frame.
  check_row(axis_of_averages(Interpolation::bilinear, 6, 1, {4, 2}), 0, 0,
            {half / sum, whole / sum});
}

// Every block whose part of the picture is in the filter's reach, whether resized up or down.
void averages_weigh_every_part_in_reach() {
  for (int span : {2, 4, 8}) {
    for (int phase = 0; phase < span; ++phase) {
      for (int source = span; source < 60; source += 3) {
        for (int size : {1, 3, 7, 20, 39}) {
          if (size == source) continue;
          const auto axis = axis_of_averages(Interpolation::bilinear, source, size, {span, phase});
          for (int i = 0; i < size; ++i) {
            const double scale = static_cast<double>(source) / size;
            const double reach = std::max(scale, static_cast<double>(span));
            std::vector<double> expected;
            double sum = 0.0;
            for (int begin = -phase; begin < source; begin += span) {
              const int from = std::max(begin, 0);
              const int to = std::min(begin + span, source);
              const double away = std::abs((from + to) / 2.0 - (i + 0.5) * scale) / reach;
              expected.push_back((to - from) * std::max(0.0, 1.0 - away));
              sum += expected.back();
            }
            const auto row = static_cast<std::size_t>(i);
            for (int b = 0; b < static_cast<int>(expected.size()); ++b) {
              const int k = b - axis.first[row];
              const bool weighed = k >= 0 && k < axis.count[row];
              const double got = weighed ? axis.weight(i)[k] : 0.0;
              CHECK(std::abs(got - expected[static_cast<std::size_t>(b)] / sum) < 1e-12);
            }
          }
        }
      }
    }
  }
}

void averages_stay_inside() {
  for (const int span : {2, 8}) {
    for (int source = 8; source < 60; ++source) {
      for (int phase = 0; phase < span; ++phase) {
        const int blocks = (source + phase + span - 1) / span;
        for (const int size : {1, 3, 7}) {
          const auto axis = axis_of_averages(Interpolation::lanczos, source, size, {span, phase});
          for (int i = 0; i < size; ++i) {
            const auto at = static_cast<std::size_t>(i);
            CHECK(axis.first[at] >= 0 && axis.count[at] >= 1);
            CHECK(axis.first[at] + axis.count[at] <= blocks);
            double sum = 0.0;
            for (int k = 0; k < axis.count[at]; ++k) sum += axis.weight(i)[k];
            CHECK(std::abs(sum - 1.0) < 1e-9);
          }
        }
      }
    }
  }
}

void selections() {
  const Axis<double> same = axis_of(Interpolation::lanczos, true, 5, 5);
  CHECK(same.selects && same.consecutive);
  const Axis<double> nearest = axis_of(Interpolation::nearest, true, 5, 3);
  CHECK(nearest.selects && !nearest.consecutive);
  check_row(nearest, 0, 0, {1.0});
  check_row(nearest, 1, 2, {1.0});
  check_row(nearest, 2, 4, {1.0});
}

}  // namespace

int main() {
  weights_sum_to_one_and_stay_inside();
  known_weights();
  averages_of_whole_blocks_are_pixels();
  parts_of_blocks();
  averages_weigh_every_part_in_reach();
  averages_stay_inside();
  selections();
  return check::result();
}
