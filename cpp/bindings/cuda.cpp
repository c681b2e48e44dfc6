// Plans for the CUDA kernel, and its source. No CUDA in here: addresses of the device are numbers.
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings.h"
#include "edgeclf/cuda_plan.h"
#include "frames.h"

namespace py = pybind11;

namespace edgeclf {
namespace {

constexpr char kSource[] =
#include "cuda_source.inc"
    ;

constexpr std::size_t kPlansKept = 16;

struct NumberedPlan {
  CudaPlan plan;
  std::uint64_t number;  // no two plans of a process have the same
};

// A frame as the kernel is to see it. The arrays are kept as long as this.
class CudaFrame {
 public:
  CudaFrame(std::shared_ptr<const NumberedPlan> plan, const FrameView& view, py::object keep,
            bool on_device)
      : plan_(std::move(plan)), view_(view), keep_(std::move(keep)) {
    if (!on_device) staging_.emplace(plan_->plan, view_);
  }

  std::uint64_t plan_number() const { return plan_->number; }

  // What has to be copied to the device; 0 for a frame that is there.
  std::size_t staged_bytes() const { return staging_ ? staging_->size() : 0; }

  void stage(std::uintptr_t memory, std::size_t capacity) const {
    if (!staging_ || capacity < staging_->size()) throw py::value_error("too little memory");
    const py::gil_scoped_release unlocked;
    staging_->copy(reinterpret_cast<std::uint8_t*>(memory));
  }

  py::bytes tables() const {
    const auto& words = plan_->plan.tables();
    return {reinterpret_cast<const char*>(words.data()), words.size() * sizeof(std::int32_t)};
  }

  py::bytes arguments(std::uintptr_t tables, std::uintptr_t pixels, std::uintptr_t tensor) const {
    CudaArguments a = staging_ ? staging_->arguments(reinterpret_cast<const std::uint8_t*>(pixels))
                               : plan_->plan.arguments(view_);
    a.tables = reinterpret_cast<const int*>(tables);
    a.tensor = reinterpret_cast<void*>(tensor);
    return {reinterpret_cast<const char*>(&a), sizeof a};
  }

 private:
  std::shared_ptr<const NumberedPlan> plan_;
  FrameView view_;
  py::object keep_;
  std::optional<Staging> staging_;
};

std::uint64_t next_number() {
  static std::mutex mutex;
  static std::uint64_t made = 0;
  const std::lock_guard<std::mutex> lock(mutex);
  return ++made;
}

struct Part {
  std::array<int, 4> region;  // x, y, width, height
  int quarter_turns;
};

// Keeps the plans of the layouts it meets, as the host's Preprocessor does. Thread-safe.
class CudaPreprocessor {
 public:
  CudaPreprocessor(const InputSpec& spec, const std::optional<Quantization>& quantization)
      : spec_(spec), affine_(spec, quantization) {}

  CudaFrame frame(const FrameView& view, const Part& part, py::object keep, bool on_device) {
    const FrameView seen = rotated(region_checked(view, part.region), part.quarter_turns & 3);
    return {plan_for(seen), seen, std::move(keep), on_device};
  }

  std::size_t plans_kept() const { return plans_.size(); }

 private:
  // Guarded by the GIL, which nothing here releases.
  std::shared_ptr<const NumberedPlan> plan_for(const FrameView& frame) {
    const FrameLayout layout(frame);
    const auto found = std::find_if(plans_.begin(), plans_.end(),
                                    [&](const auto& kept) { return kept->plan.fits(layout); });
    if (found != plans_.end()) {
      std::rotate(plans_.begin(), found, found + 1);
      return plans_.front();
    }
    plans_.insert(plans_.begin(), std::make_shared<const NumberedPlan>(NumberedPlan{
                                      CudaPlan(spec_, affine_, layout), next_number()}));
    if (plans_.size() > kPlansKept) plans_.pop_back();
    return plans_.front();
  }

