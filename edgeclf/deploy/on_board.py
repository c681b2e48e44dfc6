"""The installer that runs on the board: a release beside the old one, tested, then switched to.

It is sent as this one file and needs nothing but Python 3.8's standard library, hence over 200
lines. `serve` is its end of the ssh connection; as ``install.py`` in an unpacked bundle it installs
that bundle. Under the prefix:

    releases/<id>/   venv, model, app, run; passed.json once its tests have passed
    current          a link to releases/<id>; replacing it by rename(2) is the switch
    incoming/        what is being received; a transfer that was cut goes on from there
    .lock            held while anything is changed; the kernel frees it when this process and the
                     programs that it started have ended

A release without passed.json is nothing: whatever killed its installer, the next one removes it.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import hashlib
import itertools
import json
import os
import platform
import re
import select
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import IO, Any, Callable, Dict, Iterator, List, Optional, Tuple

MARK = "edgeclf> "
IDLE_S = 120.0  # nothing came over the connection for so long: it is gone
CONFIRM_S = 60.0
CHUNK = 1 << 20
LOOKS, LOOK_S = 10, 1.0  # a service is up each time, so long after one another
Document = Dict[str, Any]
Tell = Callable[[Document], None]


class Failure(Exception):
    """A step failed: which, what happened, what to do."""

    def __init__(self, step: str, message: str, advice: str):
        super().__init__(message)
        self.step, self.message, self.advice = step, message, advice


# -- the whole way --------------------------------------------------------------------------


def install(prefix: Path, payload: Path, tell: Tell, confirm: Callable[[], None]) -> Document:
    """Make, test and switch to the release in the unpacked `payload`; the lock is held.

    Whatever fails before the switch leaves ``current`` as it was and removes the new release.
    """
    tell({"step": "verify"})
    manifest = verified(payload)
    check_fits(manifest)
    release = free_name(prefix / "releases" / manifest["id"])
    try:
        release.mkdir(parents=True)
        tell({"step": "venv"})
        make_venv(release, manifest)
        tell({"step": "install"})
        pip_install(release, payload, manifest)
        place_files(release, payload, manifest)
        tell({"step": "doctor"})
        doctor = run_doctor(release, manifest)
        tell({"step": "selftest"})
        report = self_test(release, payload, manifest)
        write_json(release / "passed.json", {"id": release.name, **report, "doctor": doctor})
        sync_tree(release)
        tell({"step": "confirm"})
        confirm()
        tell({"step": "switch"})
        switch(prefix, release)
    except BaseException:
        if current_of(prefix) != release.name:
            with contextlib.suppress(OSError):  # what failed is the news, not this
                remove(release)
        raise
    result = {"id": release.name, "previous": previous_of(prefix), **report}
    if enables_service(manifest) or own_units(prefix):
        with contextlib.suppress(BrokenPipeError):  # nobody listens: it has to run all the same
            tell({"step": "service"})
        start_service(prefix, manifest)
    return {**result, "warnings": prune(prefix)}


# -- steps ----------------------------------------------------------------------------------


def verified(payload: Path) -> Document:
    """The payload's manifest, after every file's sum was found to be what it says."""
    again = "The copy is damaged: run the same command again, or copy the bundle anew"
    try:
        manifest: Document = json.loads((payload / "manifest.json").read_text(encoding="utf-8"))
        expected = dict(manifest["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise Failure("verify", f"manifest.json cannot be read: {exc!r}", again) from exc
    for name, wanted in sorted(expected.items()):
        try:
            came = sha256_of(payload / checked_name(name))
        except OSError as exc:
            raise Failure("verify", f"{name}: {exc.strerror or exc}", again) from exc
        if came != wanted:
            raise Failure("verify", f"{name}: its sha256 is {came}, expected {wanted}", again)
    return manifest


def check_fits(manifest: Document) -> None:
    """The payload was made for a processor, a Python and a C library: are they here?"""
    target = manifest["target"]
    python = "{}.{}".format(*sys.version_info[:2])
    for what, wanted, came in (
        ("processor", target["arch"], architecture()),
        ("Python", target["python"], python),
    ):
        if wanted != came:
            raise Failure(
                "verify",
                f"this was made for the {what} {wanted}, and here is {came}",
                f"Make it for this board: --arch {architecture()} --python {python}",
            )
    if libc() < tuple(target["glibc"]):
        raise Failure(
            "verify",
            f"this needs glibc {dotted(target['glibc'])}, and here is {dotted(libc())}",
            f"Make it for this board: --glibc {dotted(libc())}",
        )


def make_venv(release: Path, manifest: Document) -> None:
    """Without pip: the payload brings one, so Debian's python3-venv is not needed."""
    command = [sys.executable, "-I", "-m", "venv", "--without-pip"]
    if manifest["target"]["system_site_packages"]:
        command.append("--system-site-packages")
    advice = "Can this Python make environments at all? On the board: sudo apt install python3-venv"
    run("venv", [*command, str(release / "venv")], advice, 300)
    if not python_of(release).exists():
        raise Failure("venv", f"{python_of(release)} was not made", advice)


