#include "frames.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "bindings.h"

namespace py = pybind11;

namespace edgeclf {
namespace {

constexpr py::ssize_t kLongestSide = 65535;

// Where a format keeps red, green and blue among its channels.
struct PackedFormat {
  const char* name;
  int channels;
  std::array<int, 3> rgb;
};

constexpr PackedFormat kPackedFormats[] = {
    {"bgr", 3, {2, 1, 0}},  {"rgb", 3, {0, 1, 2}},  {"bgra", 4, {2, 1, 0}},
    {"rgba", 4, {0, 1, 2}}, {"gray", 1, {0, 0, 0}},
};

const PackedFormat& packed_format_named(const std::string& name) {
  for (const PackedFormat& format : kPackedFormats) {
    if (name == format.name) return format;
  }
  raise("FrameError", "format: expected bgr, rgb, bgra, rgba or gray; got " + name);
}

bool are_sides(py::ssize_t width, py::ssize_t height) {
  return width >= 1 && height >= 1 && width <= kLongestSide && height <= kLongestSide;
}

void check_sides(py::ssize_t width, py::ssize_t height) {
  if (are_sides(width, height)) return;
  raise("FrameError", "expected 1 to 65535 pixels a side, got " + std::to_string(width) + "x" +
                          std::to_string(height));
}

ByteGrid grid_of(const py::array& array) {
  ByteGrid grid;
  grid.data = static_cast<const std::uint8_t*>(array.data());
  grid.stride_y = array.strides(0);
  grid.stride_x = array.strides(1);
  if (array.ndim() == 3) grid.stride_c = array.strides(2);
  return grid;
}

// The shapes of a format's grids; a third number is how many bytes an element has.
std::vector<std::vector<py::ssize_t>> grid_shapes(YuvFormat format, py::ssize_t width,
                                                  py::ssize_t height) {
  const py::ssize_t half_width = (width + 1) / 2;
  const py::ssize_t half_height = (height + 1) / 2;
  switch (grids_of(format)) {
    case 1: return {{height, half_width * 2, 2}};
    case 2: return {{height, width}, {half_height, half_width, 2}};
    default: return {{height, width}, {half_height, half_width}, {half_height, half_width}};
  }
}

std::string text_of(const std::vector<py::ssize_t>& shape) {
  std::string text;
  for (const auto length : shape) text += (text.empty() ? "" : "x") + std::to_string(length);
  return text;
}

YuvFormat yuv_format_named(const std::string& name) {
  return named<YuvFormat>(name, {"nv12", "nv21", "i420", "yv12", "yuyv", "uyvy"});
}

bool covers(int blocks, int pixels, int span, int phase) {
  return span >= 1 && phase >= 0 && phase < span && pixels >= 1 && pixels <= kLongestSide &&
         (pixels + phase + span - 1) / span == blocks;
}

bool has_shape(const py::array& array, const std::vector<py::ssize_t>& shape) {
  return std::vector<py::ssize_t>(array.shape(), array.shape() + array.ndim()) == shape;
}

}  // namespace

bool is_picture(const py::array& pixels) {
  const bool gray = pixels.ndim() == 2;
  const bool colour = pixels.ndim() == 3 && pixels.shape(2) == 3;
  return has_dtype(pixels, DType::uint8) && (gray || colour) &&
         are_sides(pixels.shape(1), pixels.shape(0));
}

FrameView packed_view(const py::array& pixels, const std::string& name) {
  const PackedFormat& format = packed_format_named(name);
  const bool flat = format.channels == 1;
  if (!has_dtype(pixels, DType::uint8) || pixels.ndim() != (flat ? 2 : 3) ||
      (!flat && pixels.shape(2) != format.channels)) {
    raise("FrameError", std::string("expected uint8 pixels of ") + (flat ? "HxW" : "HxWxC") +
                            " for " + format.name + ", got " + dtype_text(pixels) + " " +
                            shape_text(pixels));
  }
  check_sides(pixels.shape(1), pixels.shape(0));
  return packed_frame(grid_of(pixels), static_cast<int>(pixels.shape(1)),
                      static_cast<int>(pixels.shape(0)), flat ? 1 : 3, format.rgb);
}

FrameView averages_view(const py::array& pixels, const std::string& format, const Averages& of) {
  const FrameView averages = packed_view(pixels, format);
  const auto [width, height, span, phase_x, phase_y] = of;
  if (!covers(averages.width, width, span, phase_x) ||
      !covers(averages.height, height, span, phase_y)) {
    throw py::value_error("averages: expected one for each block of the frame");
  }
  return averaged_frame(averages, width, height, span, phase_x, phase_y);
}

FrameView packed_grid_view(const ByteGrid& grid, const std::string& name, int width, int height) {
  const PackedFormat& format = packed_format_named(name);
  check_sides(width, height);
  return packed_frame(grid, width, height, format.channels == 1 ? 1 : 3, format.rgb);
}

FrameView gray16_view(const py::array& pixels, double low, double high) {
  if (!has_native_uint16(pixels) || pixels.ndim() != 2) {
    raise("FrameError", "expected uint16 pixels of HxW in native byte order for gray16, got " +
                            dtype_text(pixels) + " " + shape_text(pixels));
  }
  if (!std::isfinite(low) || !std::isfinite(high) || low == high) {
    raise("FrameError", "window: expected (low, high), two different numbers");
  }
  check_sides(pixels.shape(1), pixels.shape(0));
  return gray16_frame(grid_of(pixels), static_cast<int>(pixels.shape(1)),
                      static_cast<int>(pixels.shape(0)), {low, high});
}

FrameView yuv_grid_view(const std::array<ByteGrid, 3>& grids, const std::string& name, int width,
                        int height, const std::string& color_matrix,
                        const std::string& color_range) {
  check_sides(width, height);
  const YuvEncoding encoding{named<ColorMatrix>(color_matrix, {"bt601", "bt709"}),
                             named<ColorRange>(color_range, {"limited", "full"})};
  return yuv_frame(yuv_format_named(name), grids, width, height, encoding);
}

FrameView yuv_view(const py::tuple& grids, const std::string& name, int width, int height,
                   const std::string& color_matrix, const std::string& color_range) {
  const YuvFormat format = yuv_format_named(name);
  check_sides(width, height);
  const auto shapes = grid_shapes(format, width, height);
  if (grids.size() != shapes.size()) {
    raise("FrameError", name + ": expected " + std::to_string(shapes.size()) + " planes, got " +
                            std::to_string(grids.size()));
  }
  std::array<ByteGrid, 3> views;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const auto grid = py::reinterpret_borrow<py::array>(grids[i]);
    if (!py::isinstance<py::array>(grid) || !has_dtype(grid, DType::uint8) ||
        !has_shape(grid, shapes[i])) {
      raise("FrameError", name + ", plane " + std::to_string(i) + ": expected uint8 bytes of " +
                              text_of(shapes[i]));
    }
    views[i] = grid_of(grid);
  }
  return yuv_grid_view(views, name, width, height, color_matrix, color_range);
}

}  // namespace edgeclf
