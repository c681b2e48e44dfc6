// One plane of a frame in fixed point: its tables, and its way through one run of a plan.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "edgeclf/fast.h"
#include "edgeclf/fast_shared.h"
#include "edgeclf/rows.h"

namespace edgeclf {

// Whether there are few enough taps for the weights' 16 bits.
bool fits_fixed_point(const Axes& axes);

// Everything about a plane that can be known before its bytes are seen.
class FastPlane {
 public:
  FastPlane() = default;

  // Columns of `axes` count from the first that is read, `columns` is how many are. `fraction`: see
  // fraction_bits. `kernels`: those that will run. Throws std::bad_alloc.
  // `encodes`: whether its rows are fetched while lines are encoded, too.
  FastPlane(const Axes& axes, const PixelLayout& pixel, int columns, bool copied, int fraction,
            const FastKernels& kernels, bool encodes);

  std::size_t workspace_size() const { return workspace_size_; }  // bytes, a multiple of 64

 private:
  friend class FastStream;

  void set_sums(const Axis<double>& axis, int fraction, const FastKernels& kernels);
  void set_lower_weights(const Axis<double>& axis);
  double effort_of_sums() const;
  void share_fetching(double down, double across, double encode);
  int rows_at_once() const;
  int lines_at_once() const;
  void lay_out_workspace(bool copied);

  Axis<std::int16_t> down_;  // weights are used where rows are summed
  int samples_ = 0;
  int bytes_ = 0;   // of a row that kernels are given: at least kFastRowBytes
  int padded_ = 0;  // words of a line
  bool bilinear_ = false;
  int shift_ = 0;
  bool encodes_ = false;
  // How far the rows ahead are fetched while a bundle is made and its first line encoded, then
  // while the others are encoded; the first alone where lines are made one by one.
  std::array<Ahead, kMostBundled> fetched_;
  int row_count_ = 0;                        // of a sum; even
  std::vector<std::int16_t> sum_weights_;    // row_count_ for each output
  SharedRows shared_;                        // empty where each line sums all of its rows
  BundledRows bundled_;                      // empty where each line is summed by itself
  std::vector<std::int16_t> lower_weights_;  // bilinear
  AcrossTable across_;
  BilinearTable direct_;
  std::size_t ring_offset_ = 0;
  std::size_t ring_pitch_ = 0;
  std::size_t words_offset_ = 0;
  std::size_t words_size_ = 0;  // bytes of a line's
  std::size_t kept_offset_ = 0;
  std::size_t lines_offset_ = 0;
  std::size_t pointers_offset_ = 0;
  std::size_t workspace_size_ = 0;
};

// Where a plane's rows are: the first column of row y is at first + y * stride; or `copies` makes
// it.
struct FastRows {
  const std::uint8_t* first = nullptr;
  std::ptrdiff_t stride = 0;
  const RowReader* copies = nullptr;
};

class FastStream {
 public:
  // `workspace`: aligned to 64 bytes, plane.workspace_size() long.
  FastStream(const FastPlane& plane, const FastKernels& kernels, const FastRows& rows,
             std::uint8_t* workspace);

  // One line for each sample. y never decreases. Valid until the next call.
  const FastLines& line(int y);

  // What may be fetched while the line is encoded.
  const Ahead& ahead() const { return aheads_[fetching_]; }

 private:
  void copy_rows(int first, int count);
  const std::uint8_t* row(int y) const;
  void use_rows(int first, int count);
  void look_ahead(int first, int count);
  void look_ahead_of_line(int y);
  void sum_rows(int y);
  void sum_shared_rows(int y);
  void make_bundle(int bundle);
  void begin_shared(int y);

  const FastPlane& plane_;
  const FastKernels& kernels_;
  FastRows rows_;
  std::uint8_t* ring_;
  WordBundle words_{};
  std::int32_t* kept_;  // the sums of line next_kept_, so far
  int next_kept_ = -1;
  const std::uint8_t** current_;
  const std::uint8_t** next_;
  LineBundle lines_{};
  int made_ = -1;  // the bundle that lines_ holds
  std::array<Ahead, kMostBundled> aheads_;
  std::size_t fetching_ = 0;
  int next_row_ = 0;  // none before it has to be fetched or copied
};

}  // namespace edgeclf
