#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <system_error>
#include <vector>

#include "check.h"
#include "edgeclf/workers.h"

using namespace edgeclf;

namespace {

void every_task_is_done_once() {
  for (const int threads : {1, 2, 5}) {
    Workers workers(threads);
    for (int count = 0; count < 200; ++count) {
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
      workers.run(count, [&](int i) { ++calls[static_cast<std::size_t>(i)]; });
      for (const auto& calls_of_one : calls) CHECK(calls_of_one == 1);
    }
  }
}

void several_callers_share_the_helpers() {
  Workers workers(3);
  std::atomic<int> sum{0};
  const auto many_jobs = [&] {
    for (int job = 0; job < 300; ++job) workers.run(7, [&](int i) { sum += i; });
  };
  std::array<std::thread, 4> callers;
  for (auto& caller : callers) caller = std::thread(many_jobs);
  for (auto& caller : callers) caller.join();
  CHECK(sum == 4 * 300 * 21);
}

void a_forked_child_works_alone() {
  auto workers = std::make_unique<Workers>(3);
  workers->run(10, [](int) {});
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // not for ever
    int sum = 0;
    workers->run(10, [&](int i) { sum += i; });
    workers.reset();
    _exit(sum == 45 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// Where threads are refused, those that were started end, and the caller hears of it.
void threads_that_cannot_be_had() {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const rlimit none{1, 1};
    setrlimit(RLIMIT_NPROC, &none);
    if (setuid(65534) != 0 && geteuid() == 0) _exit(0);  // root has no limit
    try {
      const Workers workers(4);
      _exit(1);
    } catch (const std::system_error&) {
      _exit(0);
    }
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace

int main() {
  every_task_is_done_once();
  several_callers_share_the_helpers();
  a_forked_child_works_alone();
  threads_that_cannot_be_had();
  return check::result();
}
