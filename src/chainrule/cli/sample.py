"""``chainrule sample``: examples of a machine's own, drawn from what a run learned.

Place on the road: a command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

import chainrule as cr

from .. import pictures
from ..errors import ArgumentError, DataError, nearest
from ..runs import feature_models, feature_report
from ..runs.folder import RunFolder
from ..runs.settings import Settings
from ..saving import checked_place, replace_file
from ..wording import counted
from . import pens, rows
from .application import Command
from .arguments import Whole
from .terminal import Terminal

#: The files that a picture may be.
PICTURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg")

#: Sketches that are drawn unless it is said, and how clean they are.
SKETCHES, SKETCH_BIAS = 12, 0.5

EXAMPLES = """
Examples:
  chainrule sample runs/mnist-20260131-120000
      a hundred images, in samples.png of the run's folder
  chainrule sample latest --n 25 --steps 5000 --seed 1 --out dreams.png
      fewer, from longer chains, in another file
  chainrule sample latest --label 3
      of one class, by a belief net that learned classes too
  chainrule sample runs/people-20260131-120000 --out people.csv
      rows of a table, in the units of its columns
  chainrule sample runs/sheep-20260131-120000 --n 12 --out sheep.html
      sketches of a pen, drawn point after point, by a run that learned writing
"""


@click.command("sample", cls=Command, epilog=EXAMPLES)
@click.argument("run")
@click.option(
    "--n",
    type=Whole(1, 100_000),
    help="How many.  [default: 100; of a pen 12]",
)
@click.option(
    "--steps",
    type=Whole(1),
    help="Steps of the chain that ends in each.  "
    f"[default: {feature_report.STEPS}; a GAN or VAE has no chains]",
)
@click.option("--label", metavar="CLASS", help="The class that is dreamed of.")
@click.option("--seed", type=Whole(0, 2**63 - 1), help="[default: that of the run]")
@click.option(
    "--out",
    metavar="FILE",
    help="Write the picture, or the table, to a file.  [default: samples.png in the "
    "run's folder; tables to standard output]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    run: str,
    n: int | None,
    steps: int | None,
    label: str | None,
    seed: int | None,
    out: str | None,
    as_json: bool,
) -> None:
    """Draw new examples from the distribution that a RUN learned.

    RUN was trained with --model vae, gan, dcgan, rbm or dbn, or with --task writing on
    sketches, of which 12 are drawn unless it is said. A variational autoencoder
    and a GAN make examples of noise at once. Of a machine or a belief net every example
    is the end of a chain of its own, which draws hidden and visible units in turns: the
    longer the chain, the less it depends on where it began. Images are a picture; rows
    of a table are CSV.

    Rows of a table are no more than their machine knows: every column by itself is
    near that of the data, within its range and in whole numbers where it has no others,
    but what holds between columns, as that children have no income, holds on the whole
    and not in every row. No value is missing in them.
    """
    terminal = Terminal(json=as_json)
    folder = RunFolder.find(run)
    settings = folder.read_settings()
    if settings.task == "writing":
        _draw(folder, n, {"--steps": steps, "--label": label}, seed, out, terminal)
        return
    n = 100 if n is None else n
    name = settings.network.model
    known = feature_models.MODELS.get(name)
    if known is None or not known.generates:
        writes = "chainrule generate writes on; " * (settings.task == "language")
        raise ArgumentError(
            f"sample: {name} has no distribution to draw from",
            fix=f"{writes}a run with --model vae, gan, rbm or dbn",
        )
    if not known.chains and steps is not None:
        raise ArgumentError(
            f"--steps {steps}: {name} makes examples at once, without chains",
            fix="leave --steps out",
        )
    length = feature_report.STEPS if steps is None else steps
    number = None if label is None else _class_number(label, settings)
    if out is not None and not as_json:
        _check_out(out, picture=bool(settings.image_shape))
    model: Any = cr.load(folder.model)
    if folder.unfinished:
        click.echo(f"warning: {folder.unfinished}", err=True)
    drawn = feature_report.new_samples(model, settings, n, length, number, seed)
    if as_json:
        values: Any = drawn
        if not settings.image_shape:
            values = _table(model, drawn, settings, label)
        chains = {"steps": length} if known.chains else {}
        terminal.finish({"run": str(folder), **chains, "samples": values})
    elif settings.image_shape:
        path = folder.path / "samples.png" if out is None else out
        with pictures.windowless():
            pictures.save(feature_report.draw_samples(drawn, settings, label), path)
        terminal.result(f"{counted(n, 'sample')} in {path}")
    else:
        columns = _table(model, drawn, settings, label)
        table = rows.Part(columns, "%.7g", start=None)
        text = b"".join(rows.as_csv([table]))
        if out is None:
            click.echo(text.decode(), nl=False)
        else:
            replace_file(out, text)
            terminal.result(f"{counted(n, 'sample')} in {out}")


def _draw(
    folder: RunFolder,
    n: int | None,
    others: dict[str, Any],
    seed: int | None,
    out: str | None,
    terminal: Terminal,
) -> None:
    """Sketches of a pen.

    Raises:
        ArgumentError: options of other models; a run that writes texts.
    """
    for option, value in others.items():
        if value is not None:
            raise ArgumentError(
                f"{option} {value}: a pen has no use for it", fix=f"leave {option} out"
            )
    model: Any = cr.load(folder.model)
    if model.characters:
        raise ArgumentError(
            "sample: the run learned to write texts: which one is it to write?",
            fix=f"chainrule generate {folder} --prompt {model.characters[:4]}",
        )
    if folder.unfinished:
        click.echo(f"warning: {folder.unfinished}", err=True)
    usual = folder.read_settings().training.seed
    how = {"bias": SKETCH_BIAS, "seed": usual if seed is None else seed}
    pens.write(folder, model, SKETCHES if n is None else n, how, out, terminal)


def _table(
    model: Any, drawn: Any, settings: Settings, label: str | None
) -> dict[str, Any]:
    """The columns of the table; of a model that learned classes, theirs behind them."""
    columns = feature_report.as_table(drawn, settings)
    target = settings.source.target
    if settings.network.labels and target is not None:
        columns[target] = (
            feature_report.drawn_classes(model, drawn, settings)
            if label is None
            else np.full(len(drawn), label, dtype=object)
        )
    return columns


def _check_out(out: str, picture: bool) -> None:
    """An error, before anything is drawn, for a file that cannot be written.

    Raises:
        ArgumentError: a picture whose name does not end as one.
        FileError: a folder, or a folder that does not exist.
    """
    checked_place(out)
    if picture and Path(out).suffix.lower() not in PICTURES:
        raise ArgumentError(
            f"--out {out}: samples of images are a picture",
            fix=f"a name that ends in {', '.join(PICTURES[:-1])}; --json prints the "
            "numbers",
        )


def _class_number(label: str, settings: Settings) -> int:
    """The number of a class by its name.

    Raises:
        ArgumentError: the model knows no classes.
        DataError: it has no such class.
    """
    if not settings.network.labels:
        dbn = settings.network.model == "dbn"
        raise ArgumentError(
            f"--label {label}: {settings.network.model} learned no classes",
            fix="a run with --model dbn on data with classes"
            + "; of a table, --target names their column" * dbn,
        )
    if label not in settings.classes:
        close = nearest(label, settings.classes)
        listed = ", ".join(settings.classes[:12])
        raise DataError(
            f"--label {label}: not a class of {settings.title}, which has {listed}",
            fix=f"did you mean {close!r}?" if close else None,
        )
    return settings.classes.index(label)
