"""Which of TensorRT's modules is found, and whether the fakes are no richer than the real ones.

The lists of members are checked against whatever real module is installed; the last tests walk into
the trap that a real module is on a machine without a GPU.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import types
from importlib import metadata
from pathlib import Path
from typing import Any, Dict

import pytest
from fake_tensorrt import BY_NAME, GENERATIONS, LISTS, fake_module, recorded
from fake_tensorrt_engines import engine, plan_of
from tensorrt_support import NAMES, fake, load

from edgeclf.backends import available, load_backend, tensorrt_modules
from edgeclf.backends.tensorrt_modules import MODULES, ModuleFacts, find_modules, import_module
from edgeclf.cuda.fake import FakeCuda
from edgeclf.errors import BackendUnavailable
from edgeclf.model_file import ModelFile


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Dict[str, str]:
    """Pretended distributions, name -> version; and no module of TensorRT but those set later."""
    versions: Dict[str, str] = {}
    real = metadata.version

    def version(name: str) -> str:
        if "tensorrt" not in name:
            return real(name)
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", version)
    for name in MODULES:
        monkeypatch.setitem(sys.modules, name, None)
    return versions


def put(monkeypatch: pytest.MonkeyPatch, import_name: str, version: str) -> Any:
    module = types.ModuleType(import_name)
    module.__spec__ = importlib.util.spec_from_loader(import_name, None)
    module.__version__ = version  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, import_name, module)
    return module


def test_none(installed: Dict[str, str]) -> None:
    assert find_modules() == []
    row = next(a for a in available() if a.name == "tensorrt")
    assert not row.usable
    assert "tensorrt" in row.hint


def test_wheels_and_jetpacks(installed: Dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    rtx = put(monkeypatch, "tensorrt_rtx_bindings", "unused")
    put(monkeypatch, "tensorrt", "8.2.1.8")  # JetPack's: no distribution says its version
    installed["tensorrt-rtx-cu13-bindings"] = "1.7.1.116"
    facts = ModuleFacts("tensorrt_rtx", "tensorrt-rtx", "1.7.1.116", "tensorrt_rtx_bindings")
    assert find_modules() == [ModuleFacts("tensorrt", "tensorrt", "8.2.1.8", "tensorrt"), facts]
    assert import_module(facts) is rtx


def test_versions_are_known_without_an_import(
    installed: Dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, "tensorrt_lean", "unused")
    installed["tensorrt-lean-cu13"] = "10.16.1.11"
    monkeypatch.setattr(tensorrt_modules, "import_module", lambda facts: pytest.fail("imported"))
    assert [f.version for f in find_modules()] == ["10.16.1.11"]
    row = next(a for a in available() if a.name == "tensorrt")
    assert (row.usable, row.detail) == (True, "tensorrt-lean-cu13 10.16.1.11")


def test_an_import_that_fails(installed: Dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> Any:
        raise OSError("libnvinfer.so.8: cannot open shared object file")

    put(monkeypatch, "tensorrt", "")
    monkeypatch.setattr(importlib, "import_module", broken)
    assert find_modules() == []
    with pytest.raises(BackendUnavailable, match=r"libnvinfer\.so\.8.*To install it") as caught:
        import_module(ModuleFacts("tensorrt", "tensorrt", "8.2", "tensorrt"))
    assert isinstance(caught.value.__cause__, OSError)


def test_the_full_module_is_preferred_and_the_lean_one_reads_what_it_cannot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A version-compatible engine of 10.3: TensorRT 8.6 refuses it, lean 10.16 does not."""
    with fake("8.6") as state:
        module, lean = fake_module(BY_NAME["lean 10.16"], state.cuda)
        monkeypatch.setitem(sys.modules, "tensorrt_lean", module)
        for version, name in (("8.6.2.3", "tensorrt"), ("10.3.0", "tensorrt_lean")):
            plan = plan_of(engine(), version)
            backend = load_backend(ModelFile(plan), backend_options={"cuda": state.cuda})
            assert backend.runtime.startswith(name + " ")
            backend.close()
        options = {"cuda": state.cuda, "module": "tensorrt_lean"}
        backend = load_backend(ModelFile(lean.plan(engine())), backend_options=options)
        assert backend.runtime == "tensorrt_lean 10.16.1.11"
        backend.close()


