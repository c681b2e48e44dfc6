"""One connection to a board, by the system's own ``ssh``.

The user's configuration, keys, agent and known hosts hold as they are; ssh itself asks for what it
needs on the terminal. Nothing is ever put into a remote command line but quoted text.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, List, Optional, Sequence, Type

from edgeclf.errors import ArgumentError, DeployError

__all__ = ["Connection", "Remote"]

# User, host name or address, scope, or an alias of the user's configuration. Configurations may
# hand the name to a shell (ProxyCommand %h), so nothing that a shell reads is let through.
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._+%@:\[\]-]*[A-Za-z0-9_.\]])?|\[?[0-9A-Fa-f:]+\]?")
CONNECTION_FAILED = 255

# What ssh says -> what to do.
_ADVICE = (
    ("host key verification failed", "Run 'ssh {host}' once by hand and compare the fingerprint"),
    ("host key is known", "Run 'ssh {host}' once by hand and compare the fingerprint"),
    ("permission denied", "Does 'ssh {host}' work? Install your key: ssh-copy-id {host}"),
    ("could not resolve", "Is the name right? Try the board's address, or {host}.local"),
    ("connection refused", "Is ssh enabled on the board (raspi-config, or a file named ssh)?"),
    ("timed out", "Is the board on, and in this network?"),
    ("no route", "Is the board on, and in this network?"),
)


class Connection:
    """A master connection that the commands share. A context manager.

    Args:
        host: ``user@name`` or an alias of the user's ssh configuration.
        port, identity, config: ssh's -p, -i and -F.

    Raises:
        ArgumentError: `host` is no host. DeployError: there is no ssh here.
    """

    def __init__(
        self,
        host: str,
        *,
        port: Optional[int] = None,
        identity: Optional[Path] = None,
        config: Optional[Path] = None,
    ):
        if not _HOST.fullmatch(host) or "@-" in host:
            raise ArgumentError(
                f"host: expected a name such as pi@raspberrypi.local, got {host[:80]!r}"
            )
        if shutil.which("ssh") is None:
            raise DeployError("connect: there is no ssh here. Install it: openssh-client")
        self.host = host
        self._folder = tempfile.mkdtemp(prefix="edgeclf-ssh-")
        # A socket's path has at most 107 bytes, of which ssh takes 60; else each command connects.
        short = len(self._folder) <= 45
        self._options = ["-T", "-x"]
        for name, value in (
            ("ControlMaster", "auto" if short else "no"),
            ("ControlPath", f"{self._folder}/%C" if short else "none"),
            ("ControlPersist", "300"),
            ("ConnectTimeout", "20"),
            ("ServerAliveInterval", "15"),
            ("ServerAliveCountMax", "4"),
        ):
            self._options += ["-o", f"{name}={value}"]
        for option, given in (("-p", port), ("-i", identity), ("-F", config)):
            if given is not None:
                self._options += [option, str(given)]

    def command(self, words: Sequence[str]) -> List[str]:
        """What to run here so that `words` run there, whatever is in them."""
        there = " ".join(shlex.quote(word) for word in words)
        return ["ssh", *self._options, "--", self.host, there]

    def output(self, words: Sequence[str], given: str, seconds: float = 120.0) -> str:
        """Run `words` there with `given` on stdin; what they print on stdout.

        Raises:
            DeployError: no connection, a status other than 0, or no end.
        """
        with self.start(words) as remote:
            try:
                out, _ = remote.process.communicate(given.encode(), timeout=seconds)
            except subprocess.TimeoutExpired as exc:
                raise DeployError(
                    f"connect: {self.host} gave no answer for {seconds:.0f} s. Is it overloaded?"
                ) from exc
            if remote.process.returncode:
                raise self.failure(remote)
            return out.decode("utf-8", "replace")

    def start(self, words: Sequence[str]) -> "Remote":
        """Run `words` there, with pipes for stdin and stdout."""
        # A file and not a pipe: the master keeps stderr open for as long as it lives.
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - the Remote closes it
        process = subprocess.Popen(
            self.command(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
        return Remote(process, errors)

    def failure(self, remote: "Remote") -> DeployError:
        """The error for a command that ended badly, with ssh's own words and what to do."""
        status, said = remote.process.returncode, remote.errors()
        if status != CONNECTION_FAILED:
            return DeployError(f"on {self.host} the command ended with status {status}: {said}")
        advice = f"Does 'ssh {self.host}' work by hand?"
        for sign, text in _ADVICE:
            if sign in said.lower():
                advice = text.format(host=self.host)
                break
        return DeployError(f"connect: no connection to {self.host}: {said or 'cut'}. {advice}")

    def close(self) -> None:
        """End the master. Idempotent."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                ["ssh", *self._options, "-O", "exit", "--", self.host],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=10,
            )
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()


class Remote:
    """A command that runs on the board. A context manager; leaving it ends our end of it."""

    def __init__(self, process: "subprocess.Popen[bytes]", errors: IO[bytes]):
        self.process = process
        self._errors = errors

    def errors(self) -> str:
        """What came on stderr, the last lines of it."""
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return " / ".join(line.strip() for line in lines[-4:])

    def __enter__(self) -> "Remote":
        return self

    def __exit__(self, *error: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if self.process.poll() is None:
            self.process.terminate()
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        self._errors.close()
