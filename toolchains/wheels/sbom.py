"""What the wheels are made of, as CycloneDX 1.6 JSON (https://cyclonedx.org/docs/1.6/json/).

Written as plain data: a dozen fixed entries need no library. A test validates it against the
published schema.
"""

from __future__ import annotations

import hashlib
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, List

_LLVM_LICENSE = "Apache-2.0 WITH LLVM-exception"


def bill_of_materials(version: str, zig_llvm: str, files: "list[Path]") -> Dict[str, Any]:
    """The parts of edgeclf, and the checksums of `files`, the wheels made of them (may be empty).

    The same for the same contents: the serial number is made from them, and no time stands in it.
    """
    wheels = [_file(path) for path in files]
    parts = _parts(zig_llvm)
    seed = repr((version, parts, wheels))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, seed)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": "edgeclf",
                "name": "edgeclf",
                "version": version,
                "purl": f"pkg:pypi/edgeclf@{version}",
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                **({"components": wheels} if wheels else {}),
            },
            "tools": {"components": [_tool(name) for name in _TOOLS]},
        },
        "components": parts,
        "dependencies": [{"ref": "edgeclf", "dependsOn": [part["bom-ref"] for part in parts]}],
    }


_TOOLS = ("ziglang", "cmake", "ninja", "setuptools", "wheel")


def _parts(llvm: str) -> List[Dict[str, Any]]:
    """What is inside the module itself; what pip installs beside it stands in the metadata."""
    binding = metadata.version("pybind11")
    zig = metadata.version("ziglang")
    parts = [_part("pybind11", binding, f"pkg:pypi/pybind11@{binding}", "BSD-3-Clause")]
    for name in ("libc++", "libc++abi", "libunwind"):
        purl = f"pkg:generic/{name.replace('+', '%2B')}@{llvm}"
        parts.append(_part(name, llvm, purl, _LLVM_LICENSE))
    purl = f"pkg:generic/zig-compiler-rt@{zig}"
    return [*parts, _part("zig compiler-rt", zig, purl, "MIT")]


def _part(name: str, version: str, purl: str, license: str) -> Dict[str, Any]:
    by = {"expression": license} if " " in license else {"license": {"id": license}}
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "licenses": [by],
        "scope": "required",
    }


def _tool(name: str) -> Dict[str, Any]:
    version = metadata.version(name)
    return {
        "type": "application",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
    }


def _file(path: Path) -> Dict[str, Any]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "type": "file",
        "bom-ref": path.name,
        "name": path.name,
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }
