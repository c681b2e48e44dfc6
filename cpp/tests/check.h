// The least a test needs: CHECK, CHECK_EQUAL, and a main that returns how many failed.
#pragma once

#include <cstdlib>
#include <iostream>

namespace check {

inline int failures = 0;

inline void report(bool passed, const char* text, const char* file, int line) {
  if (passed) return;
  ++failures;
  std::cerr << file << ":" << line << ": failed: " << text << "\n";
}

template <class A, class B>
void report_equal(const A& a, const B& b, const char* text, const char* file, int line) {
  if (a == b) return;
  report(false, text, file, line);
  std::cerr << "    " << +a << " is not " << +b << "\n";
}

inline int result() {
  if (failures == 0) std::cout << "passed\n";
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace check

#define CHECK(condition) check::report((condition), #condition, __FILE__, __LINE__)
#define CHECK_EQUAL(a, b) check::report_equal((a), (b), #a " == " #b, __FILE__, __LINE__)
