// Everything about one size of source that can be known before its pixels are seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>

#include "edgeclf/affine.h"
#include "edgeclf/axis.h"
#include "edgeclf/filter.h"
#include "edgeclf/frame.h"
#include "edgeclf/geometry.h"
#include "edgeclf/rows.h"
#include "edgeclf/spec.h"

namespace edgeclf {

class Plan {
 public:
  // For frames that are width x height pixels after region of interest and rotation, with 1 or 3
  // channels. Throws std::bad_alloc.
  Plan(const InputSpec& spec, int width, int height, int frame_channels);

  bool fits(int width, int height, int frame_channels) const {
    return width == width_ && height == height_ && frame_channels == frame_channels_;
  }

  std::size_t workspace_size() const { return workspace_size_; }  // bytes

  // Write the whole tensor (one item of a batch, C-contiguous) to `tensor`. `workspace` is aligned
  // to 64 bytes. Allocates nothing, throws nothing; any number of threads may run one plan, each
  // with its own workspace.
  void run(const FrameView& frame, const Affine& affine, void* tensor,
           std::uint8_t* workspace) const noexcept;

 private:
  template <class Weight>
  struct Tables {
    Axis<Weight> x;
    Axis<Weight> y;
  };
  template <class Arithmetic>
  class Stream;

  void set_columns(Axes& axes);
  void lay_out_workspace();
  RowTarget target(void* tensor, int x, int y) const;
  void pad(const Affine& affine, void* tensor) const;

  InputSpec spec_;
  int width_;
  int height_;
  int frame_channels_;
  int channels_;  // samples per pixel while resampling: 1 where source or tensor is grey
  Geometry geometry_;
  PerChannel<std::uint8_t> pad_level_{};
  std::variant<Tables<std::int32_t>, Tables<float>, Tables<double>> tables_;
  int first_column_ = 0;  // of the source: those before it and after it are not read
  int columns_ = 0;
  int strip_ = 0;  // the output is made in strips this wide, so that the workspace stays small
  std::size_t ring_offset_ = 0;
  std::size_t line_offset_ = 0;
  std::size_t pointers_offset_ = 0;
  std::size_t workspace_size_ = 0;
};

}  // namespace edgeclf
