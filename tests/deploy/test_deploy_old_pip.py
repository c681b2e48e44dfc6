"""A board with pip 20.0.2, as Ubuntu 20.04 has it: the pip that comes along reads newer tags."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import deploy_board as boards
import pytest

ROOT = boards.ROOT
sys.path.insert(0, str(ROOT / "tests"))

from test_interpreters import interpreter  # noqa: E402

pytestmark = pytest.mark.heavy

# The installer's own steps, under another Python than this one.
_CODE = """
import runpy, sys
from pathlib import Path
on_board = runpy.run_path(sys.argv[1], run_name="on_board")
release, payload = map(Path, sys.argv[2:])
manifest = {"target": {"system_site_packages": False}, "requirements": ["demo==1.0"]}
on_board["make_venv"](release, manifest)
on_board["pip_install"](release, payload, manifest)
"""


def test_a_wheel_that_its_own_pip_refuses(tmp_path):
    python = interpreter("3.8")
    if python is None:
        pytest.skip("no Python 3.8 on this machine")
    machine = subprocess.check_output(["uname", "-m"], text=True).strip()
    wheels = tmp_path / "payload" / "wheels"
    wheels.mkdir(parents=True)
    tag = f"py3-none-manylinux_2_27_{machine}"
    info = "demo-1.0.dist-info"
    files = {
        "demo.py": b"answer = 42\n",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    wheel = boards.write_wheel(wheels / f"demo-1.0-{tag}.whl", files, info)

    old = tmp_path / "board"
    subprocess.run([python, "-m", "venv", str(old)], check=True)
    pip = [str(old / "bin" / "python"), "-m", "pip"]
    if subprocess.run([*pip, "install", "-q", "pip==20.0.2"], capture_output=True).returncode:
        pytest.skip("pip 20.0.2 cannot be had")
    refused = subprocess.run([*pip, "install", str(wheel)], capture_output=True, text=True)
    assert "is not a supported wheel on this platform" in refused.stderr

    bundled = subprocess.check_output(
        [python, "-c", "import ensurepip; print(ensurepip.__file__)"], text=True
    )
    brought = list((Path(bundled.strip()).parent / "_bundled").glob("pip-*.whl"))
    assert brought
    assert not [path.name for path in brought if path.name.startswith("pip-20.0.2-")]
    for path in brought:
        (wheels / path.name).write_bytes(path.read_bytes())
    release = tmp_path / "release"
    release.mkdir()
    installer = ROOT / "edgeclf" / "deploy" / "on_board.py"
    command = [str(old / "bin" / "python"), "-c", _CODE, str(installer), str(release)]
    subprocess.run([*command, str(tmp_path / "payload")], check=True)
    ask = [str(release / "venv/bin/python"), "-c", "import demo; print(demo.answer)"]
    assert subprocess.check_output(ask, text=True).strip() == "42"
