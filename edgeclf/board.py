"""What machine this is: board, processor, memory, system. Read from /proc and /sys, no packages.

Longer than 200 lines because a quarter of it is tables of names.
"""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple, Union

__all__ = ["Board", "read_board"]


class Board(NamedTuple):
    """The machine a process runs on. What cannot be found out is None, "" or an empty tuple.

    Attributes:
        name: the board's own name ("Raspberry Pi 5 Model B Rev 1.0"), or vendor and product.
        family: what matters when choosing a runtime: "Raspberry Pi 5", "Jetson Orin", "x86-64".
        machine: the kernel's architecture ("x86_64", "aarch64", "armv7l").
        processor: "Cortex-A76", or the x86 model name.
        features: the vector instructions that kernels and runtimes make use of.
        cores: how many the machine has online; usable_cores: how many this process may use.
        cpu_quota: cores' worth of time a control group grants (1.5), or None for no limit.
        memory_bytes, memory_available_bytes: of the machine.
        memory_limit_bytes: what a control group grants, or None for no limit.
        system, kernel, libc: "Debian GNU/Linux 12 (bookworm)", "6.1.0", "glibc 2.36".
        container, virtual_machine: "docker", "KVM", ... where there are signs of one.
    """

    name: str
    family: str
    machine: str
    processor: str
    features: Tuple[str, ...]
    cores: int
    usable_cores: int
    cpu_quota: Optional[float]
    memory_bytes: Optional[int]
    memory_available_bytes: Optional[int]
    memory_limit_bytes: Optional[int]
    system: str
    kernel: str
    libc: str
    container: Optional[str]
    virtual_machine: Optional[str]


# The kernel's word for a feature -> the word that runtimes' documents use.
_X86_FEATURES = {
    "ssse3": "ssse3",
    "sse4_1": "sse4.1",
    "avx": "avx",
    "f16c": "f16c",
    "fma": "fma",
    "avx2": "avx2",
    "avx_vnni": "avx-vnni",
    "amx_int8": "amx-int8",
}
_ARM_FEATURES = {
    "neon": "neon",
    "asimd": "neon",
    "asimdhp": "fp16",
    "asimddp": "dotprod",
    "i8mm": "i8mm",
    "bf16": "bf16",
    "sve": "sve",
    "sve2": "sve2",
}
# MIDR implementer and part number -> core (Arm's and Nvidia's reference manuals).
_ARM_CORES = {
    (0x41, 0xC07): "Cortex-A7",
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD04): "Cortex-A35",
    (0x41, 0xD05): "Cortex-A55",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD09): "Cortex-A73",
    (0x41, 0xD0A): "Cortex-A75",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD41): "Cortex-A78",
    (0x41, 0xD42): "Cortex-A78AE",
    (0x41, 0xD4F): "Neoverse-V2",
    (0x4E, 0x003): "Denver 2",
    (0x4E, 0x004): "Carmel",
}
# The system on a chip in the device tree -> the family of Jetson boards built on it.
_JETSON_CHIPS = {
    "nvidia,tegra210": "Jetson Nano",
    "nvidia,tegra186": "Jetson TX2",
    "nvidia,tegra194": "Jetson Xavier",
    "nvidia,tegra234": "Jetson Orin",
    "nvidia,tegra264": "Jetson Thor",
}
_HYPERVISORS = {
    "QEMU": "QEMU/KVM",
    "VMware": "VMware",
    "innotek": "VirtualBox",
    "Microsoft Corporation": "Hyper-V",
    "Xen": "Xen",
    "Amazon EC2": "Amazon EC2",
    "Google": "Google Compute Engine",
}
# What a maker leaves in the product name when nobody filled it in.
_NO_NAME = re.compile(r"to be filled|default string|system product|not specified|^none$", re.I)
_UNLIMITED = 2**60  # control groups v1 write "no limit" as a number near 2**63


