"""What an experiment answers, and how it is kept: a JSON file and a line of a table."""

from __future__ import annotations

import datetime
import json
import platform
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import chainrule as cr
from chainrule.saving import replace_file
from chainrule.training.callbacks import Checkpoint

HERE = Path(__file__).parent
RESULTS = HERE / "results"
README = HERE / "README.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


@dataclass(frozen=True)
class Options:
    """How an experiment is to be run.

    Arguments:
        seed: of everything random.
        quick: a small part, in seconds, to see that it works.
        folder: where pictures and the record go.
        checkpoints: a folder to go on from, and to keep checkpoints in; or None.
    """

    seed: int = 0
    quick: bool = False
    folder: Path = RESULTS
    checkpoints: Path | None = None

    def picture(self, name: str) -> Path:
        """The path of a picture, in a folder that is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / name

    def part(self, name: str) -> Options:
        """The same for one training of several: its checkpoints in a folder of their
        own.
        """
        kept = self.checkpoints
        return replace(self, checkpoints=None if kept is None else kept / name)


@dataclass(frozen=True)
class Published:
    """A number that others found: what it is, and where it stands."""

    what: str
    value: float | str
    source: str


@dataclass
class Record:
    """What came of an experiment.

    Arguments:
        name: of the experiment.
        summary: network and data, in a few words.
        measured: figure ↦ value; the first five stand in the table.
        published: what it is compared with.
        seed, epochs: of the run.
        seconds: of the whole run, and of an epoch of training (median); None where it
            has no epochs.
        settings: what else determines the run.
        history: the rows of training, where there are any.
        pictures: file names.
    """

    name: str
    summary: str
    measured: dict[str, float]
    published: Sequence[Published]
    seed: int
    seconds: float
    epochs: int | None = None
    seconds_per_epoch: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    pictures: Sequence[str] = ()

    def __str__(self) -> str:
        """A few lines to read."""
        lines = [f"{self.name}: {self.summary}"]
        lines += [f"  measured   {n}: {shown(v)}" for n, v in self.measured.items()]
        for each in self.published:
            value = shown(each.value)
            lines.append(f"  published  {each.what}: {value} ({each.source})")
        lines.append(f"  seed {self.seed}, {duration(self.seconds)}")
        lines += [f"  {name}" for name in self.pictures]
        return "\n".join(lines)


class Results:
    """Numbers by key, kept in a file as they are found, so that a stopped experiment
    goes on.

    Arguments:
        folder: of checkpoints; None keeps no file.

    Attributes:
        found: key ↦ number.
    """

    def __init__(self, folder: Path | None) -> None:
        self.path = None if folder is None else folder / "results.json"
        known = self.path is not None and self.path.is_file()
        self.found = json.loads(self.path.read_text("utf-8")) if known else {}  # type: ignore[union-attr]

    def keep(self, key: str, value: float) -> None:
        """Adds one, and writes all."""
        self.found[key] = value
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self.path, json.dumps(self.found).encode())


def data_file(name: str, what: str) -> Path:
    """A file in the folder of data; the program ends where it is not there.

    Arguments:
        name: from the folder on.
        what: it holds, with "is" or "are".
    """
    folder = cr.config.data_folder
    path = Path() if folder is None else folder / name
    if folder is None or not path.is_file():
        raise SystemExit(f"{what} looked for in $CHAINRULE_DATA/{name}")
    return path


def fit(model: Any, source: Any, options: Options, **how: Any) -> Any:
    """The history of ``cr.fit`` with the seed of an experiment; with a folder of
    checkpoints, from the last one there on, and one is kept after every epoch.

    Arguments:
        how: what else ``cr.fit`` takes.
    """
    folder = options.checkpoints
    if folder is not None:
        kept = Checkpoint(folder, keep=1)
        how["callbacks"] = [*how.get("callbacks", ()), kept]
        how["resume"] = "auto"
    return cr.fit(model, source, seed=options.seed, **how)


def of_training(history: Any, model: Any, **settings: Any) -> dict[str, Any]:
    """The fields of a record of one network that was trained.

    Arguments:
        settings: what determines the run beside those of the training.
    """
    counted = {"parameters": model.num_parameters}
    return {
        "epochs": len(history.epochs),
        "seconds_per_epoch": seconds_of_epoch(history.epochs),
        "settings": {**history.settings, **counted, **settings},
        "history": history.epochs,
    }


def seconds_of_epoch(rows: Iterable[Mapping[str, Any]]) -> float:
    """The median over the rows of histories."""
    return statistics.median(row["seconds"] for row in rows)


def shown(value: float | str) -> str:
    """Four digits; texts as they are.

    Example:
        >>> shown(0.994321), shown("8.75 %")
        ('0.9943', '8.75 %')
    """
    return value if isinstance(value, str) else f"{value:.4g}"


def duration(seconds: float) -> str:
    """Seconds, or minutes where they are many.

    Example:
        >>> duration(12.34), duration(754)
        ('12.3 s', '12.6 min')
    """
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def keep(record: Record, options: Options) -> Path:
    """Writes a record, with where it was made; into the table as well, if it is one of
    those in ``results/``."""
    command = f"chainrule experiment {record.name} --seed {record.seed}"
    made = {
        **asdict(record),
        "quick": options.quick,
        "command": command + " --quick" * options.quick,
        "version": cr.__version__,
        "date": datetime.date.today().isoformat(),
        "machine": f"{processor()}, {cr.config.threads} threads",
    }
    path = options.picture(f"{record.name}.json")
    text = json.dumps(made, indent=1, ensure_ascii=False, default=float)
    path.write_text(text + "\n", encoding="utf-8")
    if options.folder.resolve() == RESULTS.resolve():
        write_table()
    return path


def save_small(figure: Any, path: Path, dpi: int = 80) -> None:
    """A picture as a file of few colours."""
    figure.savefig(path, dpi=dpi)
    to_few_colours(path)


def to_few_colours(path: Path) -> None:
    """The file of a picture with 64 colours, the rare ones among them: lines, dots and
    greys look the same, in a small part of the usual size.
    """
    from PIL import Image

    with Image.open(path) as image:
        few = image.convert("RGB").quantize(
            64, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
    few.save(path, optimize=True)


def processor() -> str:
    """What the machine computes with."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return named[0] if named else platform.machine()


