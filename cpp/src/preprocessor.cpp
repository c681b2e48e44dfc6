#include "edgeclf/preprocessor.h"

#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

namespace edgeclf {
namespace {

constexpr std::size_t kPlansKept = 16;
constexpr std::size_t kAlignment = 64;
// Rows of the tensor: with fewer, waking a thread costs more than it helps.
constexpr int kSmallestBand = 16;

std::size_t aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

std::uint8_t* aligned(std::uint8_t* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  return pointer + (kAlignment - address % kAlignment) % kAlignment;
}

// Guards the plans and workspaces of all preprocessors, for a few steps at a time; and a fork waits
// for it, so that the child finds it free and what it guards whole.
std::mutex shelf_mutex;

const int at_fork = pthread_atfork([] { shelf_mutex.lock(); }, [] { shelf_mutex.unlock(); },
                                   [] { shelf_mutex.unlock(); });

}  // namespace

// A workspace taken from the pool, and given back at the end of the scope.
class Preprocessor::Lease {
 public:
  Lease(Preprocessor& owner, std::size_t size) : owner_(owner) {
    {
      const std::lock_guard<std::mutex> lock(shelf_mutex);
      if (!owner_.workspaces_.empty()) {
        workspace_ = std::move(owner_.workspaces_.back());
        owner_.workspaces_.pop_back();
      }
    }
    if (workspace_.size() < size + kAlignment) workspace_.resize(size + kAlignment);
  }

  ~Lease() {
    const std::lock_guard<std::mutex> lock(shelf_mutex);
    try {
      owner_.workspaces_.push_back(std::move(workspace_));
    } catch (...) {
      // No room to keep it: the next run allocates its own.
    }
  }

  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  std::uint8_t* bytes() { return aligned(workspace_.data()); }

 private:
  Preprocessor& owner_;
  Workspace workspace_;
};

Preprocessor::Preprocessor(const InputSpec& spec, const std::optional<Quantization>& quantization,
                           int threads)
    : spec_(spec), affine_(spec, quantization), workers_(threads) {
  if (at_fork != 0) throw std::bad_alloc();  // the one way in which it fails
  plans_.reserve(kPlansKept + 1);
}

void Preprocessor::run(const FrameView& frame, void* tensor) {
  const std::shared_ptr<const Plan> plan = plan_for(frame);
  const int rows = plan->rows();
  const int bands = std::clamp(rows / kSmallestBand, 1, workers_.threads());
  // One workspace for all bands, taken here, because no task may throw.
  const std::size_t size = aligned(plan->workspace_size());
  Lease lease(*this, size * static_cast<std::size_t>(bands));
  std::uint8_t* const workspaces = lease.bytes();
  const auto first = [&](int i) { return static_cast<int>(std::int64_t{rows} * i / bands); };
  workers_.run(bands, [&](int i) {
    plan->run(frame, affine_, tensor, workspaces + size * static_cast<std::size_t>(i),
              {first(i), first(i + 1)});
  });
}

std::shared_ptr<const Plan> Preprocessor::plan_for(const FrameView& frame) {
  const FrameLayout layout(frame);
  if (auto plan = kept_plan(layout)) return plan;
  // Made outside the lock. Two threads may make the same plan; the later one is kept in front.
  auto plan = std::make_shared<const Plan>(spec_, layout);
  const std::lock_guard<std::mutex> lock(shelf_mutex);
  ++plans_made_;
  plans_.insert(plans_.begin(), plan);
  if (plans_.size() > kPlansKept) plans_.pop_back();
  return plan;
}

std::shared_ptr<const Plan> Preprocessor::kept_plan(const FrameLayout& layout) {
  const std::lock_guard<std::mutex> lock(shelf_mutex);
  const auto found = std::find_if(plans_.begin(), plans_.end(),
                                  [&](const auto& plan) { return plan->fits(layout); });
  if (found == plans_.end()) return nullptr;
  std::rotate(plans_.begin(), found, found + 1);
  return plans_.front();
}

std::size_t Preprocessor::plans_made() const {
  const std::lock_guard<std::mutex> lock(shelf_mutex);
  return plans_made_;
}

std::size_t Preprocessor::plans_kept() const {
  const std::lock_guard<std::mutex> lock(shelf_mutex);
  return plans_.size();
}

}  // namespace edgeclf
