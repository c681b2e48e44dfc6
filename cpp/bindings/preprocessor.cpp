// Frame to tensor for Python. Over 200 lines because a call's checks stand beside it.
#include "edgeclf/preprocessor.h"

#include <pybind11/stl.h>

#include <array>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include "bindings.h"
#include "frames.h"

namespace py = pybind11;

namespace edgeclf {
namespace {

template <class T>
std::optional<PerChannel<T>> per_channel(const py::object& values) {
  if (values.is_none()) return std::nullopt;
  const auto sequence = values.cast<py::sequence>();
  PerChannel<T> result;
  for (std::size_t c = 0; c < result.size(); ++c) {
    result[c] = sequence[sequence.size() == 1 ? 0 : std::min(c, sequence.size() - 1)].cast<T>();
  }
  return result;
}

}  // namespace

InputSpec spec_from(const py::object& spec) {
  const auto text = [&](const char* name) { return spec.attr(name).cast<std::string>(); };
  InputSpec result;
  result.width = spec.attr("width").cast<int>();
  result.height = spec.attr("height").cast<int>();
  result.color_mode = named<ColorMode>(text("color_mode"), {"rgb", "bgr", "gray"});
  result.resize_mode =
      named<ResizeMode>(text("resize_mode"), {"stretch", "letterbox", "center-crop"});
  if (!spec.attr("resize_size").is_none()) {
    result.resize_size = spec.attr("resize_size").cast<int>();
  }
  result.crop_rounding = named<CropRounding>(text("crop_rounding"), {"round", "floor"});
  result.interpolation = named<Interpolation>(
      text("interpolation"), {"nearest", "bilinear", "bicubic", "lanczos", "box", "area"});
  result.antialias = spec.attr("antialias").cast<bool>();
  if (!spec.attr("exact").is_none()) result.exact = spec.attr("exact").cast<bool>();
  result.rescale_factor = spec.attr("rescale_factor").cast<double>();
  result.mean = per_channel<double>(spec.attr("mean"));
  result.std = per_channel<double>(spec.attr("std"));
  result.pad_value = per_channel<std::uint8_t>(spec.attr("pad_value"));
  result.layout = named<Layout>(text("layout"), {"nchw", "nhwc"});
  result.dtype = dtype_named(text("dtype"));
  return result;
}

namespace {

std::string region_text(const std::array<int, 4>& region) {
  return "(" + std::to_string(region[0]) + ", " + std::to_string(region[1]) + ", " +
         std::to_string(region[2]) + ", " + std::to_string(region[3]) + ")";
}

}  // namespace

FrameView region_checked(const FrameView& view, const std::array<int, 4>& region) {
  const auto [x, y, width, height] = region;
  if (x < 0 || y < 0 || width < 1 || height < 1 || x > view.width - width ||
      y > view.height - height) {
    raise("FrameError", "region_of_interest: expected (x, y, width, height) inside the " +
                            std::to_string(view.width) + "x" + std::to_string(view.height) +
                            " frame, got " + region_text(region));
  }
  return region_of(view, x, y, width, height);
}

namespace {

// The lowest address an array touches, and the one past its highest.
std::pair<std::uintptr_t, std::uintptr_t> extent(const py::array& array) {
  auto low = reinterpret_cast<std::uintptr_t>(array.data());
  auto high = low + static_cast<std::uintptr_t>(array.itemsize());
  for (py::ssize_t i = 0; i < array.ndim(); ++i) {
    const py::ssize_t reach = (array.shape(i) - 1) * array.strides(i);
    // Modulo 2^n, so a negative reach moves down as it should.
    (reach < 0 ? low : high) += static_cast<std::uintptr_t>(reach);
  }
  return {low, high};
}

std::array<py::ssize_t, 3> item_shape(const InputSpec& spec) {
  if (spec.layout == Layout::nchw) return {spec.channels(), spec.height, spec.width};
  return {spec.height, spec.width, spec.channels()};
}

bool shape_fits(const py::array& out, const InputSpec& spec) {
  const auto wanted = item_shape(spec);
  const py::ssize_t extra = out.ndim() - 3;
  if (extra < 0 || extra > 1 || (extra == 1 && out.shape(0) != 1)) return false;
  for (py::ssize_t i = 0; i < 3; ++i) {
    if (out.shape(i + extra) != wanted[static_cast<std::size_t>(i)]) return false;
  }
  return true;
}

constexpr const char* kDTypeNames[] = {"float32", "float16", "uint8", "int8"};

std::string out_expected(const InputSpec& spec) {
  const auto shape = item_shape(spec);
  return std::string("out: expected a C-contiguous, aligned, writable ") +
         kDTypeNames[static_cast<std::size_t>(spec.dtype)] + " array of shape (1, " +
         std::to_string(shape[0]) + ", " + std::to_string(shape[1]) + ", " +
         std::to_string(shape[2]) + ") in native byte order, got ";
}

std::string out_fault(const py::array& out, const InputSpec& spec) {
  if (!has_dtype(out, spec.dtype) || !shape_fits(out, spec)) {
    return dtype_text(out) + " (byte order '" + out.dtype().byteorder() + "') of shape " +
           shape_text(out);
  }
  if ((out.flags() & py::array::c_style) == 0) return "one that is not C-contiguous";
  if (!out.writeable()) return "a read-only one";
  if (reinterpret_cast<std::uintptr_t>(out.data()) %
          static_cast<std::uintptr_t>(size_of(spec.dtype)) !=
      0) {
    return "one that is not aligned";
  }
  return "";
}

void* out_checked(py::array& out, const InputSpec& spec) {
  const std::string fault = out_fault(out, spec);
  if (!fault.empty()) raise("FrameError", out_expected(spec) + fault);
  return out.mutable_data();
}

void check_apart(const py::array& out, const py::array& frame) {
  const auto [out_low, out_high] = extent(out);
  const auto [frame_low, frame_high] = extent(frame);
  if (out_low < frame_high && frame_low < out_high) {
    raise("FrameError", "out: it overlaps the frame's memory; give it memory of its own");
  }
}

// Which part of the frame is meant, and how it is turned.
struct Part {
  std::array<int, 4> region;  // x, y, width, height
  int quarter_turns;
};

void run_view(Preprocessor& preprocessor, const FrameView& view, const Part& part, void* tensor) {
  const FrameView seen = rotated(region_checked(view, part.region), part.quarter_turns & 3);
  const py::gil_scoped_release unlocked;
  preprocessor.run(seen, tensor);
}

void run(Preprocessor& preprocessor, const py::array& pixels, const std::string& format,
         py::array out, int quarter_turns, int x, int y, int width, int height) {
  const FrameView view = packed_view(pixels, format);
  void* tensor = out_checked(out, preprocessor.spec());
  check_apart(out, pixels);
  run_view(preprocessor, view, {{x, y, width, height}, quarter_turns}, tensor);
}

// What most frames are: whole, upright and packed. A call with fewer arguments costs less.
void run_whole(Preprocessor& preprocessor, const py::array& pixels, const std::string& format,
               py::array out, int width, int height) {
  run(preprocessor, pixels, format, std::move(out), 0, 0, 0, width, height);
}

// What most calls bring: an array of the frame format, whole and upright. False, and nothing is
// done, where it is another one, for Python to convert it or to say what is wrong.
bool run_array(Preprocessor& preprocessor, const py::array& pixels, const std::string& format,
               const py::array& out) {
  if (!is_picture(pixels)) return false;
  run_whole(preprocessor, pixels, pixels.ndim() == 2 ? "gray" : format, out,
            static_cast<int>(pixels.shape(1)), static_cast<int>(pixels.shape(0)));
  return true;
}

// A picture of which `pixels` are the averages of blocks; the region is in its own pixels.
void run_averages(Preprocessor& preprocessor, const py::array& pixels, const std::string& format,
                  const Averages& of, py::array out, int quarter_turns, int x, int y, int width,
                  int height) {
  const FrameView view = averages_view(pixels, format, of);
  void* tensor = out_checked(out, preprocessor.spec());
  check_apart(out, pixels);
  run_view(preprocessor, view, {{x, y, width, height}, quarter_turns}, tensor);
}

void run_gray16(Preprocessor& preprocessor, const py::array& pixels, double low, double high,
                py::array out, int quarter_turns, int x, int y, int width, int height) {
  const FrameView view = gray16_view(pixels, low, high);
  void* tensor = out_checked(out, preprocessor.spec());
  check_apart(out, pixels);
  run_view(preprocessor, view, {{x, y, width, height}, quarter_turns}, tensor);
}

void run_yuv(Preprocessor& preprocessor, const py::tuple& grids, const std::string& format,
             int frame_width, int frame_height, const std::string& color_matrix,
             const std::string& color_range, py::array out, int quarter_turns, int x, int y,
             int width, int height) {
  const FrameView view =
      yuv_view(grids, format, frame_width, frame_height, color_matrix, color_range);
  void* tensor = out_checked(out, preprocessor.spec());
  for (const py::handle grid : grids) check_apart(out, grid.cast<py::array>());
  run_view(preprocessor, view, {{x, y, width, height}, quarter_turns}, tensor);
}

}  // namespace

void bind_preprocessor(py::module_& module) {
  py::class_<Preprocessor>(module, "Preprocessor")
      .def(py::init([](const py::object& spec, const py::object& quantization, int num_threads) {
             try {
               return std::make_unique<Preprocessor>(spec_from(spec),
                                                     quantization_from(quantization), num_threads);
             } catch (const std::system_error& error) {
               raise("ArgumentError", "num_threads: this process cannot start " +
                                          std::to_string(num_threads - 1) +
                                          " more threads: " + error.what() + ". Ask for fewer");
             }
           }),
           py::arg("input_spec"), py::arg("quantization") = py::none(), py::arg("num_threads") = 1)
      .def("run", &run)
      .def("run_whole", &run_whole)
      .def("run_array", &run_array)
      .def("run_averages", &run_averages)
      .def("run_gray16", &run_gray16)
      .def("run_yuv", &run_yuv)
      .def_property_readonly("takes_pixels", &Preprocessor::takes_pixels)
      .def_property_readonly("plans_made", &Preprocessor::plans_made)
      .def_property_readonly("plans_kept", &Preprocessor::plans_kept);
}

}  // namespace edgeclf
