"""The ranges of an int8 model, found from pictures: by ONNX tools, or by TensorRT's calibrator."""

from __future__ import annotations

import contextlib
import itertools
import logging
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Tuple

import numpy as np

from edgeclf.build.api import BuilderApi
from edgeclf.build.callbacks import calibrator
from edgeclf.build.origin import Origin
from edgeclf.build.pictures import Pictures
from edgeclf.errors import ArgumentError, BackendUnavailable, ModelError

__all__ = ["DeviceCalibration", "statically_quantized"]


def statically_quantized(model: Any, origin: Origin, pictures: Pictures) -> "tuple[Any, List[str]]":
    """A float model as symmetric int8 QDQ, ranges from `pictures`, by onnxruntime.quantization.

    Inputs and weights of convolutions and matrix products are quantised, weights per output
    channel; everything else stays float32.

    Raises:
        ModelError: onnxruntime cannot quantise the model. BackendUnavailable: not installed.
    """
    try:
        import onnxruntime.quantization as quantization
    except ImportError as exc:
        raise BackendUnavailable(
            "int8 for this TensorRT needs onnxruntime's quantiser: pip install "
            "'edgeclf[tensorrt-build]'"
        ) from exc
    import onnx

    from edgeclf.build.qdq import with_symmetric_quantization

    operators = ["Conv", "Gemm", "MatMul"]
    reader = _reader(quantization, origin, pictures)

    with tempfile.TemporaryDirectory(prefix="edgeclf-") as folder, _quiet_root_logger():
        paths = [Path(folder, name) for name in ("float.onnx", "int8.onnx")]
        left_out = _named(model, "Softmax")
        onnx.save(model, str(paths[0]))
        try:
            quantization.quantize_static(
                str(paths[0]),
                str(paths[1]),
                reader,
                quant_format=quantization.QuantFormat.QDQ,
                # ONNX Runtime before 1.20 fails over a Softmax that it has no range of.
                op_types_to_quantize=[*operators, "Softmax"],
                nodes_to_exclude=left_out,
                activation_type=quantization.QuantType.QInt8,
                weight_type=quantization.QuantType.QInt8,
                per_channel=True,
                calibrate_method=quantization.CalibrationMethod.MinMax,
                extra_options={
                    "ActivationSymmetric": True,
                    "WeightSymmetric": True,
                    "OpTypesToExcludeOutputQuantization": operators,
                },
            )
        except Exception as exc:
            if not reader.count:
                raise ArgumentError(f"calibrate: no file in {pictures.name} is a picture") from exc
            raise ModelError(
                f"{origin.model.name}: onnxruntime cannot quantise it ({exc}). Export it with "
                "opset 13 or later, or build with fp16"
            ) from exc
        quantized = onnx.load(str(paths[1]))
    changes = [
        f"inputs and weights of {', '.join(operators)} were quantised to symmetric int8, with "
        f"ranges from {reader.count} pictures; the rest stays fp32"
    ]
    return quantized, changes + with_symmetric_quantization(quantized)


def _named(model: Any, operator: str) -> List[str]:
    """Give the nodes of one operator names that nobody else has; the names."""
    nodes = [node for node in model.graph.node if node.op_type == operator]
    for number, node in enumerate(nodes):
        node.name = f"{node.name or operator}/left_as_it_is/{number}"
    return [node.name for node in nodes]


@contextlib.contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """Without onnxruntime's advice, which it logs as root, and so sets up logging for everybody."""
    root, silent = logging.getLogger(), logging.NullHandler()

    def from_elsewhere(record: logging.LogRecord) -> bool:
        return record.name != "root"

    root.addHandler(silent)
    root.addFilter(from_elsewhere)
    try:
        yield
    finally:
        root.removeFilter(from_elsewhere)
        root.removeHandler(silent)


class DeviceCalibration:
    """Where TensorRT finds the ranges: its calibrator, and the device memory it reads from.

    Without `tensors` it does nothing. A last batch that is not full is left out: a calibrator's
    batches are of one size.
    """

    def __init__(
        self,
        api: BuilderApi,
        config: Any,
        profile: Any,
        cuda: Optional[Any],
        tensors: Optional[Iterator[np.ndarray]],
        batch: int,
    ):
        self._calibrator: Any = None
        if tensors is None:
            return
        assert cuda is not None
        self._size = batch
        following, self._free = _device_batches(cuda, tensors, self._size)
        self._calibrator = calibrator(api.module, following, self._size)
        api.set_calibrator(config, self._calibrator, profile)

    def __enter__(self) -> "DeviceCalibration":
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._calibrator is not None:
            self._free()

    def raise_if_failed(self) -> None:
        if self._calibrator is None:
            return
        if self._calibrator.failure is not None:
            raise self._calibrator.failure
        if not self._calibrator.batches:
            raise ArgumentError(
                f"calibrate: not enough pictures for one batch of {self._size}: give more, or a "
                "smaller batch"
            )


def _device_batches(
    cuda: Any, tensors: Iterator[np.ndarray], batch: int
) -> Tuple[Callable[[], Optional[List[int]]], Callable[[], None]]:
    """For TensorRT's calibrator: the next batch on the device, and a call that frees it all."""
    stream = cuda.stream()
    memory: List[Any] = []

    def following() -> Optional[List[int]]:
        items = list(itertools.islice(tensors, batch))
        if len(items) < batch:
            return None
        together = np.ascontiguousarray(np.concatenate(items))
        if not memory:
            memory.extend((cuda.allocate_host(together.nbytes), cuda.allocate(together.nbytes)))
        host, device = memory
        host.array[: together.nbytes] = together.reshape(-1).view(np.uint8)
        cuda.upload(device.pointer, host.pointer, together.nbytes, stream)
        stream.synchronize()
        return [int(device.pointer)]

    def free() -> None:
        for part in memory:
            part.free()
        stream.close()

    return following, free


def _reader(quantization: Any, origin: Origin, pictures: Pictures) -> Any:
    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.count = 0
            self._tensors = pictures.tensors(origin.resolved.input_spec)

        def get_next(self) -> Any:
            tensor = next(self._tensors, None)
            if tensor is None:
                return None
            self.count += 1
            return {origin.input.name: tensor}

    return Reader()
