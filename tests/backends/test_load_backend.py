"""The table: which backend reads what, what to install, and what third parties add."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types
from importlib import metadata
from pathlib import Path
from typing import Any, Dict

import pytest
from backend_cases import CASES, require

from edgeclf import backends
from edgeclf.backends import available, load_backend
from edgeclf.backends.install import install_hint
from edgeclf.backends.tensorrt_modules import MODULES
from edgeclf.backends.third_parties import ENTRY_POINT_GROUP
from edgeclf.errors import ArgumentError, BackendUnavailable
from edgeclf.model_file import ModelFile

ONNX = b"\x08\x08" + bytes(30)
TFLITE = bytes(4) + b"TFL3" + bytes(30)
ENGINE = b"ftrt" + bytes(30)


class ThirdParty:
    """As an accelerator's maker would write it: the same constructor, and what it reads."""

    formats = ("engine",)

    def __init__(self, model: ModelFile, **keywords: Any):
        self.model = model
        self.keywords = keywords


def install(monkeypatch: pytest.MonkeyPatch, **adapters: str) -> None:
    """Make these entry points known, in the form of this Python's importlib.metadata."""
    points = [
        metadata.EntryPoint(name, value, ENTRY_POINT_GROUP) for name, value in adapters.items()
    ]
    if sys.version_info >= (3, 10):
        found: Any = metadata.EntryPoints(points)
    else:
        found = {ENTRY_POINT_GROUP: points}
    monkeypatch.setattr(metadata, "entry_points", lambda: found)
    module = types.ModuleType("acme_edgeclf")
    module.Adapter = ThirdParty  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "acme_edgeclf", module)


def hide(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in modules else real(name)
    )


def test_importing_loads_no_runtime() -> None:
    code = (
        "import sys; import edgeclf.backends; edgeclf.backends.available();"
        "runtimes = {'onnxruntime', 'ai_edge_litert', 'tflite_runtime', 'tensorflow',"
        "'tensorrt', 'tensorrt_bindings', 'tensorrt_lean_bindings', 'tensorrt_rtx_bindings'};"
        "found = runtimes & set(sys.modules);"
        "assert not found, found; assert 'edgeclf.backends.onnxruntime' not in sys.modules"
    )
    root = Path(backends.__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=str(root), timeout=60)


@pytest.mark.parametrize("name", ["", "ONNXRuntime", "TensorRT"])
def test_an_unknown_name(name: str) -> None:
    with pytest.raises(ArgumentError, match="expected one of onnxruntime, tflite, tensorrt"):
        load_backend(ModelFile(ONNX), name)


@pytest.mark.parametrize(
    ("content", "name", "other"),
    [
        (TFLITE, "onnxruntime", "tflite"),
        (ONNX, "tflite", "onnxruntime"),
        (ENGINE, "onnxruntime", "tensorrt"),
        (TFLITE, "tensorrt", "tflite"),
    ],
)
def test_a_backend_that_does_not_read_it(content: bytes, name: str, other: str) -> None:
    with pytest.raises(BackendUnavailable, match=f"Use backend='{other}'"):
        load_backend(ModelFile(content), name)


@pytest.mark.parametrize(
    ("content", "modules", "extra"),
    [
        (ONNX, ["onnxruntime"], "onnx"),
        (TFLITE, ["ai_edge_litert", "tflite_runtime", "tensorflow"], "tflite"),
    ],
)
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_missing_runtime_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, content: bytes, modules: Any, extra: str, machine: str
) -> None:
    hide(monkeypatch, *modules)
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(BackendUnavailable, match=rf"pip install 'edgeclf\[{extra}\]'"):
        load_backend(ModelFile(content))
    row = next(a for a in available() if extra in a.hint)
    assert not row.usable
    assert "none is installed" in row.detail


@pytest.mark.parametrize(
    ("machine", "hint"),
    [("x86_64", r"pip install 'edgeclf\[tensorrt\]'"), ("aarch64", "python3-libnvinfer")],
)
def test_a_missing_tensorrt_is_jetpacks_or_pypis(
    monkeypatch: pytest.MonkeyPatch, machine: str, hint: str
) -> None:
    hide(monkeypatch, *MODULES)
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(BackendUnavailable, match=hint):
        load_backend(ModelFile(ENGINE))


