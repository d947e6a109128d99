"""The frame of a task: what every one says of itself, and what all do alike.

A task says how a file becomes examples, which network learns from them and how it is
measured. Everything else is the same for all and stands here: the folder, the settings,
the optimizer, early stopping, checkpoints, resuming, pictures, scores.

Place on the road: above the folder and the network of a run, below the commands. It
must not know any task.
"""

from __future__ import annotations

import contextlib
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ... import data, optim, training
from ...config import config
from ...data.opening import open_file
from ...data.tables.csv_files import checksum
from ...errors import ArgumentError, FileError
from ...random_numbers import manual_seed
from ...training import callbacks
from .. import network, report
from ..folder import RunFolder
from ..settings import Network, Settings, Source, Training

SEED, VALIDATION, TEST = 0, 0.1, 0.1

#: Options that every task takes.
COMMON = frozenset(
    (
        *("data", "task", "model", "hidden", "dropout", "lr", "weight_decay"),
        *("validation", "test", "patience", "optimizer", "schedule", "epochs"),
        *("batch_size", "seed", "engine", "watch", "out"),
    )
)

#: Names of files that hold tables.
TABLES = (".csv", ".tsv", ".parquet", ".pq", ".xlsx", ".xls", ".ods")

#: The longest step: gradients are clipped to this norm.
NORM = 1.0


@dataclass(frozen=True)
class Corpus:
    """What a task learns from and is tested on.

    Arguments:
        title: what it is called.
        description: a sentence on it.
        train, validation, test: as the task reads them; validation may be None.
        notes: what was decided, one sentence each.
        made: what else follows from the data, as a tokenizer.
    """

    title: str
    description: str
    train: Any
    validation: Any
    test: Any
    notes: tuple[str, ...] = ()
    made: Any = None


@dataclass
class TaskRun:
    """A run of a task that is about to start or to be resumed.

    Attributes:
        measured: of a run that trains on all data, the model whose scores are told.
        refitted: the model that such a run has trained, once it has.
    """

    task: Task
    folder: RunFolder
    settings: Settings
    corpus: Corpus
    model: Any
    resume: bool
    measured: Any = None
    refitted: Any = None


