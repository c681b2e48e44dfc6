"""Building TensorRT engines from ONNX models, and keeping them.

`build_engine` writes one to a file; `engine_for` finds it in this user's cache, or builds it there.
Importing this package imports neither TensorRT nor the onnx package: a build loads them.
"""

from edgeclf.build.builder import build_engine
from edgeclf.build.cache import Store, default_folder
from edgeclf.build.first_use import engine_for
from edgeclf.build.report import BuildReport, CheckReport, MemoryReport
from edgeclf.build.serving import serve_while_building

__all__ = [
    "BuildReport",
    "CheckReport",
    "MemoryReport",
    "Store",
    "build_engine",
    "default_folder",
    "engine_for",
    "serve_while_building",
]
