"""A real engine of the TensorRT that is installed, and the vendor's interface called directly.

For the conformance suite on a device: `tests/gpu/test_gpu_engines.py` builds the engine of
`build_models.tiny_graph` and names it in EDGECLF_TEST_ENGINE.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest

from edgeclf.backends.tensorrt_log import log_of

VARIABLE = "EDGECLF_TEST_ENGINE"
_DTYPES = {"FLOAT": "float32", "HALF": "float16", "INT8": "int8", "UINT8": "uint8"}


def content() -> bytes:
    path = os.environ.get(VARIABLE)
    if not path:
        pytest.skip(
            f"no real engine here: {VARIABLE} names none (tests/gpu/test_gpu_engines.py does)"
        )
    return Path(path).read_bytes()


def facts(module: Any, cuda: Any, plan: bytes) -> List[Tuple[str, Tuple[int, ...], str, bool]]:
    """(name, shape, dtype, whether it is an input) of each tensor."""
    with cuda.current():
        _, engine = _opened(module, plan)
        return _tensors(module, engine)


def answers(module: Any, cuda: Any, plan: bytes, tensor: np.ndarray) -> List[np.ndarray]:
    """The outputs in the engine's order: everything made anew, waited for and copied."""
    with cuda.current():
        runtime, engine = _opened(module, plan)
        context = engine.create_execution_context()
        tensors, stream = _tensors(module, engine), cuda.stream()
        (name,) = (name for name, _, _, is_input in tensors if is_input)
        assert context.set_input_shape(name, tensor.shape)
        held: Dict[str, Any] = {}
        for name, _, dtype, is_input in tensors:
            shape = tuple(context.get_tensor_shape(name))
            nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
            memory, host = cuda.allocate(nbytes), cuda.allocate_host(nbytes)
            held[name] = memory, host, shape, dtype
            assert context.set_tensor_address(name, memory.pointer)
            if is_input:
                host.array[:] = np.ascontiguousarray(tensor).reshape(-1).view(np.uint8)
                cuda.upload(memory.pointer, host.pointer, nbytes, stream)
        assert context.execute_async_v3(stream.handle)
        results = []
        for name, _, _, is_input in tensors:
            memory, host, shape, dtype = held[name]
            if not is_input:
                cuda.download(host.pointer, memory.pointer, host.nbytes, stream)
                stream.synchronize()
                results.append(host.array.view(dtype).reshape(shape).copy())
        del context, engine, runtime
        return results


def _opened(module: Any, plan: bytes) -> Tuple[Any, Any]:
    runtime = module.Runtime(log_of(module).logger)
    engine = runtime.deserialize_cuda_engine(plan)
    assert engine is not None, "the vendor's runtime refuses the engine"
    return runtime, engine


def _tensors(module: Any, engine: Any) -> List[Tuple[str, Tuple[int, ...], str, bool]]:
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    return [
        (
            name,
            tuple(engine.get_tensor_shape(name)),
            _DTYPES[module.DataType(engine.get_tensor_dtype(name)).name],
            engine.get_tensor_mode(name) == module.TensorIOMode.INPUT,
        )
        for name in names
    ]
