"""The wheels: installed on every Python of this machine with the oldest and the newest NumPy, run
on processors that have no vectors of ours, checked by others' tools, built twice.

`make test-wheels` makes them first and names their folder in EDGECLF_WHEELS; without it these tests
say so and do nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "toolchains" / "build_wheels.py"
sys.path.insert(0, str(ROOT / "toolchains" / "wheels"))

import interpreters  # noqa: E402
import matrix  # noqa: E402
import sources  # noqa: E402
from tags import PYTHONS, PYTHONS_IF_FOUND, TARGETS  # noqa: E402

pytestmark = pytest.mark.heavy
PROCESSOR = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
VERSIONS = (*PYTHONS, *PYTHONS_IF_FOUND)


@pytest.fixture(scope="module")
def dist():
    folder = os.environ.get("EDGECLF_WHEELS")
    if not folder:
        pytest.skip("no wheels: `make test-wheels` makes them and runs these tests")
    return Path(folder).resolve()


@pytest.fixture(scope="module")
def model_wheel(dist):
    (wheel,) = dist.glob("edgeclf_default_model-*.whl")
    return wheel


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    """Tools that had no part in building."""
    needed = ["auditwheel==6.8.2", "cyclonedx-python-lib[json-validation]>=11,<12", "packaging"]
    return matrix.install(sys.executable, tmp_path_factory.mktemp("tools") / "venv", needed)


def wheel_of(dist, version, arch="x86_64"):
    """The wheel and a Python for it, or a skip that says what is missing."""
    python = interpreters.find(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    found = list(dist.glob(f"edgeclf-*-cp{version.replace('.', '')}-*_{arch}.whl"))
    if not found:
        pytest.skip(f"no wheel for Python {version} on {arch}: no headers when they were made")
    return found[0], python.path


@pytest.mark.parametrize("arch", sorted(TARGETS))
def test_there_is_a_wheel_for_every_python_with_headers(dist, arch):
    for version in VERSIONS:
        if interpreters.find(version, headers=True):
            tag = f"cp{version.replace('.', '')}"
            assert len(list(dist.glob(f"edgeclf-*-{tag}-*_{arch}.whl"))) == 1, (tag, arch)


def test_auditwheel_gives_the_same_tags_and_symbols(dist, tools):
    built = json.loads((dist / "wheels.json").read_text())
    assert built
    for one in built:
        path = dist / one["wheel"]
        command = [str(tools), "-m", "auditwheel", "show", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        said = " ".join(done.stdout.split())
        arch = next(arch for arch in TARGETS if path.stem.endswith(arch))
        assert f'consistent with the following platform tag: "manylinux_2_17_{arch}"' in said, said
        assert f"'GLIBC_{one['glibc']}'" in said
        assert "GLIBCXX" not in said
        assert "CXXABI" not in said


def test_installers_take_them_on_the_oldest_systems(dist, tools):
    """packaging's parser stands for pip's; glibc 2.17 is the oldest manylinux2014 has."""
    code = """
import sys
from packaging.utils import parse_wheel_filename
name, version, build, tags = parse_wheel_filename(sys.argv[1])
print(sorted(str(tag) for tag in tags))
"""
    wheels = list(dist.glob("edgeclf-*.whl"))
    assert wheels
    for path in wheels:
        done = subprocess.run(
            [str(tools), "-c", code, path.name], capture_output=True, text=True, check=True
        )
        cp, arch = path.name.split("-")[2], path.stem.split("manylinux_2_17_")[1]
        ends = (f"manylinux2014_{arch}", f"manylinux_2_17_{arch}")
        assert done.stdout.strip() == str([f"{cp}-{cp}-{end}" for end in ends])


def test_the_list_of_parts_is_valid_and_has_every_file(dist, tools):
    code = """
import sys
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
for path in sys.argv[1:]:
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(path).read())
    assert error is None, (path, error)
