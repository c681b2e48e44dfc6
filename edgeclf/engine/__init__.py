"""TensorRT engine files, read and judged without TensorRT, without CUDA and without a GPU.

An engine is a *plan* (the vendor's closed format; its first bytes are open), and maybe a JSON
document in front of it that says what the plan is. A runtime that is handed a plan it cannot use
answers None, and some versions crash; so the plan's header is read first.
"""

from edgeclf.engine.container import join, split
from edgeclf.engine.facts import EngineFacts, facts_of, rebuild_command
from edgeclf.engine.fit import check_fits
from edgeclf.engine.header import EngineHeader, read_header, version_text
from edgeclf.engine.messages import explain

__all__ = [
    "EngineFacts",
    "EngineHeader",
    "check_fits",
    "explain",
    "facts_of",
    "join",
    "read_header",
    "rebuild_command",
    "split",
    "version_text",
]