class Task(ABC):
    """A task on data of its own kind: texts, recordings, drawings of a pen, series.

    Class attributes:
        name: on the command line and in settings.
        what: it does, in a few words.
        score: the one by which runs and baselines are compared, and whether less of it
            is better.
        networks: the names of those that it can train, the default first.
        takes: options of ``chainrule train`` beyond those that every task takes.
        reads_tables: whether its file is a table.
        reads_folders: whether it learns from a folder instead of a file.
        reads_both: whether it may be a file as well, of a task that reads folders.
        learns_from, files: what it learns from, and the files that hold it.
        monitors: the column of the history by which the best epoch is chosen.
        answers: options of ``chainrule predict`` that it knows, "text" or "beam".
        test: the usual part that is tested on.
        example: the words of a command line that name what is learned from.
        goes_on: whether ``chainrule predict`` needs no data, as what it answers goes on
            from those of the run.
    """

    name: ClassVar[str]
    what: ClassVar[str]
    score: ClassVar[tuple[str, bool]]
    networks: ClassVar[tuple[str, ...]]
    takes: ClassVar[frozenset[str]] = frozenset()
    reads_tables: ClassVar[bool] = False
    reads_folders: ClassVar[bool] = False
    reads_both: ClassVar[bool] = False
    learns_from: ClassVar[str] = "a text"
    files: ClassVar[str] = "a file of its text alone, with a name that ends in .txt"
    monitors: ClassVar[str] = "validation_loss"
    answers: ClassVar[frozenset[str]] = frozenset()
    test: ClassVar[float] = TEST
    example: ClassVar[str] = "book.txt"
    goes_on: ClassVar[bool] = False

    # What a task says. ---------------------------------------------------------------

    @abstractmethod
    def corpus(self, source: Source, asked: Mapping[str, Any]) -> Corpus:
        """The examples in a file, and their parts.

        Arguments:
            source: the file.
            asked: options; of a run that is resumed or evaluated, those that it was
                made with.
        """

    @abstractmethod
    def plan(
        self, asked: Mapping[str, Any], corpus: Corpus
    ) -> tuple[Network, Training, dict[str, Any]]:
        """The network, its training, and what else the task has to keep, as JSON
        values, from the options and defaults for the rest."""

    @abstractmethod
    def build(self, settings: Settings, corpus: Corpus) -> Any:
        """The model with its first weights: what is saved, and used."""

    @abstractmethod
    def lesson(self, run: TaskRun) -> tuple[Any, Any, Any]:
        """What ``fit`` trains, on which data, and what it validates on or None."""

    @abstractmethod
    def measure(self, model: Any, part: Any) -> dict[str, Any]:
        """The scores of a model on a part of a corpus."""

    @abstractmethod
    def part_of(self, path: Path, model: Any, settings: Settings) -> Any:
        """All of another file, as a part of a corpus."""

    @abstractmethod
    def in_words(self, measured: Mapping[str, Any]) -> str:
        """Scores in a line."""

    def is_meant(self, asked: Mapping[str, Any]) -> bool:
        """Whether options mean this task without naming it."""
        return False

    def checksum(self, path: Path) -> str:
        """What tells whether the data have changed."""
        return checksum(path)

    def listeners(self, run: TaskRun, examples: Any, held_out: Any) -> list[Any]:
        """Callbacks of the training besides checkpoints and early stopping; the
        examples are those of ``lesson``.
        """
        return []

    def whole(self, corpus: Corpus) -> Corpus | None:
        """The same with all data in its training part, of a task that predicts by a
        model of all data; else None.
        """
        return None

    def learned(
        self, run: TaskRun, progress: Any, listening: Sequence[Any]
    ) -> training.History | None:
        """The history, of a task that trains in a way of its own; None of those that
        are trained by ``fit``.

        Arguments:
            run: that is trained.
            progress: as of ``fit``.
            listening: callbacks, the checkpoints among them.
        """
        return None

    def settle(self, run: TaskRun) -> None:
        """What is still to be found once the weights are, before the model is kept."""
        return None

    def baselines(self, run: TaskRun) -> dict[str, dict[str, Any]]:
        """name ↦ the scores on the test part of what learns next to nothing."""
        return {}

    def draw(self, run: TaskRun) -> list[str]:
        """Pictures and samples in the folder of the run; the names of the files."""
        return []

    def sample(self, run: TaskRun) -> list[str]:
        """Lines that show what the model does now."""
        return []

    def following(self, run: TaskRun) -> list[tuple[str, tuple[str, ...]]]:
        """What to do next: a few words, and those of a command line."""
        return []

    def predict(self, model: Any, settings: Settings, path: Path) -> Iterator[str]:
        """The answers for a file, line by line, for ``chainrule predict``.

        Raises:
            ArgumentError: the task has none.
        """
        raise ArgumentError(
            f"predict: the run was trained with --task {self.name}, which {self.what}",
            fix="chainrule evaluate RUN FILE measures it on another text",
        )

    def answer(
        self, model: Any, settings: Settings, asked: Mapping[str, Any]
    ) -> tuple[Iterator[str], list[str]]:
        """The answers for what ``chainrule predict`` is given: for a file, those of
        ``predict``; and what has to be told of what is given, in sentences.

        Arguments:
            model, settings: of a trained run.
            asked: options by name: "data", and those of ``answers``.
        """
        return self.predict(model, settings, Path(asked["data"])), []

    def warnings(
        self, measured: Mapping[str, Any], baselines: Mapping[str, Any]
    ) -> list[str]:
        """What has to be told of scores beside those of baselines."""
        return []


# A run. ------------------------------------------------------------------------------


def begin(task: Task, asked: dict[str, Any], version: str) -> TaskRun:
    """A new run from the options, in a folder of its own.

    Arguments:
        task: that it is for.
        asked: options by name, those that were given.
        version: of chainrule.

    Raises:
        ArgumentError: options that do not go together, or not with the task.
        FileError: no such file, or one of another kind.
        DataError: it cannot be learned from.
    """
    _check_options(task, asked)
    source = _source(task, asked)
    corpus = task.corpus(source, asked)
    made, trained, details = task.plan(asked, corpus)
    settings = Settings(
        source=source,
        network=made,
        training=trained,
        title=corpus.title,
        task=task.name,
        target=source.target or "",
        watch=asked.get("watch", False),
        version=version,
        details=details,
    )
    folder = RunFolder.create(Path(corpus.title).stem, asked.get("out"))
    folder.write(folder.settings, settings.to_json())
    return prepared(task, folder, settings, corpus, resume=False)


def resumed(task: Task, folder: RunFolder, settings: Settings) -> TaskRun:
    """A run that was stopped, with the settings that it had."""
    corpus = task.corpus(unchanged(task, settings), options_of(settings))
    return prepared(task, folder, settings, corpus, resume=True)


def unchanged(task: Task, settings: Settings) -> Source:
    """The file or folder of a run, after a look at its checksum.

    Raises:
        FileError: it is gone, or another one.
    """
    source = settings.source
    kind = "file" if source.folder is None else "folder"
    path = Path(str(source.file or source.folder))
    if source.sha256 != task.checksum(path):
        raise FileError(
            f"{path}: the {kind} has changed since this run began",
            fix=f"restore the {kind}, or start a new run",
        )
    return source


