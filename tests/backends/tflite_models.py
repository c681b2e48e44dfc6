"""Tiny .tflite models, written field by field so that no converter is needed.

The numbers of fields and operators are those of TFLite's schema.fbs (schema version 3).
"""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

import flatbuffers
import numpy as np

ADD, FULLY_CONNECTED, RELU, RESHAPE, SOFTMAX, CUSTOM = 0, 9, 19, 22, 25, 32
CAST, GREATER, REVERSE_V2, WHERE = 53, 61, 105, 109
SOFTMAX_OPTIONS = 9
TENSOR_TYPES = {
    "float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int8": 9,
}  # fmt: skip

ITEM = (4, 4, 3)
PIXELS = 48
CLASSES = 5


class Tensor(NamedTuple):
    """`open_batch` makes the signature's first dimension -1; `scale` 0 is not quantised."""

    name: str
    dtype: str
    shape: Tuple[int, ...]
    values: Optional[np.ndarray] = None
    scale: Any = 0.0
    zero_point: int = 0
    open_batch: bool = False


class Operator(NamedTuple):
    code: int
    inputs: Sequence[int]
    outputs: Sequence[int]
    custom: str = ""


class _Writer:
    """FlatBuffers are written from the leaves to the root; each method gives an offset."""

    def __init__(self) -> None:
        self.builder = flatbuffers.Builder(1024)
        self.builder.ForceDefaults(True)  # else a field that is 0 is left out

    def table(self, *fields: Tuple[int, str, Any]) -> int:
        builder = self.builder
        builder.StartObject(1 + max((slot for slot, _, _ in fields), default=0))
        for slot, kind, value in fields:
            if kind == "offset":
                builder.PrependUOffsetTRelativeSlot(slot, value, 0)
            else:
                getattr(builder, f"Prepend{kind}Slot")(slot, value, 0)
        return int(builder.EndObject())

    def numbers(self, values: Sequence[Any], dtype: str) -> int:
        return int(self.builder.CreateNumpyVector(np.asarray(values, dtype)))

    def offsets(self, offsets: Sequence[int]) -> int:
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return int(self.builder.EndVector())

    def data(self, raw: bytes) -> int:
        # TFLite wants constants at multiples of 16 bytes, which CreateByteVector does not give.
        self.builder.StartVector(1, len(raw), 16)
        self.builder.head -= len(raw)
        self.builder.Bytes[self.builder.head : self.builder.head + len(raw)] = raw
        return int(self.builder.EndVector())

    def text(self, text: str) -> int:
        return int(self.builder.CreateString(text))


def write(
    tensors: Sequence[Tensor],
    operators: Sequence[Operator],
    inputs: Sequence[int],
    outputs: Sequence[int],
) -> bytes:
    """The bytes of a model. Tensor i's constant is in buffer i + 1; buffer 0 stays empty."""
    w = _Writer()
    constants = [
        b"" if t.values is None else np.ascontiguousarray(t.values).tobytes() for t in tensors
    ]
    buffers = [w.table()] + [
        w.table((0, "offset", w.data(raw))) if raw else w.table() for raw in constants
    ]
    graph = w.table(
        (0, "offset", w.offsets([_tensor(w, t, i + 1) for i, t in enumerate(tensors)])),
        (1, "offset", w.numbers(inputs, "int32")),
        (2, "offset", w.numbers(outputs, "int32")),
        (3, "offset", w.offsets([_operator(w, o, i) for i, o in enumerate(operators)])),
    )
    root = w.table(
        (0, "Uint32", 3),
        (1, "offset", w.offsets([_code(w, o) for o in operators])),
        (2, "offset", w.offsets([graph])),
        (4, "offset", w.offsets(buffers)),
    )
    w.builder.Finish(root, b"TFL3")
    return bytes(w.builder.Output())


def _tensor(w: _Writer, tensor: Tensor, buffer: int) -> int:
    fields: List[Tuple[int, str, Any]] = [
        (0, "offset", w.numbers(tensor.shape, "int32")),
        (1, "Int8", TENSOR_TYPES[tensor.dtype]),
        (2, "Uint32", buffer),
        (3, "offset", w.text(tensor.name)),
    ]
    if np.any(tensor.scale):
        scales = np.atleast_1d(tensor.scale)
        fields.append(
            (4, "offset", w.table(
                (2, "offset", w.numbers(scales, "float32")),
                (3, "offset", w.numbers([tensor.zero_point] * len(scales), "int64")),
                (6, "Int32", len(tensor.shape) - 1 if len(scales) > 1 else 0),
            ))
        )  # fmt: skip
    if tensor.open_batch:
        fields.append((7, "offset", w.numbers((-1, *tensor.shape[1:]), "int32")))
    return w.table(*fields)


def _operator(w: _Writer, operator: Operator, index: int) -> int:
    fields: List[Tuple[int, str, Any]] = [
        (0, "Uint32", index),
        (1, "offset", w.numbers(operator.inputs, "int32")),
        (2, "offset", w.numbers(operator.outputs, "int32")),
    ]
    if operator.code == SOFTMAX:
        fields += [
            (3, "Uint8", SOFTMAX_OPTIONS),
            (4, "offset", w.table((0, "Float32", 1.0))),
        ]
    return w.table(*fields)


