"""``chainrule experiment``: published results and figures, found again.

Place on the road: a command. The experiments themselves are programs that use the
package as anyone would: a folder beside ``src``, which the wheel carries along. It
knows what each has, ``SUMMARY``, ``DATA`` and ``run``, and not what any does.
"""

from __future__ import annotations

import ast
import importlib
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import click

from ..errors import ArgumentError
from .application import Command, Interrupted
from .arguments import Name, Whole
from .outcome import command_line
from .terminal import Terminal, wrapped_columns

EXAMPLES = """
Examples:
  chainrule experiment list
      all of them: what each shows, on which data, and what it reached
  chainrule experiment mnist --quick
      a small part of one, in seconds, to see that it works
  chainrule experiment mnist --seed 1 --folder mine
      the whole of it; the record and pictures in the folder mine
  chainrule experiment mnist --seed 1 --folder mine --resume
      resume it where it was stopped
"""

#: The word that asks for the table of all experiments.
LIST = "list"

#: Where records and pictures go; in a copy of the repository, to those that are there.
FOLDER = Path("experiments", "results")


def package() -> ModuleType:
    """The experiments: a part of an installed package; of a copy of the repository, the
    folder beside ``src``.
    """
    inside = Path(__file__).parents[1] / "experiments"
    if inside.is_dir():
        return importlib.import_module("chainrule.experiments")
    root = str(Path(__file__).parents[3])
    if root not in sys.path:
        sys.path.insert(0, root)
    return importlib.import_module("experiments")


def _names() -> list[str]:
    return [LIST, *package().EXPERIMENTS]


@click.command("experiment", cls=Command, epilog=EXAMPLES)
@click.argument("name", type=Name(_names), metavar="NAME")
@click.option("--quick", is_flag=True, help="A small part of it, in seconds.")
@click.option("--seed", type=Whole(0, 2**63 - 1), help="[default: 0]")
@click.option(
    "--folder",
    metavar="DIR",
    help="For the record, the pictures and, until it is done, checkpoints.  "
    f"[default: {FOLDER.as_posix()}; with --quick a temporary one]",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on from the checkpoints of a stopped run; start where there are none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    name: str,
    quick: bool,
    seed: int | None,
    folder: str | None,
    resume: bool,
    as_json: bool,
) -> None:
    """Run the experiment NAME, or list them all.

    An experiment finds a published result or figure again. What it measures is printed
    beside what was published, and kept as NAME.json with the pictures. Those that train
    for long keep checkpoints: after Ctrl-C or a crash, --resume goes on.
    """
    terminal = Terminal(json=as_json)
    if name == LIST:
        _list({"quick": quick, "seed": seed, "folder": folder, "resume": resume})
        entries = [_entry(each) for each in package().EXPERIMENTS]
        titles = ("experiment", "what it shows", "data", "time", "reached")
        terminal.result(*wrapped_columns([titles, *(each.row() for each in entries)]))
        if not all(each.record for each in entries):
            terminal.result("  –: no record of it as a whole is here")
        terminal.finish({each.name: each.to_dict() for each in entries})
        return
    if quick and resume and not folder:
        raise ArgumentError(
            "--resume: with --quick checkpoints are in a folder of their own each time",
            fix="--folder, with the folder of the run that was stopped",
        )
    place = Path(folder) if folder else Path(tempfile.mkdtemp()) if quick else FOLDER
    _run(Asked(name, quick, seed or 0, place, resume), terminal)


def _list(options: dict[str, Any]) -> None:
    """An error for options that a list has no use for."""
    for option, value in options.items():
        if value not in (None, False):
            raise ArgumentError(
                f"--{option}: {LIST} runs no experiment",
                fix=f"leave --{option} out, or name an experiment",
            )


@dataclass(frozen=True)
class Asked:
    """What the command line asks for; see ``command``."""

    name: str
    quick: bool
    seed: int
    folder: Path
    resume: bool

    @property
    def checkpoints(self) -> Path:
        """Where this experiment, of this seed and size, keeps them."""
        size = "-quick" * self.quick
        return self.folder / "checkpoints" / f"{self.name}-{self.seed}{size}"

    @property
    def again(self) -> str:
        """The command line that resumes it."""
        options = [*["--quick"] * self.quick, "--seed", str(self.seed)]
        place = [] if self.folder == FOLDER else ["--folder", str(self.folder)]
        return command_line("experiment", self.name, *options, *place, "--resume")


