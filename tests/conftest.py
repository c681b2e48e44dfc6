"""What several tests share: where data lies, and how a test says that it cannot run here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of further photographs and models that some machines have beside the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("no further photographs and models beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def photos() -> Path:
    """The photographs that ship with the project."""
    return ROOT / "examples" / "photos"


@pytest.fixture(params=["simplejpeg", "pillow"])
def decoder(request, monkeypatch):
    """Both ways a JPEG can be decoded; None in sys.modules makes an import fail."""
    if request.param == "simplejpeg":
        pytest.importorskip("simplejpeg")
    else:
        monkeypatch.setitem(sys.modules, "simplejpeg", None)
    return request.param
