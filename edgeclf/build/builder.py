"""``build_engine``: an ONNX model in, an engine file and a report out. Over 200 lines for what its
arguments mean."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Union

from edgeclf.build.api import BuilderApi
from edgeclf.build.cache import Store
from edgeclf.build.callbacks import Steps, stopped
from edgeclf.build.job import Job, job_of
from edgeclf.build.memory import check_memory
from edgeclf.build.options import checked_options
from edgeclf.build.origin import read_origin
from edgeclf.build.pictures import PictureSource
from edgeclf.build.plan import Built, build_plan
from edgeclf.build.prepare import Prepared, prepare
from edgeclf.build.report import BuildReport, MemoryReport
from edgeclf.build.summary import document_for, report_of
from edgeclf.build.target import checked_target, require_space
from edgeclf.build.verdict import NOT_CHECKED, checked
from edgeclf.engine import join, read_header
from edgeclf.errors import ArgumentError
from edgeclf.manifest.atomic import write_atomically
from edgeclf.model_file import ModelFile, ModelSource

__all__ = ["build_engine", "run"]

_LOG = logging.getLogger("edgeclf")


def build_engine(
    model: Union[ModelFile, ModelSource],
    out: Union[str, "os.PathLike[str]"],
    *,
    precision: str = "fp32",
    calibrate: PictureSource = None,
    batch: Any = None,
    workspace_bytes: Optional[int] = None,
    dla: Optional[int] = None,
    version_compatible: bool = False,
    compute_capability: Any = None,
    runtime: Optional[str] = None,
    device: Optional[str] = None,
    spec: Any = None,
    labels: Any = None,
    check: bool = True,
    progress: Optional[Steps] = None,
    timing_cache: Union[bool, Store] = True,
    module: Any = None,
    cuda: Any = None,
) -> BuildReport:
    """Build a TensorRT engine from an ONNX classifier, spec and labels in front of its plan.

    Args:
        model: path or bytes of the .onnx file.
        out: the engine's path; replaced in one step, and only when all went well.
        precision: "fp32", "fp16" or "int8". A model that is quantised already is built in int8 with
            its own ranges, and in fp32 or fp16 with its weights as floats.
        calibrate: a folder of pictures, or a list of them (paths, encoded bytes, arrays, PIL
            images): an int8 build of a float model takes its ranges from them, and both models
            are compared on some of them. At most 500 are used.
        batch: (least, usual, largest) frames at once, for a model with a dynamic batch.
        workspace_bytes: scratch memory that the builder's kernels may use.
        dla: build for this Deep Learning Accelerator core; what it cannot run goes to the GPU.
        version_compatible: an engine that later versions of TensorRT read too (8.6 and later). It
            carries host code, the lean runtime of its version: loading it needs the option
            ``engine_host_code_allowed``.
        compute_capability: "8.9", or several, for TensorRT for RTX, which needs no GPU to build.
            None: the GPU here, or every one from 8.0 on when there is none.
        runtime: "tensorrt" or "tensorrt-rtx"; None takes the one that is installed.
        device: the GPU to build on, "cuda:N".
        spec, labels: as for Classifier.
        check: compare the answers with the original's before anything is written.
        progress: called as (step, done, total); False or an exception stops the build.
        timing_cache: where what the builder measured is kept for the next build: True for this
            user's cache, False for nowhere, or a Store. TensorRT for RTX has nothing to keep.
        module, cuda: a vendor's module and an open device, instead of those found.

    Returns:
        What was done; see BuildReport.

    Raises:
        ArgumentError: an argument is out of its range. ModelError: not an ONNX classifier that
            this TensorRT parses, the engine is damaged, or it does not answer as the original
            does. ManifestError, SpecMismatch: its spec. BackendUnavailable: something that is
            needed is not installed or not there. BackendError: the build failed.

    Safe to call from several threads, each with an `out` of its own.
    """
    options = checked_options(
        precision, batch, workspace_bytes, dla, version_compatible, compute_capability
    )
    target = checked_target(Path(out), model)
    origin = read_origin(model, spec, labels)
    job = job_of(origin, options, calibrate, runtime, module, device, cuda)
    return run(job, target, check=check, progress=progress, timing_cache=timing_cache)


def run(
    job: Job,
    out: Path,
    *,
    check: bool = True,
    progress: Optional[Steps] = None,
    timing_cache: Union[bool, Store] = True,
) -> BuildReport:
    """Do what `job` says, and write the engine to `out`. See `build_engine`."""
    clock = _Clock(progress)
    origin, options, api = job.origin, job.options, job.api
    memory = check_memory(origin.proto.ByteSize(), options.workspace_bytes, job.device.cuda)
    with clock.step("prepare"):
        prepared = prepare(
            origin,
            options.precision,
            job.pictures,
            strongly_typed=api.strongly_typed,
            takes_uint8=api.takes_uint8,
        )
    with clock.step("build"):
        built = _built(job, prepared, memory, progress, timing_cache)
    header = read_header(built.plan)
    document = document_for(job, prepared, built, header)
    content = join(document, built.plan)
    verdict = NOT_CHECKED
    if check:
        with clock.step("check"):
            verdict = checked(job, prepared, content)
    with clock.step("write"):
        require_space(out, len(content))
        write_atomically(out, content)
    facts = document["engine"]
    return report_of(job, prepared, memory, verdict, facts, out, len(content), clock.seconds)


def _built(
    job: Job,
    prepared: Prepared,
    memory: MemoryReport,
    progress: Optional[Steps],
    timing_cache: Union[bool, Store],
) -> Built:
    api, cuda = job.api, job.device.cuda
    tensors = None
    if prepared.calibrates:
        tensors = job.pictures.tensors(prepared.input_spec)
    name, store = timing_name(api, cuda), _timing_store(api, timing_cache)
    kept = None if store is None else store.read(name)
    built = build_plan(
        api,
        prepared.content,
        job.options,
        prepared.input_spec,
        name=job.origin.model.name,
        workspace=memory.workspace_bytes,
        cuda=cuda,
        tensors=tensors,
        steps=progress,
        timing_cache=kept or b"",
    )
    if store is not None and built.timing_cache and built.timing_cache != kept:
        store.write(name, built.timing_cache)
    return built


def _timing_store(api: BuilderApi, wanted: Union[bool, Store]) -> Optional[Store]:
    """Where measured times are kept; a cache that cannot be used costs time alone."""
    if not api.has_timing_cache or not isinstance(wanted, bool):
        return wanted if api.has_timing_cache and isinstance(wanted, Store) else None
    try:
        return Store() if wanted else None
    except ArgumentError as exc:
        _LOG.warning("measured times are not kept: %s", exc)
        return None


def timing_name(api: BuilderApi, cuda: Any) -> str:
    """The timing cache's file: times hold for one version on one kind of GPU."""
    gpu = "" if cuda is None else f"{cuda.facts.name} {cuda.facts.compute_capability}"
    digest = hashlib.sha256(f"{api.text} {gpu}".encode()).hexdigest()[:16]
    return f"{digest}.timing"


class _Clock:
    """Seconds per step; tells of each step as it begins, and is told whether to go on."""

    def __init__(self, progress: Optional[Steps]):
        self.seconds: Dict[str, float] = {}
        self._progress = progress

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        if self._progress is not None and not self._progress(name, 0, 0):
            raise stopped()
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)