def pip_install(release: Path, payload: Path, manifest: Document) -> None:
    wheels = payload / "wheels"
    pips = sorted(wheels.glob("pip-*.whl"))
    if not pips:
        raise Failure("install", "no pip among the wheels", "Make the payload again")
    requirements = release / "requirements.txt"
    requirements.write_text("\n".join(manifest["requirements"]) + "\n", encoding="utf-8")
    pip = [str(python_of(release)), "-I", str(pips[-1] / "pip"), "install", "--isolated"]
    pip += ["--no-index", "--find-links", str(wheels), "--only-binary", ":all:", "--no-cache-dir"]
    pip += ["--disable-pip-version-check", "--no-input", "-q", "-r", str(requirements)]
    advice = "A wheel is missing or does not fit this board: deploy again with --refresh"
    if manifest["target"]["system_site_packages"]:
        advice = "On the board: sudo apt install python3-numpy python3-pil. Or deploy --refresh"
    run("install", pip, advice, 1800)


def place_files(release: Path, payload: Path, manifest: Document) -> None:
    """The model, the program, and the script that starts it."""
    for name in ("model", "app"):
        if (payload / name).is_dir():
            shutil.copytree(str(payload / name), str(release / name))
    script = release / "run"
    text = manifest["run"].replace("@RELEASE@", shlex.quote(str(release)))
    script.write_text(text, encoding="utf-8")
    script.chmod(0o755)
    if manifest.get("service"):
        prefix = release.parent.parent
        (release / unit_name(prefix)).write_text(unit_text(manifest, prefix), encoding="utf-8")


def run_doctor(release: Path, manifest: Document) -> Document:
    """What ``edgeclf doctor`` says; without the built-in model, that the runtime is usable."""
    command = [str(python_of(release)), "-I", "-m", "edgeclf", "doctor", "--json"]
    done = started("doctor", command, 600, release)
    report = json_in(done.stdout)
    backend = manifest["backend"]
    backends = report.get("backends", [])
    usable = any(b["name"] == backend and b["usable"] for b in backends)
    problem = (report.get("default_model") or {}).get("error") or {}
    advice = f"On the board, for more: {python_of(release)} -I -m edgeclf doctor"
    if not usable or not (report.get("kernels") or {}).get("used"):
        said = tail(done.stderr) or json.dumps(backends or problem or report)[:600]
        raise Failure("doctor", f"edgeclf or its backend {backend!r} does not work: {said}", advice)
    if manifest["default_model"] and not report.get("ok"):
        raise Failure("doctor", f"the built-in model: {problem.get('message', problem)}", advice)
    return {"ok": bool(report.get("ok")), "board": report.get("board")}


def self_test(release: Path, payload: Path, manifest: Document) -> Document:
    """The photographs' answers here must be those of the machine that sent the model."""
    check_program(release, payload, manifest)
    command = [str(python_of(release)), "-I", str(payload / "answers.py")]
    command += [str(release / "model" / manifest["model"]), str(payload / "photos")]
    done = run("selftest", command, "The model does not run on this board", 1200, release)
    answers = json_in(done.stdout)
    expected = json.loads((payload / "expected.json").read_text(encoding="utf-8"))
    problems, largest = differences(expected, answers)
    if problems:
        raise Failure(
            "selftest",
            "the model's answers here are not those of the sending machine: " + "; ".join(problems),
            "Is the runtime the same version on both? Update edgeclf on the sending machine, and "
            "deploy again",
        )
    return {
        "runtime": answers["runtime"],
        "photos": len(expected["photos"]),
        "largest_score_difference": largest,
    }


