"""The ONNX model that an engine is built from: its graph, its weights, its spec."""

from __future__ import annotations

import hashlib
from typing import Any, Iterator, NamedTuple, Tuple, Union

from edgeclf import manifest
from edgeclf.errors import BackendUnavailable, ModelError
from edgeclf.manifest.base import Resolved
from edgeclf.model_file import ModelFile, ModelSource
from edgeclf.types import TensorInfo

__all__ = ["Origin", "read_origin", "require_onnx"]

_DTYPES = {1: "float32", 2: "uint8", 3: "int8", 10: "float16"}


class Origin(NamedTuple):
    """An ONNX model, read and understood.

    Attributes:
        model: the file.
        proto: the ``onnx.ModelProto``, weights from outside included.
        input, outputs: its tensors, as the graph states them.
        resolved: its spec, and which precision most weights have.
        sha256: of the file and the files that its weights lie in.
    """

    model: ModelFile
    proto: Any
    input: TensorInfo
    outputs: Tuple[TensorInfo, ...]
    resolved: Resolved
    sha256: str


def read_origin(
    source: Union[ModelFile, ModelSource], spec: Any = None, labels: Any = None
) -> Origin:
    """Read `source`, and resolve its spec as a Classifier would.

    Args:
        source: a path, bytes, or a ModelFile.
        spec, labels: as for Classifier.

    Raises:
        ModelError: not an ONNX model, or a damaged one. ManifestError, SpecMismatch: its spec is
            missing or contradicts. BackendUnavailable: the onnx package is not installed.
    """
    model = source if isinstance(source, ModelFile) else ModelFile(source)
    if model.format == "engine":
        raise ModelError(
            f"{model.name}: an engine already. An engine is built from the ONNX model, on the "
            "device that runs it: give the .onnx file"
        )
    if model.format != "onnx":
        raise ModelError(
            f"{model.name}: TensorRT reads ONNX models, and this is {model.format}. Export the "
            "network that it was made from to ONNX"
        )
    sources = manifest.read(model, spec=spec, labels=labels)
    manifest.check_external_data(model)
    graph = manifest.graph_facts(model)
    proto, sha256 = _loaded(model)
    input, outputs = _tensors(proto, model.name)
    resolved = manifest.resolve(sources, input, outputs[0], graph, model.name)
    return Origin(model, proto, input, outputs, resolved, sha256)


def require_onnx() -> Any:
    """The onnx package.

    Raises:
        BackendUnavailable: it is not installed.
    """
    try:
        import onnx
    except ImportError as exc:
        raise BackendUnavailable(
            "building an engine needs the onnx package: pip install 'edgeclf[tensorrt-build]'"
        ) from exc
    return onnx


def _loaded(model: ModelFile) -> Tuple[Any, str]:
    """The model with all weights inside, and its checksum. Their places have been checked."""
    onnx = require_onnx()
    try:
        proto = onnx.load_model_from_string(model.content)
        sha256 = _sha256(model, proto)
        if model.path is not None:
            onnx.load_external_data_for_model(proto, str(model.path.parent))
    except Exception as exc:
        raise ModelError(
            f"{model.name}: not a whole ONNX model ({exc}). Was the copy cut short or damaged?"
        ) from exc
    return proto, sha256


def _tensors(proto: Any, name: str) -> Tuple[TensorInfo, Tuple[TensorInfo, ...]]:
    from edgeclf.backends.base import single_input

    constants = {tensor.name for tensor in proto.graph.initializer}
    inputs = [_info(value) for value in proto.graph.input if value.name not in constants]
    outputs = [_info(value) for value in proto.graph.output]
    if any(not output.shape for output in outputs):
        inferred = require_onnx().shape_inference.infer_shapes(proto)
        outputs = [_info(value) for value in inferred.graph.output]
    return single_input(inputs, name), tuple(outputs)


def _info(value: Any) -> TensorInfo:
    tensor = value.type.tensor_type
    shape = tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim)
    return TensorInfo(value.name, shape, _DTYPES.get(tensor.elem_type, f"type {tensor.elem_type}"))


def _sha256(model: ModelFile, proto: Any) -> str:
    """Of the model and, where it has some, of the files with its weights: they can change alone."""
    locations = sorted(
        {
            entry.value
            for tensor in _external_tensors(proto.graph)
            for entry in tensor.external_data
            if entry.key == "location"
        }
    )
    if model.path is None or not locations:
        return model.sha256
    digest = hashlib.sha256(bytes.fromhex(model.sha256))
    for location in locations:
        digest.update(hashlib.sha256((model.path.parent / location).read_bytes()).digest())
    return digest.hexdigest()


def _external_tensors(graph: Any) -> Iterator[Any]:
    """Initializers and attributes, subgraphs included."""
    yield from (tensor for tensor in graph.initializer if tensor.external_data)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.t.external_data:
                yield attribute.t
            for subgraph in (attribute.g, *attribute.graphs):
                yield from _external_tensors(subgraph)
