#include "edgeclf/workers.h"

#include <unistd.h>

namespace edgeclf {

Workers::Workers(int threads) : process_(static_cast<int>(getpid())) {
  helpers_.reserve(static_cast<std::size_t>(threads - 1));
  for (int i = 1; i < threads; ++i) helpers_.emplace_back([this] { help(); });
}

Workers::~Workers() {
  if (static_cast<int>(getpid()) != process_) {
    // They run in the parent only: there is nothing to wait for, and nothing that could be joined.
    for (auto& helper : helpers_) helper.detach();
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& helper : helpers_) helper.join();
}

void Workers::run_job(const Job& job) {
  const bool forked = static_cast<int>(getpid()) != process_;
  std::unique_lock<std::mutex> mine(one_job_, std::defer_lock);
  if (forked || helpers_.empty() || job.count < 2 || !mine.try_lock()) {
    for (int i = 0; i < job.count; ++i) job.call(job.context, i);
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    job_ = job;
    next_ = 0;
    busy_ = static_cast<int>(helpers_.size());
    ++generation_;
  }
  changed_.notify_all();
  work_on(job);
  std::unique_lock<std::mutex> lock(mutex_);
  done_.wait(lock, [this] { return busy_ == 0; });
}

void Workers::help() {
  unsigned seen = 0;
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || generation_ != seen; });
    if (stopping_) return;
    seen = generation_;
    const Job job = job_;
    lock.unlock();
    work_on(job);
    lock.lock();
    if (--busy_ == 0) done_.notify_one();
  }
}

void Workers::work_on(const Job& job) {
  for (int i = next_++; i < job.count; i = next_++) job.call(job.context, i);
}

}  // namespace edgeclf
