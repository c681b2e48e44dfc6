"""Arrays on the device, from ``__cuda_array_interface__`` or DLPack: where they are, and whom to
wait for. Nothing is copied."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from edgeclf.errors import FrameError

__all__ = ["DeviceArray", "device_array", "is_on_device"]

_CUDA, _CUDA_MANAGED = 2, 13  # DLDeviceType
_UNSIGNED = 1  # DLDataTypeCode
_LEGACY_STREAM = 1


class DeviceArray(NamedTuple):
    """uint8 elements. ``strides`` are bytes; ``stream`` is to be waited for, None if nothing is;
    ``keep`` has to live until the pixels were read. ``stated``: the producer named the device."""

    pointer: int
    shape: Tuple[int, ...]
    strides: Tuple[int, ...]
    stream: Optional[int]
    keep: Any
    stated: bool = True


def is_on_device(source: Any) -> bool:
    """Whether `source` is an array in a GPU's memory."""
    if isinstance(source, np.ndarray):
        return False
    if hasattr(source, "__cuda_array_interface__"):
        return True
    where = getattr(source, "__dlpack_device__", None)
    return where is not None and where()[0] in (_CUDA, _CUDA_MANAGED)


def device_array(source: Any, index: int) -> DeviceArray:
    """`source` on device `index`.

    A producer that names its stream (version 3 of the interface) is waited for on that stream.
    Else DLPack lets it put its work in front of the legacy default stream itself, which is right
    for torch's current stream, too; and what has neither is taken to work on the default stream.

    ``__cuda_array_interface__`` names no device. What has DLPack, too, is asked there; else
    `DeviceArray.stated` is False, and the driver knows (`Cuda.device_of`).

    Raises:
        FrameError: not uint8, masked, on another device, or not what the protocols ask for.
    """
    interface = getattr(source, "__cuda_array_interface__", None)
    if interface is not None and (interface.get("version", 0) >= 3 or not _has_dlpack(source)):
        stated = _has_dlpack(source)
        if stated:
            _check_device(source, index)
        return _from_interface(source, interface)._replace(stated=stated)
    return _from_dlpack(source, index)


def _has_dlpack(source: Any) -> bool:
    return hasattr(source, "__dlpack__") and hasattr(source, "__dlpack_device__")


def _from_interface(source: Any, interface: Any) -> DeviceArray:
    shape = tuple(int(length) for length in interface["shape"])
    if interface["typestr"] not in ("|u1", "<u1", ">u1"):
        raise FrameError(f"expected uint8 pixels on the GPU, got {interface['typestr']!r}")
    if interface.get("mask") is not None:
        raise FrameError("expected pixels on the GPU without a mask")
    strides = interface.get("strides")
    stream = interface.get("stream") if interface["version"] >= 3 else _LEGACY_STREAM
    if stream is not None and (isinstance(stream, bool) or int(stream) == 0):
        raise FrameError(
            f"__cuda_array_interface__: stream {stream!r} is not allowed there: it does not say "
            "which default stream is meant (1: legacy, 2: per thread)"
        )
    return DeviceArray(
        int(interface["data"][0]),
        shape,
        _contiguous(shape) if strides is None else tuple(int(step) for step in strides),
        None if stream is None else int(stream),
        source,
    )


def _contiguous(shape: Sequence[int]) -> Tuple[int, ...]:
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= length
    return tuple(reversed(strides))


class _Device(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int32), ("id", ctypes.c_int32)]


class _DataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class _Tensor(ctypes.Structure):
    """DLTensor, dlpack.h."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


def _check_device(source: Any, index: int) -> None:
    kind, device = source.__dlpack_device__()
    if kind not in (_CUDA, _CUDA_MANAGED) or device != index:
        raise FrameError(
            f"expected pixels on cuda:{index}, got them on device {device} of DLPack's kind "
            f"{kind}. Copy them to cuda:{index}, or make the Classifier on their device"
        )


def _from_dlpack(source: Any, index: int) -> DeviceArray:
    _check_device(source, index)
    capsule = source.__dlpack__(stream=_LEGACY_STREAM)
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    try:
        # A DLManagedTensor begins with its tensor. The capsule is kept, not consumed: when it is
        # let go, it frees the tensor itself.
        tensor = _Tensor.from_address(pointer_of(capsule, b"dltensor"))
    except ValueError as exc:
        raise FrameError(f"{type(source).__name__}: no DLPack capsule: {exc}") from exc
    if (tensor.dtype.code, tensor.dtype.bits, tensor.dtype.lanes) != (_UNSIGNED, 8, 1):
        raise FrameError(
            f"expected uint8 pixels on the GPU, got {tensor.dtype.bits} bits of DLPack's kind "
            f"{tensor.dtype.code}"
        )
    shape = tuple(tensor.shape[i] for i in range(tensor.ndim))
    strides = (
        tuple(tensor.strides[i] for i in range(tensor.ndim))
        if tensor.strides
        else _contiguous(shape)
    )
    pointer = (tensor.data or 0) + tensor.byte_offset
    return DeviceArray(pointer, shape, strides, _LEGACY_STREAM, (source, capsule))
