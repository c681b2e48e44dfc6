from typing import List, Optional, Sequence, Tuple, Type

import numpy as np

from edgeclf.spec import InputSpec, ScoreCalibration
from edgeclf.types import Category, Quantization, TensorInfo

def instruction_set() -> str: ...
def available_instruction_sets() -> List[str]: ...

class Preprocessor:
    def __init__(
        self,
        input_spec: InputSpec,
        quantization: Optional[Quantization] = None,
        num_threads: int = 1,
    ) -> None: ...
    def run(
        self,
        frame: np.ndarray,
        format: str,
        out: np.ndarray,
        quarter_turns: int,
        x: int,
        y: int,
        width: int,
        height: int,
        /,
    ) -> None: ...
    def run_array(self, frame: np.ndarray, format: str, out: np.ndarray, /) -> bool: ...
    def run_whole(
        self, frame: np.ndarray, format: str, out: np.ndarray, width: int, height: int, /
    ) -> None: ...
    def run_averages(
        self,
        averages: np.ndarray,
        format: str,
        of: Tuple[int, int, int, int, int],
        out: np.ndarray,
        quarter_turns: int,
        x: int,
        y: int,
        width: int,
        height: int,
        /,
    ) -> None: ...
    def run_gray16(
        self,
        frame: np.ndarray,
        low: float,
        high: float,
        out: np.ndarray,
        quarter_turns: int,
        x: int,
        y: int,
        width: int,
        height: int,
        /,
    ) -> None: ...
    def run_yuv(
        self,
        planes: Tuple[np.ndarray, ...],
        format: str,
        frame_width: int,
        frame_height: int,
        color_matrix: str,
        color_range: str,
        out: np.ndarray,
        quarter_turns: int,
        x: int,
        y: int,
        width: int,
        height: int,
        /,
    ) -> None: ...
    @property
    def takes_pixels(self) -> bool: ...
    @property
    def plans_made(self) -> int: ...
    @property
    def plans_kept(self) -> int: ...

class Postprocessor:
    def __init__(
        self,
        *,
        num_classes: int,
        scores: TensorInfo,
        feature_vector: Optional[TensorInfo],
        activation: str,
        calibration: Optional[ScoreCalibration],
        top_k: int,
        thresholds: Sequence[float],
        allowed: bytes,
        labels: Tuple[str, ...],
        category: Type[Category],
    ) -> None: ...
    def run(
        self, outputs: Sequence[np.ndarray], item: int, /
    ) -> Tuple[np.ndarray, bytes, Optional[np.ndarray]]: ...
    def categories(self, found: bytes, /) -> List[Category]: ...

def resized_size(preprocessor: Preprocessor, width: int, height: int, /) -> Tuple[int, int]: ...
def cuda_source() -> str: ...

CUDA_ARGUMENTS_SIZE: int

class CudaFrame:
    @property
    def plan_number(self) -> int: ...
    @property
    def staged_bytes(self) -> int: ...
    def stage(self, memory: int, capacity: int, /) -> None: ...
    def tables(self) -> bytes: ...
    def arguments(self, tables: int, pixels: int, tensor: int, /) -> bytes: ...

class CudaPreprocessor:
    def __init__(
        self, input_spec: InputSpec, quantization: Optional[Quantization] = None
    ) -> None: ...
    def packed(
        self,
        frame: np.ndarray,
        format: str,
        quarter_turns: int,
        x: int,
        y: int,
        width: int,
        height: int,
        /,
    ) -> CudaFrame: ...
    def averages(
        self,
        averages: np.ndarray,
        format: str,
        of: Tuple[int, int, int, int, int],
        quarter_turns: int,
        x: int,
        y: int,
        width: int,
        height: int,
        /,
    ) -> CudaFrame: ...
    def gray16(
        self,
        frame: np.ndarray,
        low: float,
        high: float,
        quarter_turns: int,
        x: int,
        y: int,
        width: int,
        height: int,
        /,
    ) -> CudaFrame: ...
    def yuv(
        self,
        planes: Tuple[np.ndarray, ...],
        format: str,
        frame_width: int,
        frame_height: int,
        color_matrix: str,
        color_range: str,
        quarter_turns: int,
        x: int,
        y: int,
        width: int,
        height: int,
        /,
    ) -> CudaFrame: ...
    def on_device(
        self,
        planes: Sequence[Tuple[int, int, int, int]],
        format: str,
        frame_width: int,
        frame_height: int,
        color_matrix: str,
        color_range: str,
        quarter_turns: int,
        x: int,
        y: int,
        width: int,
        height: int,
        /,
    ) -> CudaFrame: ...
    @property
    def plans_kept(self) -> int: ...
