"""The core as a CMake package: installed, found and linked by the example program, which gives
Pillow's and NumPy's tensor, and the same checksum on every processor.

ARM's programs are made by zig's clang (pip install ziglang) and by Debian's cross compilers, and
run by qemu-user; where one of them is not there the tests say so. `make test-arm` leaves zig and
qemu where they are looked for.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, Optional, Tuple

import numpy as np
import oracle
import pytest
import yuv
from PIL import Image

from edgeclf.spec import InputSpec
from edgeclf.version import __version__

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "cpp_package"
EXAMPLE = ROOT / "examples" / "cpp"
QEMU = ROOT / "build" / "arm" / "qemu" / "usr" / "bin"
SPEC = InputSpec(
    width=224,
    height=224,
    resize_mode="center-crop",
    resize_size=256,
    rescale_factor=1 / 255,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)


class Target(NamedTuple):
    """One kind of machine, and what its programs are run by and as."""

    toolchain: Optional[str] = None
    emulator: Optional[str] = None
    processors: Tuple[str, ...] = ("",)
    compiler: str = "zig"


TARGETS = {
    "native": Target(),
    "aarch64": Target("aarch64-linux-gnu", "qemu-aarch64-static", ("cortex-a53", "cortex-a76")),
    "armv7l": Target("arm-linux-gnueabihf", "qemu-arm-static", ("cortex-a7", "cortex-a15")),
}
TARGETS["aarch64-gcc"] = TARGETS["aarch64"]._replace(compiler="gcc")
TARGETS["armv7l-gcc"] = TARGETS["armv7l"]._replace(compiler="gcc")


def tool(name: str) -> str:
    """This environment's, or the path's."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"no {name} here: pip install {name}")
    return found


def call(*command: object, env: Optional[dict] = None) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def emulator(target: Target) -> Tuple[str, ...]:
    if target.emulator is None:
        return ()
    found = shutil.which(target.emulator, path=f"{os.environ['PATH']}:{QEMU}")
    if found is None:
        pytest.skip(f"no {target.emulator} here (Debian: qemu-user-static)")
    return (found,)


def environment() -> dict:
    """zig's cache beside that of `make test-arm`: its first use takes minutes."""
    cache = os.environ.get("ZIG_GLOBAL_CACHE_DIR", str(ROOT / "build" / "arm" / "zig-cache"))
    return {**os.environ, "ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}


def configured(source: Path, folder: Path, target: Target, *options: str) -> None:
    """CMake's build folder, ready to build."""
    toolchain = []
    if target.toolchain is not None:
        toolchain = [
            f"-DCMAKE_TOOLCHAIN_FILE={ROOT / 'toolchains' / target.toolchain}.cmake",
            f"-DEDGECLF_COMPILER={target.compiler}",
            "-DEDGECLF_STATIC=ON",
        ]
        if target.compiler == "zig":
            pytest.importorskip("ziglang", reason="no zig here: pip install ziglang")
            toolchain.append(f"-DEDGECLF_PYTHON_WITH_ZIG={sys.executable}")
        elif shutil.which(f"{target.toolchain}-g++") is None:
            pytest.skip(f"no {target.toolchain}-g++ here (Debian: g++-{target.toolchain})")
    ninja = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}", "-DCMAKE_BUILD_TYPE=Release"]
    command = [tool("cmake"), "-S", source, "-B", folder, *ninja, *toolchain, *options]
    call(*command, env=environment())


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A function from a target's name to where its core was installed, and then moved to."""
    made = {}

    def package(name: str) -> Path:
        if name not in made:
            build = BUILD / name
            # A cache that names another folder (the checkout was moved) stops CMake; objects stay.
            (build / "CMakeCache.txt").unlink(missing_ok=True)
            configured(ROOT, build, TARGETS[name])
            call(tool("cmake"), "--build", build, "--target", "edgeclf_core", env=environment())
            folder = tmp_path_factory.mktemp(name)
            call(tool("cmake"), "--install", build, "--prefix", folder / "first")
            made[name] = (folder / "first").rename(folder / "installed")
        return made[name]

    return package


@pytest.fixture(scope="module")
def programs(packages, tmp_path_factory):
    """The same for the example program that was linked with it."""
    made = {}

    def program(name: str) -> Path:
        if name not in made:
            folder = tmp_path_factory.mktemp(f"example-{name}")
            where = f"-DCMAKE_PREFIX_PATH={packages(name)}"
            strict = "-DCMAKE_COMPILE_WARNING_AS_ERROR=ON"
            configured(EXAMPLE, folder, TARGETS[name], where, strict)
            call(tool("cmake"), "--build", folder, env=environment())
            made[name] = folder / "make_tensor"
        return made[name]

    return program


