"""What differs between the generations of TensorRT's builder, asked of the module itself.

From 8.2 (JetPack 4.6) to 11 and TensorRT for RTX the steps are the same: a network, a parser, a
configuration, a profile, a plan. Everything that one generation has and another lacks is looked for
here with ``hasattr``; no other module of this package knows a version, and so this one is a little
over 200 lines.
"""

from __future__ import annotations

import warnings
from typing import Any, List, Optional, Sequence, Tuple

from edgeclf.build.callbacks import Steps, monitor
from edgeclf.build.options import PRECISIONS, BuildOptions
from edgeclf.errors import BackendUnavailable

__all__ = ["BuilderApi"]

Shapes = Tuple[Sequence[int], Sequence[int], Sequence[int]]


class BuilderApi:
    """One vendor module's builder.

    Attributes:
        kind: "tensorrt" or "tensorrt-rtx".
        strongly_typed: the network's own types decide, and there are no precision flags.
        takes_uint8: uint8 can be a network's input.
        builds_without_device: ahead of time, for the compute capabilities that are named.
        has_timing_cache: what was measured is kept from one build to the next.
    """

    def __init__(self, module: Any, kind: str, version: str):
        self.module = module
        self.kind = kind
        self.version = version
        self.strongly_typed = not hasattr(module.BuilderFlag, "FP16")
        self.takes_uint8 = hasattr(module.DataType, "UINT8")
        self.builds_without_device = hasattr(module.IBuilderConfig, "set_compute_capability")
        self.has_timing_cache = kind != "tensorrt-rtx" and hasattr(module, "ITimingCache")

    @property
    def text(self) -> str:
        """ "tensorrt 10.3.0", as it stands in an engine's document."""
        return f"{self.kind} {self.version}"

    def network(self, builder: Any) -> Any:
        """An empty network whose first dimension is the batch."""
        flags = getattr(self.module, "NetworkDefinitionCreationFlag", None)
        explicit = getattr(flags, "EXPLICIT_BATCH", None)
        return builder.create_network(0 if explicit is None else 1 << int(explicit))

    def parse(self, network: Any, logger: Any, content: bytes) -> List[str]:
        """Read an ONNX model into `network`; the parser's complaints, none when all is well."""
        parser = self.module.OnnxParser(network, logger)
        if parser.parse(content):
            return []
        errors = [_complaint(parser.get_error(i)) for i in range(parser.num_errors)]
        return errors or ["the parser gave no reason"]

    def check(self, builder: Any, options: BuildOptions) -> None:
        """Refuse what this generation or this GPU has not.

        Raises:
            BackendUnavailable: says what is missing.
        """
        flag = self.module.BuilderFlag
        if options.version_compatible and (
            self.kind == "tensorrt-rtx" or not hasattr(flag, "VERSION_COMPATIBLE")
        ):
            raise BackendUnavailable(
                f"version-compatible engines: {self.text} cannot build them (TensorRT 8.6 and "
                "later can; TensorRT for RTX cannot). Build without it"
            )
        if options.compute_capabilities and not self.builds_without_device:
            raise BackendUnavailable(
                f"compute capability: {self.text} builds for the GPU that it runs on, and for no "
                "other. Build on the device itself, or with TensorRT for RTX"
            )
        for name in options.compute_capabilities:
            self._capability(name)
        fast = {"fp16": "platform_has_fast_fp16", "int8": "platform_has_fast_int8"}
        if not getattr(builder, fast.get(options.precision, ""), True):
            others = ", ".join(p for p in PRECISIONS if p != options.precision)
            raise BackendUnavailable(
                f"precision: this GPU does not compute in {options.precision}: TensorRT would run "
                f"the model in another without a word. Choose one of {others}"
            )
        self._check_dla(builder, options.dla)

    def _check_dla(self, builder: Any, core: Optional[int]) -> None:
        cores = int(getattr(builder, "num_DLA_cores", 0))
        if core is not None and core >= cores:
            raise BackendUnavailable(
                f"dla: core {core} was asked for, and there are {cores} here. Build without it, "
                "for the GPU"
            )

    def configuration(self, builder: Any, options: BuildOptions, workspace: Optional[int]) -> Any:
        """The builder's configuration, without profile, calibrator and progress."""
        config = builder.create_builder_config()
        self._set_workspace(config, workspace)
        self._set_precision(config, builder, options.precision)
        flag = self.module.BuilderFlag
        if options.dla is not None:
            config.default_device_type = self.module.DeviceType.DLA
            config.DLA_core = options.dla
            config.set_flag(flag.GPU_FALLBACK)
        if options.version_compatible:
            # With the lean runtime inside, without which no later version could read it.
            config.set_flag(flag.VERSION_COMPATIBLE)
        if options.compute_capabilities:
            config.num_compute_capabilities = len(options.compute_capabilities)
            for index, name in enumerate(options.compute_capabilities):
                config.set_compute_capability(self._capability(name), index)
        return config

    def add_profile(self, builder: Any, config: Any, name: str, shapes: Shapes) -> Any:
        """The shapes (least, usual, largest) that the input `name` may have."""
        profile = builder.create_optimization_profile()
        profile.set_shape(name, *(tuple(shape) for shape in shapes))
        config.add_optimization_profile(profile)
        return profile

    def watch(self, config: Any, steps: Optional[Steps]) -> bool:
        """Report progress to `steps`; False where this generation has no progress to report."""
        if steps is None or not hasattr(self.module, "IProgressMonitor"):
            return False
        config.progress_monitor = monitor(self.module, steps)
        return True

    def set_calibrator(self, config: Any, calibrator: Any, profile: Any) -> None:
        """Let TensorRT find the ranges of a float network. Only where there are precision flags."""
        config.int8_calibrator = calibrator
        if profile is not None and hasattr(config, "set_calibration_profile"):
            config.set_calibration_profile(profile)

    def use_timing_cache(self, config: Any, content: bytes) -> bool:
        """Give the builder what earlier builds measured; False when it does not take it."""
        if not self.has_timing_cache:
            return False
        cache = config.create_timing_cache(content)
        return cache is not None and bool(config.set_timing_cache(cache, False))

    def timing_cache(self, config: Any) -> bytes:
        """What is worth keeping for the next build; empty when nothing is."""
        cache = config.get_timing_cache() if self.has_timing_cache else None
        return b"" if cache is None else bytes(cache.serialize())

    def build(self, builder: Any, network: Any, config: Any) -> Optional[bytes]:
        """The plan; None when the builder failed, and its log says why."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            plan = builder.build_serialized_network(network, config)
        return None if plan is None else bytes(plan)

    def _set_workspace(self, config: Any, workspace: Optional[int]) -> None:
        if workspace is None:
            return
        if hasattr(config, "set_memory_pool_limit"):
            config.set_memory_pool_limit(self.module.MemoryPoolType.WORKSPACE, workspace)
        else:
            config.max_workspace_size = workspace

    def _set_precision(self, config: Any, builder: Any, precision: str) -> None:
        flag = self.module.BuilderFlag
        if precision == "fp32" and hasattr(flag, "TF32"):
            # On by default: float32 with the mantissa of float16.
            config.clear_flag(flag.TF32)
        if self.strongly_typed:
            return
        # Layers that cannot run in int8 take fp16 rather than fp32, where the GPU is quick at it.
        if precision == "fp16" or (
            precision == "int8" and getattr(builder, "platform_has_fast_fp16", True)
        ):
            config.set_flag(flag.FP16)
        if precision == "int8":
            config.set_flag(flag.INT8)

    def _capability(self, name: str) -> Any:
        member = f"SM{name.replace('.', '')}"
        known = getattr(self.module, "ComputeCapability", None)
        if not hasattr(known, member):
            there = sorted(
                (n[2:-1] + "." + n[-1] for n in dir(known) if n[:2] == "SM" and n[2:].isdigit()),
                key=float,
            )
            raise BackendUnavailable(
                f"compute capability: {self.text} knows {', '.join(there)}; got {name!r}"
            )
        return getattr(known, member)


def _complaint(error: Any) -> str:
    """One error of the parser, with the node that it is about where that is told."""
    text = str(error.desc())
    node = [
        str(getattr(error, part)())
        for part in ("node_operator", "node_name")
        if hasattr(error, part)
    ]
    named = " ".join(part for part in node if part)
    if not named:
        number = error.node()
        named = f"node number {number}" if isinstance(number, int) and number >= 0 else ""
    return f"{named}: {text}" if named else text
