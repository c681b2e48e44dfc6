// What Python has to know of the geometry before there are pixels: how much of them to decode.
#include "edgeclf/geometry.h"

#include <utility>

#include "bindings.h"
#include "edgeclf/preprocessor.h"

namespace edgeclf {
namespace {

std::pair<std::int64_t, std::int64_t> resized_size(const Preprocessor& preprocessor, int width,
                                                   int height) {
  if (width < 1 || height < 1) throw pybind11::value_error("expected at least one pixel a side");
  const Geometry geometry = place(preprocessor.spec(), width, height);
  return {geometry.x.resized, geometry.y.resized};
}

}  // namespace

void bind_geometry(pybind11::module_& module) { module.def("resized_size", &resized_size); }

}  // namespace edgeclf