def test_an_injected_module(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake("10.3") as state:
        cuda = FakeCuda()
        module, other = fake_module(BY_NAME["RTX 1.7"], cuda)
        options = {"api_module": module, "cuda": cuda}
        backend = load(other, engine(), backend_options=options)
        assert backend.runtime.startswith("tensorrt_rtx 1.7")
        backend.close()
        assert state.logger is None


# -- the lists --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(LISTS.glob("*.json")), ids=lambda path: path.stem)
def test_lists_say_where_they_come_from(path: Path) -> None:
    record: Dict[str, Any] = json.loads(path.read_text())
    assert record["source"]
    assert record["classes"]["IExecutionContext"]


def test_generations_differ_as_the_vendors_do() -> None:
    """The table in the vendor's documents: who has numbered bindings, and who has names."""
    for generation in GENERATIONS:
        members = recorded(generation)["classes"]
        numbered = "execute_async_v2" in members["IExecutionContext"]
        named = "execute_async_v3" in members["IExecutionContext"]
        host_code = "engine_host_code_allowed" in members["Runtime"]
        assert numbered == (generation.name in ("8.2", "8.5", "8.6"))
        assert named == (generation.name != "8.2")
        assert host_code == (generation.name not in ("8.2", "8.5"))


@pytest.mark.parametrize("generation", NAMES)
def test_a_fake_has_no_more_than_its_list(generation: str) -> None:
    made = BY_NAME[generation]
    module, _ = fake_module(made, FakeCuda())
    for name, members in recorded(made)["classes"].items():
        if hasattr(module, name):
            public = {m for m in dir(getattr(module, name)) if not m.startswith("_")}
            assert public == set(members)
    context = module.IExecutionContext.__new__(module.IExecutionContext)
    with pytest.raises(NotImplementedError, match="write it before it is used"):
        context.debug_sync  # noqa: B018


REAL = {"tensorrt_lean_bindings": "lean-*.json", "tensorrt_rtx_bindings": "rtx-*.json"}


@pytest.mark.parametrize("import_name", sorted(REAL))
def test_lists_are_those_of_the_installed_module(import_name: str) -> None:
    """In a process of its own: two of the vendor's libraries do not share one."""
    if importlib.util.find_spec(import_name) is None:
        pytest.skip(f"{import_name} is not installed")
    said = subprocess.run(
        [sys.executable, str(LISTS / "record.py"), import_name],
        check=True,
        capture_output=True,
        timeout=120,
    ).stdout
    real = json.loads(said)
    lists = [json.loads(path.read_text()) for path in LISTS.glob(REAL[import_name])]
    same = [record for record in lists if record["version"] == real["version"]]
    if not same:
        pytest.skip(f"no list of {import_name} {real['version']}")
    assert same == [real]


# -- the trap ---------------------------------------------------------------------------------

# No driver, a real module, a plan of its own version: must end in an error, not in a signal. With
# "device", as where there is a GPU whose driver TensorRT cannot use: then its Runtime is a null
# pointer, which crashes when it is used or let go.
TRAP = """
import sys
from edgeclf.backends import load_backend
from edgeclf.backends.tensorrt_modules import find_modules
from edgeclf.cuda.fake import FakeCuda
from edgeclf.errors import EdgeclfError
from edgeclf.model_file import ModelFile
from fake_tensorrt_engines import engine, plan_of
facts = next(f for f in find_modules() if f.import_name == sys.argv[1])
if facts.kind == 'tensorrt-rtx':
    from engine_plans import rtx_plan
    plan = rtx_plan()
else:
    plan = plan_of(engine(), facts.version)
try:
    options = {'cuda': FakeCuda()} if sys.argv[2] == 'device' else {}
    load_backend(ModelFile(plan), backend_options=options)
except EdgeclfError as exc:
    print(type(exc).__name__, exc)
"""


@pytest.mark.parametrize("import_name", sorted(REAL))
@pytest.mark.parametrize("device", ["none", "device"])
def test_a_real_module_without_a_driver_is_an_error_and_no_crash(
    import_name: str, device: str
) -> None:
    if importlib.util.find_spec(import_name) is None:
        pytest.skip(f"{import_name} is not installed")
    if Path("/dev/nvidiactl").exists():
        pytest.skip("this machine has an NVIDIA driver")
    tests = Path(__file__).resolve().parents[1]
    paths = [str(tests.parent), str(tests / "backends"), str(tests / "engine")]
    paths += filter(None, [os.environ.get("PYTHONPATH")])
    done = subprocess.run(
        [sys.executable, "-c", TRAP, import_name, device],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        timeout=120,
    )
    said = done.stdout.decode()
    assert done.returncode == 0, (done.returncode, said, done.stderr.decode()[-2000:])
    # TensorRT for RTX starts without a driver, and refuses the engine.
    refused = device == "device" and import_name.startswith("tensorrt_rtx")
    assert said.startswith("ModelError" if refused else "BackendUnavailable")
    assert "driver" in said