"""
    (bill,) = dist.glob("edgeclf-*.cdx.json")
    inside = bill.parent / "inside.json"
    wheel = next(iter(dist.glob("edgeclf-*.whl")))
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if "/sboms/" in name]
        inside.write_bytes(archive.read(name))
    subprocess.run([str(tools), "-c", code, str(bill), str(inside)], check=True)
    inside.unlink()
    named = {
        one["name"]: one["hashes"][0]["content"]
        for one in json.loads(bill.read_text())["metadata"]["component"]["components"]
    }
    files = [*dist.glob("*.whl"), *dist.glob("*.tar.gz")]
    listed = subprocess.run(
        ["sha256sum", *map(str, files)], capture_output=True, text=True, check=True
    )
    digests = dict(reversed(line.split(maxsplit=1)) for line in listed.stdout.splitlines())
    assert named == {Path(path).name: digest for path, digest in digests.items()}


@pytest.mark.parametrize("numpy", ["oldest", "newest"])
@pytest.mark.parametrize("version", VERSIONS)
def test_it_answers(dist, model_wheel, version, numpy, tmp_path):
    wheel, path = wheel_of(dist, version)
    if numpy == "oldest":
        pinned = f"numpy=={matrix.OLDEST_NUMPY[version]}"
        python = matrix.install(path, tmp_path / "venv", [str(wheel), pinned])
    else:
        wanted = [f"{wheel}[onnx]", str(model_wheel), "numpy"]
        python = matrix.install(path, tmp_path / "venv", wanted)
    found = matrix.smoke([str(python)], tmp_path)
    assert found["tensors"] == 56
    assert (found["instruction_set"] != "scalar") == ("sse4_1" in PROCESSOR), found
    assert (found["instruction_set"] in ("scalar", "sse41")) == ("avx2" not in PROCESSOR), found
    assert list(found["predictions"].values()) == ([] if numpy == "oldest" else [8])
    if numpy == "oldest":
        assert found["numpy"] == matrix.OLDEST_NUMPY[version]
    matrix.record(dist, wheel, f"this x86-64 machine, {found['libc']}", found)


@pytest.mark.parametrize(("cpu", "expected"), [("Nehalem", "sse41"), ("core2duo", "scalar")])
def test_it_answers_on_an_older_processor(dist, cpu, expected, tmp_path):
    emulator = shutil.which("qemu-x86_64-static") or shutil.which("qemu-x86_64")
    if emulator is None:
        pytest.skip("no qemu-x86_64 here: apt install qemu-user-static")
    # A NumPy whose own baseline is below that of the processor.
    wheel, path = wheel_of(dist, "3.10")
    pinned = f"numpy=={matrix.OLDEST_NUMPY['3.10']}"
    python = matrix.install(path, tmp_path / "venv", [str(wheel), pinned])
    found = matrix.smoke([emulator, "-cpu", cpu, str(python)], tmp_path)
    assert (found["instruction_set"], found["tensors"]) == (expected, 56)
    matrix.record(dist, wheel, f"qemu-user as a {cpu}", found)


def test_an_old_pip_installs_it(dist, tmp_path):
    """Ubuntu 20.04's (JetPack 5), which knows manylinux2014 but no manylinux_2_17."""
    wheel, path = wheel_of(dist, "3.8")
    needed = ["numpy", "Pillow", "click", "pip==20.0.2"]
    python = matrix.install(path, tmp_path / "venv", needed)
    subprocess.run([str(python), "-m", "pip", "install", "-q", "--no-deps", str(wheel)], check=True)
    assert matrix.smoke([str(python)], tmp_path)["tensors"] == 56


def test_the_sdist_builds_with_plain_pip(dist, tmp_path):
    (sdist,) = dist.glob("edgeclf-*.tar.gz")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "-q", "--no-deps"]
    subprocess.run([*pip, "-w", str(tmp_path), str(sdist)], check=True, cwd=str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert any(name.startswith("edgeclf/_core") for name in names)
    assert "edgeclf/models/efficientnet_lite0_int8.onnx" in names
    assert not any("recipe" in name for name in names)
    with tarfile.open(sdist) as archive:
        held = {Path(*Path(name).parts[1:]) for name in archive.getnames()}
    assert set(sources.project_files(ROOT)) <= held


def test_the_same_sources_give_the_same_bytes(dist, tmp_path):
    """In another folder, with other file times, another umask, another time zone and language."""
    version = ".".join(map(str, sys.version_info[:2]))
    copy = tmp_path / "elsewhere"
    for path in sources.project_files(ROOT):
        (copy / path.parent).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, copy / path)
        (copy / path).chmod(0o755 if os.access(ROOT / path, os.X_OK) else 0o600)
    environment = {**os.environ, "TZ": "Asia/Kolkata", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    environment.pop("EDGECLF_WHEEL_TOOLS", None)
    if "ZIG_GLOBAL_CACHE_DIR" not in environment:  # zig's own libraries take minutes
        environment["ZIG_GLOBAL_CACHE_DIR"] = str(ROOT / "build" / "wheels" / "zig-cache")
    command = [sys.executable, str(copy / BUILD.relative_to(ROOT)), "--python", version]
    subprocess.run(
        ["sh", "-c", 'umask 077; exec "$@"', "sh", *command, "-o", str(tmp_path / "dist")],
        check=True,
        env=environment,
    )
    made = sorted((tmp_path / "dist").glob("*.whl")) + sorted((tmp_path / "dist").glob("*.tar.gz"))
    assert len(made) == len(TARGETS) + 2
    for path in made:
        assert path.read_bytes() == (dist / path.name).read_bytes(), path.name
