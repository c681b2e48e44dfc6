"""The program compiles, and what it imports is there: ``python -I program.py FOLDER MAIN``.

It travels with the payload as this one file, and the release's own Python runs it. Each problem is
a line on stdout; the status is then 1. Imports are followed from MAIN through FOLDER's own modules.
Those count that run whenever their module is imported: what stands in a function, a "try" or an
"if" a program may be able to do without.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Tuple


def problems_of(folder: Path, main: str) -> List[str]:
    """What is wrong with the program, a line each; looks for modules on ``sys.path``."""
    trees: Dict[Path, ast.Module] = {}
    problems = []
    for path in sorted(folder.rglob("*.py")):
        try:
            name = str(path.relative_to(folder))
            compile(path.read_bytes(), name, "exec", dont_inherit=True)
            trees[path] = ast.parse(path.read_bytes(), name)
        except (SyntaxError, ValueError) as exc:
            problems.append(f"{name}: {type(exc).__name__}: {exc}")
    return problems or [
        f"{path.relative_to(folder)} imports {name}, which is not there"
        for path, name in _absent(folder, folder / main, trees)
    ]


def _absent(folder: Path, main: Path, trees: Dict[Path, ast.Module]) -> Iterator[Tuple[Path, str]]:
    todo, seen = [main], set()
    while todo:
        path = todo.pop()
        if path in seen or path not in trees:
            continue
        seen.add(path)
        for level, words in _imports(trees[path]):
            todo += _own_files(path.parents[level - 1] if level else folder, words)
            if not level and not _is_there(words[0]):
                yield path, words[0]


def _imports(tree: ast.Module) -> Iterator[Tuple[int, List[str]]]:
    """For each import: how many dots it begins with, and the name's parts. Of "from a import b" b
    may be a module or not: the files say."""
    for node in tree.body:
        for alias in node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else ():
            if isinstance(node, ast.Import):
                yield 0, alias.name.split(".")
            elif isinstance(node, ast.ImportFrom):
                yield node.level, [*filter(None, (node.module or "").split(".")), alias.name]


def _own_files(base: Path, words: List[str]) -> Iterator[Path]:
    for count in range(1, len(words) + 1):
        place = base.joinpath(*words[:count])
        yield place / "__init__.py"
        yield place.with_name(f"{place.name}.py")


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # loaded already, without a specification: __main__
        return True


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])  # as for a program that is started from there
    found = problems_of(Path(sys.argv[1]), sys.argv[2])
    print("\n".join(found))
    sys.exit(bool(found))
