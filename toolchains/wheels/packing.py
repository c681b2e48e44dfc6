"""Puts a wheel together: the Python files, a module, its licences and parts list, the tags."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any, Dict

from sources import run_python
from tags import Target, python_tag

_WHEEL = """Wheel-Version: 1.0
Generator: edgeclf toolchains/build_wheels.py
Root-Is-Purelib: {pure}
"""


def pack_module_wheel(
    tree: Path, module: Path, target: Target, python: str, parts: Dict[str, Any], dist: Path
) -> Path:
    """The wheel of `tree` (an unpacked pure one) with that compiled module in it."""
    copy = module.parent / "wheel"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(tree, copy)
    shutil.copyfile(module, copy / "edgeclf" / module.name)
    (copy / "edgeclf" / module.name).chmod(0o755)
    (info,) = copy.glob("*.dist-info")
    # Where PEP 770 has it, so that a scanner finds it on the board, too.
    (info / "sboms").mkdir()
    text = json.dumps(parts, indent=1, sort_keys=True) + "\n"
    (info / "sboms" / "edgeclf.cdx.json").write_text(text, encoding="utf-8")
    licenses = info / "licenses" / "bundled"
    licenses.mkdir(parents=True)
    for name, path in bundled_licenses().items():
        shutil.copyfile(path, licenses / f"{name}.txt")
    tag = python_tag(python)
    tags = [f"{tag}-{tag}-{platform}" for platform in target.platform_tag.split(".")]
    return _pack(copy, tags, dist, pure=False)


def pack_pure_wheel(tree: Path, dist: Path) -> Path:
    """The wheel of an unpacked pure one, for every Python 3."""
    return _pack(tree, ["py3-none-any"], dist, pure=True)


def bundled_licenses() -> Dict[str, Path]:
    """The licences of what is linked into the module, by name; they demand to go with it."""
    import pybind11
    import ziglang

    zig = Path(ziglang.__file__).parent
    llvm = zig / "lib"
    installed = Path(pybind11.__file__).parent.parent
    (binding,) = installed.glob("pybind11-*.dist-info/licenses/LICENSE")
    return {
        "pybind11": binding,
        "zig": zig / "LICENSE",
        "libcxx": llvm / "libcxx" / "LICENSE.TXT",
        "libcxxabi": llvm / "libcxxabi" / "LICENSE.TXT",
        "libunwind": llvm / "libunwind" / "LICENSE.TXT",
    }


def _pack(tree: Path, tags: "list[str]", dist: Path, *, pure: bool) -> Path:
    (info,) = tree.glob("*.dist-info")
    wheel = _WHEEL.format(pure=str(pure).lower()) + "".join(f"Tag: {tag}\n" for tag in tags)
    (info / "WHEEL").write_text(wheel, encoding="utf-8")
    for path in tree.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.suffix == ".so" else 0o644)
    made = dist / f"{info.name[: -len('.dist-info')]}-{_file_tag(tags)}.whl"
    if made.exists():
        made.unlink()
    run_python(["-m", "wheel", "pack", str(tree), "--dest-dir", str(dist)], tree)
    if not made.exists():
        sys.exit(f"edgeclf: expected {made.name} in {dist}, and it is not there")
    return made


def _file_tag(tags: "list[str]") -> str:
    parts = [tag.split("-") for tag in tags]
    return "-".join(".".join(sorted({one[i] for one in parts})) for i in range(3))
