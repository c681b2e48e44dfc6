"""The accuracy check of a build: of the engine where it can run here, else of what was parsed."""

from __future__ import annotations

import contextlib

from edgeclf.backends import Backend
from edgeclf.build.check import Answering, compare, in_onnxruntime
from edgeclf.build.job import Job
from edgeclf.build.pictures import synthetic_pictures
from edgeclf.build.prepare import Prepared
from edgeclf.build.report import CheckReport
from edgeclf.errors import BackendUnavailable, ModelError
from edgeclf.model_file import ModelFile

__all__ = ["NOT_CHECKED", "checked"]

NOT_CHECKED = CheckReport("nothing", "not asked for")
_PICTURES = 32


def checked(job: Job, prepared: Prepared, engine: bytes) -> CheckReport:
    """Compare with the original; a difference that is too large is an error.

    Raises:
        ModelError: too few pictures agree; says how many, and what to do.
    """
    output_spec = job.origin.resolved.output_spec
    try:
        original = in_onnxruntime(job.origin.model, job.origin.resolved.input_spec, output_spec)
    except BackendUnavailable as exc:
        return CheckReport("nothing", f"not run: {exc}")
    pictures = job.pictures.few(_PICTURES) if job.pictures else synthetic_pictures()
    reason = _not_runnable(job)
    with contextlib.ExitStack() as stack:
        stack.callback(original.backend.close)
        if reason:
            candidate = in_onnxruntime(prepared.content, prepared.input_spec, output_spec)
        else:
            smallest = job.options.batch[0] if job.options.batch else 1
            loaded = _loaded(job, engine)
            candidate = Answering(loaded, prepared.input_spec, output_spec, smallest)
        stack.callback(candidate.backend.close)
        report = compare(
            original,
            candidate,
            pictures,
            compared="prepared onnx" if reason else "engine",
            reason=reason,
            precision=job.options.precision,
            quantized_original=job.origin.resolved.graph.precision == "int8",
        )
    if not report.passed:
        raise _failed(job, report)
    return report


def _not_runnable(job: Job) -> str:
    """Why the engine cannot be run here; empty when it can."""
    cuda, wanted = job.device.cuda, job.options.compute_capabilities
    if cuda is None:
        return f"the engine was not run: no device ({job.device.reason})"
    major, minor = cuda.facts.compute_capability
    if wanted and f"{major}.{minor}" not in wanted:
        return f"the engine was not run: it is for {', '.join(wanted)}, and this is {major}.{minor}"
    return ""


def _loaded(job: Job, engine: bytes) -> Backend:
    from edgeclf.backends.tensorrt import TensorRTBackend

    cuda = job.device.cuda
    assert cuda is not None
    # The module that built it, whether or not it is the one that `load_backend` would find.
    # Its host code, where it has some, is that TensorRT's own: it was built a moment ago.
    options = {"cuda": cuda, "api_module": job.api.module, "engine_host_code_allowed": True}
    return TensorRTBackend(ModelFile(engine), backend_options=options)


def _failed(job: Job, report: CheckReport) -> ModelError:
    return ModelError(
        f"{job.origin.model.name}: built in {job.options.precision}, the {report.compared} agrees "
        f"with the original on {report.agreeing} of {report.pictures} pictures ({report.source}); "
        f"scores differ by up to {report.largest_difference:.3g}, and {report.tolerance:.3g} is "
        "allowed. Nothing was written. Use more pictures like those it will see (--calibrate), a "
        "wider precision, or --no-check"
    )
