"""Building TensorRT engines from ONNX models, and keeping them.

Importing this package imports neither TensorRT nor the onnx package: they are loaded by the build.
"""

from edgeclf.build.report import BuildReport, CheckReport, MemoryReport

__all__ = ["BuildReport", "CheckReport", "MemoryReport"]
