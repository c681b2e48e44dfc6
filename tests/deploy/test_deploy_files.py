"""A bundle and an overlay: the same payload as files, installed without ssh and without network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile

import pytest
from click.testing import CliRunner
from deploy_board import ROOT, Prefix

from edgeclf import deploy
from edgeclf.cli.app import cli
from edgeclf.deploy import scripts
from edgeclf.errors import ArgumentError, DeployError


@pytest.fixture(scope="module")
def bundle(payload, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "out.tar"
    deploy.write_bundle(payload, path)
    return path


def unpacked(bundle, folder):
    subprocess.run(["tar", "xf", str(bundle), "-C", str(folder)], check=True)
    (top,) = folder.iterdir()
    return top


def install(top, *args, **variables):
    return subprocess.run(
        ["sh", str(top / "install.sh"), *map(str, args)],
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "EDGECLF_PYTHON": sys.executable, **variables},
    )


@pytest.mark.heavy
def test_a_bundle_installs_itself_and_goes_back(bundle, tmp_path):
    stick = tmp_path / "usb stick"
    stick.mkdir()
    top = unpacked(bundle, stick)
    prefix = Prefix(tmp_path / "on the board")
    first = install(top, "--prefix", prefix.path)
    assert first.returncode == 0, first.stderr
    assert prefix.label().startswith("dragonfly")
    name = prefix.current()
    second = install(top, "--prefix", prefix.path)
    assert second.returncode == 0, second.stderr
    assert prefix.current() == f"{name}-2"
    back = install(top, "--prefix", prefix.path, "--rollback")
    assert back.returncode == 0, back.stderr
    assert prefix.current() == name
    # And what was damaged on its way is refused.
    wheel = next((top / "wheels").glob("edgeclf-*.whl"))
    content = wheel.read_bytes()
    wheel.write_bytes(content[:-1000])
    damaged = install(top, "--prefix", prefix.path)
    assert damaged.returncode == 1
    assert "verify failed" in damaged.stderr
    assert f"{name} is current, as before" in damaged.stderr
    assert prefix.current() == name


def test_a_bundle_holds_plain_files_of_nobody(bundle, payload):
    with tarfile.open(bundle) as archive:
        members = archive.getmembers()
    top = f"edgeclf-{payload.manifest['id']}"
    assert {member.name.split("/")[0] for member in members} == {top}
    assert all(member.isfile() for member in members)
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", 0)}


def test_another_python_is_not_taken(tmp_path):
    script = tmp_path / "install.sh"
    script.write_text(scripts.install_script((3, 7)))
    done = install(tmp_path)
    assert done.returncode == 1
    assert "expected Python 3.7" in done.stderr


@pytest.mark.heavy
def test_an_overlay_is_just_files(payload, tmp_path):
    root = tmp_path / "rootfs"
    deploy.write_overlay(payload, root, "/opt/edgeclf")
    deploy.write_overlay(payload, root, "/opt/edgeclf")  # an image is built more than once
    unit = (root / "etc/systemd/system/edgeclf-first-boot.service").read_text()
    command = re.search("^ExecStart=(.*)$", unit, re.M).group(1)
    assert command == "/bin/sh /opt/edgeclf-payload/install.sh --prefix /opt/edgeclf"
    assert "ConditionPathExists=!/opt/edgeclf/current" in unit
    link = root / "etc/systemd/system/multi-user.target.wants/edgeclf-first-boot.service"
    assert link.resolve() == (root / "etc/systemd/system/edgeclf-first-boot.service").resolve()
    # The first start, with the image's root where it is here.
    done = install(root / "opt/edgeclf-payload", "--prefix", root / "opt/edgeclf")
    assert done.returncode == 0, done.stderr
    assert Prefix(root / "opt/edgeclf").label().startswith("dragonfly")


@pytest.mark.parametrize("prefix", ["opt", "/opt/a b", "/opt/../etc", "/opt/%h", "~/edgeclf"])
def test_prefixes_that_an_image_cannot_have(payload, tmp_path, prefix):
    with pytest.raises(ArgumentError, match="absolute path"):
        deploy.write_overlay(payload, tmp_path / "root", prefix)
    assert not (tmp_path / "root").exists()


def test_an_image_has_no_user_whose_service_it_could_be(payload, tmp_path):
    service = {**payload.manifest, "service": {"unit": "", "enable": True}}
    with pytest.raises(ArgumentError, match=r"--service: .*Leave it out.*docs/deploy\.md"):
        deploy.write_overlay(payload._replace(manifest=service), tmp_path / "root", "/opt/edgeclf")
    assert not (tmp_path / "root").exists()
    command = ["deploy", "--overlay", str(tmp_path / "root"), "--service", "--app", "x.py"]
    done = CliRunner().invoke(cli, [*command, "--arch", "aarch64", "--python", "3.11"])
    assert done.exit_code == 2
    assert "Leave it out" in " ".join(done.output.split())


@pytest.mark.parametrize(
    "place", ["opt", "opt/edgeclf-payload", "etc/systemd", "etc/systemd/system"]
)
def test_a_link_that_leads_out_of_the_image_is_refused(payload, tmp_path, place):
    """An absolute one is right on the board, and one of this machine's here."""
    root, host = tmp_path / "root", tmp_path / "host"
    (root / place).parent.mkdir(parents=True)
    (host / "edgeclf-payload").mkdir(parents=True)
    (host / "edgeclf-payload" / "mine").touch()
    (root / place).symlink_to(host)
    with pytest.raises(DeployError, match=r"overlay: .*leads out of the image by a link"):
        deploy.write_overlay(payload, root, "/opt/edgeclf")
    assert [path.name for path in host.rglob("*")] == ["edgeclf-payload", "mine"]