def check_program(release: Path, payload: Path, manifest: Document) -> None:
    """It compiles, and the release has what it imports."""
    if not manifest.get("main"):
        return
    command = [str(python_of(release)), "-I", str(payload / "program.py")]
    done = started("selftest", [*command, str(release / "app"), manifest["main"]], 300)
    if done.returncode:
        problems = "; ".join(done.stdout.strip().splitlines()[:8])
        raise Failure(
            "selftest",
            f"the program: {problems or tail(done.stderr)}",
            "A release has edgeclf and what it needs, and nothing else of the board's. Bring a "
            "package with --requirement, put modules of your own beside a main.py (--app FOLDER), "
            "or import inside a function or a 'try' what the program can do without",
        )


def differences(expected: Document, came: Document) -> Tuple[List[str], float]:
    """What differs, and the largest difference of a score. 8-bit tensors have to be the same bits;
    float ones may differ by rounding; the first class is the same; scores within the bound."""
    problems: List[str] = []
    apart: List[float] = []
    if not expected["photos"] or expected["dtype"] != came.get("dtype"):
        return [f"a tensor of {expected['dtype']} became one of {came.get('dtype')}"], 0.0
    for name, want in sorted(expected["photos"].items()):
        got = came["photos"].get(name)
        if got is None:
            problems.append(f"{name}: no answer")
            continue
        problems += [f"{name}: {text}" for text in _tensor_differences(want, got)]
        classes = len(got["scores_of"])
        if any(int(index) >= classes for index in want["scores"]):
            problems.append(f"{name}: there are {classes} classes, and here were more")
            continue
        apart += [abs(score - got["scores_of"][int(i)]) for i, score in want["scores"].items()]
        if [got["top"][key] for key in _SAME] != [want["top"][key] for key in _SAME]:
            problems.append(f"{name}: {_text(got['top'])} instead of {_text(want['top'])}")
    # Asked this way round, what is not a number is too far apart.
    too_far = [difference for difference in apart if not difference <= expected["bound"]]
    if too_far:
        bound = expected["bound"]
        problems.append(f"a score differs by {max(too_far):.4f}, allowed are {bound:g}")
    return problems, max(apart, default=0.0)


_SAME = ("index", "label")


def _tensor_differences(want: Document, got: Document) -> List[str]:
    if want["tensor_sha256"] == got["tensor_sha256"]:
        return []
    if want["means"] is None:
        return ["the preprocessed tensor has other bits"]
    bound = 1e-5 * max(1.0, *(abs(mean) for mean in want["means"]))
    pairs = list(zip(want["means"], got["means"] or ()))
    if len(pairs) == len(want["means"]) and all(abs(a - b) <= bound for a, b in pairs):
        return []
    return ["the preprocessed tensor differs by more than rounding"]


def _text(top: Document) -> str:
    return f"{top['label'] or top['index']} ({top['score']:.4f})"


def switch(prefix: Path, release: Path, undo: bool = False) -> None:
    """One rename(2): a reader of ``current`` sees the old release or the new one.

    Before it the new release notes which one it replaces; an `undo` leaves that as it was.
    """
    temporary = prefix / f".current.{os.getpid()}"
    try:
        old = current_of(prefix)
        if old is not None and old != release.name and not undo:
            write_json(release / "previous.json", {"id": old})
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        temporary.symlink_to(f"releases/{release.name}")
        temporary.replace(prefix / "current")
    except OSError as exc:
        with contextlib.suppress(OSError):
            temporary.unlink()
        advice = f"Is {prefix / 'current'} a link, and is there space?"
        said = f"current cannot be replaced: {exc.strerror or exc}"
        raise Failure("switch", said, advice) from exc
    with contextlib.suppress(OSError):  # done it is; os.sync() went before
        sync(prefix)


def rollback(prefix: Path, tell: Tell) -> Document:
    """Back to the release that the current one replaced; twice is where one began."""
    old, back = current_of(prefix), previous_of(prefix)
    if old is None or back is None:
        raise Failure(
            "rollback", "there is no earlier release", "See: edgeclf deploy HOST --status"
        )
    release = prefix / "releases" / back
    tell({"step": "selftest"})
    check = [str(python_of(release)), "-I", "-c", "import edgeclf; edgeclf.Preprocessor"]
    run("rollback", check, "The earlier release no longer works; the current one stays", 120)
    tell({"step": "switch"})
    switch(prefix, release)
    for unit in own_units(prefix):
        tell({"step": "service"})
        restarted(unit)
    return {"id": back, "previous": old}


