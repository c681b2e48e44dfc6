// A plan for the CUDA kernel: the tables of the host's own axes as plain data, and what of a frame
// has to be on the device. Nothing here needs CUDA.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "edgeclf/affine.h"
#include "edgeclf/cuda_arguments.h"
#include "edgeclf/filter.h"
#include "edgeclf/frame.h"
#include "edgeclf/geometry.h"
#include "edgeclf/spec.h"

namespace edgeclf {

class CudaPlan {
 public:
  // For frames like this one, after region of interest and rotation. Throws std::bad_alloc.
  CudaPlan(const InputSpec& spec, const Affine& affine, const FrameLayout& layout);

  bool fits(const FrameLayout& layout) const { return layout == layout_; }

  const std::vector<std::int32_t>& tables() const { return tables_; }

  // The blocks of a plane that are read.
  struct Blocks {
    int x = 0;
    int y = 0;
    int columns = 0;
    int rows = 0;
  };
  int plane_count() const { return arguments_.plane_count; }
  const Blocks& blocks(std::size_t plane) const { return blocks_[plane]; }

  // What the kernel is told of a frame where it is; the addresses of tables and tensor are missing.
  CudaArguments arguments(const FrameView& frame) const;

 private:
  void add_plane(std::size_t plane, const Axes& of_pixels, bool exact);
  template <class Weight>
  CudaAxis add_axis(const Axis<Weight>& axis, int begin);
  void add_elements(const Affine& affine);

  FrameLayout layout_;
  CudaArguments arguments_{};  // all that does not depend on the frame
  std::array<Blocks, 3> blocks_;
  std::vector<std::int32_t> tables_;
};

// A frame's way into one piece of memory: only what a plan reads, row by row as its producer has
// it. Rectangles that lie in each other, as luma and chroma of yuyv do, are copied once.
class Staging {
 public:
  Staging(const CudaPlan& plan, const FrameView& frame);

  std::size_t size() const { return size_; }  // bytes

  // Copy it all. `memory` has size() bytes.
  void copy(std::uint8_t* memory) const;

  // What the kernel is told of the frame once a copy lies at `memory`, which need not be an address
  // of this process; else as CudaPlan::arguments.
  CudaArguments arguments(const std::uint8_t* memory) const;

 private:
  // Rows of bytes, or of single samples where a row has much else between them.
  struct Part {
    const std::uint8_t* from = nullptr;
    std::ptrdiff_t stride = 0;  // from row to row
    std::ptrdiff_t step = 0;    // from block to block; looked at where samples are picked
    std::array<std::ptrdiff_t, 3> offset{};
    int channels = 0;  // 0: bytes
    int columns = 0;   // blocks, or bytes
    int rows = 0;
    std::size_t at = 0;
    std::size_t pitch = 0;

    std::size_t row_bytes() const {
      return static_cast<std::size_t>(columns) *
             static_cast<std::size_t>(channels == 0 ? 1 : channels);
    }
  };
  // A plane within its part.
  struct Place {
    std::size_t part = 0;
    std::ptrdiff_t begin = 0;  // of the first block, within a row
    bool across = true;        // whether the part's rows are the plane's
    bool reversed = false;     // whether the first block is in the last row
  };

  static Part part_of(const PlaneView& view, const CudaPlan::Blocks& blocks, CudaPlane& copy,
                      Place& place);
  void add(std::size_t plane, const Part& part);
  void lay_out();

  CudaArguments arguments_;  // with the strides and offsets of the copy
  std::size_t part_count_ = 0;
  std::array<Part, 3> parts_;
  std::array<Place, 3> places_;
  std::size_t size_ = 0;
};

}  // namespace edgeclf
