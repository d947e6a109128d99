"""``chainrule train``: trains a network, and writes everything about it to a folder.

Place on the road: a command. The order: options → settings → folder → training → test.
The test data are used once, at the end.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from .. import __version__, pictures, training
from ..config import config
from ..errors import ArgumentError
from ..runs import (
    architectures,
    feature_plan,
    learning,
    network,
    plan,
    posteriors,
    sources,
)
from ..runs.folder import RATES, RunFolder
from ..runs.learning import Run
from ..runs.settings import FEATURE_MODELS, Settings
from ..runs.tasks import names
from ..runs.tasks import task as tasks
from ..runs.tasks.task import TaskRun
from ..wording import counted, weights_per_example
from . import task_training
from .application import Command, Interrupted
from .arguments import WIDEST, LayerSizes, Name, Number, Whole, Words, as_options
from .options import (
    about_attention,
    about_baselines,
    about_data,
    about_output,
    about_series,
    about_text,
    about_training,
)
from .outcome import command_line, tell
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
  chainrule train houses.csv --target price --bayes ensemble
      how sure each prediction is, beside it: of the model, and of the data
  chainrule train houses.csv --target price --baselines
      beside nearest neighbours, gradient boosting and a support vector machine
  chainrule train mnist --hidden 512,512,512 --watch
      with histograms of what goes on in every layer
  chainrule train mnist --find-lr --epochs 1
      with a picture of learning rates to choose from
  chainrule train mnist --model autoencoder --code 2
      features without targets: a code to make images again from; or vae, rbm, dbn
  chainrule train reviews.csv --target label --text review
      the class of a text, from one column of a table
  chainrule train tagged.conll --task tag
      a tag for every word, from a file with a word and its tag a line
  chainrule train sales.csv --time date --target amount --horizon 12
      forecasts of a time series, with intervals; more with --task forecast
  chainrule train recordings/ --task speech
      which words are said, from a folder of WAV files
  chainrule train book.txt --task language
      a network that learns to write like a text: lstm, gru or gpt
  chainrule train photographs/ --model autoencoder
      on all images of a folder, which need no classes
  chainrule train --resume runs/digits-20260131-120000
      resume a run that was stopped
"""

AUGMENTATIONS = ("flip", "crop", "rotate")


@click.command("train", cls=Command, epilog=EXAMPLES)
@click.argument("data", required=False, metavar="[DATA]")
@about_data
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
    type=Name(lambda: [*dict.fromkeys((*architectures.names(), *names.model_names()))]),
    help="The network: mlp; one for images: lenet, resnet, …; one that learns "
    "features without targets: autoencoder, vae, rbm, dbn; one that makes data: gan, "
    "dcgan; or for texts: lstm, gru, gpt.  "
    "[default: resnet for folders of images, else mlp]",
)
@click.option(
    "--code",
    type=Whole(1, WIDEST),
    help="How many numbers the code of an autoencoder, or the noise of a GAN, has.  "
    "[default: depends on the data]",
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
    "--dropout",
    type=Number(0, 1, below=True),
    help="The fraction of hidden units dropped in training.  "
    "[default: depends on the data]",
)
@click.option(
    "--members",
    type=Whole(1, 1000),
    help="How many networks are trained side by side, each from its own initial "
    "weights; their predictions are averaged.  [default: depends on the data]",
)
@click.option(
    "--bayes",
    type=Name(lambda: [*posteriors.METHODS]),
    help="Say how sure predictions are, by this method: ensemble, dropout, variational "
    "or laplace; for the network mlp.",
)
@click.option(
    "--lr",
    type=Number(0, above=True),
    help="The learning rate; with a schedule, its maximum.  "
    "[default: depends on the optimizer]",
)
@click.option(
    "--weight-decay",
    type=Number(0),
    help="The weight decay (L2 penalty).  [default: 0; adamw and lamb 0.01, muon 0.1]",
)
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
@about_training
@about_text
@about_attention
@about_series
@about_baselines
@click.option(
    "--watch",
    is_flag=True,
    help="Draw histograms of the weights, gradients and outputs of every layer over "
    "the epochs, and warn when gradients vanish or explode.",
)
@click.option(
    "--find-lr",
    is_flag=True,
    help="First draw how the loss changes with the learning rate, and suggest one. "
    "Nothing is set by it.",
)
@click.option("--out", metavar="DIR", help="The run's folder.  [default: runs/…]")
@click.option("--resume", metavar="RUN", help="Resume a run that was stopped.")
@about_output
def command(**given: Any) -> None:
    """Train a network on DATA: a CSV, Parquet or Excel file, a folder of images or of
    recordings, a text (with --task language), or a named data set.

    Without DATA it is trained on handwritten digits, which need no download. Defaults
    depend on the data and are printed. The folder of the run holds the model, its
    settings, the history, the scores and pictures.
    """
    began = time.perf_counter()
    terminal = Terminal(json=given.pop("as_json"), quiet=given.pop("quiet"))
    asked = {name: value for name, value in given.items() if value is not None}
    for flag in ("skip_broken", "baselines", "watch", "find_lr"):
        if not asked[flag]:
            del asked[flag]
    named = _named_task(asked)
    if named is not None:
        task_training.train(named, terminal, lambda: time.perf_counter() - began)
        return
    if "resume" in asked:
        run = _resumed(asked)
    else:
        run = _new(asked, terminal)
    if asked.get("engine"):
        config.engine = asked["engine"]
    _introduce(run, terminal)
    config.threads = run.settings.training.threads
    pictures.prepare()
    rates = _learning_rates(run, terminal) if asked.get("find_lr") else {}
    history = _learn(run, terminal)
    result, drawn = learning.finish(run, history, lambda: time.perf_counter() - began)
    drawn = [RATES, *drawn] if rates else drawn
    tell(run, result, drawn, terminal)
    terminal.finish({"run": str(run.folder), **result, **rates, "pictures": drawn})


