"""What a module asks of the system it is loaded into, read from its ELF file, and whether a wheel
with that tag may ask it. What auditwheel checks, and more; a test compares the two."""

from __future__ import annotations

import io
import re
from typing import Any, List, NamedTuple, Tuple

from elftools.elf.elffile import ELFFile
from tags import GLIBC, Target

_EXPORTED = "PyInit__core"
# What the dynamic loader or a profiler may define; none of it is needed.
_OPTIONAL = ("__gmon_start__", "_ITM_", "__cxa_finalize", "__cxa_thread_atexit_impl")
_HARD_FLOAT = 0x400
# ARM's build attributes: https://github.com/ARM-software/abi-aa/blob/main/addenda32/addenda32.rst
_ARMV7, _VFP3, _NEON1 = 10, (3, 4), 1


class Facts(NamedTuple):
    machine: str
    bits: int
    size: int
    needed: Tuple[str, ...]
    versions: Tuple[str, ...]  # of the symbols it takes from libraries, as GLIBC_2.17
    exported: Tuple[str, ...]
    unversioned: Tuple[str, ...]  # symbols that whoever loads it has to have
    problems: Tuple[str, ...]  # of its layout

    @property
    def highest_glibc(self) -> str:
        numbers = [_numbers(name) for name in self.versions if name.startswith("GLIBC_")]
        return ".".join(map(str, max(numbers, default=(0,))))


def read(content: bytes) -> Facts:
    """The facts of one shared object."""
    elf = ELFFile(io.BytesIO(content))
    dynamic = elf.get_section_by_name(".dynamic")
    symbols = _symbols(elf)
    return Facts(
        machine=elf["e_machine"],
        bits=elf.elfclass,
        size=len(content),
        needed=tuple(tag.needed for tag in dynamic.iter_tags("DT_NEEDED")),
        versions=tuple(sorted({version for _, _, version in symbols if version})),
        exported=tuple(sorted(name for name, defined, _ in symbols if defined)),
        unversioned=tuple(
            sorted(name for name, defined, version in symbols if not defined and not version)
        ),
        problems=tuple(_layout_problems(elf, dynamic)),
    )


def _symbols(elf: ELFFile) -> "list[tuple[str, bool, str]]":
    """(name, whether it is defined here, the version of it that a library must have)"""
    table = elf.get_section_by_name(".dynsym")
    indices = elf.get_section_by_name(".gnu.version")
    needs = elf.get_section_by_name(".gnu.version_r")
    versions = {}
    for _, auxiliaries in needs.iter_versions() if needs else ():
        for one in auxiliaries:
            versions[one["vna_other"]] = one.name
    found = []
    for number, symbol in enumerate(table.iter_symbols()):
        if symbol.name:
            index = indices.get_symbol(number)["ndx"] if indices else 0
            defined = symbol["st_shndx"] != "SHN_UNDEF"
            found.append((symbol.name, defined, versions.get(index, "")))
    return found


def _layout_problems(elf: ELFFile, dynamic: Any) -> List[str]:
    found = []
    for tag in ("DT_RPATH", "DT_RUNPATH", "DT_TEXTREL"):
        if list(dynamic.iter_tags(tag)):
            found.append(f"it has a {tag}")
    for section in elf.iter_sections():
        if section.name == ".symtab" or section.name.startswith(".debug"):
            found.append(f"it is not stripped: {section.name}")
    for segment in elf.iter_segments():
        if segment["p_type"] == "PT_GNU_STACK" and segment["p_flags"] & 1:
            found.append("its stack is executable")
        if segment["p_type"] == "PT_LOAD" and segment["p_flags"] & 3 == 3:
            found.append("a segment is both writable and executable")
    if elf["e_machine"] == "EM_ARM":
        found += _arm_problems(elf)
    return found


def _arm_problems(elf: ELFFile) -> List[str]:
    found = []
    if not elf["e_flags"] & _HARD_FLOAT:
        found.append("it does not pass floats in registers (hard float)")
    section = elf.get_section_by_name(".ARM.attributes")
    if section is None:
        return [*found, "it does not say what ARM it is for"]
    said = {
        attribute.tag: attribute.value
        for sub in section.iter_subsections()
        for part in sub.iter_subsubsections()
        for attribute in part.iter_attributes()
    }
    if said.get("TAG_CPU_ARCH", 0) > _ARMV7:
        found.append("it is for a later processor than ARMv7")
    if said.get("TAG_FP_ARCH") not in _VFP3:
        found.append(f"its floating point is not VFPv3: {said.get('TAG_FP_ARCH')}")
    if said.get("TAG_ADVANCED_SIMD_ARCH", 0) > _NEON1:
        found.append("its NEON is a later one than ARMv7's")
    return found


def check(facts: Facts, target: Target) -> List[str]:
    """Each thing that a wheel with that target's tag must not have; none, and it may be shipped."""
    found = list(facts.problems)
    if (facts.machine, facts.bits) != (target.elf_machine, target.elf_bits):
        found.append(f"expected {target.elf_machine}, {target.elf_bits} bits; got {facts.machine}")
    foreign = sorted(set(facts.needed) - set(target.libraries))
    if foreign:
        found.append(f"it needs libraries that are not glibc's: {', '.join(foreign)}")
    for version in facts.versions:
        family = version.rsplit("_", 1)[0]
        if family != "GLIBC":
            found.append(f"it needs {version}, which is not glibc's")
        elif _numbers(version) > GLIBC:
            found.append(f"it needs {version}, beyond {'.'.join(map(str, GLIBC))}")
    if facts.exported != (_EXPORTED,):
        found.append(f"expected that it exports {_EXPORTED} alone, got {facts.exported}")
    for name in facts.unversioned:
        if not re.match(r"_?Py", name) and not name.startswith(_OPTIONAL):
            found.append(f"nobody defines its symbol {name}")
    return found


def _numbers(version: str) -> "tuple[int, ...]":
    return tuple(int(part) for part in re.findall(r"\d+", version))
