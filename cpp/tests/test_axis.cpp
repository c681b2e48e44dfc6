#include "check.h"
#include "edgeclf/axis.h"

using namespace edgeclf;

namespace {

void fixed_point_rounds_halves_away_from_zero() {
  Axis<double> axis;
  axis.first = {0};
  axis.count = {4};
  axis.max_taps = 4;
  axis.weights = {1.0, 0.5 / (1 << 22), -0.5 / (1 << 22), 0.49 / (1 << 22)};
  const Axis<std::int32_t> fixed = to_fixed(axis);
  CHECK_EQUAL(fixed.weights[0], 1 << 22);
  CHECK_EQUAL(fixed.weights[1], 1);
  CHECK_EQUAL(fixed.weights[2], -1);
  CHECK_EQUAL(fixed.weights[3], 0);
}

void halves_make_the_weight_again() {
  Axis<std::int32_t> axis;
  axis.first = {0, 0};
  axis.count = {6, 2};
  axis.max_taps = 6;
  axis.weights = {4194304, -1, 4095, 4096, -4096, 5000000, 1, -5000000, 0, 0, 0, 0};
  const auto halves = pair_weights(axis);
  CHECK_EQUAL(halves.size(), std::size_t{2 * 2 * 8});
  for (int i = 0; i < 2; ++i) {
    for (int k = 0; k < 8; ++k) {
      const auto group = static_cast<std::size_t>(i * 16 + k / 4 * 8 + k % 4);
      const std::int32_t expected = k < 6 ? axis.weight(i)[k] : 0;
      CHECK_EQUAL(halves[group] * 4096 + halves[group + 4], expected);
    }
  }
}

// Outputs 5 pixels apart, of 3 bytes: four outputs of a load, four taps of each.
void digits_make_the_weight_again() {
  Axis<std::int32_t> axis;
  axis.max_taps = 6;
  const std::int32_t some[] = {4194304, -1,    127,      128, -128,   -129,
                               32767,   32768, -5000000, 0,   8000000};
  for (int i = 0; i < 7; ++i) {
    axis.first.push_back(5 * i);
    axis.count.push_back(6);
    for (int k = 0; k < 6; ++k) axis.weights.push_back(some[(i + k) % 11]);
  }
  const ByteTable table = byte_table(axis, 3);
  CHECK_EQUAL(table.outputs, 4);
  CHECK_EQUAL(table.loads, 2);
  const auto digit = [&](int i, int k, int d) {
    const std::ptrdiff_t at = (k / 4 * 3 + d) * table.pitch + 4 * i + k % 4;
    return std::int32_t{table.digits[static_cast<std::size_t>(at)]};
  };
  for (int i = 0; i < 7; ++i) {
    for (int k = 0; k < 8; ++k) {
      const std::int32_t expected = k < 6 ? axis.weight(i)[k] : 0;
      CHECK_EQUAL(digit(i, k, 0) + digit(i, k, 1) * 256 + digit(i, k, 2) * 65536, expected);
    }
  }
  // Tap 1 of output 2 + 3, in a load that begins with output 2.
  CHECK_EQUAL(int{table.places[16 * 2 + 4 * 3 + 1]}, 3 * (5 * 3 + 1));
}

void a_load_has_fewer_outputs_where_they_are_far_apart() {
  Axis<std::int32_t> axis;
  axis.max_taps = 1;
  for (const int apart : {5, 10, 30}) {
    axis.first = {0, apart, 2 * apart, 3 * apart};
    axis.count = {1, 1, 1, 1};
    axis.weights = {1, 1, 1, 1};
    // The last byte of the last tap: 3 * (3 * 5 + 3) + 2 is below 64, and so is 3 * (10 + 7) + 2.
    CHECK_EQUAL(byte_table(axis, 3).outputs, apart == 5 ? 4 : apart == 10 ? 2 : 1);
  }
}

void no_digits_of_too_large_a_weight() {
  Axis<std::int32_t> axis;
  axis.first = {0};
  axis.count = {1};
  axis.weights = {127 * 65536 + 127 * 256 + 128};
  CHECK_EQUAL(byte_table(axis, 3).step, 0);
  axis.weights = {-5};
  CHECK_EQUAL(byte_table(axis, 3).step, 3);
  axis.selects = true;
  CHECK_EQUAL(byte_table(axis, 3).step, 0);
}

}  // namespace

int main() {
  fixed_point_rounds_halves_away_from_zero();
  halves_make_the_weight_again();
  digits_make_the_weight_again();
  a_load_has_fewer_outputs_where_they_are_far_apart();
  no_digits_of_too_large_a_weight();
  return check::result();
}
