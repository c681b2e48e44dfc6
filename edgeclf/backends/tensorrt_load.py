"""From an engine's file to the vendor's engine: which module reads it, and what may go wrong.

The order matters. What the file tells is read first; then a GPU is looked for; only then is the
vendor's Runtime made, which is no place for a wrong file, and without a GPU takes the process down.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

from edgeclf import engine as engine_files
from edgeclf.backends import tensorrt_api as api
from edgeclf.backends.install import install_hint
from edgeclf.backends.tensorrt_log import VendorLog, log_of
from edgeclf.backends.tensorrt_modules import ModuleFacts, facts_of, find_modules, import_module
from edgeclf.backends.tensorrt_options import Options
from edgeclf.cuda import Cuda, open_cuda
from edgeclf.errors import BackendError, BackendUnavailable, ModelError
from edgeclf.model_file import ModelFile

__all__ = ["Opened", "open_engine", "quoted"]

# Which modules read an engine of a kind, the best first.
_READERS = {
    "tensorrt": ("tensorrt", "tensorrt-lean"),
    "tensorrt-rtx": ("tensorrt-rtx",),
}


class Opened(NamedTuple):
    """The vendor's objects and where they are. The engine is to be released before the runtime."""

    name: str
    module: Any
    cuda: Cuda
    log: VendorLog
    runtime: Any
    engine: Any


def open_engine(model: ModelFile, index: int, options: Options) -> Opened:
    """Deserialise `model` on the GPU `index`, or on the option ``cuda``.

    Raises:
        ModelError: damaged, or built for another TensorRT or GPU. BackendUnavailable: no module
            of TensorRT reads it, there is no GPU, or TensorRT cannot use it.
    """
    document, plan = engine_files.split(model.content, name=model.name)
    header = engine_files.read_header(plan, name=model.name)
    modules = _readers(header.kind, options, model.name)
    cuda = options.cuda or open_cuda(index)
    known: Dict[str, Any] = {
        "name": model.name,
        "document": document,
        "compute_capability": cuda.facts.compute_capability,
    }
    facts = _first_that_fits(modules, functools.partial(engine_files.check_fits, header, **known))
    module = options.api_module or import_module(facts)
    refusal = functools.partial(
        engine_files.explain,
        header=header,
        module_kind=facts.kind,
        module_version=str(module.__version__),
        **known,
    )
    log = log_of(module)
    with cuda.current():
        runtime, engine = _deserialized(
            module, log, plan, options.engine_host_code_allowed, refusal
        )
    return Opened(facts.name, module, cuda, log, runtime, engine)


def quoted(said: Sequence[str]) -> str:
    """The vendor's messages for an error of ours."""
    return "; ".join(said) or "it gave no reason"


def _readers(kind: str, options: Options, model: str) -> List[ModuleFacts]:
    """The modules here that read engines of `kind`, at least one.

    Raises:
        BackendUnavailable: there is none, or the one asked for does not.
    """
    given = options.api_module
    there = find_modules() if given is None else [facts_of(given)]
    readers = [facts for k in _READERS[kind] for facts in there if facts.kind == k]
    if options.module is not None:
        readers = [facts for facts in readers if facts.name == options.module]
    if readers:
        return readers
    names = " or ".join(k.replace("-", "_") for k in _READERS[kind])
    have = ", ".join(f"{facts.name} {facts.version}" for facts in there) or "none"
    asked = f"; module={options.module!r} was asked for" if options.module else ""
    raise BackendUnavailable(
        f"{model}: an engine of {_product(kind)} needs the Python module {names}; installed: "
        f"{have}{asked}. Install it ({install_hint(kind)}), or build the engine for what is here: "
        "edgeclf build MODEL.onnx -o X.engine"
    )


def _first_that_fits(modules: Sequence[ModuleFacts], check: Callable[..., None]) -> ModuleFacts:
    """The lean runtime may read what the full one of another version does not.

    Raises:
        ModelError: none does; says why the first one does not.
    """
    reasons = []
    for facts in modules:
        try:
            check(module_kind=facts.kind, module_version=facts.version)
            return facts
        except ModelError as exc:
            reasons.append(exc)
    raise reasons[0]


def _product(kind: str) -> str:
    return "TensorRT for RTX" if kind == "tensorrt-rtx" else "TensorRT"


def _deserialized(
    module: Any,
    log: VendorLog,
    plan: memoryview,
    host_code: bool,
    refusal: Callable[[Sequence[str]], ModelError],
) -> Tuple[Any, Any]:
    """The vendor's runtime and engine, or `refusal` of what the log said."""
    with log.collecting() as said:
        try:
            runtime = _runtime(module, log)
            api.allow_host_code(module, runtime, host_code)
            reason = api.invalidity(module, runtime, plan)
            engine = None if reason else runtime.deserialize_cuda_engine(plan)
        except BackendError:
            raise
        except Exception as exc:
            raise refusal([*said, str(exc)]) from exc
    if engine is None:
        raise refusal([*said, reason] if reason else said)
    return runtime, engine


def _runtime(module: Any, log: VendorLog) -> Any:
    """The vendor's Runtime. Where it could not start (no device, a driver that is too old), it is
    an object around a null pointer all the same, and the log tells: to use it, or to let go of it,
    takes the process down.
    """
    with log.collecting() as said:
        try:
            runtime = module.Runtime(log.logger)
        except Exception as exc:
            said.append(str(exc))
            runtime = None
    if runtime is not None and said.errors:
        api.never_destroy(runtime)
    if runtime is None or said.errors:
        raise BackendUnavailable(
            f"{module.__name__} {module.__version__}: its runtime did not start: {quoted(said)}. "
            "Check with nvidia-smi that the GPU's driver is new enough for it"
        )
    return runtime
