// The Python module: a list of its parts.
#include "bindings.h"

PYBIND11_MODULE(_core, module) {
  module.doc() = "edgeclf's C++ core. Use edgeclf.preprocess and edgeclf.postprocess.";
  edgeclf::bind_instruction_set(module);
  edgeclf::bind_preprocessor(module);
  edgeclf::bind_geometry(module);
  edgeclf::bind_postprocessor(module);
  edgeclf::bind_cuda(module);
}
