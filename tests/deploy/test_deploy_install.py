"""The installer on the board, in this process: each step that can fail by itself.

`broken` copies the unpacked payload, changes it, and makes its sums right again: the payload is
then what its maker wrote, and wrong all the same.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile

import deploy_board as boards
import pytest

from edgeclf.deploy import on_board

pytestmark = pytest.mark.heavy

DRAGONFLY = "dragonfly"


@pytest.fixture
def broken(payload, tmp_path):
    def make(change, sums=True):
        folder = tmp_path / "broken"
        shutil.copytree(payload.folder, folder)
        change(folder)
        if sums:
            document = json.loads((folder / "manifest.json").read_text())
            document["sha256"] = {
                path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in folder.rglob("*")
                if path.is_file() and path.name != "manifest.json"
            }
            (folder / "manifest.json").write_text(json.dumps(document))
        return folder

    return make


def fails(prefix, folder, step, message):
    """The step fails with this message, and the old release is as it was."""
    with pytest.raises(on_board.Failure, match=message) as caught, on_board.locked(prefix.path):
        on_board.install(prefix.path, folder, lambda event: None, lambda: None)
    assert caught.value.step == step
    assert caught.value.advice
    assert prefix.current() == "old"
    assert prefix.releases() == ["old"]
    assert prefix.label().startswith(DRAGONFLY)


def test_a_flipped_byte(broken, prefix):
    def flip(folder):
        path = folder / "photos" / "cat.jpg"
        content = bytearray(path.read_bytes())
        content[1000] ^= 1
        path.write_bytes(content)

    fails(prefix, broken(flip, sums=False), "verify", "photos/cat.jpg: its sha256")


def test_a_payload_for_another_processor(broken, prefix):
    def change(folder):
        path = folder / "manifest.json"
        document = json.loads(path.read_text())
        document["target"]["arch"] = "aarch64" if on_board.architecture() != "aarch64" else "x86_64"
        path.write_text(json.dumps(document))

    fails(prefix, broken(change), "verify", "made for the processor")


def test_a_payload_for_a_newer_system(broken, prefix):
    def change(folder):
        path = folder / "manifest.json"
        document = json.loads(path.read_text())
        document["target"]["glibc"] = [2, 99]
        path.write_text(json.dumps(document))

    fails(prefix, broken(change), "verify", r"needs glibc 2\.99")


def test_no_environment_can_be_made(broken, prefix, monkeypatch):
    monkeypatch.setattr(on_board.sys, "executable", shutil.which("false"))
    fails(prefix, broken(lambda folder: None), "venv", "ended with status 1")


def test_a_wheel_is_missing(broken, prefix):
    def change(folder):
        next((folder / "wheels").glob("click-*.whl")).unlink()

    fails(prefix, broken(change), "install", "click")


def test_a_wheel_of_another_processor_under_this_ones_name(broken, prefix):
    def other_machine(name, content):
        # e_machine of an ELF file: 243 is RISC-V.
        return content[:18] + b"\xf3\0" + content[20:] if name.endswith(".so") else content

    def change(folder):
        path = next((folder / "wheels").glob("edgeclf-*.whl"))
        path.unlink()
        boards.pack_wheel(folder / "wheels", change=other_machine)

    fails(prefix, broken(change), "doctor", "does not work: .*(ELF|shared object)")


def test_another_model_is_there(broken, prefix):
    """Its weights are other ones; the tensor is right and the answers are not."""
    onnx = pytest.importorskip("onnx")

    def change(folder):
        path = next((folder / "model").glob("*.onnx"))
        model = onnx.load(str(path))
        largest = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
        largest.raw_data = bytes(reversed(largest.raw_data))
        onnx.save(model, str(path))

    fails(prefix, broken(change), "selftest", "instead of dragonfly")


def test_another_tensor_is_made(broken, prefix):
    """The photographs differ by a few levels: the classes may stay, the tensors do not."""
    from PIL import Image

    def change(folder):
        for path in (folder / "photos").glob("*.jpg"):
            Image.open(path).save(path, quality=70)

    fails(prefix, broken(change), "selftest", "tensor (has other bits|differs by more)")


def test_the_program_is_no_python(broken, prefix):
    def change(folder):
        (folder / "app").mkdir()
        (folder / "app" / "app.py").write_text("def f(:\n")
        document = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps({**document, "main": "app.py"}))

    fails(prefix, broken(change), "selftest", "SyntaxError")


@pytest.mark.parametrize("call", ["symlink_to", "replace"])
def test_the_switch_fails(broken, prefix, monkeypatch, call):
    original = getattr(on_board.Path, call)

    def refuse(self, *args):
        if self.name.startswith(".current"):
            raise OSError(5, "Input/output error")
        return original(self, *args)

    monkeypatch.setattr(on_board.Path, call, refuse)
    fails(prefix, broken(lambda folder: None), "switch", "Input/output error")


def test_current_is_a_folder(broken, tmp_path):
    (tmp_path / "p" / "current").mkdir(parents=True)
    folder = broken(lambda folder: None)
    with pytest.raises(on_board.Failure, match="cannot be replaced"), on_board.locked(
        tmp_path / "p"
    ):
        on_board.install(tmp_path / "p", folder, lambda event: None, lambda: None)
    assert (tmp_path / "p" / "current").is_dir()
    assert list((tmp_path / "p" / "releases").iterdir()) == []


def test_interrupted_before_the_switch(broken, prefix):
    def interrupt():
        raise KeyboardInterrupt

    folder = broken(lambda folder: None)
    with pytest.raises(KeyboardInterrupt), on_board.locked(prefix.path):
        on_board.install(prefix.path, folder, lambda event: None, interrupt)
    assert prefix.current() == "old"
    assert prefix.releases() == ["old"]


def test_names_that_lead_out(tmp_path, payload):
    import io
    import tarfile

    for name in ("top/../../x", "/etc/x"):
        with tarfile.open(tmp_path / "bad.tar", "w") as archive:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
        with pytest.raises(on_board.Failure, match="leads out"):
            on_board.unpack(tmp_path / "bad.tar", tmp_path / "out")
    link = tarfile.TarInfo("top/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        archive.addfile(link)
    with pytest.raises(on_board.Failure, match="is no file"):
        on_board.unpack(tmp_path / "bad.tar", tmp_path / "out")


def test_the_payload_has_nothing_of_this_machine(payload, make_payload):
    """The same twice: a transfer that was cut can go on tomorrow."""
    assert make_payload().sha256 == payload.sha256
    with zipfile.ZipFile(next((payload.folder / "wheels").glob("edgeclf-*.whl"))) as archive:
        assert archive.testzip() is None
