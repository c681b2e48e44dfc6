// Over 200 lines because it makes every kind of frame.
//
// Any frame through any spec. Built with the address sanitizer, on buffers of the exact size, it
// finds reads and writes beyond the pixels. Besides, two things must hold:
//   - every byte of the tensor is written, and the same twice;
//   - a frame gives what a plain copy of its samples gives, however its bytes lie in memory.
#include "edgeclf/preprocessor.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "input.h"

using namespace edgeclf;

namespace {

constexpr int kLongestSide = 300;
constexpr int kLongestTensorSide = 70;

// Memory of exactly `size` bytes: one byte more and the sanitizer speaks up.
struct Block {
  explicit Block(std::size_t count) : size(count), bytes(new std::uint8_t[count]) {}
  std::size_t size;
  std::unique_ptr<std::uint8_t[]> bytes;
};

InputSpec spec_from(Input& input) {
  InputSpec spec;
  spec.width = input.number(1, kLongestTensorSide);
  spec.height = input.number(1, kLongestTensorSide);
  spec.color_mode = input.choice(ColorMode::gray);
  spec.resize_mode = input.choice(ResizeMode::center_crop);
  if (spec.resize_mode == ResizeMode::center_crop) {
    spec.resize_size = input.number(1, kLongestTensorSide + 20);
  }
  spec.crop_rounding = input.choice(CropRounding::floor);
  spec.interpolation = input.choice(Interpolation::area);
  spec.antialias = input.flag();
  if (input.flag()) spec.exact = false;
  if (input.flag()) {
    spec.rescale_factor = 1.0 / 255;
    spec.mean = PerChannel<double>{0.485, 0.456, 0.406};
    spec.std = PerChannel<double>{0.229, 0.224, 0.225};
  }
  if (input.flag()) spec.pad_value = PerChannel<std::uint8_t>{1, 2, 3};
  spec.layout = input.choice(Layout::nhwc);
  spec.dtype = input.choice(DType::int8);
  return spec;
}

// A grid of `channels` bytes an element, with padding and in any direction.
struct Grid {
  ByteGrid view;
  std::unique_ptr<Block> block;
};

Grid grid_from(Input& input, int width, int height, int channels, bool any_order = true) {
  const std::ptrdiff_t pixel = channels + (input.flag() ? input.number(0, 3) : 0);
  const std::ptrdiff_t row = pixel * (width - 1) + channels + input.number(0, 9);
  const std::ptrdiff_t size = row * (height - 1) + pixel * (width - 1) + channels;
  Grid grid{{}, std::make_unique<Block>(static_cast<std::size_t>(size))};
  input.fill(grid.block->bytes.get(), grid.block->size);
  grid.view = {grid.block->bytes.get(), pixel, row, 1};
  if (input.flag()) {
    grid.view.data += pixel * (width - 1);
    grid.view.stride_x = -pixel;
  }
  if (input.flag()) {
    grid.view.data += row * (height - 1);
    grid.view.stride_y = -row;
  }
  if (any_order && input.flag()) {  // the last byte first
    grid.view.data += channels - 1;
    grid.view.stride_c = -1;
  } else if (any_order && input.flag()) {  // grey shown as colour
    grid.view.stride_c = 0;
  }
  return grid;
}

int half(int length) { return (length + 1) / 2; }

struct Source {
  FrameView view;
  std::vector<Grid> grids;
};

Source packed_source(Input& input, int width, int height) {
  const int samples = std::array<int, 3>{1, 3, 4}[static_cast<std::size_t>(input.number(0, 2))];
  Source source;
  source.grids.push_back(grid_from(input, width, height, samples));
  const bool bgr = input.flag();
  source.view = packed_frame(source.grids[0].view, width, height, samples == 1 ? 1 : 3,
                             samples == 1 ? std::array<int, 3>{0, 0, 0}
                             : bgr        ? std::array<int, 3>{2, 1, 0}
                                          : std::array<int, 3>{0, 1, 2});
  return source;
}

Source yuv_source(Input& input, int width, int height) {
  const YuvFormat format = input.choice(YuvFormat::uyvy);
  const YuvEncoding encoding{input.choice(ColorMatrix::bt709), input.choice(ColorRange::full)};
  Source source;
  const int grids = grids_of(format);
  if (grids == 1) {
    source.grids.push_back(grid_from(input, 2 * half(width), height, 2));
  } else {
    source.grids.push_back(grid_from(input, width, height, 1));
    for (int i = 1; i < grids; ++i) {
      source.grids.push_back(grid_from(input, half(width), half(height), grids == 2 ? 2 : 1));
    }
  }
  std::array<ByteGrid, 3> views;
  for (std::size_t i = 0; i < source.grids.size(); ++i) views[i] = source.grids[i].view;
  source.view = yuv_frame(format, views, width, height, encoding);
  return source;
}

Source gray16_source(Input& input, int width, int height) {
  Source source;
  source.grids.push_back(grid_from(input, width, height, 2, false));  // this machine's order
  const double low = input.number(0, 60000);
  source.view = gray16_frame(source.grids[0].view, width, height,
                             {low, low + (input.flag() ? -1.0 : 1.0) * input.number(1, 5000)});
  return source;
}

Source source_from(Input& input) {
  const int width = input.number(1, kLongestSide);
  const int height = input.number(1, kLongestSide);
  switch (input.number(0, 3)) {
    case 0: return yuv_source(input, width, height);
    case 1: return gray16_source(input, width, height);
    default: return packed_source(input, width, height);
  }
}

FrameView part_from(Input& input, const FrameView& frame) {
  if (!input.flag()) return frame;
  const int x = input.number(0, frame.width - 1);
  const int y = input.number(0, frame.height - 1);
  const FrameView region =
      region_of(frame, x, y, input.number(1, frame.width - x), input.number(1, frame.height - y));
  return rotated(region, input.number(0, 3));
}

// A picture of which the packed frame's pixels are the averages; or a part of it.
FrameView averaged_from(Input& input, const FrameView& averages) {
  const int span = 2 << input.number(0, 2);
  const auto pixels = [&](int blocks, int phase) {
    return std::max(blocks * span - phase - input.number(0, span - 1),
                    (blocks - 1) * span + 1 - phase);
  };
  const int phase_x = averages.width > 1 ? input.number(0, span - 1) : 0;
  const int phase_y = averages.height > 1 ? input.number(0, span - 1) : 0;
  const int width = pixels(averages.width, phase_x);
  const int height = pixels(averages.height, phase_y);
  return part_from(input, averaged_frame(averages, width, height, span, phase_x, phase_y));
}

Block tensor_of(Preprocessor& preprocessor, const FrameView& frame, int fill) {
  const InputSpec& spec = preprocessor.spec();
  Block tensor(static_cast<std::size_t>(spec.width) * static_cast<std::size_t>(spec.height) *
               static_cast<std::size_t>(spec.channels() * size_of(spec.dtype)));
  std::memset(tensor.bytes.get(), fill, tensor.size);
  preprocessor.run(frame, tensor.bytes.get());
  return tensor;
}

bool equal(const Block& a, const Block& b) {
  return a.size == b.size && std::memcmp(a.bytes.get(), b.bytes.get(), a.size) == 0;
}

struct Copy {
  FrameView view;
  std::vector<Block> planes;
};

int blocks_of(int pixels, const Fold& fold) {
  return (pixels + fold.phase + fold.span - 1) / fold.span;
}

// Samples `first` to `first + count` of each of the plane's blocks, block after block.
void add_plane(Copy& copy, const PlaneView& plane, int first, int count) {
  const int width = blocks_of(copy.view.width, plane.fold_x);
  const int height = blocks_of(copy.view.height, plane.fold_y);
  Block block(static_cast<std::size_t>(width) * static_cast<std::size_t>(height * count));
  std::uint8_t* to = block.bytes.get();
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = first; c < first + count; ++c) {
        *to++ = plane.at(x, y)[plane.offset[static_cast<std::size_t>(c)]];
      }
    }
  }
  PlaneView& added = copy.view.planes[copy.planes.size()];
  added = {block.bytes.get(), count,       std::ptrdiff_t{count} * width, count, {0, 1, 2},
           plane.fold_x,      plane.fold_y};
  copy.planes.push_back(std::move(block));
}

