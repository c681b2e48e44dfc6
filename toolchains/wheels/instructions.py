"""Which object files hold instructions that not every x86-64 processor has.

A vector kernel is compiled for its own instruction set and called only where the processor has it.
All else must be plain: in other sources, and in functions of the kernels' sources that the linker
may take for all (inline functions and templates, of which it keeps any one copy).
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, List, Optional

import capstone
from elftools.elf.elffile import ELFFile

# The sources with kernels, by the end of their name.
_SUFFIXES = ("_sse41", "_avx2", "_avx512")
# capstone's names of what came after SSE2, by how they begin.
_SETS = (
    *("sse3", "ssse3", "sse4", "avx", "fma", "fc16", "xop", "tbm", "bmi", "adx", "aes", "sha"),
    *("pclmul", "cdi", "eri", "dqi", "bwi", "pfi", "vlx"),
)
# What it puts into no set.
_ALONE = ("popcnt", "lzcnt", "pext", "pdep", "mulx", "cmpxchg16b", "crc32", "movbe")
# An older processor reads it as bsf, which gives the same but for zero; compilers use it for both.
_HARMLESS = ("tzcnt",)


def check(objects: Path) -> List[str]:
    """One line for each function below that folder that may stop an older processor."""
    found = []
    seen_kernels = False
    for path in sorted(objects.rglob("*.o")):
        kernels = path.name.split(".")[0].endswith(_SUFFIXES)
        for symbol, shared, code in _functions(path):
            instruction = _beyond_baseline(code)
            if instruction is None:
                continue
            seen_kernels = seen_kernels or kernels
            if not kernels or shared:
                found.append(f"{path.name}: {symbol} has {instruction}")
    if not found and not seen_kernels:
        found.append("no vector kernel was seen, so this check saw nothing")
    return found


def _functions(path: Path) -> "Iterator[tuple[str, bool, bytes]]":
    """(name, whether the linker may take it for other files' function of that name, code)"""
    with path.open("rb") as file:
        elf = ELFFile(file)
        for symbol in elf.get_section_by_name(".symtab").iter_symbols():
            if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_size"]:
                section = elf.get_section(symbol["st_shndx"])
                start = symbol["st_value"]
                code = section.data()[start : start + symbol["st_size"]]
                yield symbol.name, symbol["st_info"]["bind"] == "STB_WEAK", code


def _beyond_baseline(code: bytes) -> Optional[str]:
    """The first instruction that needs more than SSE2, as text; None where there is none."""
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    engine.detail = True
    read = 0
    for one in engine.disasm(code, 0):
        sets = [one.group_name(group) or "" for group in one.groups]
        beyond = any(name.startswith(_SETS) for name in sets) or one.mnemonic in _ALONE
        if beyond and one.mnemonic not in _HARMLESS:
            return f"{one.mnemonic} {one.op_str}"
        read += one.size
    return None if read == len(code) else f"an unknown instruction: {code[read : read + 8].hex()}"
