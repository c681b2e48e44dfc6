// What the parts of the binding share.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "edgeclf/frame.h"
#include "edgeclf/spec.h"

namespace edgeclf {

void bind_instruction_set(pybind11::module_& module);
void bind_preprocessor(pybind11::module_& module);
void bind_postprocessor(pybind11::module_& module);
void bind_geometry(pybind11::module_& module);  // after bind_preprocessor
void bind_cuda(pybind11::module_& module);

// Raise edgeclf.errors.<error> with `message`.
[[noreturn]] void raise(const char* error, const std::string& message);

// The names that edgeclf/spec.py uses. The specs were checked there: an unknown name is a fault of
// this package, and a ValueError.
template <class Enum, std::size_t kSize>
Enum named(const std::string& name, const char* const (&names)[kSize]) {
  for (std::size_t i = 0; i < kSize; ++i) {
    if (name == names[i]) return static_cast<Enum>(i);
  }
  throw pybind11::value_error("unknown name: " + name);
}

DType dtype_named(const std::string& name);
std::optional<Quantization> quantization_from(const pybind11::object& pair);

// Whether the array's elements are `dtype` in this machine's byte order.
bool has_dtype(const pybind11::array& array, DType dtype);
bool has_native_uint16(const pybind11::array& array);

// Of the Python side's InputSpec, which was checked there.
InputSpec spec_from(const pybind11::object& spec);

// The part (x, y, width, height) of a frame. Raises FrameError where it does not lie within.
FrameView region_checked(const FrameView& view, const std::array<int, 4>& region);

std::string shape_text(const pybind11::array& array);
std::string dtype_text(const pybind11::array& array);

}  // namespace edgeclf
