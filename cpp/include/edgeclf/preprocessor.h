// Frame to tensor, for one spec: keeps the plans of the layouts it meets and the memory they need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "edgeclf/affine.h"
#include "edgeclf/frame.h"
#include "edgeclf/plan.h"
#include "edgeclf/spec.h"
#include "edgeclf/workers.h"

namespace edgeclf {

class Preprocessor {
 public:
  // `threads` work on one frame, each on some rows of the tensor. Throws std::system_error when
  // they cannot be had.
  Preprocessor(const InputSpec& spec, const std::optional<Quantization>& quantization,
               int threads = 1);

  const InputSpec& spec() const { return spec_; }
  bool takes_pixels() const { return affine_.takes_pixels(); }

  // Write one item of a batch (C-contiguous, of the spec's shape and dtype) to `tensor`, which
  // must not overlap the frame. Thread-safe, and usable in a child forked meanwhile. Allocates only
  // when it meets a new layout of frame, or more threads at once than before. Throws
  // std::bad_alloc.
  void run(const FrameView& frame, void* tensor);

  // How many plans were made so far, and how many are kept.
  std::size_t plans_made() const;
  std::size_t plans_kept() const;

 private:
  using Workspace = std::vector<std::uint8_t>;
  class Lease;

  std::shared_ptr<const Plan> plan_for(const FrameView& frame);
  std::shared_ptr<const Plan> kept_plan(const FrameLayout& layout);

  InputSpec spec_;
  Affine affine_;
  std::vector<std::shared_ptr<const Plan>> plans_;  // the most recently used first
  std::vector<Workspace> workspaces_;               // those not in use
  std::size_t plans_made_ = 0;
  Workers workers_;
};

}  // namespace edgeclf