def status(prefix: Path) -> Document:
    """What is installed under the prefix; changes nothing."""
    folder = prefix / "releases"
    names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    whole = [name for name in names if (folder / name / "passed.json").is_file()]
    current = current_of(prefix)
    report: Document = {"prefix": str(prefix), "current": current, "previous": previous_of(prefix)}
    if current is not None:
        with contextlib.suppress(OSError, ValueError):
            passed = (folder / current / "passed.json").read_text(encoding="utf-8")
            report["passed"] = json.loads(passed)
    return {**report, "releases": whole, "free_bytes": free_bytes(prefix)}


def prune(prefix: Path) -> List[str]:
    """Remove all releases but the current one and the one before it, and what came to nothing.

    What cannot be removed (a program run by sudo leaves files of root's) stands in nobody's way:
    it is named in the warnings, and the next deployment tries again.
    """
    current = current_of(prefix)
    keep = {current, previous_of(prefix)} if current else set(status(prefix)["releases"])
    releases = prefix / "releases"
    found = list(releases.iterdir()) if releases.is_dir() else []
    doomed = [path for path in found if path.name not in keep]
    warnings = []
    for path in [*doomed, *prefix.glob(".current.*")]:
        try:
            remove(path)
        except OSError as exc:
            said = exc.strerror or exc
            warnings.append(f"{exc.filename or path} cannot be removed: {said}. Whose is it?")
    return warnings


# -- the service ----------------------------------------------------------------------------


def enables_service(manifest: Document) -> bool:
    return bool((manifest.get("service") or {}).get("enable"))


def unit_name(prefix: Path) -> str:
    """One for each prefix: two folders of the same name are two services."""
    if prefix == Path.home() / "edgeclf":
        return "edgeclf.service"
    shown = re.sub(r"[^A-Za-z0-9_-]", "-", prefix.name)
    return f"edgeclf-{shown}-{hashlib.sha256(os.fsencode(str(prefix))).hexdigest()[:8]}.service"


def unit_text(manifest: Document, prefix: Path) -> str:
    return str(manifest["service"]["unit"].replace("@PREFIX@", unit_quoted(str(prefix))))


def unit_folder() -> Path:
    """Where this user's units lie."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "systemd" / "user"


def own_units(prefix: Path) -> List[str]:
    """This prefix's unit, where it is enabled; asked of the files, which need no systemd."""
    name = unit_name(prefix)
    links = unit_folder().glob(f"*.wants/{name}")
    return [name] if any(links) and (unit_folder() / name).exists() else []


def start_service(prefix: Path, manifest: Document) -> None:
    """Restart the user's unit, enabling it where that was asked for.

    Where it does not stay up, the old release comes back, and the unit is as it was.
    """
    unit = unit_name(prefix)
    path = unit_folder() / unit
    was = path.read_bytes() if own_units(prefix) else None
    try:
        if enables_service(manifest):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(unit_text(manifest, prefix), encoding="utf-8")
            systemctl("daemon-reload")
            systemctl("enable", unit)
        restarted(unit)
    except (OSError, Failure) as exc:
        kept = _undone(prefix, path, was)
        said = exc.message if isinstance(exc, Failure) else str(exc)
        advice = f"On the board: journalctl --user -u {unit}"
        if not enables_service(manifest):
            advice += f"; to be rid of the service: systemctl --user disable --now {unit}"
        raise Failure("service", f"{said}; {kept}", advice) from exc


def restarted(unit: str) -> None:
    """It runs the current release, and stays up. The units wait longer after a crash than the
    second between two looks, so that one that crashes is seen to be down; the count tells too."""
    systemctl("restart", unit)
    count = systemctl("show", "--property=NRestarts", unit)
    for _ in range(LOOKS):
        select.select([], [], [], LOOK_S)
        systemctl("is-active", unit)
    if systemctl("show", "--property=NRestarts", unit) != count:
        raise Failure("service", f"{unit} crashes", f"On the board: journalctl --user -u {unit}")


def _undone(prefix: Path, path: Path, was: Optional[bytes]) -> str:
    """Back to the release before, and to the unit before: `was`, or None where none was enabled."""
    new, back = current_of(prefix), previous_of(prefix)
    said = f"{new} stays, for there is no other"
    try:
        if new is not None and back is not None:
            switch(prefix, prefix / "releases" / back, undo=True)
            said = f"{back} is current again"
        _unit_undone(path, was)
    except (OSError, Failure) as exc:
        said += f" ({exc.message if isinstance(exc, Failure) else exc})"
    if new is not None and current_of(prefix) != new:
        with contextlib.suppress(OSError):
            remove(prefix / "releases" / new)
    return said