def _code(w: _Writer, operator: Operator) -> int:
    fields: List[Tuple[int, str, Any]] = [
        (0, "Int8", operator.code),
        (2, "Int32", 1),
        (3, "Int32", operator.code),
    ]
    if operator.custom:
        fields.append((1, "offset", w.text(operator.custom)))
    return w.table(*fields)


def float_classifier(open_batch: bool = False, embedding: bool = False) -> bytes:
    """float32 1x4x4x3 -> flatten -> dense -> softmax over 5; the flat tensor as a second output."""
    rng = np.random.default_rng(7)
    tensors = [
        Tensor("pixels", "float32", (1, *ITEM), open_batch=open_batch),
        Tensor("shape", "int32", (2,), np.array([-1, PIXELS], "int32")),
        Tensor("flat", "float32", (1, PIXELS), open_batch=open_batch),
        Tensor(
            "weights", "float32", (CLASSES, PIXELS), rng.normal(size=(CLASSES, PIXELS)).astype("f4")
        ),
        Tensor("bias", "float32", (CLASSES,), rng.normal(size=CLASSES).astype("f4")),
        Tensor("logits", "float32", (1, CLASSES), open_batch=open_batch),
        Tensor("scores", "float32", (1, CLASSES), open_batch=open_batch),
    ]
    operators = [
        Operator(RESHAPE, [0, 1], [2]),
        Operator(FULLY_CONNECTED, [2, 3, 4], [5]),
        Operator(SOFTMAX, [5], [6]),
    ]
    return write(tensors, operators, [0], [6, 2] if embedding else [6])


def quantized_classifier(dtype: str) -> bytes:
    """The same in uint8 or int8, without the softmax."""
    rng = np.random.default_rng(8)
    middle = 128 if dtype == "uint8" else 0
    low = 1 if dtype == "uint8" else -127
    weights = rng.integers(low, low + 255, (CLASSES, PIXELS)).astype(dtype)
    tensors = [
        Tensor("pixels", dtype, (1, *ITEM), None, 1 / 128, middle),
        Tensor("shape", "int32", (2,), np.array([-1, PIXELS], "int32")),
        Tensor("flat", dtype, (1, PIXELS), None, 1 / 128, middle),
        Tensor("weights", dtype, weights.shape, weights, 1 / 64, middle),
        Tensor("bias", "int32", (CLASSES,), np.arange(CLASSES, dtype="i4"), 1 / 8192, 0),
        Tensor("scores", dtype, (1, CLASSES), None, 0.25, middle + 3),
    ]
    operators = [Operator(RESHAPE, [0, 1], [2]), Operator(FULLY_CONNECTED, [2, 3, 4], [5])]
    return write(tensors, operators, [0], [5])


def reversing() -> bytes:
    """float32 1x4x4x3: relu, a reversal that XNNPACK has no kernel for, relu."""
    shape = (1, *ITEM)
    tensors = [Tensor(name, "float32", shape) for name in ("pixels", "a", "b", "scores")]
    tensors.append(Tensor("axis", "int32", (1,), np.array([3], "int32")))
    operators = [
        Operator(RELU, [0], [1]),
        Operator(REVERSE_V2, [1, 4], [2]),
        Operator(RELU, [2], [3]),
    ]
    return write(tensors, operators, [0], [3])


def positive_places(stated: int = 0) -> bytes:
    """float32 1x4x4x3 -> the places of its positive values, Nx4: N is known after the run only,
    and the file states `stated` for it."""
    tensors = [
        Tensor("pixels", "float32", (1, *ITEM)),
        Tensor("zero", "float32", (1,), np.zeros(1, "f4")),
        Tensor("positive", "bool", (1, *ITEM)),
        Tensor("places", "int64", (stated, 4)),
        Tensor("scores", "float32", (stated, 4)),
    ]
    operators = [
        Operator(GREATER, [0, 1], [2]),
        Operator(WHERE, [2], [3]),
        Operator(CAST, [3], [4]),
    ]
    return write(tensors, operators, [0], [4])


def two_inputs() -> bytes:
    """float32 a + b: no image classifier."""
    tensors = [Tensor(name, "float32", (1, 4)) for name in ("a", "b", "sum")]
    return write(tensors, [Operator(ADD, [0, 1], [2])], [0, 1], [2])


def reshaping(dtype: str, scale: Any = 0.0) -> bytes:
    """1x4x4x3 -> 1x48 in any dtype; a sequence of scales is one for each channel."""
    tensors = [
        Tensor("pixels", dtype, (1, *ITEM), None, scale),
        Tensor("shape", "int32", (2,), np.array([-1, PIXELS], "int32")),
        Tensor("scores", dtype, (1, PIXELS)),
    ]
    return write(tensors, [Operator(RESHAPE, [0, 1], [2])], [0], [2])


def fixed_reshape() -> bytes:
    """Batch open in the signature, and a constant reshape to 1x48 that forbids another batch."""
    tensors = [
        Tensor("pixels", "float32", (1, *ITEM), open_batch=True),
        Tensor("shape", "int32", (2,), np.array([1, PIXELS], "int32")),
        Tensor("scores", "float32", (1, PIXELS)),
    ]
    return write(tensors, [Operator(RESHAPE, [0, 1], [2])], [0], [2])


def custom_operator() -> bytes:
    """An operator that no runtime has."""
    tensors = [Tensor(name, "float32", (1, 4)) for name in ("pixels", "scores")]
    return write(tensors, [Operator(CUSTOM, [0], [1], "edgeclf-unknown")], [0], [1])
