"""From the ONNX model that is given to the one that this TensorRT takes, in this precision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, NamedTuple, Tuple

from edgeclf.build.calibration import statically_quantized
from edgeclf.build.half import as_half
from edgeclf.build.origin import Origin
from edgeclf.build.pictures import Pictures
from edgeclf.errors import ArgumentError, ModelError
from edgeclf.spec import InputSpec

__all__ = ["Prepared", "keeps_dtype", "prepare"]

_LARGEST_PROTOBUF = 2**31 - 1


class Prepared(NamedTuple):
    """What the parser gets.

    Attributes:
        content: the ONNX model, serialised.
        input_spec: of this model: its tensor may have another dtype than the original's.
        changes: what was changed, in words, for the report.
        calibrates: whether TensorRT itself has to find the ranges of an int8 build.
    """

    content: bytes
    input_spec: InputSpec
    changes: Tuple[str, ...]
    calibrates: bool


def prepare(
    origin: Origin,
    precision: str,
    pictures: Pictures,
    *,
    strongly_typed: bool,
    takes_uint8: bool,
) -> Prepared:
    """The model for a build in `precision`. The original is left as it was.

    Args:
        pictures: for the ranges of an int8 build of a float model; may be empty otherwise.
        strongly_typed: the network's own types decide what it computes in.
        takes_uint8: uint8 may be an input of the network.

    Raises:
        ModelError: the model cannot be had in this precision. ArgumentError: int8 without
            pictures to calibrate on. BackendUnavailable: a converter is not installed.
    """
    from edgeclf.build import qdq  # needs the onnx package, which has read the origin by now

    model = _copy(origin.proto)
    name = origin.model.name
    if origin.resolved.graph.precision == "fp16" and precision != "fp16":
        raise ModelError(
            f"{name}: its weights are fp16, and {precision} was asked for. Build with fp16, or "
            "export the model in float32"
        )
    changes: List[str] = []
    calibrates = False
    if qdq.is_quantized(model):
        rewrite = (
            qdq.with_symmetric_quantization if precision == "int8" else qdq.without_quantization
        )
        changes += rewrite(model)
    elif precision == "int8":
        _require_pictures(pictures, name)
        calibrates = not strongly_typed
        if strongly_typed:
            model, found = statically_quantized(model, origin, pictures)
            changes += found
    if precision == "fp16" and strongly_typed and origin.resolved.graph.precision != "fp16":
        model, found = as_half(model)
        changes += found
    input_spec, found = _input_for(model, origin.resolved.input_spec, takes_uint8, name)
    changes += found
    return Prepared(_serialized(model, name), input_spec, tuple(changes), calibrates)


def keeps_dtype(dtype: str, takes_uint8: bool) -> bool:
    """Whether an engine's input is of the ONNX model's dtype; it is float32 where it is not."""
    return dtype not in ("uint8", "int8") or (dtype == "uint8" and takes_uint8)


def _require_pictures(pictures: Pictures, name: str) -> None:
    if not pictures:
        raise ArgumentError(
            f"{name}: an int8 build of a float model needs pictures like those it will see, to "
            "find the range of every tensor: give a folder with 100 or more (calibrate=, "
            "--calibrate FOLDER)"
        )


def _input_for(
    model: Any, spec: InputSpec, takes_uint8: bool, name: str
) -> "tuple[InputSpec, List[str]]":
    """The input as float32 where TensorRT does not take its codes.

    ONNX states no scale for an input, so its codes are the pixels themselves.
    """
    dtype = spec.dtype
    if keeps_dtype(dtype, takes_uint8):
        return spec, []
    from onnx import TensorProto

    value = next(v for v in model.graph.input if v.type.tensor_type.elem_type != TensorProto.FLOAT)
    readers = [node for node in model.graph.node if value.name in node.input]
    if any(node.op_type != "Cast" for node in readers):
        raise ModelError(
            f"{name}: its {dtype} input {value.name!r} is read by {readers[0].op_type}, and this "
            "TensorRT takes float inputs only. Export the model with a float32 input"
        )
    value.type.tensor_type.elem_type = TensorProto.FLOAT
    # An int8 input takes the pixels minus 128.
    mean = (128.0,) if dtype == "int8" else None
    change = f"input {value.name!r}: float32 instead of {dtype}, with the same numbers"
    return replace(spec, dtype="float32", mean=mean), [change]


def _serialized(model: Any, name: str) -> bytes:
    size = model.ByteSize()
    if size > _LARGEST_PROTOBUF:
        raise ModelError(
            f"{name}: {size} bytes with its weights inside; at most 2 GiB can be built"
        )
    return bytes(model.SerializeToString())


def _copy(model: Any) -> Any:
    copy = type(model)()
    copy.CopyFrom(model)
    return copy