def options_of(settings: Settings) -> dict[str, Any]:
    """The options that a run was made with, as a task asks for them."""
    words = settings.training
    return {
        **(settings.details or {}),
        "model": settings.network.model,
        "validation": words.validation,
        "test": settings.source.test,
        "seed": words.seed,
    }


def trained(asked: Mapping[str, Any], **usual: Any) -> Training:
    """How a network is trained, from the options.

    Arguments:
        asked: options by name.
        usual: what is not asked for: ``epochs``, ``batch_size``, ``lr``, ``patience``;
            also ``optimizer`` and ``weight_decay``.

    Raises:
        ArgumentError: early stopping without validation data; an optimizer that takes
            all examples at once.
    """
    validation = asked.get("validation", VALIDATION)
    optimizer = asked.get("optimizer", usual.get("optimizer", "adam"))
    if not validation and "patience" in asked:
        raise ArgumentError(
            "--patience: early stopping needs validation data",
            fix="leave --validation 0 out",
        )
    if network.is_minimizer(optimizer):
        raise ArgumentError(
            f"--optimizer {optimizer}: it takes all examples at once, which are too "
            "many here",
            fix="adam, or another optimizer that takes a learning rate",
        )
    rate = network.LEARNING_RATES.get(optimizer, usual["lr"])
    decay = network.WEIGHT_DECAY.get(optimizer, 0.0)
    if "optimizer" not in asked:
        decay = usual.get("weight_decay", decay)
    return Training(
        epochs=asked.get("epochs", usual["epochs"]),
        batch_size=asked.get("batch_size", usual["batch_size"]),
        optimizer=optimizer,
        loss="cross_entropy",
        lr=asked.get("lr", rate),
        schedule=asked.get("schedule", "one_cycle"),
        weight_decay=asked.get("weight_decay", decay),
        seed=asked.get("seed", SEED),
        validation=validation,
        patience=asked.get("patience", usual["patience"] if validation else None),
        engine=asked.get("engine", config.engine),
        threads=config.threads,
    )


def epochs_within(bounds: tuple[int, int], wanted: float) -> int:
    """A number of epochs, between the least and the most.

    Example:
        >>> epochs_within((2, 60), 0.4), epochs_within((2, 60), 7.6)
        (2, 8)
    """
    least, most = bounds
    return min(most, max(least, round(wanted)))


def sizes_refused(hidden: Sequence[int], why: str, layers: int) -> ArgumentError:
    """The error for sizes of layers that a network cannot have.

    Arguments:
        hidden: the sizes that were asked for.
        why: what it has instead.
        layers: how many it may have, all of the first size.
    """
    fix = ",".join([str(hidden[0])] * layers)
    return ArgumentError(
        f"--hidden {','.join(map(str, hidden))}: {why}", fix=f"--hidden {fix}"
    )


def learn(run: TaskRun, progress: Any = None) -> training.History:
    """Trains; the model and its history are in the folder afterwards.

    Returns:
        The history; its ``stopped`` is "interrupted" after Ctrl-C, and the run can be
        resumed.
    """
    kept = [callbacks.Checkpoint(run.folder.checkpoints)]
    with _history_of_errors(run):
        own = run.task.learned(run, progress, kept)
        return _kept(run, fitted(run, progress, kept) if own is None else own)


def fitted(
    run: TaskRun,
    progress: Any = None,
    listening: Sequence[Any] = (),
    epochs: int | None = None,
) -> training.History:
    """The history of a training by ``fit``.

    Arguments:
        run: that is trained.
        progress: as of ``fit``.
        listening: callbacks besides early stopping and those of the task.
        epochs: after which it ends, before its schedule does; as many as the schedule
            is for when not given.
    """
    words = run.settings.training
    module, examples, held_out = run.task.lesson(run)
    batches = isinstance(examples, data.Stream)
    steps = (
        examples.length
        if batches
        else data.num_batches(len(examples), words.batch_size)
    )
    listening = [*listening]
    if words.patience is not None and held_out is not None:
        listening.append(
            callbacks.EarlyStopping(run.task.monitors, patience=words.patience)
        )
    listening += run.task.listeners(run, examples, held_out)
    optimizer = network.unbound_optimizer(words, steps)
    optimizer.transforms = [optim.ClipNorm(NORM), *optimizer.transforms]
    return training.fit(
        module,
        examples,
        validation=held_out,
        optimizer=optimizer.bound_to(module.parameters()),
        epochs=words.epochs if epochs is None else epochs,
        batch_size=words.batch_size,
        callbacks=listening,
        watch=run.settings.watch,
        seed=words.seed,
        progress=progress,
        resume="auto" if run.resume else None,
    )


@contextlib.contextmanager
def _history_of_errors(run: TaskRun) -> Iterator[None]:
    """What was trained before an error is in the folder."""
    try:
        yield
    except Exception as error:
        failed = getattr(error, "history", None)
        if failed is not None:
            failed.to_json(run.folder.history)
        raise