def write_table() -> None:
    """The table of ``README.md``, anew from all records."""
    from . import EXPERIMENTS

    records = [RESULTS / f"{name}.json" for name in EXPERIMENTS]
    rows = [
        row(json.loads(path.read_text(encoding="utf-8")))
        for path in records
        if path.is_file()
    ]
    titles = (
        "experiment",
        "measured",
        "published",
        "seed",
        "epochs",
        "an epoch",
        "in all",
    )
    table = "\n".join([line(titles), line(["---"] * len(titles)), *rows])
    text = README.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    README.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def row(record: Mapping[str, Any]) -> str:
    """A record as a line of the table."""
    figures = list(record["measured"].items())[:5]
    measured = "; ".join(f"{name} {shown(value)}" for name, value in figures)
    published = "; ".join(
        f"{each['what']}: {shown(each['value'])} ({each['source']})"
        for each in record["published"]
    )
    epoch = record["seconds_per_epoch"]
    cells = (
        f"[`{record['name']}`](results/{record['name']}.json): {record['summary']}",
        measured,
        published,
        record["seed"],
        record["epochs"] or "",
        "" if epoch is None else duration(epoch),
        duration(record["seconds"]),
    )
    return line(cells)


def line(cells: Iterable[object]) -> str:
    """Cells between bars."""
    return "| " + " | ".join(map(str, cells)) + " |"


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """How many."""
        return time.perf_counter() - self.start
