"""Brings a model, a program and all they need onto a board, and switches to them once they work.

`deploy` does it over the system's own ssh; `write_bundle` and `write_overlay` write the same
payload as files. What runs on the board is ``on_board.py``, with ``program.py``; what both ends
compute is ``answers.py``. Nothing here prints. ``edgeclf deploy`` is the command.
"""

from __future__ import annotations

from edgeclf.deploy.board_facts import BoardFacts, assumed_board, facts_from, probe
from edgeclf.deploy.deployment import deploy, rollback, status
from edgeclf.deploy.files import write_bundle, write_overlay
from edgeclf.deploy.payload import Payload, Request, prepared
from edgeclf.deploy.ssh import Connection

__all__ = [
    "BoardFacts",
    "Connection",
    "Payload",
    "Request",
    "assumed_board",
    "deploy",
    "facts_from",
    "prepared",
    "probe",
    "rollback",
    "status",
    "write_bundle",
    "write_overlay",
]
