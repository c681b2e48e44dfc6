// The lines of a plan that computes in fixed point; included by plan.cpp alone. See plan_lines.h.
#pragma once

#include <array>
#include <cmath>
#include <optional>

#include "edgeclf/plan.h"
#include "plan_lines.h"

namespace edgeclf {

class Plan::FixedLines {
 public:
  FixedLines(const Plan& plan, const FrameView& frame, const Affine& affine,
             std::uint8_t* workspace)
      : plan_(plan), converts_(frame.kind == FrameKind::yuv), encoding_(encoding_of(affine)) {
    if (converts_) conversion_ = to_fixed(plan.conversion_of(frame), plan.fraction_);
    if (plan.joined_) {
      add_joined_stream(frame, workspace);
      return;
    }
    for (std::size_t p = 0; p < static_cast<std::size_t>(plan.plane_count_); ++p) {
      add_stream(p, frame.planes[p], workspace + plan.planes_[p].ring_offset);
    }
  }

  // There is one strip, as wide as the tensor's pixels.
  void begin(int, int size) { size_ = size; }

  void encode(int y, const Affine&, const RowTarget& target) {
    FastLines samples = read_lines(y);
    if (converts_) {
      plan_.kernels_->convert({samples[0], samples[1], samples[2]}, conversion_, plan_.channels_,
                              size_, samples);
    }
    const bool gray = plan_.channels_ == 1;
    const auto order =
        gray ? std::array<int, 3>{0, 0, 0} : tensor_order(plan_.spec_.color_mode, {0, 1, 2});
    ConstFastLines lines{};
    for (std::size_t c = 0; c < 3; ++c) lines[c] = samples[static_cast<std::size_t>(order[c])];
    plan_.kernels_->encode(lines, encoding_, size_, target, streams_[0]->ahead());
  }

 private:
  void add_joined_stream(const FrameView& frame, std::uint8_t* workspace) {
    const JoinedPlanes joined = joined_planes(frame);
    const int begin = joined.pixel.first_byte(plan_.planes_[0].first_column);
    const FastRows rows{joined.data + begin, frame.planes[0].stride_y, nullptr};
    streams_[0].emplace(plan_.fixed_[0], *plan_.kernels_, rows, workspace);
  }

  void add_stream(std::size_t p, const PlaneView& plane, std::uint8_t* workspace) {
    const PlanePlan& plan = plan_.planes_[p];
    readers_[p].emplace(plane, plan.channels, plan.first_column, plan.columns, nullptr);
    const PlaneLayout memory = layout_of(plane);
    if (!plan.copied) orders_[p] = memory.order;
    const std::uint8_t* first = plane.at(plan.first_column, 0) + memory.lowest;
    const FastRows rows{first, plane.stride_y, plan.copied ? &*readers_[p] : nullptr};
    streams_[p].emplace(plan_.fixed_[p], *plan_.kernels_, rows, workspace);
  }

  // One of each sample, in the order that the planes name them.
  FastLines read_lines(int y) {
    FastLines all{};
    std::size_t samples = 0;
    for (std::size_t p = 0; p < static_cast<std::size_t>(plan_.plane_count_); ++p) {
      const FastLines& lines = streams_[p]->line(y);
      for (std::size_t s = 0; s < static_cast<std::size_t>(plan_.planes_[p].channels); ++s) {
        all[samples++] = lines[static_cast<std::size_t>(orders_[p][s])];
      }
    }
    return all;
  }

  FastEncoding encoding_of(const Affine& affine) const {
    FastEncoding encoding;
    encoding.dtype = plan_.spec_.dtype;
    encoding.channels = plan_.spec_.channels();
    encoding.top = static_cast<std::int16_t>(255 << plan_.fraction_);
    for (std::size_t c = 0; c < 3; ++c) {
      encoding.gain[c] = static_cast<float>(std::ldexp(affine.gain()[c], -plan_.fraction_));
      encoding.bias[c] = static_cast<float>(affine.bias()[c]);
    }
    return encoding;
  }

  const Plan& plan_;
  bool converts_;
  FastEncoding encoding_;
  FixedConversion conversion_;
  int size_ = 0;
  std::array<std::optional<RowReader>, 3> readers_;
  std::array<std::optional<FastStream>, 3> streams_;
  std::array<std::array<int, 3>, 3> orders_{{{0, 1, 2}, {0, 1, 2}, {0, 1, 2}}};
};

}  // namespace edgeclf