def _run(asked: Asked, terminal: Terminal) -> None:
    """Runs an experiment, prints what it found, and keeps it."""
    there = _filled(asked.checkpoints)
    if there and not asked.resume:
        raise ArgumentError(
            f"{asked.checkpoints}: checkpoints of a run that was stopped",
            fix="--resume goes on from them; to start anew, remove that folder",
        )
    entry = _entry(asked.name)
    terminal.say(f"{entry.name}: {entry.summary}", *entry.usual())
    if asked.resume and not there:
        terminal.say(f"  no checkpoints in {asked.checkpoints}: it starts anew")
    module = importlib.import_module(f".{entry.file}", package().__name__)
    records = importlib.import_module(".record", package().__name__)
    options = records.Options(asked.seed, asked.quick, asked.folder, asked.checkpoints)
    try:
        with _stopped_by_ctrl_c():
            record = module.run(options)
    except KeyboardInterrupt:
        raise Interrupted(_how_to_go_on(asked)) from None
    path = records.keep(record, options)
    shutil.rmtree(asked.checkpoints, ignore_errors=True)
    if asked.checkpoints.parent.is_dir() and not _filled(asked.checkpoints.parent):
        asked.checkpoints.parent.rmdir()
    note = ["  a small part: not to be compared with what was published"] * asked.quick
    terminal.result(str(record), *note, f"  {path}")
    terminal.finish(json.loads(path.read_text(encoding="utf-8")))


def _filled(folder: Path) -> bool:
    """Whether a folder is there and has something in it."""
    return folder.is_dir() and any(folder.iterdir())


@contextmanager
def _stopped_by_ctrl_c() -> Iterator[None]:
    """Ctrl-C ends the whole experiment at once, and not one of its trainings early:
    what is half trained must not stand in a record.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _how_to_go_on(asked: Asked) -> str:
    if _filled(asked.checkpoints):
        return f"stopped; checkpoints are kept\n  resume     {asked.again}"
    return "stopped; there are no checkpoints yet."


@dataclass(frozen=True)
class Entry:
    """An experiment, as it is listed.

    Arguments:
        name, file: on the command line, and of its module.
        summary, data: its ``SUMMARY`` and ``DATA``.
        record: what it found when it was last run as a whole; empty if it was not.
    """

    name: str
    file: str
    summary: str
    data: str
    record: dict[str, Any]

    def row(self) -> tuple[str, ...]:
        """The cells of the table."""
        return (self.name, self.summary, self.data, self.time, self.reached)

    @property
    def time(self) -> str:
        """How long it took, or a dash."""
        records = importlib.import_module(".record", package().__name__)
        return str(records.duration(self.record["seconds"])) if self.record else "–"

    @property
    def reached(self) -> str:
        """The first figure of its record, or a dash."""
        for name, value in self.record.get("measured", {}).items():
            return f"{name} {value:.4g}"
        return "–"

    def usual(self) -> list[str]:
        """How long it took, and where, in a line."""
        if not self.record:
            return []
        return [f"  as a whole it took {self.time} on {self.record['machine']}"]

    def to_dict(self) -> dict[str, Any]:
        """The same for a program."""
        return {
            "summary": self.summary,
            "data": self.data,
            "seconds": self.record.get("seconds"),
            "measured": self.record.get("measured", {}),
            "published": self.record.get("published", []),
        }


def _entry(name: str) -> Entry:
    """An experiment, whose program is read and not run."""
    experiments = package()
    folder = Path(str(experiments.__file__)).parent
    file = experiments.EXPERIMENTS[name]
    found: dict[str, Any] = {}
    for node in ast.parse((folder / f"{file}.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            found |= {ast.unparse(each): node.value.value for each in node.targets}
    kept = folder / "results" / f"{name}.json"
    record = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    return Entry(name, file, found["SUMMARY"], found["DATA"], record)