  InputSpec spec_;
  Affine affine_;
  std::vector<std::shared_ptr<const NumberedPlan>> plans_;
};

CudaFrame packed(CudaPreprocessor& self, const py::array& pixels, const std::string& format,
                 int turns, int x, int y, int width, int height) {
  return self.frame(packed_view(pixels, format), {{x, y, width, height}, turns}, pixels, false);
}

CudaFrame averages(CudaPreprocessor& self, const py::array& pixels, const std::string& format,
                   const Averages& of, int turns, int x, int y, int width, int height) {
  const FrameView view = averages_view(pixels, format, of);
  return self.frame(view, {{x, y, width, height}, turns}, pixels, false);
}

CudaFrame gray16(CudaPreprocessor& self, const py::array& pixels, double low, double high,
                 int turns, int x, int y, int width, int height) {
  return self.frame(gray16_view(pixels, low, high), {{x, y, width, height}, turns}, pixels, false);
}

CudaFrame yuv(CudaPreprocessor& self, const py::tuple& grids, const std::string& format,
              int frame_width, int frame_height, const std::string& matrix,
              const std::string& range, int turns, int x, int y, int width, int height) {
  const FrameView view = yuv_view(grids, format, frame_width, frame_height, matrix, range);
  return self.frame(view, {{x, y, width, height}, turns}, grids, false);
}

ByteGrid grid_at(const std::array<std::int64_t, 4>& place) {
  ByteGrid grid;
  grid.data = reinterpret_cast<const std::uint8_t*>(static_cast<std::uintptr_t>(place[0]));
  grid.stride_y = static_cast<std::ptrdiff_t>(place[1]);
  grid.stride_x = static_cast<std::ptrdiff_t>(place[2]);
  grid.stride_c = static_cast<std::ptrdiff_t>(place[3]);
  return grid;
}

// Of each plane that lies on the device: its address, and its strides down, across, and from byte
// to byte. Whoever calls has checked the planes' shapes.
CudaFrame on_device(CudaPreprocessor& self, const std::vector<std::array<std::int64_t, 4>>& places,
                    const std::string& format, int frame_width, int frame_height,
                    const std::string& matrix, const std::string& range, int turns, int x, int y,
                    int width, int height) {
  std::array<ByteGrid, 3> grids;
  for (std::size_t i = 0; i < std::min(places.size(), grids.size()); ++i) {
    grids[i] = grid_at(places[i]);
  }
  const FrameView view =
      matrix.empty() ? packed_grid_view(grids[0], format, frame_width, frame_height)
                     : yuv_grid_view(grids, format, frame_width, frame_height, matrix, range);
  return self.frame(view, {{x, y, width, height}, turns}, py::none(), true);
}

}  // namespace

void bind_cuda(py::module_& module) {
  module.def("cuda_source", [] { return std::string(kSource); });
  module.attr("CUDA_ARGUMENTS_SIZE") = sizeof(CudaArguments);
  py::class_<CudaFrame>(module, "CudaFrame")
      .def_property_readonly("plan_number", &CudaFrame::plan_number)
      .def_property_readonly("staged_bytes", &CudaFrame::staged_bytes)
      .def("stage", &CudaFrame::stage)
      .def("tables", &CudaFrame::tables)
      .def("arguments", &CudaFrame::arguments);
  py::class_<CudaPreprocessor>(module, "CudaPreprocessor")
      .def(py::init([](const py::object& spec, const py::object& quantization) {
             return std::make_unique<CudaPreprocessor>(spec_from(spec),
                                                       quantization_from(quantization));
           }),
           py::arg("input_spec"), py::arg("quantization") = py::none())
      .def("packed", &packed)
      .def("averages", &averages)
      .def("gray16", &gray16)
      .def("yuv", &yuv)
      .def("on_device", &on_device)
      .def_property_readonly("plans_kept", &CudaPreprocessor::plans_kept);
}

}  // namespace edgeclf
