"""What a build needs and a machine may lack, said in one line with the package's name.

Run it (`python3 toolchains/preflight.py`): exit code 0 and silence, or 1 and that line.
"""

import os
import shutil
import sys
import sysconfig


def problem(need_venv=False):
    """The first thing that is missing, as one line for a person, or None."""
    version = "%d.%d" % sys.version_info[:2]
    if sys.version_info < (3, 8):
        return "edgeclf: Python 3.8 or newer is needed, this is %s" % version
    compiler = os.environ.get("CXX", "").split() or ["c++", "g++", "clang++"]
    if not any(shutil.which(name) for name in compiler):
        return "edgeclf: no C++ compiler found; install one: sudo apt install g++"
    header = os.path.join(sysconfig.get_paths()["include"], "Python.h")
    if not os.path.exists(header):
        return "edgeclf: Python's headers are missing (%s); install them: sudo apt install %s" % (
            header,
            "python3-dev" if _is_system_python() else "python%s-dev" % version,
        )
    if need_venv and not _has_venv():
        return "edgeclf: Python cannot make virtual environments; install: sudo apt install %s" % (
            "python3-venv" if _is_system_python() else "python%s-venv" % version
        )
    return None


def _is_system_python():
    return os.path.realpath(sys.base_prefix) == "/usr"


def _has_venv():
    try:
        import ensurepip
        import venv
    except ImportError:
        return False
    return bool(ensurepip and venv)


if __name__ == "__main__":
    complaint = problem(need_venv="--venv" in sys.argv)
    if complaint:
        sys.exit(complaint)
