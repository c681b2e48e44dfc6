"""The two virtual environments that the benchmarks make for themselves under build/.

One holds the peers, pinned by requirements.txt; the other holds pillow-simd alone, built from its
source, because it is the package PIL as well. edgeclf itself is the checkout's, compiled first
where its sources are newer than the module; or the wheel of a folder, as users get it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional, Tuple

ROOT = Path(__file__).resolve().parent.parent.parent
REQUIREMENTS = ROOT / "benchmarks" / "requirements.txt"
PEERS = ROOT / "build" / "bench-venv"
SIMD = ROOT / "build" / "bench-venv-simd"
UNPACKED = ROOT / "build" / "bench-wheel"
PILLOW_SIMD = "pillow-simd==12.1.1.post0"

# Every library that could start threads, told not to, before it is imported.
SINGLE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
}


def variables(edgeclf: Path = ROOT) -> Dict[str, str]:
    """The environment variables of a measuring process; `edgeclf` is the folder that holds it."""
    return {**os.environ, **SINGLE_THREAD, "PYTHONPATH": str(edgeclf)}


def peers_python() -> Path:
    """The interpreter of the environment with the peers; made or completed where it must be."""
    if sys.version_info < (3, 11):
        raise SystemExit("benchmarks: the pinned peers need Python 3.11 or newer")
    _make(PEERS, ["-r", str(REQUIREMENTS)], REQUIREMENTS.read_text())
    return PEERS / "bin" / "python"


def checkout(python: Path) -> Tuple[Path, str]:
    """Where this checkout's edgeclf is, compiled, and what to call it."""
    if not _core_is_fresh(python):
        print("compiling edgeclf", flush=True)
        _pip(PEERS, ["--no-deps", "--editable", str(ROOT)])
    return ROOT, "compiled here"


def wheel(dist: Path, python: Path) -> Tuple[Path, str]:
    """Where the wheel for that Python lies, with the built-in model; its name and checksum."""
    ask = "import sys; print('cp%d%d' % sys.version_info[:2])"
    tag = subprocess.check_output([str(python), "-c", ask], text=True).strip()
    found = _only(dist, f"edgeclf-*-{tag}-*_{platform.machine()}.whl")
    model = _only(dist, "edgeclf_default_model-*.whl")
    newer = [path for path in _sources() if path.stat().st_mtime > found.stat().st_mtime]
    if newer:
        raise SystemExit(f"benchmarks: {newer[0]} is newer than {found.name}: run make wheels")
    shutil.rmtree(UNPACKED, ignore_errors=True)
    try:
        _pip(PEERS, ["--no-deps", "--target", str(UNPACKED), str(found), str(model)])
    except subprocess.CalledProcessError as exc:
        raise SystemExit(
            f"benchmarks: {found.name} cannot be installed: {_last_line(exc)}"
        ) from exc
    return UNPACKED, f"{found.name}, sha256 {hashlib.sha256(found.read_bytes()).hexdigest()[:12]}"


def _only(dist: Path, pattern: str) -> Path:
    found = sorted(dist.glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"benchmarks: expected one {pattern} in {dist}, found {len(found)}")
    return found[0]


def simd_python() -> Tuple[Optional[Path], str]:
    """The interpreter that has pillow-simd, or None and why not."""
    numpy = next(line for line in REQUIREMENTS.read_text().splitlines() if "numpy" in line)
    packages = ["--no-binary", "pillow-simd", PILLOW_SIMD, numpy]
    # Its resize needs no decoder: where their headers are missing it is built without them.
    bare = ["--config-settings=jpeg=disable", "--config-settings=zlib=disable"]
    wide = platform.machine() in ("x86_64", "amd64")
    compiler = {"CC": f"{os.environ.get('CC', 'cc')} -mavx2"} if wide else {}
    for extra in ([], bare):
        try:
            _make(SIMD, [*packages, *extra], PILLOW_SIMD, compiler)
            return SIMD / "bin" / "python", ""
        except subprocess.CalledProcessError as exc:
            reason = f"{PILLOW_SIMD} cannot be built here: {_last_line(exc)}"
    return None, reason


def _make(folder: Path, arguments: List[str], content: str, more: Optional[dict] = None) -> None:
    """A virtual environment with what pip installs, kept until `content` changes."""
    stamp = folder / "made-for"
    digest = hashlib.sha256(content.encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return
    print(f"making {folder.relative_to(ROOT)}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    _pip(folder, arguments, more)
    stamp.write_text(digest)


def _pip(folder: Path, arguments: List[str], more: Optional[dict] = None) -> None:
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "--quiet", *arguments],
        check=True,
        env={**os.environ, **(more or {})},
        stderr=subprocess.PIPE,
        text=True,
    )


def _core_is_fresh(python: Path) -> bool:
    find = "import edgeclf._core as core; print(core.__file__)"
    done = subprocess.run(
        [str(python), "-c", find], capture_output=True, text=True, env=variables(), check=False
    )
    if done.returncode != 0:
        return False
    built = Path(done.stdout.strip()).stat().st_mtime
    return all(source.stat().st_mtime <= built for source in _sources())


def _sources() -> List[Path]:
    return [ROOT / "CMakeLists.txt", *(p for p in (ROOT / "cpp").rglob("*") if p.is_file())]


def _last_line(exc: subprocess.CalledProcessError) -> str:
    lines = [line for line in (exc.stderr or "").splitlines() if line.strip()]
    return lines[-1] if lines else f"pip ended with {exc.returncode}"
