"""Which of TensorRT's Python modules are on this machine, and importing one of them.

Three modules speak the same interface: ``tensorrt`` (builds and runs), ``tensorrt_lean`` (runs
version-compatible engines) and ``tensorrt_rtx`` (TensorRT for RTX, with engines of its own). Wheels
put the bindings into ``<name>_bindings`` and the libraries into ``<name>_libs``; JetPack and the
meta packages give the plain name.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from typing import Any, List, NamedTuple, Optional, Tuple

from edgeclf.backends.install import distribution_version, install_hint
from edgeclf.errors import ArgumentError, BackendUnavailable

__all__ = ["DISTRIBUTIONS", "MODULES", "ModuleFacts", "facts_of", "find_modules", "import_module"]


class ModuleFacts(NamedTuple):
    """One of TensorRT's modules.

    ``name`` is "tensorrt", "tensorrt_lean" or "tensorrt_rtx"; ``kind`` is "tensorrt",
    "tensorrt-lean" or "tensorrt-rtx"; ``version`` is the vendor's text ("10.3.0"); ``import_name``
    is what Python imports.
    """

    name: str
    kind: str
    version: str
    import_name: str


# (name, kind): in order of preference.
_KINDS = (
    ("tensorrt", "tensorrt"),
    ("tensorrt_lean", "tensorrt-lean"),
    ("tensorrt_rtx", "tensorrt-rtx"),
)
_CUDA = ("-cu13", "-cu12", "-cu11")
MODULES = tuple(name for kind in _KINDS for name in (kind[0], f"{kind[0]}_bindings"))


def _distributions(name: str) -> Tuple[str, ...]:
    dashed = name.replace("_", "-")
    cuda = tuple(dashed + suffix for suffix in _CUDA)
    return (*(f"{base}-bindings" for base in cuda), *cuda, dashed)


# What brings each of the modules; JetPack's packages are known by the plain name.
DISTRIBUTIONS = tuple(d for name, _ in _KINDS for d in reversed(_distributions(name)))


def find_modules() -> List[ModuleFacts]:
    """The modules that are installed, in order of preference: one for each name at most.

    Looks without importing, but for one whose version only the module itself knows; one whose
    import fails is left out.
    """
    found = (_find(name, kind) for name, kind in _KINDS)
    return [facts for facts in found if facts is not None]


def import_module(facts: ModuleFacts) -> Any:
    """The vendor's module. Safe without a GPU; its ``Runtime`` is not: see `open_cuda`.

    Raises:
        BackendUnavailable: its import fails.
    """
    try:
        if facts.import_name.endswith("_bindings"):
            # A wheel's libraries lie in a package of their own, which loads them.
            with contextlib.suppress(ImportError):
                importlib.import_module(f"{facts.name}_libs")
        return importlib.import_module(facts.import_name)
    except Exception as exc:
        raise BackendUnavailable(
            f"{facts.import_name}: installed, but its import failed: {exc}. Expected TensorRT's "
            f"libraries of the same version beside it. To install it: {install_hint('tensorrt')}"
        ) from exc


def facts_of(module: Any) -> ModuleFacts:
    """What `module`, already imported, is.

    Raises:
        ArgumentError: it is none of TensorRT's modules.
    """
    import_name = getattr(module, "__name__", "")
    for name, kind in _KINDS:
        if import_name in (name, f"{name}_bindings"):
            return ModuleFacts(name, kind, str(module.__version__), import_name)
    raise ArgumentError(
        f"api_module: expected one of the modules {', '.join(MODULES)}; got {module!r}"
    )


def _find(name: str, kind: str) -> Optional[ModuleFacts]:
    for import_name in (name, f"{name}_bindings"):
        if not _is_there(import_name):
            continue
        facts = ModuleFacts(name, kind, _installed_version(name) or "", import_name)
        if facts.version:
            return facts
        with contextlib.suppress(BackendUnavailable):
            return facts_of(import_module(facts))
    return None


def _is_there(module: str) -> bool:
    # find_spec raises for a module that was set to None in sys.modules, or has no __spec__.
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:
        return False


def _installed_version(name: str) -> Optional[str]:
    found = distribution_version(_distributions(name))
    return found.split(" ", 1)[1] if found else None
