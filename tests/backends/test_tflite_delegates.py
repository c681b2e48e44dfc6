"""Delegates that a user names: one that fails or takes nothing is never the CPU in silence."""

from __future__ import annotations

import gc
import logging
import shutil
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest
from backend_cases import require

from edgeclf.backends import load_backend
from edgeclf.errors import BackendUnavailable
from edgeclf.model_file import ModelFile

models = pytest.importorskip("tflite_models")
require("tflite")

# Creates a delegate that takes no node, the way an accelerator answers a model not made for it.
IDLE_DELEGATE = """
#include <stdint.h>
#include <stdlib.h>
struct delegate { void *data; int (*prepare)(void *, void *); void *to, *from, *release;
                  int64_t flags; void *builder; };
static int prepare(void *context, void *self) { return 0; }
void *tflite_plugin_create_delegate(char **k, char **v, size_t n, void (*report)(const char *)) {
  if (n) { report("no such device"); return 0; }
  struct delegate *d = calloc(1, sizeof *d);
  d->prepare = prepare;
  return d;
}
void tflite_plugin_destroy_delegate(void *d) { free(d); }
"""


def load(model: Any, **keywords: Any) -> Any:
    return load_backend(ModelFile(model), **keywords)


@pytest.fixture(scope="module")
def idle_delegate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to build a delegate with")
    folder = tmp_path_factory.mktemp("delegate")
    (folder / "idle.c").write_text(IDLE_DELEGATE)
    library = folder / "libidle.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(library), str(folder / "idle.c")], check=True
    )
    return library


# TFLite's Delegate.__del__ stumbles over what its failed __init__ did not set.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _collect() -> Iterator[None]:
    yield
    gc.collect()  # here, where the warning is expected


@pytest.mark.parametrize("strict", [True, False])
def test_a_delegate_that_cannot_be_loaded(strict: bool, tmp_path: Path) -> None:
    options = {"delegates": [str(tmp_path / "libnothing.so")]}
    with pytest.raises(BackendUnavailable, match=r"libnothing\.so cannot be loaded") as caught:
        load(models.float_classifier(), backend_options=options, strict=strict)
    assert caught.value.__cause__ is not None


def test_a_delegate_without_its_device(idle_delegate: Path) -> None:
    options = {"delegates": [(idle_delegate, {"device": "usb:7"})]}
    with pytest.raises(BackendUnavailable, match="no such device"):
        load(models.float_classifier(), backend_options=options)


def test_a_delegate_that_takes_nothing(
    idle_delegate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"delegates": [idle_delegate]}
    with pytest.raises(BackendUnavailable, match="took none"):
        load(models.float_classifier(), backend_options=options)
    with caplog.at_level(logging.WARNING, logger="edgeclf"):
        backend = load(models.float_classifier(), backend_options=options, strict=False)
    assert "took none" in caplog.text
    assert sum(p.operators for p in backend.placement) == 3