def _kept(run: TaskRun, history: training.History) -> training.History:
    """A history, after it and the model were written."""
    history.to_json(run.folder.history)
    if len(history):
        run.task.settle(run)
        run.model.save(run.folder.model)
    return history


def finish(
    run: TaskRun, history: training.History, seconds: Callable[[], float]
) -> tuple[dict[str, Any], list[str]]:
    """Measures the model, draws pictures, and writes ``metrics.json``.

    Returns:
        What ``metrics.json`` holds, and the names of the pictures and samples.
    """
    task, corpus, folder = run.task, run.corpus, run.folder
    result = {
        "test": task.measure(run.model, corpus.test),
        "validation": None
        if corpus.validation is None
        else task.measure(run.model, corpus.validation),
        "baselines": task.baselines(run),
        "kept": report.kept_weights(history, run.settings, run.task.monitors),
        "epochs": len(history),
        "training_seconds": round(sum(history["seconds"]), 3),
        "stopped": history.stopped,
    }
    names = []
    if len(history):
        history.plot(folder.path / "training_curve.png")
        names.append("training_curve.png")
    names += report.draw_watched(folder.path, history)
    names += task.draw(run)
    result["seconds"] = round(seconds(), 3)
    folder.write(folder.metrics, result)
    shutil.rmtree(folder.checkpoints, ignore_errors=True)
    return result, names


def evaluate(
    task: Task, settings: Settings, model: Any, file: str | None
) -> tuple[str, dict[str, Any]]:
    """What was measured, by name, and the scores.

    Arguments:
        task, settings, model: of a trained run.
        file: another one than its own; its test part when not given.
    """
    if file is not None:
        path = Path(file)
        return path.name, task.measure(model, task.part_of(path, model, settings))
    corpus = task.corpus(unchanged(task, settings), options_of(settings))
    return f"{corpus.title}, test part", task.measure(model, corpus.test)


def beside(
    task: Task, measured: Mapping[str, Any], baselines: Mapping[str, Any]
) -> list[str]:
    """What costs next to nothing, in lines, the best first; and whether it is better.

    Arguments:
        task: whose score they are compared by.
        measured: the scores of the model.
        baselines: name ↦ their scores.
    """
    key, lower = task.score
    sign = 1 if lower else -1
    known = [name for name in baselines if key in baselines[name]]
    known.sort(key=lambda name: sign * (baselines[name][key] or 0.0))
    lines = [f"{name}: {task.in_words(baselines[name])}" for name in known]
    defined = measured[key] is not None  # else it is so for all
    if known and defined and sign * baselines[known[0]][key] <= sign * measured[key]:
        lines.append(f"no better than {known[0]}")
    return lines


def prepared(
    task: Task,
    folder: RunFolder,
    settings: Settings,
    corpus: Corpus,
    resume: bool,
) -> TaskRun:
    """A run whose model has its first weights."""
    manual_seed(settings.training.seed)
    return TaskRun(task, folder, settings, corpus, task.build(settings, corpus), resume)


def _check_options(task: Task, asked: Mapping[str, Any]) -> None:
    for option in asked:
        if option not in COMMON | task.takes:
            word = f"--{option.replace('_', '-')}"
            raise ArgumentError(
                f"{word}: --task {task.name} {task.what} and has no use for it",
                fix=f"leave {word} out",
            )
    model = asked.get("model", task.networks[0])
    if model not in task.networks:
        raise ArgumentError(
            f"--model {model}: not a network for --task {task.name}",
            fix=f"one of {', '.join(task.networks)}",
        )


def _source(task: Task, asked: Mapping[str, Any]) -> Source:
    """The file, or folder, that is learned from.

    Raises:
        ArgumentError: none is named, or a table where a text is expected.
        FileError: there is no such file.
    """
    if "data" not in asked:
        what = "folder" if task.reads_folders else "file"
        raise ArgumentError(
            f"--task {task.name}: which {what} is it to learn from?",
            fix=f"chainrule train {task.example} --task {task.name}",
        )
    path = Path(asked["data"])
    told: dict[str, Any] = {"task": task.name, "target": asked.get("target")}
    told["test"] = asked.get("test", task.test)
    if task.reads_folders and not (task.reads_both and path.is_file()):
        folder = str(path.resolve())
        return Source(folder=folder, sha256=task.checksum(path), **told)
    if path.suffix.lower() in TABLES and not task.reads_tables:
        raise ArgumentError(
            f"{path}: a table: --task {task.name} {task.what} and learns from "
            + task.learns_from,
            fix=f"leave --task {task.name} out to predict a column; or {task.files}",
        )
    open_file(path, "train").close()
    return Source(file=str(path.resolve()), sha256=task.checksum(path), **told)
