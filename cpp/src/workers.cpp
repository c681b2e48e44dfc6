#include "edgeclf/workers.h"

#include <unistd.h>

namespace edgeclf {
namespace {

int this_process() { return static_cast<int>(getpid()); }

}  // namespace

Workers::Workers(int threads) : desk_(std::make_unique<Desk>()), process_(this_process()) {
  helpers_.reserve(static_cast<std::size_t>(threads - 1));
  try {
    for (int i = 1; i < threads; ++i) helpers_.emplace_back([desk = desk_.get()] { help(*desk); });
  } catch (...) {
    stop();
    throw;
  }
}

Workers::~Workers() {
  if (this_process() == process_) {
    stop();
    return;
  }
  // A forked child has the memory and not the threads. They cannot be joined, and a condition
  // variable that they were waiting on cannot be destroyed: it would wait for them.
  for (auto& helper : helpers_) helper.detach();
  static_cast<void>(desk_.release());
}

void Workers::stop() {
  {
    const std::lock_guard<std::mutex> lock(desk_->mutex);
    desk_->stopping = true;
  }
  desk_->changed.notify_all();
  for (auto& helper : helpers_) helper.join();
}

void Workers::run_job(const Job& job) {
  Desk& desk = *desk_;
  std::unique_lock<std::mutex> mine(desk.one_job, std::defer_lock);
  const bool alone = helpers_.empty() || job.count < 2 || this_process() != process_;
  if (alone || !mine.try_lock()) {
    for (int i = 0; i < job.count; ++i) job.call(job.context, i);
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(desk.mutex);
    desk.job = job;
    desk.next = 0;
    desk.busy = static_cast<int>(helpers_.size());
    ++desk.generation;
  }
  desk.changed.notify_all();
  work_on(desk, job);
  std::unique_lock<std::mutex> lock(desk.mutex);
  desk.done.wait(lock, [&] { return desk.busy == 0; });
}

void Workers::help(Desk& desk) {
  unsigned seen = 0;
  std::unique_lock<std::mutex> lock(desk.mutex);
  while (true) {
    desk.changed.wait(lock, [&] { return desk.stopping || desk.generation != seen; });
    if (desk.stopping) return;
    seen = desk.generation;
    const Job job = desk.job;
    lock.unlock();
    work_on(desk, job);
    lock.lock();
    if (--desk.busy == 0) desk.done.notify_one();
  }
}

void Workers::work_on(Desk& desk, const Job& job) {
  for (int i = desk.next++; i < job.count; i = desk.next++) job.call(job.context, i);
}

}  // namespace edgeclf
