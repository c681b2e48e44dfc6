"""The package as a whole: what importing loads, what is public, what the errors are."""

from __future__ import annotations

import subprocess
import sys

import pytest

import edgeclf
from edgeclf import errors

HEAVY = ("cv2", "PIL", "onnxruntime", "ai_edge_litert", "tflite_runtime", "tensorflow", "click")


@pytest.mark.parametrize(
    "statement",
    [
        "import edgeclf",
        "import edgeclf; edgeclf.Frame; edgeclf.InputSpec; edgeclf.SpecMismatch",
        "import edgeclf; edgeclf.Preprocessor",
        "import edgeclf; edgeclf.Classifier",
    ],
)
def test_importing_loads_no_runtime(statement):
    code = f"import sys\n{statement}\nprint([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_everything_public_is_there():
    for name in edgeclf.__all__:
        assert getattr(edgeclf, name) is not None
    assert sorted(set(edgeclf._HOME) | {"__version__"}) == sorted(edgeclf.__all__)
    assert dir(edgeclf) == sorted(edgeclf.__all__)
    with pytest.raises(AttributeError, match="no_such"):
        edgeclf.no_such  # noqa: B018


def test_the_error_tree_is_the_one_in_its_docstring():
    drawn = [
        line.strip(" |+-").split()[0]
        for line in errors.__doc__.splitlines()
        if "+--" in line or line.strip() == "EdgeclfError"
    ]
    assert sorted(drawn) == sorted(errors.__all__)
    for name in errors.__all__:
        error = getattr(errors, name)
        assert issubclass(error, errors.EdgeclfError)
        assert error.__doc__
    assert issubclass(errors.DecodeError, errors.FrameError)
    assert issubclass(errors.SpecMismatch, errors.ModelError)
    assert issubclass(errors.BackendUnavailable, errors.BackendError)


def test_submodules_do_not_hide_public_names():
    import edgeclf.decoding

    assert callable(edgeclf.decode)