def _unit_undone(path: Path, was: Optional[bytes]) -> None:
    if was is None:
        with contextlib.suppress(Failure):
            systemctl("disable", "--now", path.name)
        for link in path.parent.glob(f"*.wants/{path.name}"):
            link.unlink()
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    elif path.read_bytes() != was:
        path.write_bytes(was)
    with contextlib.suppress(Failure):
        systemctl("daemon-reload")
    if was is not None:
        systemctl("restart", path.name)


def systemctl(*words: str) -> str:
    command = ["systemctl", "--user", *words]
    return run("service", command, "Is systemd there for this user?", 90).stdout


def unit_quoted(text: str) -> str:
    """Inside double quotes of a unit file: systemd's own escapes."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")


# -- the connection's end -------------------------------------------------------------------


def serve() -> None:
    """Read what to do from stdin (a line of JSON), do it, and say on stdout what happens."""
    stream = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 - as long as we live
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    standing: Callable[[], str] = str
    try:
        order = json.loads(read_line(stream, IDLE_S))
        prefix = Path(os.path.expanduser(order["prefix"])).absolute()  # noqa: PTH111 - "~" inside
        standing = standing_of(prefix)
        say({"pid": os.getpid()})
        say({"done": _ordered(order, prefix, stream)})
    except BrokenPipeError:
        os._exit(1)  # nobody listens any more
    except Exception as exc:
        failure = as_failure(exc, _told["step"])
        event = {"failed": failure.step, "message": failure.message, "advice": failure.advice}
        say({**event, "standing": standing()})
        sys.exit(1)


def as_failure(exc: Exception, step: str) -> Failure:
    """Whatever went wrong in `step`, told in the same three parts."""
    if isinstance(exc, Failure):
        return exc
    if isinstance(exc, OSError):
        return Failure(step, f"{exc}", "Is the disk full, or the folder not this user's?")
    return Failure(step, repr(exc), "Is a file there damaged? Else report it, please")


def standing_of(prefix: Path) -> Callable[[], str]:
    """A function that says, after a failure, what is current as against now."""
    before = current_of(prefix)

    def standing() -> str:
        now = current_of(prefix)
        if now is None:
            return "Nothing is installed there, as before"
        return f"{now} is current{', as before' if now == before else ' now'}"

    return standing


def _ordered(order: Document, prefix: Path, stream: IO[bytes]) -> Document:
    action = order["action"]
    if action == "status":
        return status(prefix)
    with locked(prefix):
        if action == "rollback":
            return rollback(prefix, say)
        prune(prefix)
        payload = received(prefix, order, stream)
        try:
            return install(prefix, payload, say, lambda: _confirmed(stream))
        finally:
            shutil.rmtree(str(payload), ignore_errors=True)


def _end(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)


def _confirmed(stream: IO[bytes]) -> None:
    """The sender is still there, and has not changed its mind."""
    if read_line(stream, CONFIRM_S).strip() != b"go":
        raise Failure("confirm", "the sender did not confirm", "Deploy again")


def received(prefix: Path, order: Document, stream: IO[bytes]) -> Path:
    """The payload, unpacked. What an earlier connection brought of the same one is kept."""
    incoming = prefix / "incoming"
    incoming.mkdir(exist_ok=True)
    part = incoming / f"{order['sha256']}.part"
    for other in list(incoming.iterdir()):
        if other != part:
            with contextlib.suppress(OSError):  # renamed away, at least
                remove(other)
    offset = part.stat().st_size if part.exists() else 0
    if offset > order["size"]:
        part.unlink()
        offset = 0
    _check_space(prefix, order["need_bytes"] - offset)
    say({"step": "transfer", "offset": offset})
    folder = incoming / "payload"
    try:
        _append(part, stream, order["size"] - offset)
        if sha256_of(part) != order["sha256"]:
            part.unlink()
            again = "Run the same command again"
            raise Failure("transfer", "what came is not what was sent", again)
        unpack(part, folder)
    except BaseException as exc:
        shutil.rmtree(str(folder), ignore_errors=True)
        if isinstance(exc, OSError):  # a full disk: what runs there needs the room more than we do
            with contextlib.suppress(OSError):
                part.unlink()
        raise
    part.unlink()
    return folder


def _append(part: Path, stream: IO[bytes], left: int) -> None:
    with part.open("ab", buffering=0) as file:
        while left:
            data = read_some(stream, min(CHUNK, left), IDLE_S)
            if file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            left -= len(data)
        os.fsync(file.fileno())


def unpack(tar: Path, folder: Path) -> None:
    """Files and folders with plain names, and nothing else, without the archive's top folder."""
    with tarfile.open(str(tar), "r:") as archive:
        for member in archive:
            if not member.isfile() and not member.isdir():
                raise Failure("verify", f"{member.name!r} is no file", "Make the payload again")
            path = folder.joinpath(*checked_name(member.name).split("/")[1:])
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            source = archive.extractfile(member)
            assert source is not None
            with source, path.open("xb") as target:
                shutil.copyfileobj(source, target, CHUNK)
            path.chmod(0o755 if member.mode & 0o100 else 0o644)


