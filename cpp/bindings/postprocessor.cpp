#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bindings.h"
#include "edgeclf/scores.h"

namespace py = pybind11;

namespace edgeclf {
namespace {

// What an output's elements are.
struct Elements {
  DType dtype;
  std::optional<Quantization> quantization;
};

// Raw output to scores and the classes to report, for one model. Immutable, hence thread-safe.
struct Postprocessor {
  std::size_t num_classes;
  Elements scores;
  std::optional<Elements> feature_vector;  // of a model that has a second output
  Activation activation;
  std::optional<ScoreCalibration> calibration;
  Selection selection;
  py::tuple labels;     // one per class
  py::object category;  // the type, a named tuple of index, label and score
};

std::optional<ScoreCalibration> calibration_from(const py::object& calibration) {
  if (calibration.is_none()) return std::nullopt;
  ScoreCalibration result;
  result.transformation =
      named<ScoreTransformation>(calibration.attr("transformation").cast<std::string>(),
                                 {"identity", "log", "inverse_logistic"});
  result.default_score = calibration.attr("default_score").cast<double>();
  for (const py::handle row : calibration.attr("parameters")) {
    if (row.is_none()) {
      result.parameters.emplace_back();
      continue;
    }
    const auto values = row.cast<py::sequence>();
    SigmoidParameters parameters{values[0].cast<double>(), values[1].cast<double>(),
                                 values[2].cast<double>(), std::nullopt};
    if (!py::object(values[3]).is_none()) parameters.min_score = values[3].cast<double>();
    result.parameters.emplace_back(parameters);
  }
  return result;
}

std::vector<double> doubles_from(const py::sequence& values) {
  std::vector<double> result;
  for (const py::handle value : values) result.push_back(value.cast<double>());
  return result;
}

// Of a TensorInfo.
Elements elements_from(const py::object& info) {
  return {dtype_named(info.attr("dtype").cast<std::string>()),
          quantization_from(info.attr("quantization"))};
}

std::unique_ptr<Postprocessor> make(std::size_t num_classes, const py::object& scores,
                                    const py::object& feature_vector, const std::string& activation,
                                    const py::object& calibration, std::size_t top_k,
                                    const py::sequence& thresholds, const py::bytes& allowed,
                                    const py::tuple& labels, const py::type& category) {
  const std::string mask = allowed;
  auto result = std::make_unique<Postprocessor>();
  result->num_classes = num_classes;
  result->scores = elements_from(scores);
  if (!feature_vector.is_none()) result->feature_vector = elements_from(feature_vector);
  result->activation = named<Activation>(activation, {"softmax", "sigmoid", "none"});
  result->calibration = calibration_from(calibration);
  result->selection = {top_k, doubles_from(thresholds), {mask.begin(), mask.end()}};
  result->labels = labels;
  result->category = category;
  // The loops below index by class without looking again.
  const auto fits = [&](std::size_t size) { return size <= 1 || size == num_classes; };
  if (num_classes < 1 || !fits(result->selection.thresholds.size()) ||
      (!mask.empty() && mask.size() != num_classes) || labels.size() != num_classes ||
      (result->calibration && result->calibration->parameters.size() != num_classes)) {
    throw py::value_error("labels, thresholds, mask, calibration must have one entry per class");
  }
  return result;
}

constexpr const char* kDTypeNames[] = {"float32", "float16", "uint8", "int8"};

// Frame `item` of an output (batch, ...) that has `size` elements for each.
RawScores item_of(const py::array& output, DType dtype, std::size_t size, std::size_t item) {
  const auto frames = output.ndim() == 0 ? 0 : static_cast<std::size_t>(output.shape(0));
  if (!has_dtype(output, dtype) || (output.flags() & py::array::c_style) == 0 || item >= frames ||
      static_cast<std::size_t>(output.size()) != frames * size) {
    raise("InferenceError", "expected an output of dtype " +
                                std::string(kDTypeNames[static_cast<std::size_t>(dtype)]) +
                                " with " + std::to_string(size) + " values for frame " +
                                std::to_string(item) + " of the batch, got " + dtype_text(output) +
                                " " + shape_text(output));
  }
  const std::size_t bytes = size * static_cast<std::size_t>(size_of(dtype));
  return {static_cast<const std::uint8_t*>(output.data()) + item * bytes, size, dtype};
}

// The index of the first score that is not finite, or none.
std::optional<std::size_t> score(const Postprocessor& post, const RawScores& raw, float* scores) {
  dequantize(raw, post.scores.quantization, scores);
  if (const auto bad = first_not_finite(scores, raw.size)) return bad;
  activate(post.activation, scores, raw.size);
  if (!post.calibration) return std::nullopt;
  calibrate(*post.calibration, scores, raw.size);
  return first_not_finite(scores, raw.size);
}

// What is kept of a class to report until somebody asks for its Category.
struct Found {
  std::int32_t index;
  float score;
};

// As the named tuple's own __new__ makes it, without calling Python.
py::object category_of(const Postprocessor& post, const Found& found) {
  const py::tuple fields =
      py::make_tuple(found.index, post.labels[static_cast<std::size_t>(found.index)], found.score);
  const py::tuple arguments = py::make_tuple(fields);
  auto* type = reinterpret_cast<PyTypeObject*>(post.category.ptr());
  PyObject* made = PyTuple_Type.tp_new(type, arguments.ptr(), nullptr);
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(made);
}

// The categories that `run` found.
py::list categories(const Postprocessor& post, const py::bytes& found) {
  const auto bytes = static_cast<std::string_view>(found);
  py::list made(bytes.size() / sizeof(Found));
  for (std::size_t i = 0; i < made.size(); ++i) {
    Found one;
    std::memcpy(&one, bytes.data() + i * sizeof one, sizeof one);
    if (one.index < 0 || static_cast<std::size_t>(one.index) >= post.num_classes) {
      throw py::value_error("found: not of this postprocessor");
    }
    made[i] = category_of(post, one);
  }
  return made;
}

// One of a model's outputs. Nothing is converted: the result would not outlive the call.
py::array array_at(const py::sequence& outputs, std::size_t i) {
  if (i >= outputs.size()) {
    raise("InferenceError", "expected an output " + std::to_string(i + 1) + " of the model, got " +
                                std::to_string(outputs.size()) + " in all");
  }
  py::object output = outputs[i];
  if (!py::isinstance<py::array>(output)) {
    raise("InferenceError", "expected the model's outputs as NumPy arrays, got " +
                                std::string(Py_TYPE(output.ptr())->tp_name));
  }
  return py::reinterpret_borrow<py::array>(output);
}

// One frame's values as float32 in memory of their own.
py::array_t<float> values_of(const py::array& output, const Elements& elements, std::size_t item) {
  const py::ssize_t frames = output.ndim() == 0 ? 1 : std::max<py::ssize_t>(output.shape(0), 1);
  const py::ssize_t size = output.size() / frames;
  const RawScores raw = item_of(output, elements.dtype, static_cast<std::size_t>(size), item);
  py::array_t<float> values(size);
  dequantize(raw, elements.quantization, values.mutable_data());
  return values;
}

// One frame's scores, what `categories` needs, and its feature vector or None. All in one call:
// what a model has just driven out of the caches makes a second one dear.
py::tuple run(const Postprocessor& post, const py::sequence& outputs, std::size_t item) {
  const py::array output = array_at(outputs, 0);
  const RawScores raw = item_of(output, post.scores.dtype, post.num_classes, item);
  py::array_t<float> scores(static_cast<py::ssize_t>(post.num_classes));
  float* values = scores.mutable_data();
  std::optional<std::size_t> bad;
  std::vector<std::int32_t> classes;
  {
    const py::gil_scoped_release unlocked;
    bad = score(post, raw, values);
    if (!bad) classes = select_classes(post.selection, values, post.num_classes);
  }
  if (bad) {
    raise("InferenceError", "NaN or infinity in the model's scores, at index " +
                                std::to_string(*bad) +
                                ": the frame or the model's weights are damaged, or its "
                                "arithmetic overflows in this precision");
  }
  std::vector<Found> found;
  found.reserve(classes.size());
  for (const auto index : classes) found.push_back({index, values[index]});
  // One object for all classes: most frames' categories are looked at in part, or not at all.
  py::bytes kept(reinterpret_cast<const char*>(found.data()), found.size() * sizeof(Found));
  py::object vector = py::none();
  if (post.feature_vector && outputs.size() > 1) {
    vector = values_of(array_at(outputs, 1), *post.feature_vector, item);
  }
  return py::make_tuple(std::move(scores), std::move(kept), std::move(vector));
}

}  // namespace

void bind_postprocessor(py::module_& module) {
  py::class_<Postprocessor>(module, "Postprocessor")
      .def(py::init(&make), py::kw_only(), py::arg("num_classes"), py::arg("scores"),
           py::arg("feature_vector"), py::arg("activation"), py::arg("calibration"),
           py::arg("top_k"), py::arg("thresholds"), py::arg("allowed"), py::arg("labels"),
           py::arg("category"))
      .def("run", &run)
      .def("categories", &categories);
}

}  // namespace edgeclf
