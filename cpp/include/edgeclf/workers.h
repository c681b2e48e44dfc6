// A few threads that wait to help with one job after another.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace edgeclf {

class Workers {
 public:
  // `threads` work on a job in all: the caller, and threads - 1 that are started here. Throws
  // std::system_error when they cannot be had.
  explicit Workers(int threads);
  ~Workers();

  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int threads() const { return static_cast<int>(helpers_.size()) + 1; }

  // Calls task(0) ... task(count - 1), each once, on any of the threads, and returns when all are
  // done. The task throws nothing. While another thread's job is being worked on, and in a forked
  // child (where the helpers do not exist), the caller does its job alone.
  template <class Task>
  void run(int count, const Task& task) {
    run_job({[](const void* context, int i) { (*static_cast<const Task*>(context))(i); }, &task,
             count});
  }

 private:
  struct Job {
    void (*call)(const void* context, int i) = nullptr;
    const void* context = nullptr;
    int count = 0;
  };

  // What the caller and the helpers share.
  struct Desk {
    std::mutex one_job;  // held by the caller whose job it is
    std::mutex mutex;    // of all below
    std::condition_variable changed;
    std::condition_variable done;
    Job job;
    unsigned generation = 0;  // counts jobs, so that each helper sees a new one
    int busy = 0;             // helpers that may still touch the job
    bool stopping = false;
    std::atomic<int> next{0};  // the first task that nobody has taken
  };

  void run_job(const Job& job);
  void stop();
  static void help(Desk& desk);
  static void work_on(Desk& desk, const Job& job);

  std::unique_ptr<Desk> desk_;
  std::vector<std::thread> helpers_;
  int process_;
};

}  // namespace edgeclf