def _check_space(prefix: Path, need: int) -> None:
    free = free_bytes(prefix)
    if free < need:
        raise Failure(
            "space",
            f"{need / 1e6:.0f} MB are needed under {prefix}, and {free / 1e6:.0f} MB are free",
            "Make room on the board, or choose another disk with --prefix",
        )


def read_line(stream: IO[bytes], seconds: float) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        line += read_some(stream, 1, seconds)
    return line


def read_some(stream: IO[bytes], size: int, seconds: float) -> bytes:
    ready, _, _ = select.select([stream], [], [], seconds)
    data = os.read(stream.fileno(), size) if ready else b""
    if not data:
        why = "was cut" if ready else f"said nothing for {seconds:.0f} s"
        raise Failure("transfer", f"the connection {why}", "Run the same command again")
    return data


_told: Document = {"step": "connect"}


def say(event: Document) -> None:
    _told["step"] = event.get("step", _told["step"])
    sys.stdout.write(f"{MARK}{json.dumps(event)}\n")
    sys.stdout.flush()


# -- small parts ----------------------------------------------------------------------------


@contextlib.contextmanager
def locked(prefix: Path) -> Iterator[None]:
    """One at a time. The kernel frees the lock, however this process and its programs end."""
    try:
        (prefix / "releases").mkdir(parents=True, exist_ok=True)
        handle = os.open(str(prefix / ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        advice = "Choose a folder of this user's with --prefix"
        raise Failure("lock", f"{prefix}: {exc.strerror or exc}", advice) from exc
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        os.close(handle)
        advice = f"Wait until it has ended; fuser {prefix / '.lock'} names it"
        raise Failure("lock", "another deployment to this folder is running", advice) from exc
    _inherited.append(handle)
    try:
        yield
    finally:
        _inherited.remove(handle)
        os.close(handle)


# The programs started meanwhile hold the lock too: a pip whose installer was killed still writes.
_inherited: List[int] = []


def run(
    step: str, command: List[str], advice: str, seconds: float, folder: Optional[Path] = None
) -> "subprocess.CompletedProcess[str]":
    done = started(step, command, seconds, folder)
    if done.returncode:
        said = tail(done.stderr) or tail(done.stdout) or "nothing"
        raise Failure(step, f"{command[0]} ended with status {done.returncode}: {said}", advice)
    return done


def started(
    step: str, command: List[str], seconds: float, folder: Optional[Path] = None
) -> "subprocess.CompletedProcess[str]":
    """Run a program apart from the user's own Python settings and from our stdin."""
    own = ("PYTHON", "PIP_", "VIRTUAL_ENV")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(own)}
    environment["PYTHONNOUSERSITE"] = "1"
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env=environment,
            pass_fds=_inherited,
            cwd=None if folder is None else str(folder),
        )
    except subprocess.TimeoutExpired as exc:
        raise Failure(step, f"{command[0]}: no end after {seconds:.0f} s", "Is it stuck?") from exc
    except OSError as exc:
        raise Failure(step, f"{command[0]}: {exc.strerror or exc}", "Is it installed?") from exc


def tail(text: str) -> str:
    return " / ".join(text.strip().splitlines()[-3:])[-600:]