def test_a_runtime_whose_import_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.delitem(sys.modules, "edgeclf.backends.onnxruntime", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BackendUnavailable, match="installed, but its import failed") as caught:
        load_backend(ModelFile(ONNX))
    assert isinstance(caught.value.__cause__, ImportError)


def test_what_is_installed_is_listed_with_its_version() -> None:
    found = {a.name: a for a in available()}
    assert list(found)[:3] == ["onnxruntime", "tflite", "tensorrt"]
    for case in CASES:
        if found[case.backend].usable:
            assert any(character.isdigit() for character in found[case.backend].detail)
            assert found[case.backend].hint == ""


@pytest.mark.parametrize(
    ("extra", "machine", "python", "expected"),
    [
        ("onnx", "x86_64", (3, 8), "pip install 'edgeclf[onnx]'"),
        ("tflite", "aarch64", (3, 13), "pip install 'edgeclf[tflite]'"),
        ("tflite", "armv7l", (3, 11), "pip install 'tflite-runtime>=2.13' 'numpy<2' flatbuffers"),
        ("tflite", "armv7l", (3, 12), "use Python 3.8 to 3.11"),
        ("onnx", "armv7l", (3, 11), "use a .tflite model"),
        ("tensorrt", "x86_64", (3, 11), "pip install 'edgeclf[tensorrt]'"),
        ("tensorrt", "aarch64", (3, 8), "apt install python3-libnvinfer"),
    ],
)
def test_install_hints(extra: str, machine: str, python: Any, expected: str) -> None:
    assert expected in install_hint(extra, machine, python)


@pytest.mark.parametrize("device", ["gpu", "cuda", "cuda:", "cuda:x", "cuda:-1", "CPU", "", 0])
def test_devices(device: Any) -> None:
    with pytest.raises(ArgumentError, match="device: expected 'cpu' or 'cuda:N'"):
        load_backend(ModelFile(ONNX), device=device)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_threads(threads: Any) -> None:
    with pytest.raises(ArgumentError, match="num_threads"):
        load_backend(ModelFile(ONNX), num_threads=threads)


@pytest.mark.parametrize("content", [ONNX, TFLITE])
def test_options_are_a_mapping(content: bytes) -> None:
    require("onnxruntime" if content is ONNX else "tflite")
    with pytest.raises(ArgumentError, match="expected a mapping"):
        load_backend(ModelFile(content), backend_options=[("xnnpack", True)])  # type: ignore[arg-type]


def test_a_third_party_by_name_and_by_format(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, acme="acme_edgeclf:Adapter")
    # As if edgeclf read no engines itself.
    table = [row for row in backends._TABLE if row.name != "tensorrt"]
    monkeypatch.setattr(backends, "_TABLE", table)
    keywords: Dict[str, Any] = {"device": "cuda:1", "num_threads": 2, "strict": False}
    for name in ("acme", None):
        loaded: Any = load_backend(ModelFile(ENGINE), name, **keywords)
        assert isinstance(loaded, ThirdParty)
        assert loaded.keywords == {**keywords, "backend_options": None}
    with pytest.raises(BackendUnavailable, match="'acme' reads engine"):
        load_backend(ModelFile(ONNX), "acme")
    with pytest.raises(ArgumentError, match="expected one of onnxruntime, tflite, tensorrt, acme"):
        load_backend(ModelFile(ONNX), "other")
    assert available()[-1].name == "acme"


def test_a_third_party_is_loaded_only_when_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor can it take a built-in name, or a format that a built-in backend reads."""
    install(monkeypatch, acme="acme_gone:Adapter", onnxruntime="acme_gone:Adapter")
    assert [a.name for a in available()] == ["onnxruntime", "tflite", "tensorrt", "acme"]
    with pytest.raises(BackendUnavailable, match="Use backend='onnxruntime'"):
        load_backend(ModelFile(ONNX), "tflite")
    with pytest.raises(BackendUnavailable, match="'onnxruntime' reads onnx"):
        load_backend(ModelFile(TFLITE), "onnxruntime")


def test_a_broken_third_party(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, acme="acme_gone:Adapter")
    table = [row for row in backends._TABLE if row.name != "tensorrt"]
    monkeypatch.setattr(backends, "_TABLE", table)
    for name in ("acme", None):
        with pytest.raises(BackendUnavailable, match=r"acme_gone.*cannot be loaded") as caught:
            load_backend(ModelFile(ENGINE), name)
        assert isinstance(caught.value.__cause__, ImportError)
