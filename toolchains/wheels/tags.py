"""What wheels are made for: processors, Pythons, and what each may ask of the system."""

from __future__ import annotations

from typing import NamedTuple, Tuple

# 3.14 is made where its headers are found and not missed where they are not.
PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
PYTHONS_IF_FOUND = ("3.14",)

# manylinux2014's. Any lower floor has no Python 3.8 to run on, and its old tag is the only one that
# pip before 20.3 reads, such as Ubuntu 20.04's (JetPack 5).
GLIBC = (2, 17)


class Target(NamedTuple):
    """One processor architecture, by the name that wheels have for it."""

    name: str
    triple: str  # names the toolchain file, and the module's suffix
    elf_machine: str
    elf_bits: int
    loader: str

    def module_suffix(self, python: str) -> str:
        """The end of an extension module's name, as that Python on that machine looks for it."""
        return f".cpython-{python.replace('.', '')}-{self.triple}.so"

    @property
    def platform_tag(self) -> str:
        """Both names of one promise: the new one, and the one that an old pip knows."""
        major, minor = GLIBC
        return f"manylinux2014_{self.name}.manylinux_{major}_{minor}_{self.name}"

    @property
    def libraries(self) -> Tuple[str, ...]:
        """What a module may need: parts of glibc, which are on every machine that has it."""
        return ("libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", self.loader)


TARGETS = {
    target.name: target
    for target in (
        Target("x86_64", "x86_64-linux-gnu", "EM_X86_64", 64, "ld-linux-x86-64.so.2"),
        Target("aarch64", "aarch64-linux-gnu", "EM_AARCH64", 64, "ld-linux-aarch64.so.1"),
        Target("armv7l", "arm-linux-gnueabihf", "EM_ARM", 32, "ld-linux-armhf.so.3"),
    )
}


def python_tag(python: str) -> str:
    """cp311 for 3.11."""
    return "cp" + python.replace(".", "")
