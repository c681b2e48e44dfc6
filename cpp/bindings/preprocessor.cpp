#include "edgeclf/preprocessor.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "bindings.h"

namespace py = pybind11;

namespace edgeclf {
namespace {

// Where a format keeps red, green and blue among its channels.
struct Format {
  const char* name;
  int channels;
  std::array<int, 3> rgb;
};

constexpr Format kFormats[] = {
    {"bgr", 3, {2, 1, 0}},  {"rgb", 3, {0, 1, 2}},  {"bgra", 4, {2, 1, 0}},
    {"rgba", 4, {0, 1, 2}}, {"gray", 1, {0, 0, 0}},
};

const Format& format_named(const std::string& name) {
  for (const Format& format : kFormats) {
    if (name == format.name) return format;
  }
  raise("FrameError", "format: expected bgr, rgb, bgra, rgba or gray; got " + name);
}

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

FrameView view_of(const py::array& frame, const Format& format) {
  const bool flat = format.channels == 1;
  const auto dimensions = flat ? 2 : 3;
  if (!has_dtype(frame, DType::uint8) || frame.ndim() != dimensions ||
      (!flat && frame.shape(2) != format.channels)) {
    raise("FrameError", std::string("expected uint8 pixels of ") + (flat ? "HxW" : "HxWxC") +
                            " for " + format.name + ", got " + dtype_text(frame) + " " +
                            shape_text(frame));
  }
  constexpr py::ssize_t longest = 65535;
  if (frame.shape(0) < 1 || frame.shape(1) < 1 || frame.shape(0) > longest ||
      frame.shape(1) > longest) {
    raise("FrameError", "expected 1 to 65535 pixels a side, got " + shape_text(frame));
  }
  FrameView view;
  view.data = static_cast<const std::uint8_t*>(frame.data());
  view.width = static_cast<int>(frame.shape(1));
  view.height = static_cast<int>(frame.shape(0));
  view.stride_x = frame.strides(1);
  view.stride_y = frame.strides(0);
  view.channels = flat ? 1 : 3;
  for (std::size_t c = 0; c < 3; ++c) {
    view.offset[c] = flat ? 0 : format.rgb[c] * frame.strides(2);
  }
  return view;
}

std::string region_text(const std::array<int, 4>& region) {
  return "(" + std::to_string(region[0]) + ", " + std::to_string(region[1]) + ", " +
         std::to_string(region[2]) + ", " + std::to_string(region[3]) + ")";
}

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

void* out_checked(py::array& out, const InputSpec& spec, const py::array& frame) {
  const std::string fault = out_fault(out, spec);
  if (!fault.empty()) raise("FrameError", out_expected(spec) + fault);
  const auto [out_low, out_high] = extent(out);
  const auto [frame_low, frame_high] = extent(frame);
  if (out_low < frame_high && frame_low < out_high) {
    raise("FrameError", "out: it overlaps the frame's memory; give it memory of its own");
  }
  return out.mutable_data();
}

void run(Preprocessor& preprocessor, const py::array& frame, const std::string& format,
         py::array out, int quarter_turns, int x, int y, int width, int height) {
  const FrameView view = view_of(frame, format_named(format));
  const FrameView part = rotated(region_checked(view, {x, y, width, height}), quarter_turns & 3);
  void* tensor = out_checked(out, preprocessor.spec(), frame);
  const py::gil_scoped_release unlocked;
  preprocessor.run(part, tensor);
}

}  // namespace

void bind_preprocessor(py::module_& module) {
  py::class_<Preprocessor>(module, "Preprocessor")
      .def(py::init([](const py::object& spec, const py::object& quantization) {
             return std::make_unique<Preprocessor>(spec_from(spec),
                                                   quantization_from(quantization));
           }),
           py::arg("input_spec"), py::arg("quantization") = py::none())
      .def("run", &run)
      .def_property_readonly("takes_pixels", &Preprocessor::takes_pixels)
      .def_property_readonly("plans_made", &Preprocessor::plans_made)
      .def_property_readonly("plans_kept", &Preprocessor::plans_kept);
}

}  // namespace edgeclf
