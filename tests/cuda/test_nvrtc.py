"""The kernel compiles for every GPU that the NVRTC here knows; the cache keeps what it compiled."""

from __future__ import annotations

import ctypes
import stat
import sys
import threading

import pytest

from edgeclf import _core
from edgeclf.cuda import nvrtc as module
from edgeclf.cuda.cubin_cache import cache_folder, cached
from edgeclf.cuda.kernel import compiled_kernel
from edgeclf.cuda.nvrtc import Nvrtc
from edgeclf.errors import BackendError, BackendUnavailable

FOUND = [path for path in module._candidates(sys.path) if "/" in path]
NONE = "nvidia-cuda-nvrtc is not installed"


def libraries():
    return FOUND or [pytest.param(None, marks=pytest.mark.skip(NONE))]


@pytest.mark.parametrize("path", libraries())
def test_every_gpu_it_knows(path):
    """12.9: 5.0 to 12.1; 13.x: 7.5 to 12.1. Seconds for each of the newest; five are enough."""
    nvrtc = Nvrtc(path)
    known = nvrtc.architectures
    assert known
    assert max(known) >= 90
    picked = sorted({known[0], known[-1], *(a for a in (53, 62, 72, 75, 87, 90) if a in known)})
    for arch in picked:
        image = nvrtc.compile(_core.cuda_source(), (arch // 10, arch % 10))
        assert image.kind == "cubin"
        assert image.content[:4] == b"\x7fELF"
        assert b"edgeclf_preprocess" in image.content


@pytest.mark.parametrize("path", libraries())
def test_a_gpu_newer_than_the_compiler_gets_ptx(path):
    nvrtc = Nvrtc(path)
    image = nvrtc.compile(_core.cuda_source(), (99, 0))
    assert image.kind == "ptx"
    assert f".target sm_{nvrtc.architectures[-1]}".encode() in image.content
    assert b".entry edgeclf_preprocess" in image.content
    with pytest.raises(BackendUnavailable, match="older"):
        nvrtc.compile(_core.cuda_source(), (2, 0))


@pytest.mark.parametrize("path", libraries())
def test_a_fault_comes_with_the_log(path):
    with pytest.raises(BackendError, match="no_such_type"):
        Nvrtc(path).compile("no_such_type x;", (9, 0))


class OldLibrary:
    """NVRTC of CUDA 10.2, as JetPack 4.6 has it: it makes PTX alone, and knows not for whom."""

    def __init__(self):
        self.options = []

    def nvrtcVersion(self, major, minor):
        major._obj.value, minor._obj.value = 10, 2

    def nvrtcCreateProgram(self, program, source, name, count, headers, names):
        return 0

    def nvrtcCompileProgram(self, program, count, options):
        self.options = [options[i].decode() for i in range(count)]
        return 0

    def nvrtcGetPTXSize(self, program, size):
        size._obj.value = 4
        return 0

    def nvrtcGetPTX(self, program, content):
        ctypes.memmove(content, b"ptx", 4)
        return 0

    def nvrtcDestroyProgram(self, program):
        return 0


def test_jetpack_4_gets_ptx(monkeypatch):
    old = OldLibrary()
    monkeypatch.setattr(module.ctypes, "CDLL", lambda path: old)
    nvrtc = Nvrtc("libnvrtc.so.10.2")
    assert nvrtc.version == (10, 2)
    assert nvrtc.architectures == ()
    assert nvrtc.compile("source", (5, 3)) == ("ptx", b"ptx\0")
    assert "--gpu-architecture=compute_53" in old.options


def test_none_is_a_clear_error(monkeypatch):
    monkeypatch.setattr(module, "_candidates", lambda folders: iter(["libno_such_thing.so.1"]))
    module.find_nvrtc.cache_clear()
    try:
        with pytest.raises(BackendUnavailable, match="pip install"):
            module.find_nvrtc()
    finally:
        module.find_nvrtc.cache_clear()


class Release:
    """An NVRTC of which only the release matters."""

    def __init__(self, path):
        self.path, self.version = path, (int(path), 0)


@pytest.mark.parametrize(("driver", "chosen"), [(13020, 13), (12060, 12), (12000, 12), (None, 13)])
def test_no_compiler_newer_than_the_driver(monkeypatch, driver, chosen):
    monkeypatch.setattr(module, "_candidates", lambda folders: iter(["13", "12"]))
    monkeypatch.setattr(module, "Nvrtc", Release)
    find = module.find_nvrtc.__wrapped__
    assert find(driver).version == (chosen, 0)
    with pytest.raises(BackendUnavailable, match="nvidia-cuda-nvrtc-cu11"):
        find(11040)


class Minor(Release):
    def __init__(self, path):
        self.path, self.version = path, tuple(int(part) for part in path.split("."))


@pytest.mark.parametrize(
    ("driver", "chosen"), [(12040, (12, 2)), (12090, (12, 9)), (12010, (12, 9)), (11080, (11, 0))]
)
def test_one_no_newer_than_the_driver_comes_first(monkeypatch, driver, chosen):
    monkeypatch.setattr(
        module, "_candidates", lambda folders: iter(["13.0", "12.9", "12.2", "11.0"])
    )
    if driver == 12010:  # then only one of the same major release, which makes cubins
        monkeypatch.setattr(module, "_candidates", lambda folders: iter(["13.0", "12.9", "12.2"]))
    monkeypatch.setattr(module, "Nvrtc", Minor)
    found = module.find_nvrtc.__wrapped__(driver)
    assert (found.version, found.driver_version) == (chosen, driver)


@pytest.mark.parametrize(
    ("driver", "message"),
    [(10020, ""), (11040, ""), (None, ""), (10010, r"driver is of CUDA 10\.1.*cu10==10\.1\.\*")],
)
def test_ptx_is_not_made_for_a_driver_that_is_older(monkeypatch, driver, message):
    """The driver would refuse it, at the first frame: CUDA_ERROR_UNSUPPORTED_PTX_VERSION."""
    monkeypatch.setattr(module.ctypes, "CDLL", lambda path: OldLibrary())
    nvrtc = Nvrtc("libnvrtc.so.10.2")
    nvrtc.driver_version = driver
    if message:
        with pytest.raises(BackendUnavailable, match=message):
            nvrtc.compile("source", (5, 3))
    else:
        assert nvrtc.compile("source", (5, 3)).kind == "ptx"


class CountingCompiler:
    version = (12, 9)

    def __init__(self):
        self.made = 0

    def compile(self, source, compute_capability):
        self.made += 1
        return module.Image("cubin", f"{compute_capability}".encode())


def test_compiled_once_per_gpu_and_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGECLF_CACHE_DIR", str(tmp_path / "cache"))
    compiler = CountingCompiler()
    for _ in range(3):
        assert compiled_kernel((8, 7), compiler) == b"(8, 7)"
    assert compiler.made == 1
    compiled_kernel((5, 3), compiler)
    assert compiler.made == 2
    compiler.version = (13, 0)
    compiled_kernel((8, 7), compiler)
    assert compiler.made == 3
    monkeypatch.setattr(_core, "cuda_source", lambda: "another")
    compiled_kernel((8, 7), compiler)
    assert compiler.made == 4


def files(folder):
    return sorted(path for path in folder.iterdir())


@pytest.mark.parametrize("damage", [b"", b"x", None, "flip"])
def test_a_damaged_file_is_made_again(tmp_path, damage):
    folder = tmp_path / "cubin"
    assert cached(["k"], lambda: b"content", folder) == b"content"
    (path,) = files(folder)
    whole = bytearray(path.read_bytes())
    if damage == "flip":
        whole[-1] ^= 1
        path.write_bytes(bytes(whole))
    else:
        path.write_bytes(bytes(whole[:-1]) if damage is None else damage)
    assert cached(["k"], lambda: b"content", folder) == b"content"
    assert path.read_bytes()[32:] == b"content"
    assert len(files(folder)) == 1


def test_a_folder_that_others_may_write_is_not_used(tmp_path):
    folder = tmp_path / "cubin"
    folder.mkdir()
    folder.chmod(0o777)
    assert cached(["k"], lambda: b"mine", folder) == b"mine"
    assert files(folder) == []


def test_a_folder_that_cannot_be_made_costs_only_time(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert cached(["k"], lambda: b"made", tmp_path / "file" / "cubin") == b"made"


def test_the_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.delenv("EDGECLF_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "edgeclf"
    cached(["k"], lambda: b"made")
    mode = stat.S_IMODE((tmp_path / "edgeclf" / "cubin").stat().st_mode)
    assert mode == 0o700


def test_threads_may_ask_at_once(tmp_path):
    answers = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(cached(["k"], lambda: b"x" * 100000, tmp_path / "c"))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [b"x" * 100000] * 8
    assert len(files(tmp_path / "c")) == 1
