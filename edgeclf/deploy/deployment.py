"""Drives the installer on the board, over one connection: send, watch, confirm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any, Callable, Dict, Iterator, Optional

from edgeclf.deploy import on_board
from edgeclf.deploy.board_facts import BoardFacts
from edgeclf.deploy.payload import Payload
from edgeclf.deploy.ssh import CONNECTION_FAILED, Connection, Remote
from edgeclf.errors import DeployError

__all__ = ["Event", "deploy", "rollback", "status"]

Event = Dict[str, Any]
Tell = Callable[[Event], None]
_CHUNK = 1 << 18

# Reads the installer from stdin and runs it, with nothing buffered: the payload comes after it.
_READ = """
import sys
f = open(0, "rb", buffering=0, closefd=False)
n = int(f.readline() or 0)
code = b""
while len(code) < n:
    data = f.read(n - len(code))
    if not data:
        sys.exit(1)
    code += data
exec(compile(code, "on_board.py", "exec"), {"__name__": "edgeclf_on_board"})
"""
# On one line, for csh as a login shell; -I, for files in the user's home are no modules of ours.
_BOOT = ("-I", "-c", f"exec({_READ!r})")


def deploy(connection: Connection, payload: Payload, prefix: str, tell: Tell) -> Event:
    """Send `payload`, install and test it beside what runs there, and switch to it.

    Args:
        prefix: the folder on the board; a leading "~" is the user's home there.
        tell: is called with each event of the board: {"step": name, ...}.

    Returns:
        id, previous, runtime, photos, largest_score_difference, warnings.

    Raises:
        DeployError: the step that failed, what happened, what to do, and what is current there.
    """
    order = {
        "action": "deploy",
        "prefix": prefix,
        "size": payload.tar.stat().st_size,
        "sha256": payload.sha256,
        "need_bytes": payload.manifest["need_bytes"],
    }
    return _ordered(connection, payload.board, order, tell, payload.tar)


def rollback(connection: Connection, board: BoardFacts, prefix: str, tell: Tell) -> Event:
    """Switch back to the release before; id and previous. Raises DeployError."""
    return _ordered(connection, board, {"action": "rollback", "prefix": prefix}, tell)


def status(connection: Connection, board: BoardFacts, prefix: str) -> Event:
    """What is installed: current, previous, releases, free_bytes, passed. Raises DeployError."""
    return _ordered(connection, board, {"action": "status", "prefix": prefix}, lambda event: None)


def _ordered(
    connection: Connection, board: BoardFacts, order: Event, tell: Tell, tar: Optional[Path] = None
) -> Event:
    with connection.start([board.python_path, *_BOOT]) as remote:
        session = _Session(connection, remote, tell, tar)
        return session.run(order)


class _Session:
    """One installer that runs on the board, from its first byte to its last word."""

    def __init__(
        self, connection: Connection, remote: Remote, tell: Tell, tar: Optional[Path]
    ) -> None:
        self._connection = connection
        self._remote = remote
        self._tell = tell
        self._tar = tar
        self._step = "connect"
        assert remote.process.stdin is not None
        self._stdin: IO[bytes] = remote.process.stdin

    def run(self, order: Event) -> Event:
        code = Path(on_board.__file__).read_bytes() + b"\n\nserve()\n"
        self._send(b"%d\n%s%s\n" % (len(code), code, json.dumps(order).encode()))
        for event in self._events():
            if "done" in event:
                return dict(event["done"])
            if "failed" in event:
                raise DeployError(
                    f"{event['failed']}: on {self._connection.host}: {event['message']}. "
                    f"{event['advice']}. {event['standing']}"
                )
            self._step = event.get("step", self._step)
            self._tell(event)
            self._answer(event)
        raise self._ended()

    def _answer(self, event: Event) -> None:
        """What the board waits for in this step."""
        if event.get("step") == "transfer" and self._tar is not None:
            with self._tar.open("rb") as file:
                file.seek(event["offset"])
                for data in iter(lambda: file.read(_CHUNK), b""):
                    if not self._send(data):
                        break
        elif event.get("step") == "confirm":
            self._send(b"go\n")

    def _send(self, data: bytes) -> bool:
        """False where nobody reads any more: why, the board's next words say."""
        try:
            self._stdin.write(data)
            self._stdin.flush()
        except BrokenPipeError:
            return False
        return True

    def _events(self) -> Iterator[Event]:
        assert self._remote.process.stdout is not None
        for line in self._remote.process.stdout:
            text = line.decode("utf-8", "replace")
            if text.startswith(on_board.MARK):  # a login shell may say things of its own
                try:
                    event = json.loads(text[len(on_board.MARK) :])
                except ValueError:  # cut in the middle of it
                    return
                yield event

    def _ended(self) -> DeployError:
        code = self._remote.process.wait()
        said = self._remote.errors()
        if self._step == "connect" and code == CONNECTION_FAILED:
            return self._connection.failure(self._remote)
        # Until then one step after the other leaves what is current alone; from then on it may not.
        late = self._step in ("switch", "service")
        left = "The new release may be current" if late else "What was current there still is"
        return DeployError(
            f"{self._step}: the connection to {self._connection.host}, or the installer there, "
            f"ended in this step (status {code}{': ' + said if said else ''}). {left}: see "
            "--status; then run the same command again"
        )
