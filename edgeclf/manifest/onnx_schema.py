"""The part of ONNX's schema that a manifest needs, for the protobuf package alone.

Field numbers are those of onnx.proto (Apache-2.0, https://onnx.ai). Texts are declared as bytes,
which is the same on the wire: a damaged name is then ours to refuse, not an exception in passing.
Works with protobuf 3.20 and later. What is not declared here is skipped by the parser.
"""

from __future__ import annotations

import functools
from typing import Any, Dict, Tuple

from edgeclf.errors import BackendUnavailable, ModelError
from edgeclf.model_file import ModelFile

__all__ = ["parse_model", "text"]

_Field = Tuple[int, str]

# message -> field -> (number, type); "*" repeats, a capital letter begins a message's name.
_MESSAGES: Dict[str, Dict[str, _Field]] = {
    "Model": {
        "ir_version": (1, "int64"),
        "graph": (7, "Graph"),
        "metadata_props": (14, "*Entry"),
        "training_info": (20, "*Training"),
        "functions": (25, "*Function"),
    },
    "Training": {"initialization": (1, "Graph"), "algorithm": (2, "Graph")},
    "Function": {"node": (7, "*Node"), "attribute_proto": (11, "*Attribute")},
    "Graph": {
        "node": (1, "*Node"),
        "initializer": (5, "*Tensor"),
        "output": (12, "*Value"),
        "sparse_initializer": (15, "*Sparse"),
    },
    "Value": {"name": (1, "bytes")},
    "Node": {
        "input": (1, "*bytes"),
        "output": (2, "*bytes"),
        "op_type": (4, "bytes"),
        "attribute": (5, "*Attribute"),
        "domain": (7, "bytes"),
    },
    "Attribute": {
        "name": (1, "bytes"),
        "t": (5, "Tensor"),
        "g": (6, "Graph"),
        "tensors": (10, "*Tensor"),
        "graphs": (11, "*Graph"),
        "sparse_tensor": (22, "Sparse"),
        "sparse_tensors": (23, "*Sparse"),
    },
    "Tensor": {
        "dims": (1, "*int64"),
        "data_type": (2, "int32"),
        "name": (8, "bytes"),
        "external_data": (13, "*Entry"),
        "data_location": (14, "int32"),
    },
    "Sparse": {"values": (1, "Tensor"), "indices": (2, "Tensor")},
    "Entry": {"key": (1, "bytes"), "value": (2, "bytes")},
}
_PACKAGE = "edgeclf_onnx"


def parse_model(model: ModelFile) -> Any:
    """The model as a message with the fields above.

    Raises:
        ModelError: truncated or damaged. BackendUnavailable: protobuf is not installed.
    """
    try:
        message_class = _model_class()
    except ImportError as exc:
        raise BackendUnavailable(
            "reading an .onnx file needs the protobuf package: pip install edgeclf[onnx]"
        ) from exc
    message = message_class()
    try:
        parsed = message.ParseFromString(model.content)
    except Exception as exc:  # DecodeError; some versions let others through
        raise ModelError(
            f"{model.name}: not a whole ONNX model ({exc}). Was the copy cut short or damaged?"
        ) from exc
    # protobuf 3.20 stops at some kinds of damage with no more than a warning.
    if parsed not in (None, len(model.content)):
        raise ModelError(f"{model.name}: damaged at byte {parsed}. Copy the model again")
    if not message.HasField("graph"):
        raise ModelError(f"{model.name}: an ONNX model without a graph. Was the copy cut short?")
    return message


def text(value: bytes) -> str:
    """A name for people; bytes that are not UTF-8 are shown as such."""
    return value.decode("utf-8", "backslashreplace")


@functools.lru_cache(maxsize=None)
def _model_class() -> Any:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    # A pool of its own: the same file in the default pool could clash with another package's.
    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto2"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, (number, kind) in fields.items():
            _add_field(message, field_name, number, kind)
    pool.AddSerializedFile(file.SerializeToString())
    descriptor = pool.FindMessageTypeByName(f"{_PACKAGE}.Model")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


def _add_field(message: Any, name: str, number: int, kind: str) -> None:
    field = message.field.add(name=name, number=number)
    field.label = field.LABEL_REPEATED if kind.startswith("*") else field.LABEL_OPTIONAL
    kind = kind.lstrip("*")
    if kind[0].isupper():
        field.type = field.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{kind}"
    else:
        field.type = getattr(field, f"TYPE_{kind.upper()}")
