// From the lines that a frame's planes give to rows of the tensor; included by plan.cpp alone.
//
// What Plan::write needs of such a class: begin(x, size) a strip, then encode(y, affine, target)
// for each of its lines from the top. Another arithmetic is another class here.
#pragma once

#include <array>
#include <optional>

#include "plan_parts.h"
#include "plan_stream.h"

namespace edgeclf {

// One plane, whose samples are levels.
template <class Arithmetic>
class Plan::PackedLines {
 public:
  PackedLines(const Plan& plan, const FrameView& frame, std::uint8_t* workspace)
      : stream_(plan, 0, frame, workspace),
        order_(tensor_order(plan.spec_.color_mode, stream_.order())) {}

  void begin(int x, int size) {
    size_ = size;
    stream_.begin(x, size);
  }

  void encode(int y, const Affine& affine, const RowTarget& target) {
    affine.encode(stream_.line(y), stream_.channels(), order_, size_, target);
  }

 private:
  Stream<Arithmetic> stream_;
  std::array<int, 3> order_;
  int size_ = 0;
};

// `size` pixels of kChannels levels each, side by side, from kSamples lines of samples.
template <int kSamples, int kChannels, class Sample>
void convert(const Conversion& conversion, const std::array<const Sample*, 3>& lines, int size,
             Sample* levels) {
  for (int i = 0; i < size; ++i) {
    for (std::size_t c = 0; c < kChannels; ++c) {
      Sample level = conversion.bias[c];
      for (std::size_t k = 0; k < kSamples; ++k) level += conversion.weight[c][k] * lines[k][i];
      *levels++ = level;
    }
  }
}

// Planes whose samples are to become levels, one line of each channel: Y, U and V; Y alone; or the
// low and the high byte.
template <class Arithmetic>
class Plan::ConvertedLines {
 public:
  using Sample = typename Arithmetic::Sample;

  ConvertedLines(const Plan& plan, const FrameView& frame, std::uint8_t* workspace)
      : channels_(plan.channels_),
        order_(channels_ == 1 ? std::array<int, 3>{0, 0, 0}
                              : tensor_order(plan.spec_.color_mode, {0, 1, 2})),
        conversion_(plan.conversion_of(frame)),
        levels_(reinterpret_cast<Sample*>(workspace + plan.levels_offset_)) {
    for (std::size_t p = 0; p < static_cast<std::size_t>(plan.plane_count_); ++p) {
      streams_[p].emplace(plan, p, frame, workspace);
    }
  }

  void begin(int x, int size) {
    size_ = size;
    for (auto& stream : streams_) {
      if (stream) stream->begin(x, size);
    }
  }

  void encode(int y, const Affine& affine, const RowTarget& target) {
    const std::size_t samples = read_lines(y);
    if (channels_ == 3) {
      convert<3, 3>(conversion_, lines_, size_, levels_);
    } else if (samples == 2) {
      convert<2, 1>(conversion_, lines_, size_, levels_);
    } else {
      convert<1, 1>(conversion_, lines_, size_, levels_);
    }
    affine.encode(levels_, channels_, order_, size_, target);
  }

 private:
  // How many samples a pixel has.
  std::size_t read_lines(int y) {
    std::size_t samples = 0;
    for (auto& stream : streams_) {
      if (!stream) continue;
      const Sample* line = stream->line(y);
      for (int c = 0; c < stream->channels(); ++c) lines_[samples++] = line + c * size_;
    }
    return samples;
  }

  int channels_;
  std::array<int, 3> order_;
  Conversion conversion_;
  Sample* levels_;
  std::array<std::optional<Stream<Arithmetic>>, 3> streams_;
  std::array<const Sample*, 3> lines_{};
  int size_ = 0;
};

}  // namespace edgeclf
