"""What machine this is, told from texts in the form that the boards' kernels give them."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Dict

import pytest

from edgeclf.board import read_board

ARM_LINES = """processor\t: {n}
BogoMIPS\t: {bogomips}
Features\t: {features}
CPU implementer\t: {implementer}
CPU architecture: 8
CPU variant\t: 0x{variant}
CPU part\t: {part}
CPU revision\t: {revision}
"""
A53 = "fp asimd evtstrm crc32 cpuid"
A57 = "fp asimd evtstrm aes pmull sha1 sha2 crc32"
A72 = "fp asimd evtstrm crc32 cpuid"
A76 = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop "
    "asimddp"
)
CARMEL = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm dcpop"
A78AE = f"{A76} uscat ilrcpc flagm paca pacg"


def arm(count: int, implementer: str, part: str, features: str, trailer: str = "") -> str:
    blocks = [
        ARM_LINES.format(
            n=n,
            bogomips="108.00",
            features=features,
            implementer=implementer,
            variant=0,
            part=part,
            revision=3,
        )
        for n in range(count)
    ]
    return "\n".join(blocks) + ("\n" + trailer if trailer else "")


def machine_of(root: Path, files: Dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


BOARDS = {
    "Raspberry Pi 3": (
        "Raspberry Pi 3 Model B Plus Rev 1.3",
        "raspberrypi,3-model-b-plus\0brcm,bcm2837\0",
        arm(4, "0x41", "0xd03", A53, "Hardware\t: BCM2835\nRevision\t: a020d3\n"),
        "Cortex-A53",
        ("neon",),
    ),
    "Raspberry Pi 4": (
        "Raspberry Pi 4 Model B Rev 1.5",
        "raspberrypi,4-model-b\0brcm,bcm2711\0",
        arm(4, "0x41", "0xd08", A72, "Revision\t: c03115\nSerial\t\t: 10000000\n"),
        "Cortex-A72",
        ("neon",),
    ),
    "Raspberry Pi 5": (
        "Raspberry Pi 5 Model B Rev 1.0",
        "raspberrypi,5-model-b\0brcm,bcm2712\0",
        arm(4, "0x41", "0xd0b", A76, "Revision\t: d04170\n"),
        "Cortex-A76",
        ("neon", "fp16", "dotprod"),
    ),
    "Raspberry Pi Zero 2": (
        "Raspberry Pi Zero 2 W Rev 1.0",
        "raspberrypi,model-zero-2-w\0brcm,bcm2837\0",
        arm(4, "0x41", "0xd03", A53, "Revision\t: 902120\n"),
        "Cortex-A53",
        ("neon",),
    ),
    "Raspberry Pi Compute Module 4": (
        "Raspberry Pi Compute Module 4 Rev 1.1",
        "raspberrypi,4-compute-module\0brcm,bcm2711\0",
        arm(4, "0x41", "0xd08", A72),
        "Cortex-A72",
        ("neon",),
    ),
    "Jetson Nano": (
        "NVIDIA Jetson Nano Developer Kit",
        "nvidia,p3450-0000\0nvidia,jetson-nano\0nvidia,tegra210\0",
        arm(4, "0x41", "0xd07", A57),
        "Cortex-A57",
        ("neon",),
    ),
    "Jetson TX2": (
        "NVIDIA Jetson TX2 Developer Kit",
        "nvidia,p2771-0000\0nvidia,quill\0nvidia,tegra186\0",
        arm(4, "0x41", "0xd07", A57) + "\n" + arm(2, "0x4e", "0x003", A57),
        "Cortex-A57 + Denver 2",
        ("neon",),
    ),
    "Jetson Xavier": (
        "NVIDIA Jetson Xavier NX Developer Kit",
        "nvidia,p3509-0000+p3668-0000\0nvidia,tegra194\0",
        arm(6, "0x4e", "0x004", CARMEL),
        "Carmel",
        ("neon", "fp16"),
    ),
    "Jetson Orin": (
        "NVIDIA Orin Nano Developer Kit",
        "nvidia,p3768-0000+p3767-0003\0nvidia,p3767-0003\0nvidia,tegra234\0",
        arm(6, "0x41", "0xd42", A78AE),
        "Cortex-A78AE",
        ("neon", "fp16", "dotprod"),
    ),
}


@pytest.mark.parametrize("family", BOARDS)
def test_boards(tmp_path: Path, family: str) -> None:
    model, compatible, cpuinfo, processor, features = BOARDS[family]
    files = {
        "proc/device-tree/model": model + "\0",
        "proc/device-tree/compatible": compatible,
        "proc/cpuinfo": cpuinfo,
        "proc/meminfo": "MemTotal:        3884360 kB\nMemAvailable:    3400000 kB\n",
    }
    board = read_board(machine_of(tmp_path, files), machine="aarch64", usable_cores=3)
    assert board.family == family
    assert board.name == model
    assert board.processor == processor
    assert board.features == features
    assert board.cores == cpuinfo.count("processor\t:")
    assert board.usable_cores == 3
    assert board.memory_bytes == 3884360 * 1024
    assert board.memory_available_bytes == 3400000 * 1024
    assert (board.container, board.virtual_machine) == (None, None)


def test_a_pi_inside_a_container_is_known_by_cpuinfo(tmp_path: Path) -> None:
    trailer = "Revision\t: d04170\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n"
    files = {"proc/cpuinfo": arm(4, "0x41", "0xd0b", A76, trailer), ".dockerenv": ""}
    board = read_board(machine_of(tmp_path, files), machine="aarch64")
    assert board.name == "Raspberry Pi 5 Model B Rev 1.0"
    assert board.family == "Raspberry Pi 5"
    assert board.container == "docker"


def test_a_32_bit_system(tmp_path: Path) -> None:
    features = "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm"
    files = {
        "proc/cpuinfo": arm(4, "0x41", "0xd08", features),
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.1\0",
    }
    board = read_board(machine_of(tmp_path, files), machine="armv7l")
    assert board.features == ("neon",)
    assert board.machine == "armv7l"


def test_cores_of_two_kinds_and_what_both_have(tmp_path: Path) -> None:
    big = arm(1, "0x41", "0xd0b", A76)
    files = {"proc/cpuinfo": big + "\n" + arm(2, "0x41", "0xd05", A53)}
    board = read_board(machine_of(tmp_path, files), machine="aarch64")
    assert board.processor == "Cortex-A76 + Cortex-A55"
    assert board.features == ("neon",)
    assert board.cores == 3


def test_a_core_that_the_table_lacks_keeps_its_numbers(tmp_path: Path) -> None:
    files = {"proc/cpuinfo": arm(1, "0x61", "0x022", A76)}
    assert "0x61/0x022" in read_board(machine_of(tmp_path, files)).processor


X86 = """processor\t: {n}
vendor_id\t: GenuineIntel
model name\t: Intel(R) Celeron(R)  N5105 @ 2.00GHz
flags\t\t: fpu sse sse2 ssse3 sse4_1 sse4_2 {flags}
"""


def x86(flags: str, dmi: Dict[str, str], root: Path, count: int = 2) -> Path:
    blocks = (X86.format(n=n, flags=flags) for n in range(count))
    files = {f"sys/class/dmi/id/{name}": text + "\n" for name, text in dmi.items()}
    return machine_of(root, {"proc/cpuinfo": "\n".join(blocks), **files})


def test_a_small_computer(tmp_path: Path) -> None:
    dmi = {"sys_vendor": "Intel(R) Client Systems", "product_name": "NUC11ATKC4"}
    board = read_board(x86("", dmi, tmp_path), machine="x86_64")
    assert board.name == "Intel(R) Client Systems NUC11ATKC4"
    assert board.family == "x86-64"
    assert board.processor == "Intel(R) Celeron(R) N5105 @ 2.00GHz"
    assert board.features == ("ssse3", "sse4.1")
    assert board.virtual_machine is None


def test_names_that_nobody_filled_in(tmp_path: Path) -> None:
    dmi = {
        "sys_vendor": "To Be Filled By O.E.M.",
        "product_name": "To Be Filled By O.E.M.",
        "board_vendor": "ASRock",
        "board_name": "N100DC-ITX",
    }
    assert read_board(x86("", dmi, tmp_path), machine="x86_64").name == "ASRock N100DC-ITX"


def test_vectors_of_a_server(tmp_path: Path) -> None:
    board = read_board(x86("avx avx2 fma f16c avx512f avx512_vnni avx_vnni", {}, tmp_path))
    assert board.features == (
        *("ssse3", "sse4.1", "avx", "f16c", "fma", "avx2", "avx-vnni"),
        *("avx512_vnni", "avx512f"),
    )


@pytest.mark.parametrize(
    ("flags", "dmi", "expected"),
    [
        ("hypervisor", {"sys_vendor": "QEMU", "product_name": "Standard PC"}, "QEMU/KVM"),
        ("hypervisor", {"sys_vendor": "Microsoft Corporation"}, "Hyper-V"),
        ("", {"sys_vendor": "Microsoft Corporation", "product_name": "Surface Go"}, None),
        ("hypervisor", {}, "unnamed hypervisor"),
        ("", {}, None),
    ],
)
def test_virtual_machines(tmp_path: Path, flags: str, dmi: Dict[str, str], expected: str) -> None:
    assert read_board(x86(flags, dmi, tmp_path)).virtual_machine == expected


@pytest.mark.parametrize(
    ("files", "quota", "limit"),
    [
        ({"cpu.max": "150000 100000", "memory.max": "536870912"}, 1.5, 2**29),
        ({"cpu.max": "max 100000", "memory.max": "max"}, None, None),
        (
            {
                "cpu/cpu.cfs_quota_us": "50000",
                "cpu/cpu.cfs_period_us": "100000",
                "memory/memory.limit_in_bytes": "268435456",
            },
            0.5,
            2**28,
        ),
        (
            {
                "cpu/cpu.cfs_quota_us": "-1",
                "cpu/cpu.cfs_period_us": "100000",
                "memory/memory.limit_in_bytes": "9223372036854771712",
            },
            None,
            None,
        ),
    ],
)
def test_control_groups(tmp_path: Path, files: Dict[str, str], quota: float, limit: int) -> None:
    root = machine_of(tmp_path, {f"sys/fs/cgroup/{k}": f"{v}\n" for k, v in files.items()})
    board = read_board(root)
    assert (board.cpu_quota, board.memory_limit_bytes) == (quota, limit)


def test_nothing_to_read_is_no_error(tmp_path: Path) -> None:
    board = read_board(tmp_path / "none", machine="riscv64")
    assert board.family == "riscv64"
    assert board.name == board.processor == ""
    assert board.features == ()
    assert board.memory_bytes is None


def test_this_machine() -> None:
    board = read_board()
    assert board.machine == platform.machine()
    assert board.usable_cores == len(os.sched_getaffinity(0))
    assert board.cores >= 1
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert board.memory_bytes == pages
