"""What the model answers on the sending machine: what the board's answers are compared with."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

from edgeclf.deploy.on_board import json_in
from edgeclf.errors import DeployError

__all__ = ["own_answers"]

HERE = Path(__file__).resolve().parent


def own_answers(stage: Path, model: str) -> Dict[str, Any]:
    """This machine's answers, from the copies in `stage` that will be sent: what is missing shows
    here.

    Raises:
        DeployError: the model does not run on this machine.
    """
    shutil.copyfile(str(HERE / "answers.py"), str(stage / "answers.py"))
    shutil.copyfile(str(HERE / "program.py"), str(stage / "program.py"))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            # The folder of this edgeclf first, so that it and no other one answers.
            f"import runpy, sys; sys.path[:] = {sys.path!r}; sys.path.insert(0, "
            f"{str(HERE.parent.parent)!r}); sys.argv[:] = sys.argv[1:]; "
            "runpy.run_path(sys.argv[0], run_name='__main__')",
            str(stage / "answers.py"),
            str(stage / "model" / model),
            str(stage / "photos"),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    answers = json_in(done.stdout)
    if done.returncode or not answers:
        said = done.stderr.strip().splitlines()[-1:] or ["nothing"]
        raise DeployError(
            f"answers: the model does not run on this machine, so there is nothing to compare the "
            f"board with: {said[0]}"
        )
    for photo in answers["photos"].values():
        del photo["scores_of"]
    return answers
