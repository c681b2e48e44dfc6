#include "edgeclf/instruction_set.h"

#include <pybind11/stl.h>

#include <stdexcept>

#include "bindings.h"
#include "edgeclf/resample.h"

namespace py = pybind11;

namespace edgeclf {

void bind_instruction_set(py::module_& module) {
  module.def("instruction_set", [] { return kernels().name; });
  module.def("available_instruction_sets", &available_instruction_sets);
  // EDGECLF_CPU names none that there is: found out where kernels are first wanted.
  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::invalid_argument& error) {
      const py::object type = py::module_::import("edgeclf.errors").attr("ArgumentError");
      PyErr_SetString(type.ptr(), error.what());
    }
  });
}

}  // namespace edgeclf
