"""What the build refuses to put into a wheel: libraries made wrong on purpose by this compiler."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("elftools")
pytest.importorskip("capstone")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "toolchains" / "wheels"))

import elf  # noqa: E402
import instructions  # noqa: E402
import interpreters  # noqa: E402
from tags import PYTHONS, TARGETS, python_tag  # noqa: E402

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="made with this machine's compiler"),
    pytest.mark.skipif(not shutil.which("g++"), reason="no g++"),
]
HONEST = ["-shared", "-fPIC", "-O2", "-s", "-nostdlib", "-lc"]
MODULE = 'extern "C" __attribute__((visibility("default"))) int PyInit__core() { return 1; }\n'


def library(folder, code, *flags):
    source, made = folder / "module.cpp", folder / "module.so"
    source.write_text(code)
    subprocess.run(["g++", str(source), "-o", str(made), *flags], check=True)
    return elf.read(made.read_bytes())


def test_an_honest_module_passes(tmp_path):
    code = MODULE + 'extern "C" int PyLong_AsLong(void*); int (*use)(void*) = PyLong_AsLong;\n'
    code = code.replace("int (*use)", "static __attribute__((used)) int (*use)")
    facts = library(tmp_path, code, *HONEST)
    assert elf.check(facts, TARGETS["x86_64"]) == []
    assert facts.unversioned == ("PyLong_AsLong",)


@pytest.mark.parametrize(
    ("code", "flags", "complaint"),
    [
        (MODULE, ["-shared", "-fPIC", "-s", "-Wl,--no-as-needed"], "libstdc++.so.6"),
        (MODULE + "int other() { return 2; }", HONEST, "expected that it exports PyInit__core"),
        (MODULE, [one for one in HONEST if one != "-s"], "not stripped: .symtab"),
        (MODULE, [*HONEST, "-Wl,-rpath,/opt/lib"], "DT_R"),
        (MODULE, [*HONEST, "-z", "execstack"], "stack is executable"),
        (
            MODULE + 'extern "C" void nobody(); static __attribute__((used)) auto use = nobody;',
            HONEST,
            "nobody defines its symbol nobody",
        ),
    ],
)
def test_a_wrong_one_does_not(tmp_path, code, flags, complaint):
    problems = elf.check(library(tmp_path, code, *flags), TARGETS["x86_64"])
    assert any(complaint in problem for problem in problems), problems


def test_symbols_are_those_that_readelf_sees(tmp_path):
    if not shutil.which("readelf"):
        pytest.skip("no readelf")
    code = MODULE + "#include <string>\nstd::string use(int n) { return std::to_string(n); }"
    facts = library(tmp_path, code, "-shared", "-fPIC", "-O1")
    command = ["readelf", "-W", "--dyn-syms", str(tmp_path / "module.so")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    undefined = [line.split()[-2:] for line in said.splitlines() if " UND " in line]
    named = {word.split("@")[1] for words in undefined for word in words if "@" in word}
    assert named
    assert set(facts.versions) == named


@pytest.mark.parametrize("version", ["GLIBC_2.18", "GLIBC_2.34", "GLIBCXX_3.4", "CXXABI_1.3"])
def test_a_symbol_beyond_the_tag_is_refused(tmp_path, version):
    facts = library(tmp_path, MODULE, *HONEST)
    later = facts._replace(versions=(*facts.versions, version))
    assert any(version in problem for problem in elf.check(later, TARGETS["x86_64"]))


def test_another_machines_module_is_refused(tmp_path):
    facts = library(tmp_path, MODULE, *HONEST)
    for name in ("aarch64", "armv7l"):
        assert any("EM_X86_64" in problem for problem in elf.check(facts, TARGETS[name]))


KERNEL = """
static __attribute__((target("avx2"), noinline)) void add(float* to, const float* from) {
  for (int i = 0; i < 64; ++i) to[i] += from[i];
}
void kernel(float* to, const float* from) { if (__builtin_cpu_supports("avx2")) add(to, from); }
"""
SHARED = """
inline __attribute__((noinline)) void add(float* to, const float* from) {
  for (int i = 0; i < 64; ++i) to[i] += from[i];
}
void kernel(float* to, const float* from) { add(to, from); }
"""


@pytest.mark.parametrize(
    ("name", "code", "flags", "complaint"),
    [
        ("sum_avx2.cpp", KERNEL, [], None),
        ("sum.cpp", KERNEL, [], "sum.cpp.o: "),
        ("sum_avx2.cpp", SHARED, ["-mavx2"], "sum_avx2.cpp.o: _Z3add"),
        ("sum.cpp", SHARED, ["-msse4.1", "-ffast-math"], "saw nothing"),
        ("sum.cpp", SHARED, ["-mfma", "-ffast-math"], "sum.cpp.o: "),
        ("sum.cpp", SHARED, [], "saw nothing"),
        ("sum.cpp", "int bits(unsigned n) { return __builtin_popcount(n); }", ["-mpopcnt"], "pop"),
    ],
)
def test_instructions_of_some_processors_stay_in_kernels(tmp_path, name, code, flags, complaint):
    (tmp_path / name).write_text(code)
    made = str(tmp_path / f"{name}.o")
    command = ["g++", "-O3", *flags, "-c", str(tmp_path / name), "-o", made]
    subprocess.run(command, check=True)
    problems = instructions.check(tmp_path)
    if complaint is None:
        assert problems == []
    else:
        assert any(complaint in problem for problem in problems), problems


def test_a_python_is_one_that_starts():
    version = ".".join(map(str, sys.version_info[:2]))
    found = interpreters.find(version)
    assert found is not None
    command = [found.path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.strip() == version
    assert interpreters.find("2.0") is None


def test_cibuildwheel_makes_the_same_wheels():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = text.split("[tool.cibuildwheel]")[1].split("\n[")[0]
    built = re.search(r'^build = "(.*)"$', section, re.M).group(1).split()
    assert built == [f"{python_tag(version)}-*" for version in PYTHONS]
    arches = re.search(r"^archs = \[(.*)\]$", section, re.M).group(1)
    assert sorted(re.findall(r'"(\w+)"', arches)) == sorted(TARGETS)
    assert "EDGECLF_MODEL_APART" in section
