// Everything about one kind and size of source that can be known before its pixels are seen.
//
// Each plane of a frame is resampled for itself, with tables of its own; the lines that the planes
// give for one row of the tensor meet there: samples become levels (where they are not yet), and
// levels elements. So a YUV frame is converted after it was resampled, not before, and only where
// the tensor has pixels.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <variant>

#include "edgeclf/affine.h"
#include "edgeclf/axis.h"
#include "edgeclf/fast.h"
#include "edgeclf/fast_plane.h"
#include "edgeclf/filter.h"
#include "edgeclf/frame.h"
#include "edgeclf/geometry.h"
#include "edgeclf/rows.h"
#include "edgeclf/spec.h"

namespace edgeclf {

// Some rows, one after the other.
struct Band {
  int begin = 0;
  int end = 0;
};

class Plan {
 public:
  // For frames like this one, after region of interest and rotation. Throws std::bad_alloc.
  Plan(const InputSpec& spec, const FrameLayout& layout);

  bool fits(const FrameLayout& layout) const {
    return layout == layout_ && (kernels_ == nullptr || layout.has_rows_like(layout_)) &&
           (byte_step_ == 0 || byte_step_ == byte_step_of(layout));
  }

  std::size_t workspace_size() const { return workspace_size_; }  // bytes

  // The rows of the tensor that come from pixels; the others are padding.
  int rows() const { return geometry_.y.size; }

  // Write a part of the tensor (one item of a batch, C-contiguous) to `tensor`: of rows() those of
  // `band`, and with the first of them all padding. `workspace` is aligned to 64 bytes. Allocates
  // nothing, throws nothing; any number of threads may run one plan, each with its own workspace.
  void run(const FrameView& frame, const Affine& affine, void* tensor, std::uint8_t* workspace,
           Band band) const noexcept;

 private:
  template <class Weight>
  struct Tables {
    Axis<Weight> x;
    Axis<Weight> y;
  };
  template <class Weight>
  using TablesOfPlanes = std::array<Tables<Weight>, 3>;

  // How one plane is read, and where in the workspace its rows are.
  struct PlanePlan {
    int channels = 0;      // samples per column while resampling
    int first_column = 0;  // of the plane: those before it and after it are not read
    int columns = 0;
    std::size_t scratch_offset = 0;
    std::size_t ring_offset = 0;
    std::size_t line_offset = 0;
    std::size_t pointers_offset = 0;
    bool copied = false;  // row by row, before fixed-point kernels see it
  };

  template <class Arithmetic>
  class Stream;
  template <class Arithmetic>
  class PackedLines;
  template <class Arithmetic>
  class ConvertedLines;
  class FixedLines;

  // Rows with pixels of any other step than 4 are read as, or copied to, 3.
  static std::ptrdiff_t byte_step_of(const FrameLayout& layout) {
    return layout.planes[0].pixel.step == 4 ? 4 : 3;
  }

  Axes axes_of(std::size_t plane, const Axes& of_pixels);
  void make_tables();
  void make_fixed_tables(const Axes& of_pixels);
  bool make_joined_table(const Axes& of_pixels);
  void lay_out_workspace();
  template <class Lines>
  void write(Lines&& lines, const Affine& affine, void* tensor, Band band) const;
  Conversion conversion_of(const FrameView& frame) const;
  RowTarget target(void* tensor, int x, int y) const;
  void pad(const Affine& affine, void* tensor) const;

  InputSpec spec_;
  FrameLayout layout_;
  int channels_ = 0;     // of a line's pixels when it is encoded: 1 where source or tensor is grey
  int plane_count_ = 0;  // that are read: only luma for a grey tensor
  Geometry geometry_;
  PerChannel<std::uint8_t> pad_level_{};
  std::array<PlanePlan, 3> planes_;
  std::variant<TablesOfPlanes<std::int32_t>, TablesOfPlanes<double>> tables_;
  std::ptrdiff_t byte_step_ = 0;  // of the pixels that a byte table in tables_ is for; 0: none
  // In fixed point there are no tables_, and the workspace has one part for each plane.
  const FastKernels* kernels_ = nullptr;
  std::array<FastPlane, 3> fixed_;
  bool joined_ = false;  // one plane has Y, U and V: see JoinedPlanes
  int fraction_ = 0;
  int strip_ = 0;  // the output is made in strips this wide, so that the workspace stays small
  std::size_t levels_offset_ = 0;
  std::size_t workspace_size_ = 0;
};

}  // namespace edgeclf
