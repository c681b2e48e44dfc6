"""``edgeclf predict``: classify pictures. Over 200 lines for its options, each with its help."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

import click

from edgeclf.errors import EdgeclfError

if TYPE_CHECKING:
    from edgeclf.classifier import Classifier
    from edgeclf.cli.annotated import AnnotatedFolder
    from edgeclf.cli.pictures import Found
    from edgeclf.cli.report import Answer, Report
    from edgeclf.frame import Frame

__all__ = ["command"]


def _region(
    ctx: click.Context, param: click.Parameter, value: Optional[str]
) -> Optional[Tuple[int, ...]]:
    if value is None:
        return None
    try:
        numbers = tuple(int(part) for part in value.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 4 or min(numbers) < 0 or 0 in numbers[2:]:
        raise click.BadParameter(
            f"expected X,Y,W,H in whole pixels (such as 100,50,224,224), got {value!r}"
        )
    return numbers


def _quarter_turns(ctx: click.Context, param: click.Parameter, value: int) -> int:
    if value % 90:
        raise click.BadParameter(f"expected a multiple of 90, got {value}")
    return value


_FILE = click.Path(dir_okay=False)


@click.command(short_help="Classify pictures: files, folders or patterns.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path())
@click.option("-m", "--model", type=_FILE, help="An .onnx or .tflite file; else the built-in one.")
@click.option("--spec", type=_FILE, help="A sidecar file (JSON) with what the model does not say.")
@click.option("--labels", type=_FILE, help="A text file with one label per line.")
@click.option("--backend", metavar="NAME", help="The runtime to use: see 'edgeclf doctor'.")
@click.option("--device", metavar="D", help="cpu or cuda:N.")
@click.option("--num-threads", metavar="N", type=click.IntRange(min=1), help="For one inference.")
@click.option(
    "-k",
    "--top-k",
    metavar="N",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Show at most N categories.",
)
@click.option("--score-threshold", metavar="X", type=float, help="Show scores of X or more.")
@click.option("--allow", metavar="LABEL", multiple=True, help="Only this label; may be repeated.")
@click.option("--deny", metavar="LABEL", multiple=True, help="Not this label; may be repeated.")
@click.option("--region", metavar="X,Y,W,H", callback=_region, help="Look only at these pixels.")
@click.option(
    "--rotate",
    metavar="DEG",
    type=int,
    default=0,
    callback=_quarter_turns,
    help="Turn each picture clockwise, by a multiple of 90.",
)
@click.option("-r", "--recursive", is_flag=True, help="Look into the sub-folders of folders.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON Lines, one object a picture.")
@click.option(
    "--annotate",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a copy of each picture with a caption into this folder.",
)
def command(
    paths: Tuple[str, ...],
    recursive: bool,
    as_json: bool,
    annotate: Optional[Path],
    region: Optional[Tuple[int, int, int, int]],
    rotate: int,
    **arguments: Any,
) -> None:
    """Classify pictures: files, folders (the pictures in them) or patterns such as '*.jpg'.

    The times are milliseconds of one inference and of what edgeclf does before and after it;
    decoding the file is counted apart. A picture that cannot be classified is reported on stderr
    (with --json on stdout too), the others are classified, and the exit status is 1.

    \b
    Examples:
      edgeclf predict cat.jpg
      edgeclf predict photos --annotate annotated
      edgeclf predict 'photos/*.jpg' --model mobilenet.tflite --json
    """
    from edgeclf.cli.pictures import find_pictures

    ctx = click.get_current_context()
    if arguments["allow"] and arguments["deny"]:
        raise click.UsageError("--allow and --deny exclude each other: give one of them.")
    found = find_pictures(paths, recursive=recursive, leave_out=annotate)
    if not found:
        raise EdgeclfError("no pictures: the folders hold only annotated copies of an earlier run")
    with _classifier(arguments) as classifier:
        job = _Job(classifier, found, as_json, annotate, region, rotate, ctx.obj["debug"])
        ctx.exit(job.run())


def _classifier(arguments: Dict[str, Any]) -> "Classifier":
    from edgeclf.classifier import Classifier

    allow, deny = arguments.pop("allow"), arguments.pop("deny")
    return Classifier(**arguments, category_allowlist=allow or None, category_denylist=deny or None)


class _Job:
    """The pictures of one command line."""

    def __init__(
        self,
        classifier: "Classifier",
        found: List["Found"],
        as_json: bool,
        annotate: Optional[Path],
        region: Optional[Tuple[int, int, int, int]],
        rotate: int,
        debug: bool,
    ):
        self._classifier = classifier
        self._found = found
        self._debug = debug
        self._how: Dict[str, Any] = {"region_of_interest": region, "rotation_degrees": rotate}
        paths = [item.path for item in found]
        self._folder = _annotated_folder(annotate, paths)
        self._report = _report(as_json, paths, classifier.labels)

    def run(self) -> int:
        """Classify all; the exit status."""
        from edgeclf.cli.progress import progress

        status = 0
        with progress(self._found) as (items, make_room):
            for item in items:
                try:
                    answer = self._answer(item)
                except Exception as exc:
                    status = 1
                    make_room()
                    self._report.failure(item.path, exc, self._debug)
                else:
                    make_room()
                    self._report.answer(answer)
        self._report.end()
        return status

    def _answer(self, item: "Found") -> "Answer":
        from edgeclf.cli.report import Answer

        if item.problem is not None:
            raise EdgeclfError(item.problem)
        started = time.perf_counter()
        frame = self._classifier.frame_of(item.path, **self._how)
        decode_ms = (time.perf_counter() - started) * 1e3
        prediction = self._classifier.predict(frame, **self._how)
        copy = None
        if self._folder is not None:
            from edgeclf.annotate import annotate

            drawn = annotate(_in_full(frame, item.path), prediction.categories, **self._how)
            copy = self._folder.write(drawn, item.path)
        return Answer(item.path, frame.width, frame.height, prediction, decode_ms, copy)


def _in_full(frame: "Frame", path: Path) -> "Frame":
    """The frame, or, where only as much was decoded as the model needs, all of its picture."""
    from edgeclf.decoding import decode
    from edgeclf.jpeg import ReducedFrame

    return decode(path) if isinstance(frame, ReducedFrame) else frame


def _annotated_folder(folder: Optional[Path], paths: List[Path]) -> "Optional[AnnotatedFolder]":
    from edgeclf.cli.annotated import AnnotatedFolder

    return None if folder is None else AnnotatedFolder(folder, paths)


def _report(as_json: bool, paths: List[Path], labels: Optional[Tuple[str, ...]]) -> "Report":
    from edgeclf.cli.report import JsonReport, TableReport

    return JsonReport() if as_json else TableReport(paths, labels or ())
