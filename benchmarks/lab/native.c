/* The loops that set the scale: the memory floor of a case, and a calibration kernel whose time
 * depends on the processor alone. Each measures itself, so that no call from Python is in the
 * floor. Built by native.py with the system's compiler. */
#include <stdint.h>
#include <string.h>
#include <time.h>

/* Four of these a turn keep enough loads in flight; the compiler picks the widest registers. */
typedef uint64_t Words __attribute__((vector_size(32)));

/* As lab/timing.py: not counting what other processes do in between. */
static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static Words load(const uint8_t* at) {
  Words words;
  memcpy(&words, at, sizeof(words));
  return words;
}

static uint64_t word(const uint8_t* at) {
  uint64_t value;
  memcpy(&value, at, sizeof(value));
  return value;
}

/* The sum of `length / 8` words; `next`, if any, is asked for line by line on the way. */
static uint64_t sum(const uint8_t* at, int64_t length, const uint8_t* next) {
  Words a = {0}, b = {0}, c = {0}, d = {0};
  int64_t i = 0;
  for (; i + 128 <= length; i += 128) {
    if (next) {
      __builtin_prefetch(next + i);
      __builtin_prefetch(next + i + 64);
    }
    a += load(at + i);
    b += load(at + i + 32);
    c += load(at + i + 64);
    d += load(at + i + 96);
  }
  a += b + c + d;
  uint64_t total = a[0] + a[1] + a[2] + a[3];
  for (; i + 8 <= length; i += 8) {
    if (next) __builtin_prefetch(next + i);
    total += word(at + i);
  }
  return total;
}

/* Reads `count` segments of `base` in the order given; segment i is lengths[i] bytes at
 * offsets[i]. Returns nanoseconds and stores the sum, which shows that all was read. */
int64_t read_segments(const uint8_t* base, const int64_t* offsets, const int64_t* lengths,
                      int64_t count, int32_t prefetch, uint64_t* result) {
  const int64_t begin = now_ns();
  uint64_t total = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int has_next = prefetch && i + 1 < count && lengths[i + 1] >= lengths[i];
    total += sum(base + offsets[i], lengths[i], has_next ? base + offsets[i + 1] : 0);
  }
  *result = total;
  return now_ns() - begin;
}

/* A chain of multiplications: neither memory nor vector width matters to it. */
int64_t calibrate(int64_t steps, uint64_t* result) {
  const int64_t begin = now_ns();
  uint64_t state = 1;
  for (int64_t i = 0; i < steps; ++i) state = state * 6364136223846793005u + 1442695040888963407u;
  *result = state;
  return now_ns() - begin;
}