def fnv1a(content: bytes) -> str:
    sum = 0xCBF29CE484222325
    for byte in content:
        sum = (sum ^ byte) * 0x100000001B3 % 2**64
    return f"{sum:016x}"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Arguments for the program, what its tensor must be, and how far it may lie from that."""
    folder = tmp_path_factory.mktemp("pictures")
    photo = Image.open(ROOT / "examples" / "photos" / "cat.jpg").convert("RGB")
    photo.save(folder / "cat.ppm")
    rng = np.random.default_rng(5)
    samples = yuv.random_samples(rng, "nv12", 331, 283)
    content = b"".join(rows.tobytes() for rows in yuv.planes(samples, "nv12"))
    (folder / "noise.nv12").write_bytes(content)
    real = oracle.real_tensor(yuv.levels(samples, SPEC), SPEC)
    return {
        "ppm": ([folder / "cat.ppm"], oracle.tensor(np.asarray(photo), SPEC), 0.0),
        # A tenth of a level, as docs/spec.md promises for yuv.
        "nv12": (
            [folder / "noise.nv12", 331, 283],
            np.moveaxis(real, -1, 0)[None],
            0.1 / 255 / min(SPEC.std),
        ),
    }


@pytest.mark.heavy
@pytest.mark.parametrize("picture", ["ppm", "nv12"])
@pytest.mark.parametrize("name", TARGETS)
def test_the_example_gives_the_right_tensor_everywhere(name, picture, programs, pictures, tmp_path):
    program, target = programs(name), TARGETS[name]
    arguments, expected, tolerance = pictures[picture]
    native = tmp_path / "native"
    checksum = call(programs("native"), *arguments, native).strip()
    tensor = np.fromfile(native, "<f4").reshape(1, 3, 224, 224)
    np.testing.assert_allclose(tensor, expected, rtol=0, atol=tolerance)
    assert checksum == fnv1a(native.read_bytes())
    for processor in target.processors:
        out = tmp_path / f"of-{processor}"
        env = {**os.environ, "QEMU_CPU": processor} if processor else None
        assert call(*emulator(target), program, *arguments, out, env=env).strip() == checksum
        assert out.read_bytes() == native.read_bytes()


@pytest.mark.heavy
def test_instruction_sets_give_the_same_checksum(programs, pictures, tmp_path):
    arguments = pictures["ppm"][0]
    sums = {
        call(programs("native"), *arguments, tmp_path / "out", env={**os.environ, **more})
        for more in ({}, {"EDGECLF_CPU": "scalar"})
    }
    assert len(sums) == 1


@pytest.mark.heavy
@pytest.mark.parametrize("arguments", [["none.ppm"], ["short.nv12", 640, 480], ["text.ppm"]])
def test_the_example_refuses(arguments, programs, tmp_path):
    (tmp_path / "short.nv12").write_bytes(bytes(640 * 480))
    (tmp_path / "text.ppm").write_bytes(b"P6 70000 70000 255\n")
    words = [str(programs("native")), *map(str, arguments), "out"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=str(tmp_path), check=False)
    assert done.returncode == 1
    assert "expected" in done.stderr or "cannot be read" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.heavy
def test_what_is_installed(packages):
    installed = packages("native")
    names = {path.name for path in (ROOT / "cpp" / "include" / "edgeclf").iterdir()}
    assert {path.name for path in (installed / "include" / "edgeclf").iterdir()} == names
    (library,) = installed.rglob("libedgeclf_core.a")
    package = library.parent / "cmake" / "edgeclf"
    assert {"edgeclfConfig.cmake", "edgeclfConfigVersion.cmake", "edgeclfTargets.cmake"} <= {
        path.name for path in package.iterdir()
    }
    version = (package / "edgeclfConfigVersion.cmake").read_text()
    assert f'set(PACKAGE_VERSION "{__version__}")' in version
    for path in package.iterdir():
        assert str(ROOT) not in path.read_text(), f"{path.name} works on this machine alone"


@pytest.mark.heavy
def test_each_header_stands_alone_and_the_page_compiles(packages, tmp_path):
    include = packages("native") / "include"
    compiler = os.environ.get("CXX") or shutil.which("c++")
    if compiler is None:
        pytest.skip("no c++ here")
    page = (ROOT / "docs" / "cpp.md").read_text()
    programs = re.findall(r"```cpp\n(.*?)```", page, re.S)
    assert len(programs) == 2
    for header in include.glob("*/*.h"):
        programs.append(f'#include "edgeclf/{header.name}"\n')
    for number, program in enumerate(programs):
        (tmp_path / f"{number}.cpp").write_text(program)
    options = ["-std=c++17", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fsyntax-only"]
    for source in sorted(tmp_path.glob("*.cpp")):
        call(compiler, *options, "-I", include, source)


def refused(packages, folder: Path, lines: str) -> str:
    """CMake's complaint about a project that wants something of the package."""
    lists = f"cmake_minimum_required(VERSION 3.18)\nproject(user LANGUAGES CXX)\n{lines}\n"
    (folder / "CMakeLists.txt").write_text(lists)
    ninja = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}"]
    where = f"-DCMAKE_PREFIX_PATH={packages('native')}"
    command = [tool("cmake"), "-S", folder, "-B", folder / "build", *ninja, where]
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode != 0, lines
    return " ".join(done.stderr.split())


@pytest.mark.heavy
def test_another_version_is_refused(packages, tmp_path):
    major, minor, _ = __version__.split(".")
    newer = f"find_package(edgeclf {major}.{int(minor) + 1} REQUIRED)"
    assert f"version: {__version__}" in refused(packages, tmp_path, newer)
    # As a compiler for 32-bit ARM would have it.
    narrow = "set(CMAKE_SIZEOF_VOID_P 4)\nfind_package(edgeclf REQUIRED)"
    assert "64bit" in refused(packages, tmp_path, narrow)


def test_the_page_has_the_whole_example():
    page = (ROOT / "docs" / "cpp.md").read_text()
    for name in ("make_tensor.cpp", "CMakeLists.txt"):
        source = (EXAMPLE / name).read_text()
        assert f"\n{source}```" in page, f"docs/cpp.md differs from examples/cpp/{name}"


def test_the_page_names_headers_that_exist():
    page = (ROOT / "docs" / "cpp.md").read_text()
    named = set(re.findall(r"edgeclf/(\w+\.h)", page))
    assert named
    assert named <= {path.name for path in (ROOT / "cpp" / "include" / "edgeclf").iterdir()}
