#include "bindings.h"

namespace py = pybind11;

namespace edgeclf {
namespace {

char kind_of(DType dtype) {
  switch (dtype) {
    case DType::uint8: return 'u';
    case DType::int8: return 'i';
    default: return 'f';
  }
}

bool is_native(char order) {
  const std::uint16_t one = 1;
  const bool little = *reinterpret_cast<const std::uint8_t*>(&one) == 1;
  return order == '=' || order == '|' || order == (little ? '<' : '>');
}

}  // namespace

void raise(const char* error, const std::string& message) {
  PyErr_SetString(py::module_::import("edgeclf.errors").attr(error).ptr(), message.c_str());
  throw py::error_already_set();
}

DType dtype_named(const std::string& name) {
  return named<DType>(name, {"float32", "float16", "uint8", "int8"});
}

std::optional<Quantization> quantization_from(const py::object& pair) {
  if (pair.is_none()) return std::nullopt;
  const auto values = pair.cast<py::sequence>();
  return Quantization{values[0].cast<double>(), values[1].cast<int>()};
}

bool has_dtype(const py::array& array, DType dtype) {
  const py::dtype actual = array.dtype();
  return actual.kind() == kind_of(dtype) && actual.itemsize() == size_of(dtype) &&
         is_native(actual.byteorder());
}

bool has_native_uint16(const py::array& array) {
  const py::dtype actual = array.dtype();
  return actual.kind() == 'u' && actual.itemsize() == 2 && is_native(actual.byteorder());
}

std::string shape_text(const py::array& array) {
  return py::str(array.attr("shape")).cast<std::string>();
}

std::string dtype_text(const py::array& array) {
  return py::str(array.dtype()).cast<std::string>();
}

}  // namespace edgeclf
