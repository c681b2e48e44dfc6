// Every operation of simd.h against plain code. Built once for each instruction set, which the
// macro that simd.h asks for chooses.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "check.h"
#include "edgeclf/instruction_set.h"
// After all others: what follows is compiled for one instruction set.
#include "simd.h"

namespace edgeclf {
namespace {

constexpr int kRounds = 300;

template <class T>
struct Lanes {
  static constexpr int kCount = kBytes / static_cast<int>(sizeof(T));
  static constexpr int kPerBlock = 16 / static_cast<int>(sizeof(T));
  T at[kCount];
};

template <class T>
Lanes<T> lanes(Vec a) {
  Lanes<T> result;
  store(result.at, a);
  return result;
}

template <class T>
Vec vector(const Lanes<T>& from) {
  return load(from.at);
}

std::mt19937 engine(1);

// Extremes are as likely as anything between.
template <class T>
Lanes<T> random_lanes(std::int64_t low, std::int64_t high) {
  std::uniform_int_distribution<std::int64_t> any(low, high);
  std::uniform_int_distribution<int> kind(0, 5);
  Lanes<T> result;
  for (T& lane : result.at) {
    const int k = kind(engine);
    lane = static_cast<T>(k == 0 ? low : k == 1 ? high : any(engine));
  }
  return result;
}

std::int64_t clamp(std::int64_t value, std::int64_t low, std::int64_t high) {
  return value < low ? low : value > high ? high : value;
}

#define CHECK_LANES(T, vec, expression)                                \
  do {                                                                 \
    const Lanes<T> got = lanes<T>(vec);                                \
    bool same = true;                                                  \
    for (int i = 0; i < Lanes<T>::kCount; ++i) {                       \
      const int first = i / Lanes<T>::kPerBlock * Lanes<T>::kPerBlock; \
      const int j = i - first;                                         \
      (void)j;                                                         \
      same = same && got.at[i] == static_cast<T>(expression);          \
    }                                                                  \
    check::report(same, #vec, __FILE__, __LINE__);                     \
  } while (false)

void test_words() {
  const auto x = random_lanes<std::int16_t>(-32768, 32767);
  const auto y = random_lanes<std::int16_t>(-32767, 32767);
  const Vec a = vector(x);
  const Vec b = vector(y);
  const auto word = [](std::int64_t value) { return static_cast<std::uint16_t>(value); };
  CHECK_LANES(std::uint16_t, add_words(a, b), word(x.at[i] + y.at[i]));
  CHECK_LANES(std::uint16_t, sub_words(a, b), word(x.at[i] - y.at[i]));
  CHECK_LANES(std::int16_t, min_words(a, b), x.at[i] < y.at[i] ? x.at[i] : y.at[i]);
  CHECK_LANES(std::int16_t, max_words(a, b), x.at[i] > y.at[i] ? x.at[i] : y.at[i]);
  CHECK_LANES(std::uint16_t, shift_left_words<3>(a), word(x.at[i] * 8));
  CHECK_LANES(std::int16_t, shift_right_words<7>(a), x.at[i] >> 7);
  CHECK_LANES(std::uint16_t, shift_right_unsigned_words<5>(a), word(x.at[i]) >> 5);
  CHECK_LANES(std::int16_t, multiply_q15(a, b), (x.at[i] * y.at[i] + (1 << 14)) >> 15);
  CHECK_LANES(std::uint16_t, multiply_high_unsigned(a, b),
              (static_cast<std::uint32_t>(word(x.at[i])) * word(y.at[i])) >> 16);
  CHECK_LANES(std::int16_t, multiply_high(a, b), (x.at[i] * y.at[i]) >> 16);
  CHECK_LANES(std::uint16_t, multiply_low(a, b), word(x.at[i] * y.at[i]));
  CHECK_LANES(std::int32_t, multiply_add_pairs(a, b),
              x.at[2 * i] * y.at[2 * i] + x.at[2 * i + 1] * y.at[2 * i + 1]);
  const auto sums = random_lanes<std::uint32_t>(0, UINT32_MAX);
  CHECK_LANES(std::uint32_t, add_multiplied_pairs(vector(sums), a, b),
              sums.at[i] + static_cast<std::uint32_t>(x.at[2 * i] * y.at[2 * i] +
                                                      x.at[2 * i + 1] * y.at[2 * i + 1]));
  CHECK_LANES(std::int16_t, zip_low_words(a, b), (j % 2 ? y : x).at[first + j / 2]);
  CHECK_LANES(std::int16_t, zip_high_words(a, b), (j % 2 ? y : x).at[first + 4 + j / 2]);
  CHECK_LANES(std::int32_t, widen_low_words(a), x.at[2 * first + j]);
  CHECK_LANES(std::int32_t, widen_high_words(a), x.at[2 * first + 4 + j]);
  CHECK_LANES(std::uint8_t, pack_to_bytes(a, b),
              clamp((j < 8 ? x : y).at[first / 2 + j % 8], 0, 255));
  CHECK_LANES(std::int8_t, pack_to_signed_bytes(a, b),
              clamp((j < 8 ? x : y).at[first / 2 + j % 8], -128, 127));
  CHECK_LANES(std::int16_t, splat_pair(y.at), y.at[i % 2]);
  CHECK_LANES(std::int16_t, splat_words(x.at[0]), x.at[0]);
  CHECK_LANES(std::int16_t, load_block_to_all(x.at), x.at[j]);
  CHECK_LANES(std::uint16_t, and_bits(a, b), word(x.at[i]) & word(y.at[i]));
  CHECK_LANES(std::uint16_t, or_bits(a, b), word(x.at[i]) | word(y.at[i]));
  CHECK_LANES(std::uint16_t, xor_bits(a, b), word(x.at[i]) ^ word(y.at[i]));
}

void test_ints() {
  const auto x = random_lanes<std::int32_t>(INT32_MIN, INT32_MAX);
  auto y = random_lanes<std::int32_t>(-70000, 70000);
  y.at[0] = x.at[0];
  const Vec a = vector(x);
  const Vec b = vector(y);
  const auto bits = [](std::int64_t value) { return static_cast<std::uint32_t>(value); };
  CHECK_LANES(std::uint32_t, add_ints(a, b), bits(std::int64_t{x.at[i]} + y.at[i]));
  CHECK_LANES(std::uint32_t, sub_ints(a, b), bits(std::int64_t{x.at[i]} - y.at[i]));
  CHECK_LANES(std::uint32_t, shift_left_ints<9>(a), bits(x.at[i]) << 9);
  CHECK_LANES(std::int32_t, shift_right_ints<9>(a), x.at[i] >> 9);
  CHECK_LANES(std::int32_t, shift_right_ints_by(a, 17), x.at[i] >> 17);
  CHECK_LANES(std::uint32_t, shift_right_unsigned_ints<9>(a), bits(x.at[i]) >> 9);
  CHECK_LANES(std::int32_t, greater_ints(a, b), x.at[i] > y.at[i] ? -1 : 0);
  CHECK_LANES(std::int32_t, select(greater_ints(a, b), a, b),
              x.at[i] > y.at[i] ? x.at[i] : y.at[i]);
  CHECK_LANES(std::int16_t, pack_ints(a, b),
              clamp((j < 4 ? x : y).at[first / 2 + j % 4], -32768, 32767));
  CHECK_LANES(std::int32_t, zip_low_ints(a, b), (j % 2 ? y : x).at[first + j / 2]);
  CHECK_LANES(std::int32_t, zip_high_ints(a, b), (j % 2 ? y : x).at[first + 2 + j / 2]);
  CHECK_LANES(std::int32_t, zip_low_longs(a, b), (j < 2 ? x : y).at[first + j % 2]);
  CHECK_LANES(std::int32_t, zip_high_longs(a, b), (j < 2 ? x : y).at[first + 2 + j % 2]);
  CHECK_LANES(std::int32_t, splat_ints(x.at[1]), x.at[1]);
  CHECK_LANES(std::int32_t, zero(), 0);
}

void test_bytes() {
  const auto x = random_lanes<std::uint8_t>(0, 255);
  const auto y = random_lanes<std::uint8_t>(0, 255);
  // Neighbours whose sum fits into a word.
  const auto weights = random_lanes<std::int8_t>(-64, 64);
  auto index = random_lanes<std::uint8_t>(0, 15);
  for (int i = 0; i < kBytes; i += 3) index.at[i] = static_cast<std::uint8_t>(0x80 | i * 5);
  const Vec a = vector(x);
  const Vec b = vector(y);
  CHECK_LANES(std::int16_t, multiply_add_bytes(a, vector(weights)),
              x.at[2 * i] * weights.at[2 * i] + x.at[2 * i + 1] * weights.at[2 * i + 1]);
  CHECK_LANES(std::uint8_t, lookup(a, vector(index)),
              index.at[i] > 15 ? 0 : x.at[first + index.at[i]]);
  CHECK_LANES(std::uint8_t, zip_low_bytes(a, b), (j % 2 ? y : x).at[first + j / 2]);
  CHECK_LANES(std::uint8_t, zip_high_bytes(a, b), (j % 2 ? y : x).at[first + 8 + j / 2]);
  CHECK_LANES(std::int16_t, widen_low_bytes(a), x.at[2 * first + j]);
  CHECK_LANES(std::int16_t, widen_high_bytes(a), x.at[2 * first + 8 + j]);
  CHECK_LANES(std::uint8_t, splat_bytes(x.at[2]), x.at[2]);
}

// Each buffer is exactly as long as what may be read or written: the sanitizers watch.
void test_memory() {
  std::vector<std::uint8_t> bytes(8 * kBlocks);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(engine());
  CHECK_LANES(std::int16_t, load_widened(bytes.data()), bytes[static_cast<std::size_t>(i)]);

  std::vector<std::int16_t> words(kInts);
  for (auto& word : words) word = static_cast<std::int16_t>(engine());
  CHECK_LANES(std::int32_t, load_widened_words(words.data()), words[static_cast<std::size_t>(i)]);

  std::vector<std::uint8_t> pool(100);
  for (auto& byte : pool) byte = static_cast<std::uint8_t>(engine());
  const std::int32_t offsets[16] = {84, 3, 17, 50, 0, 84, 11, 33, 1, 68, 84, 25, 7, 40, 84, 16};
  const auto piece = [&](int size, int i) {
    return pool[static_cast<std::size_t>(offsets[i / size] + i % size)];
  };
  CHECK_LANES(std::uint8_t, load_pieces<16>(pool.data(), offsets), piece(16, i));
  CHECK_LANES(std::uint8_t, load_pieces<8>(pool.data(), offsets), piece(8, i));
  CHECK_LANES(std::uint8_t, load_pieces<4>(pool.data(), offsets), piece(4, i));

  const auto x = random_lanes<std::uint8_t>(0, 255);
  std::vector<std::uint8_t> halves(8 * kBlocks);
  store_low_halves(halves.data(), vector(x));
  for (int i = 0; i < 8 * kBlocks; ++i) {
    CHECK_EQUAL(halves[static_cast<std::size_t>(i)], x.at[i / 8 * 16 + i % 8]);
  }
  const auto y = random_lanes<std::uint8_t>(0, 255);
  std::vector<std::uint8_t> both(2 * kBytes);
  store_blocks_in_turn(both.data(), vector(x), vector(y));
  for (int i = 0; i < 2 * kBytes; ++i) {
    CHECK_EQUAL(both[static_cast<std::size_t>(i)], (i / 16 % 2 ? y : x).at[i / 32 * 16 + i % 16]);
  }
  for (int block = 0; block < kBlocks; ++block) {
    std::vector<std::uint8_t> one(16);
    store_block(one.data(), vector(x), block);
    CHECK(std::memcmp(one.data(), x.at + 16 * block, 16) == 0);
    std::vector<std::uint8_t> half(8);
    store_half_block(half.data(), vector(x), block);
    CHECK(std::memcmp(half.data(), x.at + 16 * block, 8) == 0);
  }
}

float lane(FloatVec a, int i) {
  float all[kInts];
  store_floats(all, a);
  return all[i];
}

void test_floats() {
  std::uniform_real_distribution<float> any(-300.0F, 300.0F);
  float x[kInts];
  float y[kInts];
  for (int i = 0; i < kInts; ++i) {
    x[i] = any(engine);
    y[i] = i % 2 ? any(engine) : std::floor(x[i]) + 0.5F;
  }
  const FloatVec a = load_floats(x);
  const FloatVec b = load_floats(y);
  const auto ints = random_lanes<std::int32_t>(-(1 << 24), 1 << 24);
  const FloatVec wide = multiply_floats(b, splat_floats(8192.0F));
  for (int i = 0; i < kInts; ++i) {
    CHECK_EQUAL(lane(add_floats(a, b), i), x[i] + y[i]);
    CHECK_EQUAL(lane(multiply_floats(a, b), i), x[i] * y[i]);
    CHECK_EQUAL(lane(min_floats(a, b), i), std::fmin(x[i], y[i]));
    CHECK_EQUAL(lane(max_floats(a, b), i), std::fmax(x[i], y[i]));
    CHECK_EQUAL(lane(to_floats(vector(ints)), i), static_cast<float>(ints.at[i]));
    CHECK_EQUAL(lanes<std::int32_t>(round_to_ints(b)).at[i], std::lrint(y[i]));
    CHECK_EQUAL(lanes<std::int32_t>(round_to_ints(wide)).at[i], std::lrint(y[i] * 8192.0F));
    CHECK_EQUAL(lane(floats_of(bits_of(a)), i), x[i]);
  }
}

#if defined(EDGECLF_SIMD_AVX512)

// What only these vectors do.
void test_anywhere() {
  const auto x = random_lanes<std::uint8_t>(0, 255);
  const auto index = random_lanes<std::uint8_t>(0, 255);
  CHECK_LANES(std::uint8_t, lookup_anywhere(vector(x), vector(index)), x.at[index.at[i] % 64]);
  const auto words = random_lanes<std::int16_t>(-32768, 32767);
  const auto places = random_lanes<std::int16_t>(0, 31);
  CHECK_LANES(std::int16_t, lookup_words_anywhere(vector(words), vector(places)),
              words.at[places.at[i]]);
  const auto weights = random_lanes<std::int8_t>(-128, 127);
  const auto sums = random_lanes<std::uint32_t>(0, UINT32_MAX);
  const auto product = [&](int i) { return x.at[i] * weights.at[i]; };
  CHECK_LANES(std::uint32_t, add_multiplied_fours(vector(sums), vector(x), vector(weights)),
              sums.at[i] + static_cast<std::uint32_t>(product(4 * i) + product(4 * i + 1) +
                                                      product(4 * i + 2) + product(4 * i + 3)));
  const auto a = random_lanes<std::uint32_t>(0, UINT32_MAX);
  const auto b = random_lanes<std::uint32_t>(0, UINT32_MAX);
  const auto either = [&](int j) { return j < 2 ? a : b; };
  CHECK_LANES(std::uint32_t, even_ints(vector(a), vector(b)), either(j).at[first + j % 2 * 2]);
  CHECK_LANES(std::uint32_t, odd_ints(vector(a), vector(b)), either(j).at[first + j % 2 * 2 + 1]);
  CHECK_LANES(std::uint32_t, add_neighbours(vector(a), vector(b)),
              either(j).at[first + j % 2 * 2] + either(j).at[first + j % 2 * 2 + 1]);
  for (const int count : {-9, 0, 1, 37, 63, 64, 90}) {
    const int taken = static_cast<int>(clamp(count, 0, kBytes));
    std::vector<std::uint8_t> some(x.at, x.at + taken);
    CHECK_LANES(std::uint8_t, load_some(some.data(), count), i < taken ? x.at[i] : 0);
  }
  CHECK_LANES(std::uint8_t,
              load_two_blocks_twice(std::vector<std::uint8_t>(x.at, x.at + 32).data()),
              x.at[i % 32]);
}

#else

void test_anywhere() {}

#endif

int run() {
#if defined(EDGECLF_SIMD_AVX512)
  if (!has_instruction_set("avx512")) return check::result();
#elif defined(EDGECLF_SIMD_AVX2)
  if (!__builtin_cpu_supports("avx2")) return check::result();
#elif defined(EDGECLF_SIMD_SSE41)
  if (!__builtin_cpu_supports("sse4.1")) return check::result();
#endif
  prefetch(nullptr);
  for (int round = 0; round < kRounds; ++round) {
    test_words();
    test_ints();
    test_bytes();
    test_memory();
    test_floats();
    test_anywhere();
  }
  return check::result();
}

}  // namespace
}  // namespace edgeclf

#include "simd_end.h"

int main() { return edgeclf::run(); }
