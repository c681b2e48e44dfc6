"""Every error edgeclf raises.

::

    EdgeclfError
    +-- ArgumentError (also ValueError)   an argument of a call is out of its range
    +-- FrameError                        these pixels cannot become this tensor
    |   +-- DecodeError                   these bytes are not a picture, or a damaged one
    +-- ModelError                        something is wrong with the model or what is written of it
    |   +-- ManifestError                 spec or labels: unreadable, missing, or contradicting
    |   +-- SpecMismatch                  spec, labels and model do not fit each other
    +-- BackendError                      something is wrong with the runtime
    |   +-- BackendUnavailable            not installed, or not able to do what was asked
    |   +-- InferenceError                the runtime failed, or gave numbers that are not numbers
    +-- SourceError                       a camera, a video or a folder gave no frames
    +-- DeployError                       a board could not be given its new version

A message says what was expected, what came, and what to do. A vendor's exception is wrapped
once, by the module that called the vendor, and stays reachable as ``__cause__``.
"""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "BackendError",
    "BackendUnavailable",
    "DecodeError",
    "DeployError",
    "EdgeclfError",
    "FrameError",
    "InferenceError",
    "ManifestError",
    "ModelError",
    "SourceError",
    "SpecMismatch",
]


class EdgeclfError(Exception):
    """Base of all errors of this package."""


class ArgumentError(EdgeclfError, ValueError):
    """An argument of a call is out of its range."""


class FrameError(EdgeclfError):
    """A frame's type, shape, dtype, format or region cannot be used."""


class DecodeError(FrameError):
    """Encoded bytes are not a picture, or are truncated, corrupted or too large."""


class ModelError(EdgeclfError):
    """The model file, or what is written about it, cannot be used."""


class ManifestError(ModelError):
    """Spec or labels cannot be read, are incomplete, or two sources contradict each other."""


class SpecMismatch(ModelError):
    """A spec's field is invalid, or does not fit the model's tensors or its labels."""


class BackendError(EdgeclfError):
    """A runtime could not do its work."""


class BackendUnavailable(BackendError):
    """The runtime is not installed, or cannot run on the device or precision asked for."""


class InferenceError(BackendError):
    """The runtime failed on an input, or its scores are not finite."""


class SourceError(EdgeclfError):
    """A source of frames cannot be opened or has failed."""


class DeployError(EdgeclfError):
    """A step of a deployment failed; what the board ran before, it still runs."""