def test_a_unit_that_is_a_link_to_this_machine_is_refused(payload, tmp_path):
    units = tmp_path / "root/etc/systemd/system"
    units.mkdir(parents=True)
    (tmp_path / "mine").write_text("mine")
    (units / "edgeclf-first-boot.service").symlink_to(tmp_path / "mine")
    with pytest.raises(DeployError, match="leads out of the image"):
        deploy.write_overlay(payload, tmp_path / "root", "/opt/edgeclf")
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_link_within_the_image_is_followed(payload, tmp_path):
    (tmp_path / "root/data").mkdir(parents=True)
    (tmp_path / "root/opt").symlink_to("data")
    deploy.write_overlay(payload, tmp_path / "root", "/opt/edgeclf")
    assert (tmp_path / "root/data/edgeclf-payload/install.sh").is_file()


def test_a_bundle_that_cannot_be_written(payload, tmp_path):
    with pytest.raises(DeployError, match="bundle: "):
        deploy.write_bundle(payload, tmp_path / "none" / "out.tar")


def test_systemd_finds_the_units_in_order(payload, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    deploy.write_overlay(payload, tmp_path, "/opt/edgeclf")
    units = [tmp_path / "etc/systemd/system/edgeclf-first-boot.service", tmp_path / "app.service"]
    units[1].write_text(scripts.unit("my app.py").replace("@PREFIX@", "/home/a b/$$x/%%y"))
    # And the one that the documentation gives for an image's program.
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    units.append(tmp_path / "etc/systemd/system/documented-app.service")
    (documented,) = re.findall(r"^```\n(\[Unit\].*?)^```$", text, re.M | re.S)
    assert "ExecStart=/bin/sh /opt/edgeclf/current/run\n" in documented
    assert "After=edgeclf-first-boot.service\n" in documented
    units[2].write_text(documented)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, units)], capture_output=True, text=True
    )
    ours = [line for line in done.stderr.splitlines() if "edgeclf" in line or "app.service" in line]
    assert ours == []
