"""Builds the extension module `edgeclf._core` with CMake. Metadata stands in pyproject.toml."""

import os
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "toolchains"))

from preflight import problem  # noqa: E402


class CMakeBuild(build_ext):
    """One extension, one CMake project, one Ninja build."""

    def build_extension(self, ext):
        import pybind11

        complaint = problem()
        if complaint:
            raise SystemExit(complaint)
        target = Path(self.get_ext_fullpath(ext.name)).resolve()
        build = Path(self.build_temp).resolve()
        build.mkdir(parents=True, exist_ok=True)
        configure = [
            "cmake",
            "-S",
            str(ROOT),
            "-B",
            str(build),
            "-G",
            "Ninja",
            "-DCMAKE_BUILD_TYPE=Release",
            "-DEDGECLF_PYTHON=ON",
            f"-DPython_EXECUTABLE={sys.executable}",
            f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
            f"-DEDGECLF_MODULE_DIR={target.parent}",
        ]
        extra = os.environ.get("EDGECLF_CMAKE_ARGS", "")
        subprocess.run([*configure, *extra.split()], check=True)
        subprocess.run(["cmake", "--build", str(build), "--target", "_core"], check=True)


class BuildPy(build_py):
    """EDGECLF_MODEL_APART leaves the built-in model to a package of its own, as wheels do."""

    def find_data_files(self, package, src_dir):
        found = super().find_data_files(package, src_dir)
        if not os.environ.get("EDGECLF_MODEL_APART"):
            return found
        return [path for path in found if Path(path).suffix not in (".onnx", ".tflite")]


setup(
    ext_modules=[Extension("edgeclf._core", sources=[])],
    cmdclass={"build_ext": CMakeBuild, "build_py": BuildPy},
)
