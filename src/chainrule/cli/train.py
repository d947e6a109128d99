"""``chainrule train``: trains a network, and writes everything about it to a folder.

Place on the road: a command. The order: options → settings → folder → training → test.
The test data are used once, at the end.
"""

from __future__ import annotations

import contextlib
import math
import shlex
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

import chainrule as cr

from .. import optim, pictures, training
from ..compiler.registry import ENGINES
from ..config import config
from ..data.tables.dates import ORDERS
from ..errors import ArgumentError
from ..runs import architectures, baselines, network, predictions, report, sources
from ..runs.folder import RunFolder
from ..runs.settings import Network, Settings, Source, Training
from ..training import callbacks
from ..wording import counted
from .application import Command, Interrupted
from .arguments import (
    Columns,
    LayerSizes,
    Name,
    Number,
    Whole,
    Words,
    as_options,
)
from .progress import make_progress
from .terminal import Terminal, columns

EXAMPLES = """
Examples:
  chainrule train
      on the handwritten digits that come with the package
  chainrule train mnist --hidden 512,512
      on a named data set; chainrule data lists them
  chainrule train mnist --model lenet
      with a convolutional network
  chainrule train animals/ --model resnet
      on images, one folder per class: animals/cat/1.jpg, animals/dog/a.png
  chainrule train houses.csv --target price
      on your own table: CSV, Parquet or Excel
  chainrule train houses.csv --target rooms --task regression --epochs 50 --out mine
      regression, although the target has few distinct values
  chainrule train --resume runs/digits-20260131-120000
      resume a run that was stopped
"""

SEED = 0
AUGMENTATIONS = ("flip", "crop", "rotate")
#: Degrees by which ``--augment rotate`` turns images at most.
TURN = 10.0
VALIDATION = 0.1


def _names_of_losses() -> list[str]:
    return sorted({name for names in network.LOSSES.values() for name in names})