// The same samples in memory without gaps, Y, U and V apart.
Copy plain_copy(const FrameView& frame) {
  Copy copy{frame, {}};
  for (std::size_t p = 0; p < static_cast<std::size_t>(frame.plane_count); ++p) {
    const PlaneView& plane = frame.planes[p];
    const int together = frame.kind == FrameKind::yuv ? 1 : plane.channels;
    for (int c = 0; c < plane.channels; c += together) add_plane(copy, plane, c, together);
  }
  copy.view.plane_count = static_cast<int>(copy.planes.size());
  return copy;
}

std::optional<Quantization> quantization_from(Input& input, const InputSpec& spec) {
  if (size_of(spec.dtype) != 1 || !spec.normalised()) return std::nullopt;
  const int low = spec.dtype == DType::int8 ? -128 : 0;
  return Quantization{0.001 + 0.02 * input.number(0, 255) / 255.0, input.number(low, low + 255)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const InputSpec spec = spec_from(input);
  Preprocessor preprocessor(spec, quantization_from(input, spec), input.flag() ? 3 : 1);
  const Source source = source_from(input);
  const FrameView frame = part_from(input, source.view);
  const Block tensor = tensor_of(preprocessor, frame, 0x5A);
  require(equal(tensor, tensor_of(preprocessor, frame, 0xA5)));
  add_to_digest(tensor.bytes.get(), tensor.size);
  const Copy copy = plain_copy(frame);
  require(equal(tensor, tensor_of(preprocessor, copy.view, 0)));
  if (frame.kind == FrameKind::packed) {
    // Last, so that inputs kept from before mean what they meant.
    if (!input.flag()) return 0;
    const FrameView averaged = averaged_from(input, source.view);
    const Block reduced = tensor_of(preprocessor, averaged, 0x5A);
    require(equal(reduced, tensor_of(preprocessor, averaged, 0xA5)));
    add_to_digest(reduced.bytes.get(), reduced.size);
  }
  return 0;
}
