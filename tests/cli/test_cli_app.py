"""The command as a whole: imports, errors, exit statuses, pipes, Ctrl-C, terminals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
from cli_support import command, environment, records

from edgeclf.cli import main
from edgeclf.version import __version__

Invoke = Callable[..., Any]

HEAVY = ("numpy", "PIL", "onnxruntime", "ai_edge_litert", "tflite_runtime", "tensorflow", "cv2")


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["predict", "--help"], ["inspect", "-h"], ["doctor", "-h"]],
)
def test_help_imports_nothing_heavy(arguments: Any) -> None:
    code = (
        "import sys\n"
        "from edgeclf.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as exc:\n"
        "    assert exc.code == 0, exc.code\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True)
    assert done.returncode == 0, done.stderr


def test_version_and_help(run: Callable[..., Any]) -> None:
    assert run("--version").stdout == f"edgeclf {__version__}\n"
    text = run("--help").stdout
    for name in ("predict", "inspect", "doctor", "completion"):
        assert re.search(rf"^  {name}  +\S", text, re.M), name
    assert max(map(len, text.splitlines())) <= 80


def test_exit_statuses(run: Callable[..., Any], model: Path, pictures: Path) -> None:
    assert run("predict", pictures / "red.png", "-m", model).returncode == 0
    failed = run("predict", "none.png", "-m", model)
    assert failed.returncode == 1
    assert failed.stderr.startswith("edgeclf: none.png: ")
    assert len(failed.stderr.splitlines()) == 1
    assert run("predict", pictures / "red.png", "-m", "none.onnx").returncode == 1
    assert run("nonesuch").returncode == 2


def test_an_unforeseen_error_is_one_line_or_a_traceback(
    invoke: Invoke, model: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr("edgeclf.cli.pictures.find_pictures", broken)
    arguments = ("predict", pictures / "red.png", "-m", model)
    result = invoke(*arguments)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "RuntimeError: first line" in line
    assert "--debug" in line
    debugged = invoke("--debug", *arguments)
    assert debugged.exit_code == 1
    assert "Traceback" in debugged.stderr
    assert "in broken" in debugged.stderr


def test_debug_shows_the_traceback_of_one_picture(invoke: Invoke, model: Path) -> None:
    result = invoke("--debug", "predict", "none.png", "-m", model)
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "DecodeError: none.png" in result.stderr


def test_verbose_logs_to_stderr_and_only_then(
    invoke: Invoke, model: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import logging

    from edgeclf.cli import pictures as module

    original = module.find_pictures

    def logging_one(*args: Any, **options: Any) -> Any:
        logging.getLogger("edgeclf.test").info("looked for %s", "pictures")
        return original(*args, **options)

    monkeypatch.setattr(module, "find_pictures", logging_one)
    arguments = ("predict", pictures / "red.png", "-m", model, "--json")
    assert "looked for pictures" in invoke("-v", *arguments).stderr
    quiet = invoke(*arguments)
    assert quiet.stderr == ""
    assert logging.getLogger("edgeclf").handlers == []
    assert logging.getLogger("edgeclf").level == logging.NOTSET


def start(*args: Any, **options: Any) -> "subprocess.Popen[bytes]":
    def sigint_as_in_a_terminal() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    return subprocess.Popen(
        command(*args),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=sigint_as_in_a_terminal,
        **options,
    )


def test_ctrl_c_is_quiet(model: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "picture"
    os.mkfifo(str(fifo))
    process = start("predict", fifo, "-m", model)
    with fifo.open("wb"):  # opens as soon as the command waits for the picture
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output == b""
    assert errors == b""


def test_ctrl_c_is_quiet_during_the_imports_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(args: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("edgeclf.cli._run", interrupted)
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "")


def test_a_closed_pipe_is_quiet(model: Path, pictures: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "picture"
    os.mkfifo(str(fifo))
    process = start("predict", pictures / "red.png", fifo, "-m", model, "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    # The first answer comes while the second picture is not there yet: lines are flushed.
    assert json.loads(process.stdout.readline())["path"] == str(pictures / "red.png")
    process.stdout.close()
    fifo.write_bytes((pictures / "blue.png").read_bytes())
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 141
    assert errors == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("first", ["predict", "--help"])
def test_a_full_disk_is_said(model: Path, pictures: Path, first: str) -> None:
    rest = [pictures, "-m", model] if first == "predict" else []
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(first, *rest), env=environment(), stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.parametrize("as_json", [True, False])
def test_an_encoding_that_lacks_a_label_ends_nothing(
    run: Callable[..., Any], model: Path, pictures: Path, tmp_path: Path, as_json: bool
) -> None:
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(model.read_bytes())
    sidecar = json.loads(model.with_suffix(".json").read_text())
    sidecar["output"]["labels"] = ["Stra\u00dfe", "\u732b", "z"]
    copy.with_suffix(".json").write_text(json.dumps(sidecar))
    arguments = ("predict", pictures / "red.png", "-m", copy, *(["--json"] if as_json else []))
    done = run(*arguments, PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    if as_json:
        labels = [category["label"] for category in records(done.stdout)[0]["categories"]]
        assert set(labels) == {"Stra\u00dfe", "\u732b", "z"}
    else:
        assert re.search(r"^ +\? ", done.stdout, re.M)


def on_a_terminal(*args: Any, columns: int = 80, **more: str) -> str:
    """What the command writes on a terminal, stdout and stderr together."""
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))
    import struct

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {k: v for k, v in environment().items() if k not in ("NO_COLOR", "COLUMNS")}
    variables.update(TERM="xterm", **more)
    process = subprocess.Popen(
        command(*args), env=variables, stdin=slave, stdout=slave, stderr=slave, close_fds=True
    )
    os.close(slave)
    output = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # Linux's way of saying that the other end is closed
            break
        if not piece:
            break
        output += piece
    os.close(master)
    assert process.wait(timeout=60) == 0, output
    return output.decode("utf-8")


def many(pictures: Path) -> Path:
    for number in range(12):
        name = f"a_picture_with_quite_a_long_name_{number:02}_and_more_of_it.png"
        (pictures / name).write_bytes((pictures / "red.png").read_bytes())
    return pictures


def test_on_a_terminal_there_is_a_bar_and_lines_fit(model: Path, pictures: Path) -> None:
    folder = many(pictures)
    output = on_a_terminal("predict", folder, "-m", model)
    assert "15/15" in output
    assert "\033[1m" in output
    shown = re.sub(r"\033\[[?0-9;]*[a-zA-Z]", "", re.sub(r"[^\n]*\r\033\[K", "", output))
    lines = [line.rstrip("\r") for line in shown.split("\n")]
    assert max(map(len, lines)) <= 80, lines
    assert sum("_and_more_of_it.png" in line for line in lines) == 12
    assert "/15" not in on_a_terminal("predict", folder / "red.png", "-m", model)


def test_no_colour_where_it_is_not_wanted(
    run: Callable[..., Any], model: Path, pictures: Path
) -> None:
    output = on_a_terminal("predict", pictures, "-m", model, NO_COLOR="1")
    assert not re.search(r"\033\[[0-9;]*m", output)
    piped = run("predict", many(pictures), "-m", model)
    assert "\033" not in piped.stdout + piped.stderr
    assert "15/15" not in piped.stderr
    assert str(pictures) in piped.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_shells_script(invoke: Invoke, shell: str) -> None:
    result = invoke("completion", shell)
    assert result.exit_code == 0, result.stderr
    assert f"_EDGECLF_COMPLETE={shell}_complete" in result.stdout
    assert invoke("completion", env={"SHELL": f"/bin/{shell}"}).stdout == result.stdout
    assert invoke("completion", env={"SHELL": "/bin/tcsh"}).exit_code == 2


def test_completion_completes(run: Callable[..., Any]) -> None:
    done = run(
        _EDGECLF_COMPLETE="bash_complete", COMP_WORDS="edgeclf predict --ann", COMP_CWORD="2"
    )
    assert done.stdout.split() == ["plain,--annotate"]