@click.command("train", cls=Command, epilog=EXAMPLES)
@click.argument("data", required=False, metavar="[DATA]")
@click.option("--target", metavar="COLUMN", help="The column of a table to predict.")
@click.option(
    "--task",
    type=Name(tuple(network.LOSSES)),
    help="The task.  [default: recognised from the target]",
)
@click.option(
    "--drop", type=Columns(), metavar="COLUMNS", help="Columns to leave out: id,name."
)
@click.option(
    "--keep",
    type=Columns(),
    metavar="COLUMNS",
    help="Columns to use although they look like identifiers.",
)
@click.option(
    "--categorical",
    type=Columns(),
    metavar="COLUMNS",
    help="Columns of numbers that are categories, such as postcodes.",
)
@click.option(
    "--dates",
    type=Name(ORDERS),
    help="The order of day, month and year, where a column leaves it open.",
)
@click.option(
    "--decimal",
    type=Name((".", ",")),
    help="The sign before decimals, where a column leaves it open: 1,234.",
)
@click.option(
    "--test",
    type=Number(0, 1, above=True, below=True),
    help="The fraction of the rows or images held out as test data.  [default: 0.2]",
)
@click.option(
    "--size",
    type=Whole(8, 1024),
    metavar="PIXELS",
    help="Height and width, in pixels, that images are resized to.  "
    "[default: depends on the network and the images]",
)
@click.option(
    "--skip-broken", is_flag=True, help="Leave out images that cannot be read."
)
@click.option(
    "--model",
    type=Name(architectures.names),
    help="The network: mlp, or one for images: lenet, resnet, …  "
    "[default: resnet for folders of images, else mlp]",
)
@click.option(
    "--augment",
    type=Words(AUGMENTATIONS),
    metavar="WHAT",
    help="Augmentation of training images: flip,crop,rotate; or none.  "
    "[default: flip,crop for photographs]",
)
@click.option(
    "--hidden",
    type=LayerSizes(),
    metavar="SIZES",
    help="Sizes of the hidden layers: 64,32; or none.  [default: depends on the data]",
)
@click.option(
    "--activation", type=Name(tuple(network.ACTIVATIONS)), help="[default: relu]"
)
@click.option(
    "--dropout",
    type=Number(0, 1, below=True),
    help="The fraction of hidden units dropped in training.  "
    "[default: depends on the data]",
)
@click.option(
    "--loss", type=Name(_names_of_losses), help="[default: depends on the task]"
)
@click.option(
    "--members",
    type=Whole(1, 1000),
    help="How many networks are trained side by side, each from its own initial "
    "weights; their predictions are averaged.  [default: depends on the data]",
)
@click.option("--optimizer", type=Name(tuple(optim.ALGORITHMS)), help="[default: adam]")
@click.option(
    "--lr",
    type=Number(0, above=True),
    help="The learning rate; with a schedule, its maximum.  "
    "[default: depends on the optimizer]",
)
@click.option(
    "--schedule",
    type=Name(network.SCHEDULES),
    help="How the learning rate changes.  [default: one_cycle]",
)
@click.option(
    "--weight-decay",
    type=Number(0),
    help="The weight decay (L2 penalty).  [default: 0; adamw 0.01]",
)
@click.option("--epochs", type=Whole(1), help="[default: depends on the data]")
@click.option("--batch-size", type=Whole(1), help="[default: depends on the data]")
@click.option(
    "--validation",
    type=Number(0, 1, below=True),
    help="The fraction of the training data held out as validation data.  "
    "[default: 0.1]",
)
@click.option(
    "--patience",
    type=Whole(1),
    help="Stop after so many epochs without improvement on the validation data, and "
    "keep the best weights.  [default: depends on the data]",
)
@click.option("--seed", type=Whole(0, 2**63 - 1), help="[default: 0]")
@click.option(
    "--engine",
    type=Name(tuple(ENGINES)),
    help="The engine that runs the training steps.",
)
@click.option("--out", metavar="DIR", help="The run's folder.  [default: runs/…]")
@click.option("--resume", metavar="RUN", help="Resume a run that was stopped.")
@click.option("--quiet", is_flag=True, help="Print the result only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(**given: Any) -> None:
    """Train a network on DATA: a CSV, Parquet or Excel file, a folder of images, or a
    named data set.

    Without DATA it is trained on handwritten digits, which need no download. Defaults
    depend on the data and are printed. The folder of the run holds the model, its
    settings, the history, the scores and pictures.
    """
    began = time.perf_counter()
    terminal = Terminal(json=given.pop("as_json"), quiet=given.pop("quiet"))
    asked = {name: value for name, value in given.items() if value is not None}
    if not asked["skip_broken"]:
        del asked["skip_broken"]
    if "resume" in asked:
        run = _resumed(asked)
    else:
        run = _new(asked, terminal)
    if asked.get("engine"):
        config.engine = asked["engine"]
    _introduce(run, terminal)
    config.threads = run.settings.training.threads
    pictures.prepare()
    history = _learn(run, terminal)
    _finish(run, history, terminal, began)


@dataclass
class Run:
    """A run that is about to start or to be resumed."""

    folder: RunFolder
    settings: Settings
    examples: sources.Examples
    model: Any
    optimizer: Any
    resume: bool


def _new(asked: dict[str, Any], terminal: Terminal) -> Run:
    """A new run from the options, in a folder of its own."""
    about = (*sources.FOR_TABLES, *sources.FOR_FOLDERS, "test")
    source = sources.recognise(
        asked.get("data", "digits"),
        **{name: asked[name] for name in about if name in asked},
    )
    name = _model(asked, source)
    if source.folder is not None and source.size is None:
        source = replace(source, size=architectures.usual_size(name))
    seed, validation = asked.get("seed", SEED), asked.get("validation", VALIDATION)
    flat = name == architectures.PERCEPTRON
    examples = sources.load(source, validation, seed, flat)
    settings = _settings(asked, source, examples, name)
    model, optimizer = _prepare(settings, examples)
    title = Path(examples.title).stem.replace("/", "-") or "run"
    folder = RunFolder.create(title, asked.get("out"))
    folder.write(folder.settings, settings.to_json())
    return Run(folder, settings, examples, model, optimizer, resume=False)


def _resumed(asked: dict[str, Any]) -> Run:
    """A run that was stopped, with the settings that it had."""
    others = [name for name in asked if name not in ("resume", "engine")]
    if others:
        word = "DATA" if others[0] == "data" else f"--{others[0].replace('_', '-')}"
        raise ArgumentError(
            f"--resume: a run is resumed with its own settings: {word} does not apply",
            fix=f"leave {word} out, or start a new run without --resume",
        )
    folder = RunFolder.find(asked["resume"], trained=False)
    if folder.metrics.is_file():
        raise ArgumentError(
            f"--resume {folder}: this run is finished",
            fix=f"chainrule evaluate {folder}, or a new run with more --epochs",
        )
    settings = folder.read_settings()
    config.engine = settings.training.engine
    examples = sources.of_run(settings)
    model, optimizer = _prepare(settings, examples)
    return Run(folder, settings, examples, model, optimizer, resume=True)


def _prepare(settings: Settings, examples: sources.Examples) -> tuple[Any, Any]:
    """The network with its first weights, and its optimizer."""
    cr.manual_seed(settings.training.seed)
    model = network.build(settings.network, settings.image_shape)
    batch_size = settings.training.batch_size
    steps = cr.data.num_batches(len(examples.train), batch_size)
    return model, network.make_optimizer(model, settings.training, steps)


def _model(asked: dict[str, Any], source: Source) -> str:
    """The name of the network, and an error for options of another kind."""
    usual = "resnet" if source.folder is not None else architectures.PERCEPTRON
    name: str = asked.get("model", usual)
    if name != architectures.PERCEPTRON:
        for option in ("hidden", "activation", "dropout", "members"):
            if option in asked:
                raise ArgumentError(
                    f"--{option}: --model {name} has its own layers",
                    fix=f"leave --{option} out, or --model {architectures.PERCEPTRON}",
                )
    return name


def _augment(
    asked: dict[str, Any], source: Source, shape: Sequence[int], name: str
) -> tuple[str, ...]:
    """How training images are changed."""
    given: tuple[str, ...] | None = asked.get("augment")
    if given and not shape:
        raise ArgumentError(
            "--augment: it is for images",
            fix="leave --augment out",
        )
    if given is not None:
        return given
    photographs = source.folder is not None or source.name == "cifar-10"
    convolves = name != architectures.PERCEPTRON
    return ("flip", "crop") if photographs and convolves else ()


def _network(
    asked: dict[str, Any],
    examples: sources.Examples,
    usual: network.Defaults,
    name: str,
    loss: str,
) -> Network:
    """The network that is asked for, of a size that fits the data."""
    train = examples.train
    shape = train.image_shape or ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    if name != architectures.PERCEPTRON:
        architectures.check(name, shape, examples.title)
        mean, std = sources.channel_scaling(train)
    classes = train.num_classes or 0
    hidden = asked.get("hidden", usual.hidden)
    members = usual.members if hidden else 1  # a linear model has one best solution
    return Network(
        math.prod(shape or np.shape(train.inputs)[1:]),
        classes if train.task == "classification" else 1,
        hidden,
        asked.get("activation", "relu"),
        asked.get("dropout", usual.dropout),
        name,
        mean,
        std,
        asked.get("members", members),
        network.average(loss),
    )


def _settings(
    asked: dict[str, Any], source: Source, examples: sources.Examples, name: str
) -> Settings:
    """The settings from the options, with defaults for the rest."""
    train = examples.train
    task = train.task
    shape = train.image_shape or ()
    usual = network.defaults(len(train), bool(shape), name)
    loss = asked.get("loss", network.LOSSES[task][0])
    if loss not in network.LOSSES[task]:
        raise ArgumentError(
            f"--loss {loss}: not a loss for {task}",
            fix=f"one of {', '.join(network.LOSSES[task])}",
        )
    optimizer = asked.get("optimizer", "adam")
    validation = asked.get("validation", VALIDATION)
    if not validation and "patience" in asked:
        raise ArgumentError(
            "--patience: early stopping needs validation data",
            fix="leave --validation 0 out",
        )
    batch_size = min(asked.get("batch_size", usual.batch_size), len(train))
    return Settings(
        source=source,
        network=_network(asked, examples, usual, name, loss),
        training=Training(
            epochs=asked.get("epochs", usual.epochs),
            batch_size=batch_size,
            optimizer=optimizer,
            loss=loss,
            lr=asked.get("lr", usual.learning_rate(optimizer)),
            schedule=asked.get("schedule", "one_cycle"),
            weight_decay=asked.get(
                "weight_decay", network.WEIGHT_DECAY.get(optimizer, 0.0)
            ),
            seed=asked.get("seed", SEED),
            validation=validation,
            patience=asked.get("patience", usual.patience if validation else None),
            engine=asked.get("engine", config.engine),
            threads=config.threads,
            augment=_augment(asked, source, shape, name),
        ),
        title=examples.title,
        task=task,
        target=train.target_name or "class",
        classes=(train.classes or ()) if task == "classification" else (),
        image_shape=tuple(shape),
        transform=examples.transform.to_json() if examples.transform else None,
        version=cr.__version__,
    )


def _introduce(run: Run, terminal: Terminal) -> None:
    """Prints what is about to happen, in a few lines."""
    examples, settings = run.examples, run.settings
    held_out = examples.validation
    sizes = [f"{len(examples.train)} training"]
    if held_out is not None:
        sizes.append(f"{len(held_out)} validation")
    tested = counted(len(examples.test), "test example")
    words = settings.training
    terminal.say(
        f"{examples.title}: {examples.description}",
        *(f"  {as_options(note)}" for note in examples.notes),
        *columns(examples.reading),
        f"  {', '.join(sizes)} and {tested}",
        f"network  {network.in_words(settings.network, run.model.num_parameters)}",
        f"training {counted(words.epochs, 'epoch')} in batches of {words.batch_size}; "
        f"{words.loss}; {words.optimizer}, learning rate {words.lr:g}, "
        f"{words.schedule}; seed {words.seed}"
        + (f"; augmentation {', '.join(words.augment)}" * bool(words.augment)),
        f"folder   {run.folder}",
    )


@contextlib.contextmanager
def _keeping_history(folder: RunFolder) -> Iterator[None]:
    """Writes what was trained before an error, a NaN for one, into the folder."""
    try:
        yield
    except Exception as error:
        history = getattr(error, "history", None)
        if history is not None:
            history.to_json(folder.history)
        raise


def _learn(run: Run, terminal: Terminal) -> training.History:
    """Trains; after Ctrl-C keeps everything and prints how to resume."""
    words = run.settings.training
    listening: list[Any] = [callbacks.Checkpoint(run.folder.checkpoints)]
    if words.patience is not None and run.examples.validation is not None:
        listening.append(
            callbacks.EarlyStopping("validation_loss", patience=words.patience)
        )
    changed = _augmentation(run.settings)
    train = run.examples.train
    with _keeping_history(run.folder):
        history = cr.fit(
            run.model,
            train if changed is None else train.augmented(changed),
            loss=words.loss,
            optimizer=run.optimizer,
            epochs=words.epochs,
            batch_size=words.batch_size,
            validation=run.examples.validation,
            callbacks=listening,
            seed=words.seed,
            progress=make_progress(words.epochs, terminal.shows_progress),
            resume="auto" if run.resume else None,
        )
    history.to_json(run.folder.history)
    run.model.save(run.folder.model)
    if history.stopped == "interrupted":
        raise Interrupted(
            f"stopped after {len(history)} of {counted(words.epochs, 'epoch')}; "
            f"everything is kept in {run.folder}\n"
            f"  resume     {_line('train', '--resume', str(run.folder))}"
        )
    return history


def _augmentation(settings: Settings) -> cr.data.Augmentation | None:
    """What happens to training images: moved by up to an eighth, turned by 10°."""
    words = settings.training.augment
    if not words:
        return None
    side = min(settings.image_shape[:2])
    return cr.data.Augmentation(
        flip="flip" in words,
        crop=max(1, side // 8) if "crop" in words else 0,
        rotate=TURN if "rotate" in words else 0.0,
    )


def _finish(
    run: Run, history: training.History, terminal: Terminal, began: float
) -> None:
    """Evaluates on the test data, draws pictures, and prints where all is."""
    examples, settings, folder = run.examples, run.settings, run.folder
    said = predictions.predict(run.model, examples.test, settings)
    names = report.draw_all(
        folder.path, settings, run.model, history, said, examples.test
    )
    result = _scores(run, history, said)
    result["seconds"] = round(time.perf_counter() - began, 3)
    folder.write(folder.metrics, result)
    shutil.rmtree(folder.checkpoints, ignore_errors=True)
    beside = report.beside(result["test"], result["baselines"], settings.task)
    terminal.say(f"kept     {report.kept_in_words(result)}")
    if result["validation"] is not None:
        watched = report.in_words(result["validation"], settings)
        terminal.say(f"{'':8} validation {watched}")
    terminal.result(
        f"test     {report.in_words(result['test'], settings)}",
        *(f"{'':8} {line}" for line in beside),
        f"{'':8} {result['seconds']:.1f} s in all",
    )
    terminal.result(
        f"run      {folder}: model.safetensors, settings.json, history.json, "
        f"metrics.json, {counted(len(names), 'picture')}"
    )
    terminal.say(
        "next",
        f"  look inside      {_line('explain', str(folder))}",
        f"  use it           {_line('predict', str(folder), _example(settings))}",
    )
    terminal.finish({"run": str(folder), **result, "pictures": names})


def _scores(
    run: Run, history: training.History, said: predictions.Predictions
) -> dict[str, Any]:
    """What ``metrics.json`` holds: scores of the kept weights, and beside them those of
    what costs nothing.
    """
    examples, settings = run.examples, run.settings
    parts = {"test": examples.test}
    validation = None
    if examples.validation is not None:
        parts["validation"] = examples.validation
        watched = predictions.predict(run.model, examples.validation, settings)
        validation = report.measure(watched, np.asarray(examples.validation.targets))
    found = baselines.fitted(examples.train)
    return {
        "test": report.measure(said, np.asarray(examples.test.targets)),
        "validation": validation,
        "baselines": report.measure_baselines(found, parts, settings),
        "kept": report.kept_weights(history, settings),
        "epochs": len(history),
        "stopped": history.stopped,
    }


def _example(settings: Settings) -> str:
    """A name of what a network predicts."""
    return "new.csv" if settings.source.folder is None else "new.jpg"


def _line(*words: str) -> str:
    """A command line to copy."""
    return shlex.join(("chainrule", *words))