def json_in(text: str) -> Document:
    """The JSON object in a program's output; a runtime may print lines of its own around it."""
    decoder = json.JSONDecoder()
    for match in re.finditer(r"^\{", text, re.M):
        with contextlib.suppress(ValueError):
            found = decoder.raw_decode(text, match.start())[0]
            if len(found) > 1:
                return dict(found)
    return {}


def python_of(release: Path) -> Path:
    return release / "venv" / "bin" / "python"


def current_of(prefix: Path) -> Optional[str]:
    """The name of the release that ``current`` leads to."""
    try:
        return os.path.basename(os.readlink(str(prefix / "current")))  # noqa: PTH119
    except OSError:
        return None


def previous_of(prefix: Path) -> Optional[str]:
    """The release that the current one replaced, if it is still whole."""
    current = current_of(prefix)
    if current is None:
        return None
    releases = prefix / "releases"
    try:
        note = json.loads((releases / current / "previous.json").read_text(encoding="utf-8"))
        name = str(note["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    whole = (releases / name / "passed.json").is_file() and name != current
    return name if whole else None


def free_name(wanted: Path) -> Path:
    """`wanted`, or with a number behind it: the same payload may be deployed again."""
    numbered = (wanted.with_name(f"{wanted.name}-{n}") for n in itertools.count(2))
    return next(p for p in itertools.chain([wanted], numbered) if not os.path.lexists(str(p)))


def remove(path: Path) -> None:
    """Renamed first, so that a half removed release is never taken for a whole one."""
    if path.is_symlink() or not path.is_dir():
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        return
    doomed = path
    if not path.name.startswith(".removed-"):
        doomed = free_name(path.with_name(f".removed-{path.name}"))
        path.rename(doomed)
    shutil.rmtree(str(doomed))


def checked_name(name: str) -> str:
    if name.startswith("/") or "\\" in name or ".." in name.split("/") or "\0" in name:
        raise Failure("verify", f"{name!r} leads out of the payload", "Make the payload again")
    return name


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for data in iter(lambda: file.read(CHUNK), b""):
            digest.update(data)
    return digest.hexdigest()


def write_json(path: Path, document: Document) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def sync(folder: Path) -> None:
    handle = os.open(str(folder), os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Onto the disk with all of it: a power cut after the switch must find the files whole."""
    os.sync()
    sync(folder)


def free_bytes(prefix: Path) -> int:
    while not prefix.exists():
        prefix = prefix.parent
    return shutil.disk_usage(str(prefix)).free


def architecture() -> str:
    """Of this Python: a 32-bit one on a 64-bit kernel is armv7l."""
    machine = platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    if struct.calcsize("P") == 4:
        return "armv7l" if machine in ("aarch64", "armv8l", "armv7l") else f"{machine} (32-bit)"
    return machine


def libc() -> Tuple[int, ...]:
    try:
        words = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
    except (ValueError, OSError):
        words = []
    return tuple(int(n) for n in words[1].split(".")[:2]) if words[:1] == ["glibc"] else (0, 0)


def dotted(numbers: Any) -> str:
    return ".".join(str(number) for number in numbers)


# -- a bundle -------------------------------------------------------------------------------


def main() -> None:
    """``install.py`` in an unpacked bundle."""
    parser = argparse.ArgumentParser(description="Install this bundle of edgeclf.")
    parser.add_argument("--prefix", default="~/edgeclf", help="where to (default: %(default)s)")
    parser.add_argument("--rollback", action="store_true", help="go back to the release before")
    arguments = parser.parse_args()
    prefix = Path(os.path.expanduser(arguments.prefix)).absolute()  # noqa: PTH111
    payload = Path(__file__).resolve().parent

    def tell(event: Document) -> None:
        _told["step"] = event["step"]
        print(f"edgeclf: {event['step']}", flush=True)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    standing = standing_of(prefix)
    try:
        with locked(prefix):
            if arguments.rollback:
                done = rollback(prefix, tell)
            else:
                prune(prefix)
                need = verified(payload)["need_bytes"]
                _check_space(prefix, need)
                done = install(prefix, payload, tell, lambda: None)
    except Exception as exc:
        failure = as_failure(exc, _told["step"])
        said = f"{failure.step} failed: {failure.message}. {failure.advice}. {standing()}"
        sys.exit(f"edgeclf: {said}")
    for warning in done.get("warnings", ()):
        print(f"edgeclf: {warning}", file=sys.stderr)
    print(f"edgeclf: {done['id']} is current in {prefix}")


if __name__ == "__main__":
    main()