def _named_task(asked: dict[str, Any]) -> TaskRun | None:
    """A run of a named task, new or to be resumed; None where none is meant."""
    if "resume" not in asked:
        task = names.chosen(asked)
        if asked.get("engine") and task is not None:
            config.engine = asked["engine"]
        return None if task is None else tasks.begin(task, asked, __version__)
    folder, settings = _folder_to_resume(asked)
    if settings.task not in names.TASKS:
        return None
    config.engine = settings.training.engine
    return tasks.resumed(names.task_named(settings.task), folder, settings)


def _new(asked: dict[str, Any], terminal: Terminal) -> Run:
    """A new run from the options, in a folder of its own."""
    about = (*sources.FOR_TABLES, *sources.FOR_FOLDERS, "test")
    predicts = asked.get("model") not in FEATURE_MODELS
    if not predicts:
        feature_plan.check_options(asked, asked["model"])
    source = sources.recognise(
        asked.get("data", "digits"),
        targets=predicts,
        **{name: asked[name] for name in about if name in asked},
    )
    name = plan.model_name(asked, source) if predicts else asked["model"]
    if source.folder is not None and source.size is None:
        source = replace(source, size=architectures.usual_size(name))
    seed = asked.get("seed", plan.SEED)
    validation = asked.get("validation", plan.VALIDATION)
    flat = name == architectures.PERCEPTRON or not predicts
    examples = sources.load(source, validation, seed, flat)
    made = plan.settings_for if predicts else feature_plan.settings_for
    settings = made(asked, source, examples, name)
    if asked.get("find_lr") and network.is_minimizer(settings.training.optimizer):
        raise ArgumentError(
            f"--find-lr: {settings.training.optimizer} has no learning rate: it finds "
            "the length of every step by itself",
            fix="leave --find-lr out",
        )
    title = Path(examples.title).stem.replace("/", "-") or "run"
    folder = RunFolder.create(title, asked.get("out"))
    folder.write(folder.settings, settings.to_json())
    return learning.prepared(folder, settings, examples, resume=False)


def _resumed(asked: dict[str, Any]) -> Run:
    """A run that was stopped, with the settings that it had."""
    folder, settings = _folder_to_resume(asked)
    config.engine = settings.training.engine
    examples = sources.of_run(settings)
    return learning.prepared(folder, settings, examples, resume=True)


def _folder_to_resume(asked: dict[str, Any]) -> tuple[RunFolder, Settings]:
    """The folder of a run that was stopped, and its settings."""
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
    return folder, folder.read_settings()


def _introduce(run: Run, terminal: Terminal) -> None:
    """Prints what is about to happen, in a few lines."""
    examples, settings = run.examples, run.settings
    held_out = examples.validation
    sizes = [f"{len(examples.train)} training"]
    if held_out is not None:
        sizes.append(f"{len(held_out)} validation")
    tested = counted(len(examples.test), "test example")
    words = settings.training
    rate = f"learning rate {words.lr:g}"
    members = settings.network.members
    counts = (run.model.num_parameters, len(examples.train), members)
    terminal.say(
        f"{examples.title}: {examples.description}",
        *(f"  {as_options(note)}" for note in examples.notes),
        *columns(examples.reading),
        f"  {', '.join(sizes)} and {tested}",
        f"network  {network.in_words(settings.network, run.model.num_parameters)}",
        f"{'':8} {weights_per_example(*counts)}",
        f"training {_epochs_in_words(run)} in batches of {words.batch_size}; "
        f"{words.loss}; {network.steps_in_words(words, rate)}; seed {words.seed}"
        + (f"; augmentation {', '.join(words.augment)}" * bool(words.augment)),
        f"folder   {run.folder}",
    )


def _learning_rates(run: Run, terminal: Terminal) -> dict[str, Any]:
    """Draws how the loss changes with the learning rate, and says what follows."""
    with run.folder.removed_unless_begun():
        found = learning.learning_rates(run)
    first, *others = repr(found).splitlines()
    used = f"this run has {run.settings.training.lr:g}"
    terminal.result(
        f"rates    {first}",
        *(f"{'':8} {line.strip()}" for line in others),
        f"{'':8} {run.folder.path / RATES}; {used}, another one is --lr …",
    )
    answer = {"suggestion": found.suggestion, "range": found.range}
    return {"learning_rates": answer | {"notes": [*found.notes]}}


def _epochs_in_words(run: Run) -> str:
    epochs = counted(run.settings.training.epochs, "epoch")
    return epochs + " a layer" * (run.settings.network.model == "dbn")


def _learn(run: Run, terminal: Terminal) -> training.History:
    """Trains; after Ctrl-C says how to resume."""
    words = run.settings.training
    progress = make_progress(words.epochs, terminal.shows_progress)
    new = contextlib.nullcontext() if run.resume else run.folder.removed_unless_begun()
    with new, _warnings_in_a_line():
        history = learning.learn(run, progress)
    if history.stopped == "interrupted":
        done = f" after {len(history)} of {counted(words.epochs, 'epoch')}"
        if run.settings.network.model == "dbn":
            done = " in the training of its layers"
        raise Interrupted(
            f"stopped{done}; "
            f"everything is kept in {run.folder}\n"
            f"  resume     {command_line('train', '--resume', str(run.folder))}"
        )
    return history


@contextlib.contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Warnings of the training, once it has ended: below the bar, not across it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", "Watch: ", UserWarning)
        try:
            yield
        finally:
            for each in caught:
                click.echo(f"warning: {each.message}", err=True)