def read_board(
    root: Union[str, "os.PathLike[str]"] = "/",
    *,
    machine: Optional[str] = None,
    usable_cores: Optional[int] = None,
) -> Board:
    """Find out what machine this is. Never raises: what cannot be read stays unknown.

    Args:
        root: the folder that holds proc, sys and etc; another one only in tests.
        machine, usable_cores: given instead of asked of the running system.
    """
    top = Path(root)
    machine = machine or platform.machine()
    processors, trailer = _cpuinfo(_text(top / "proc/cpuinfo"))
    memory = _meminfo(_text(top / "proc/meminfo"))
    compatible = _text(top / "proc/device-tree/compatible").split("\0")
    # Containers hide the device tree; a Raspberry Pi repeats its name in cpuinfo.
    model = _text(top / "proc/device-tree/model").strip("\0\n ") or trailer.get("Model", "")
    name = model or _product(top)
    return Board(
        name=name,
        family=_family(model, compatible, machine),
        machine=machine,
        processor=_processor(processors),
        features=_features(processors),
        cores=len(processors) or os.cpu_count() or 1,
        usable_cores=usable_cores or _usable_cores(),
        cpu_quota=_cpu_quota(top / "sys/fs/cgroup"),
        memory_bytes=memory.get("MemTotal"),
        memory_available_bytes=memory.get("MemAvailable"),
        memory_limit_bytes=_memory_limit(top / "sys/fs/cgroup"),
        system=_os_release(_text(top / "etc/os-release")),
        kernel=platform.release(),
        libc=_libc(),
        container=_container(top),
        virtual_machine=_virtual_machine(top, processors),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _cpuinfo(text: str) -> Tuple[List[Dict[str, str]], Dict[str, str]]:
    """One mapping per processor, and the lines that belong to none of them."""
    processors: List[Dict[str, str]] = []
    trailer: Dict[str, str] = {}
    for block in re.split(r"\n\s*\n", text):
        lines = (line.partition(":") for line in block.splitlines() if ":" in line)
        facts = {key.strip(): value.strip() for key, _, value in lines}
        if "processor" in facts:
            processors.append(facts)
        else:
            trailer.update(facts)
    return processors, trailer


def _processor(processors: List[Dict[str, str]]) -> str:
    """The kinds of cores, each named once (a chip may have big and little ones)."""
    names: List[str] = []
    for facts in processors:
        name = _core_name(facts)
        if name and name not in names:
            names.append(name)
    return " + ".join(names)


def _core_name(facts: Dict[str, str]) -> str:
    try:
        key = (int(facts["CPU implementer"], 16), int(facts["CPU part"], 16))
    except (KeyError, ValueError):
        return " ".join(facts.get("model name", "").split())
    unknown = f"ARM core {facts['CPU implementer']}/{facts['CPU part']}"
    return _ARM_CORES.get(key, unknown)


def _features(processors: List[Dict[str, str]]) -> Tuple[str, ...]:
    """What every core has, in the tables' order; AVX-512's parts after them, by name."""
    if not processors:
        return ()
    words = set.intersection(
        *(set(facts.get("flags", facts.get("Features", "")).split()) for facts in processors)
    )
    known = [*_X86_FEATURES.items(), *_ARM_FEATURES.items()]
    named = dict.fromkeys(name for word, name in known if word in words)
    return (*named, *sorted(word for word in words if word.startswith("avx512")))


def _family(model: str, compatible: List[str], machine: str) -> str:
    raspberry = re.match(r"Raspberry Pi (Zero 2|Compute Module \d+|\d+)", model)
    if raspberry:
        return raspberry.group(0)
    for chip, family in _JETSON_CHIPS.items():
        if chip in compatible:
            tx1 = chip == "nvidia,tegra210" and "nano" not in model.lower() and "TX1" in model
            return "Jetson TX1" if tx1 else family
    return {"x86_64": "x86-64", "AMD64": "x86-64", "aarch64": "64-bit ARM"}.get(machine, machine)


def _product(root: Path) -> str:
    """Vendor and product from the firmware's tables, where the maker filled them in."""
    dmi = root / "sys/class/dmi/id"
    for product in ("product_name", "board_name"):
        vendor = _text(dmi / ("sys_vendor" if product == "product_name" else "board_vendor"))
        words = [text.strip() for text in (vendor, _text(dmi / product))]
        words = [word for word in words if word and not _NO_NAME.search(word)]
        if len(words) == 2:
            return words[1] if words[1].startswith(words[0]) else " ".join(words)
    return ""


def _meminfo(text: str) -> Dict[str, int]:
    found = re.findall(r"^(\w+):\s+(\d+) kB$", text, re.M)
    return {name: int(kilobytes) * 1024 for name, kilobytes in found}


def _memory_limit(cgroup: Path) -> Optional[int]:
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        text = _text(cgroup / name).strip()
        if text.isdigit() and int(text) < _UNLIMITED:
            return int(text)
    return None


def _cpu_quota(cgroup: Path) -> Optional[float]:
    words = _text(cgroup / "cpu.max").split() or [
        _text(cgroup / "cpu/cpu.cfs_quota_us").strip(),
        _text(cgroup / "cpu/cpu.cfs_period_us").strip(),
    ]
    if len(words) != 2 or not all(word.isdigit() for word in words) or int(words[1]) == 0:
        return None  # "max", "-1", or no such control group
    return int(words[0]) / int(words[1])


def _usable_cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count() or 1


def _os_release(text: str) -> str:
    match = re.search(r'^PRETTY_NAME="?([^"\n]*)"?', text, re.M)
    return match.group(1) if match else platform.system()


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, OSError, ValueError):
        return ""


def _container(root: Path) -> Optional[str]:
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    match = re.search(r"docker|kubepods|containerd|lxc", _text(root / "proc/1/cgroup"))
    return match.group(0) if match else None


def _virtual_machine(root: Path, processors: List[Dict[str, str]]) -> Optional[str]:
    vendor = _text(root / "sys/class/dmi/id/sys_vendor")
    product = _text(root / "sys/class/dmi/id/product_name")
    hypervisor = "hypervisor" in processors[0].get("flags", "").split() if processors else False
    for sign, name in _HYPERVISORS.items():
        # Microsoft and Google build real computers too.
        if sign in vendor and (hypervisor or "irtual" in product or name in ("QEMU/KVM", "Xen")):
            return name
    return "unnamed hypervisor" if hypervisor else None
