"""``chainrule tune``: chooses a network by cross-validation, trains and tests it once.

Place on the road: a command. The order: options → plan → folds → choice → training →
test. The test data are used once, at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from .. import pictures
from ..config import available_processors, config
from ..data import names
from ..errors import ArgumentError
from ..runs import architectures, learning, network, plan, sources
from ..runs.folder import RunFolder
from ..runs.settings import Settings
from ..saving import locked
from ..tuning import path, report, search, study
from ..tuning.choice import RULES, Score, choose
from ..tuning.folds import Fold, Folds, make_folds
from ..tuning.growth import grown
from ..tuning.search import Plan, SearchFolder
from ..tuning.space import (
    AXES,
    Axis,
    Candidate,
    Space,
    counting,
    decades,
    doubling,
    tenths,
)
from ..tuning.trials import Outcome, Start, Stopped, with_candidate
from ..wording import counted
from .application import Command, Interrupted
from .arguments import LAYERS, PARTS, PENALTIES, RATES, UNITS, Name, Whole, as_options
from .options import about_baselines, about_data, about_output, about_training
from .outcome import command_line, tell
from .progress import SearchProgress, make_progress
from .terminal import Terminal, columns

EXAMPLES = """
Examples:
  chainrule tune houses.csv --target price
      one or two layers of 8 to 256 units, chosen by cross-validation
  chainrule tune houses.csv --target price --hidden 16..128 --lr 1e-3,3e-3,1e-2
      every combination of four sizes and three learning rates, with 1 or 2 layers
  chainrule tune houses.csv --target price --layers 1..3 --dropout 0,0.2
      deeper networks, with and without dropout
  chainrule tune visits.csv --target sick --groups patient --folds 10
      all rows of a patient are learned from or held out together
  chainrule tune houses.csv --target price --grow
      begin with one small layer; add units, then layers, while that is gained from
  chainrule tune houses.csv --target price --trials 100
      draw 100 candidates where earlier ones did well (needs Optuna)
  chainrule tune --resume runs/houses-tuned-20260131-120000
      resume a search that was stopped
"""

RULE_NAMES = {rule.replace("_", "-"): rule for rule in RULES}

#: Seconds of a step and of a new network, roughly; and those that a process must be
#: given to do before it is worth its start.
A_STEP, A_NETWORK, WORTH = 4e-5, 0.2, 3.0


@click.command("tune", cls=Command, epilog=EXAMPLES)
@click.argument("data", required=False, metavar="[DATA]")
@about_data
@click.option(
    "--hidden",
    type=UNITS,
    metavar="UNITS",
    help="Units of each hidden layer: 8..256 doubles from 8 on; or a list: 8,32,128.  "
    "[default: 8..256]",
)
@click.option(
    "--layers",
    type=LAYERS,
    metavar="NUMBERS",
    help="How many hidden layers: 1..3, or 1,2.  "
    "[default: 1..2; with --grow or --trials 1..3]",
)
@click.option(
    "--lr",
    type=RATES,
    metavar="RATES",
    help="Learning rates: 1e-4..1e-2 in powers of ten, or a list.  "
    "[default: that of chainrule train]",
)
@click.option(
    "--weight-decay",
    type=PENALTIES,
    metavar="WEIGHTS",
    help="Weight decays (L2 penalties): 1e-6..1e-2 in powers of ten, or a list: "
    "0,1e-4.  [default: that of chainrule train]",
)
@click.option(
    "--dropout",
    type=PARTS,
    metavar="FRACTIONS",
    help="Fractions of hidden units dropped in training: 0..0.5 in steps of 0.1, or a "
    "list.  [default: 0]",
)
@click.option(
    "--folds", type=Whole(2, 1000), help="Parts of the training data.  [default: 5]"
)
@click.option(
    "--choose",
    type=Name(tuple(RULE_NAMES)),
    help="Which network is chosen: the smallest whose error is within one standard "
    "error of the lowest, or the one of the lowest.  [default: one-standard-error]",
)
@click.option(
    "--grow",
    is_flag=True,
    default=None,
    help="Begin with one layer of the fewest units, double them, then add layers, each "
    "network starting from the last; end when less than one standard error is gained.",
)
@click.option(
    "--trials",
    type=Whole(1),
    help="Try so many candidates, drawn by Optuna from the ranges, instead of all.",
)
@click.option(
    "--storage",
    metavar="URL",
    help="The database of the trials, which several machines may share: "
    "sqlite:///trials.db, postgresql://…  [default: a file in the run's folder]",
)
@click.option(
    "--study",
    metavar="NAME",
    help="The name of the trials in it.  [default: that of the data]",
)
@click.option(
    "--members",
    type=Whole(1, 1000),
    help="How many networks of the chosen kind are trained side by side in the end; "
    "their predictions are averaged.  [default: as chainrule train; with --grow 1]",
)
@click.option(
    "--processes",
    type=Whole(1, 1000),
    help="How many networks are trained at a time; the answer is the same.  "
    "[default: one a processor]",
)
@about_training
@about_baselines
@click.option("--model", type=Name(architectures.names), hidden=True)
@click.option("--out", metavar="DIR", help="The run's folder.  [default: runs/…]")
@click.option("--resume", metavar="RUN", help="Resume a search that was stopped.")
@about_output
def command(**given: Any) -> None:
    """Choose a network for DATA by cross-validation, train it on all training data, and
    test it once. DATA is a CSV, Parquet or Excel file, or a named data set.

    The training data are parted into folds. Every candidate is trained on all but one
    of them and its error measured on that one, in turn; the mean and its standard error
    choose. The folder in the end is that of a run, as chainrule train makes them.
    """
    began = time.perf_counter()
    terminal = Terminal(json=given.pop("as_json"), quiet=given.pop("quiet"))
    asked = {name: value for name, value in given.items() if value is not None}
    if not asked["baselines"]:
        del asked["baselines"]
    processes = asked.pop("processes", None)
    if "resume" in asked:
        folder, chosen_plan, examples = _resumed(asked)
    else:
        folder, chosen_plan, examples = _new(asked)
    config.engine = chosen_plan.settings.training.engine
    words = chosen_plan.settings.training
    folds = make_folds(
        chosen_plan.settings.source,
        examples,
        chosen_plan.folds,
        words.seed,
        words.batch_size,
    )
    _introduce(chosen_plan, folder, examples, folds, terminal)
    pictures.prepare()
    resume = command_line("tune", "--resume", str(folder.path))
    new = "resume" not in asked
    unless_begun = folder.run.removed_unless_begun() if new else nullcontext()
    lock = locked(folder.path / ".lock", "tune", "wait, or stop it first")
    with unless_begun, lock:
        work = _Work(chosen_plan, folder, examples, folds, terminal, processes)
        try:
            choice = METHODS[chosen_plan.method](work)
        except (KeyboardInterrupt, Stopped):
            raise Interrupted(
                f"stopped; what is finished is kept in {folder.path}\n"
                f"  resume     {resume}"
            ) from None
        _train(work, choice, began, resume)


def _new(asked: dict[str, Any]) -> tuple[SearchFolder, Plan, sources.Examples]:
    """A new search from the options, in a folder of its own."""
    model = asked.pop("model", architectures.PERCEPTRON)
    if model != architectures.PERCEPTRON:
        raise ArgumentError(
            f"--model {model}: multilayer perceptrons are tuned: their layers, "
            "learning rate, weight decay and dropout",
            fix=f"leave --model out; chainrule train --model {model} with several "
            "settings, and chainrule runs compares them",
        )
    plan.schedule_of(asked, asked.get("optimizer", plan.OPTIMIZER))
    method = _method(asked)
    what = asked.get("data", "digits")
    if Path(what).is_dir() and what not in names():
        raise ArgumentError(
            f"tune: {what} is a folder of images: tables and named data sets are tuned",
            fix="chainrule train has networks for images: --model resnet",
        )
    about = (*sources.FOR_TABLES, "test")
    source = sources.recognise(what, **{n: asked[n] for n in about if n in asked})
    seed = asked.get("seed", plan.SEED)
    examples = sources.load(source, 0.0, seed)
    settings, usual = _settings(asked, source, examples)
    space = _space(asked, settings, method)
    stem = Path(examples.title).stem.replace("/", "-") or "run"
    made = Plan(
        settings,
        space,
        asked.get("folds", 5),
        RULE_NAMES[asked.get("choose", "one-standard-error")],
        plan.members(asked, 1 if method == "grow" else usual.members),
        method,
        asked.get("trials", 0),
        asked.get("storage"),
        asked.get("study", stem),
    )
    if method == "trials":
        study.optuna()  # an error before anything is written
    make_folds(source, examples, made.folds, seed, settings.training.batch_size)
    folder = SearchFolder(RunFolder.create(f"{stem}-tuned", asked.get("out")))
    folder.run.write(folder.plan, made.to_json())
    return folder, made, examples


def _method(asked: dict[str, Any]) -> str:
    """How candidates are found, and an error for options that do not go with it."""
    if "grow" in asked and "trials" in asked:
        raise ArgumentError(
            "--grow: it goes step by step, and --trials draws candidates",
            fix="one of the two",
        )
    if "grow" in asked:
        for name in ("lr", "weight_decay", "dropout"):
            if name in asked and asked[name].varies:
                option = f"--{name.replace('_', '-')}"
                raise ArgumentError(
                    f"{option}: --grow changes the size of the network only: it takes "
                    f"one value of {option}",
                    fix=f"{option} {asked[name].values[0]:g}",
                )
        for name in ("members", "choose"):
            if name in asked and asked[name] not in (1, "one-standard-error"):
                raise ArgumentError(
                    f"--{name}: --grow ends with the network that it has grown",
                    fix=f"leave --{name} out",
                )
        return "grow"
    if "trials" not in asked:
        for name in ("storage", "study"):
            if name in asked:
                raise ArgumentError(
                    f"--{name}: it is for --trials", fix=f"--trials 50 --{name} …"
                )
        return "grid"
    return "trials"


def _settings(
    asked: dict[str, Any], source: Any, examples: sources.Examples
) -> tuple[Settings, network.Defaults]:
    """The settings that all candidates share, and the defaults for such data."""
    usual = network.defaults(len(examples.train), bool(examples.train.image_shape))
    own = ("hidden", "lr", "weight_decay", "dropout", "members")
    shared = {name: value for name, value in asked.items() if name not in own}
    fixed = {"validation": 0.0, "members": 1, "dropout": 0.0}
    return plan.settings_for({**shared, **fixed}, source, examples, "mlp"), usual


def _space(asked: dict[str, Any], settings: Settings, method: str) -> Space:
    """What is tried: options, and defaults for the rest."""
    words = settings.training
    minimizes = network.is_minimizer(words.optimizer)
    usual = {
        "hidden": doubling(8, 256),
        "layers": counting(1, 2 if method == "grid" else 3),
        "lr": Axis((words.lr,)),
        "weight_decay": Axis((words.weight_decay,)),
        "dropout": Axis((0.0,)),
    }
    if method == "trials":
        usual["weight_decay"] = decades(1e-6, 1e-2)
        if not minimizes:  # it has no learning rate, and no use for dropout
            usual["lr"] = decades(words.lr / 10, words.lr * 10)
            usual["dropout"] = tenths(0.0, 0.5)
    return Space(**{name: asked.get(name, axis) for name, axis in usual.items()})


def _resumed(asked: dict[str, Any]) -> tuple[SearchFolder, Plan, sources.Examples]:
    """A search that was stopped, with the plan that it had."""
    others = [name for name in asked if name != "resume"]
    if others:
        word = "DATA" if others[0] == "data" else f"--{others[0].replace('_', '-')}"
        raise ArgumentError(
            f"--resume: a search is resumed with its own settings: {word} does not "
            "apply",
            fix=f"leave {word} out, or start a new search without --resume",
        )
    folder = SearchFolder.find(asked["resume"])
    if folder.run.metrics.is_file():
        raise ArgumentError(
            f"--resume {folder.path}: this search is finished",
            fix=f"chainrule evaluate {folder.path}, or a new search",
        )
    found = folder.read_plan()
    words = found.settings.training
    return folder, found, sources.load(found.settings.source, 0.0, words.seed)


def _introduce(
    made: Plan,
    folder: SearchFolder,
    examples: sources.Examples,
    folds: Folds,
    terminal: Terminal,
) -> None:
    """Prints what is about to happen, in a few lines."""
    words, space = made.settings.training, made.space
    tested = counted(len(examples.test), "test example")
    shown = [name for name in AXES if report.is_used(name, made.settings)]
    tried = ", ".join(
        report.axis_in_words(name, getattr(space, name)) for name in shown
    )
    held = counted(made.folds, "fold")
    if made.settings.source.groups:
        held += f" of whole groups of {made.settings.source.groups!r}"
    count = {
        "grid": counted(len(space.candidates()), "candidate"),
        "grow": f"up to {counted(path.most_steps(made), 'network')}, one growing into "
        "the next",
        "trials": counted(made.trials, "trial"),
    }[made.method]
    terminal.say(
        f"{examples.title}: {examples.description}",
        *(f"  {as_options(note)}" for note in examples.notes),
        *columns(examples.reading),
        f"  {len(examples.train)} training and {tested}",
        *(f"  {note}" for note in folds.notes),
        f"search   {count} × {held}: {tried}",
        f"training {counted(words.epochs, 'epoch')} in batches of {words.batch_size}; "
        f"{words.loss}; {network.steps_in_words(words)}; seed {words.seed}",
        f"folder   {folder.path}",
    )


class _Work:
    """What the methods of a search are given."""

    def __init__(
        self,
        made: Plan,
        folder: SearchFolder,
        examples: sources.Examples,
        folds: Folds,
        terminal: Terminal,
        processes: int | None,
    ) -> None:
        self.plan, self.folder, self.examples = made, folder, examples
        self.folds, self.terminal = folds, terminal
        self.processes = processes or self._worth()
        self.errors = report.Errors(made.settings)
        self.pictures: list[str] = []

    def _worth(self) -> int:
        """As many processes as there are processors and as have enough to do."""
        words, made = self.plan.settings.training, self.plan
        count = made.trials or len(made.space.candidates())
        if made.method == "grow":  # the folds of one network at a time
            count = 1
        rows = len(self.folds.rows[0][0])
        steps = words.epochs * max(1, rows // words.batch_size) * made.folds
        seconds = count * (steps * A_STEP + A_NETWORK)
        return max(1, min(available_processors(), int(seconds / WORTH)))

    def progress(self, what: str) -> SearchProgress:
        """A bar."""
        return SearchProgress(what, self.terminal.shows_progress)

    def draw(self, name: str, draw: Callable[[], Any]) -> None:
        """Draws a picture into the folder."""
        with pictures.windowless():
            pictures.save(draw().figure, self.folder.path / name)
        self.pictures.append(name)

    def watch(self, bar: SearchProgress) -> Callable[[int, int, Outcome | None], None]:
        """What moves a bar on with every fold, and says which candidate has the least
        error so far.
        """
        found: dict[Candidate, list[float]] = {}

        def watch(done: int, total: int, outcome: Outcome | None) -> None:
            if outcome is not None:
                found.setdefault(outcome.candidate, []).append(outcome.error)
            bar.update(
                done, total, report.best_so_far(found, self.plan.folds, self.errors)
            )

        return watch

    def tell(self, chosen: Score, best: Score) -> None:
        """Prints which candidate is chosen, and why."""
        what, why = report.choice_in_words(self.plan, chosen, best, self.errors)
        self.terminal.result(f"chosen   {what}", f"{'':8} {why}")


class _Choice:
    """What a search came to."""

    def __init__(self, score: Score, start: Callable[[], Start | None] | None) -> None:
        self.score, self.start = score, start


def _grid(work: _Work) -> _Choice:
    """Every combination on every fold."""
    with work.progress("fold") as bar:
        watch = work.watch(bar)
        scores = search.evaluate(
            work.plan, work.folder, work.folds, work.processes, watch
        )
    return _chosen(work, scores)


def _trials(work: _Work) -> _Choice:
    """Candidates drawn by Optuna."""
    with work.progress("trial") as bar:

        def watch(done: int, total: int, least: float | None) -> None:
            said = ""
            if least is not None:
                said = f"lowest {work.errors.name} {work.errors.value(least)}"
            bar.update(done, total, said)

        scores = study.search(work.plan, work.folder, work.folds, work.processes, watch)
    return _chosen(work, scores)


def _chosen(work: _Work, scores: Sequence[Score]) -> _Choice:
    """The choice among scores: kept, listed and drawn."""
    wrong = search.all_diverged(scores)
    if wrong is not None:
        raise wrong
    chosen, best = choose(scores, work.plan.rule)
    search.keep_choice(work.folder, scores, chosen, best=best.to_json())
    rows = report.listed(scores, chosen, best, work.errors)
    more = len(scores) - len(rows) + 1
    note = [f"  {more} more in {work.folder.path}/candidates.csv"] * (more > 0)
    work.terminal.say("", *columns(rows), *note, "")
    work.tell(chosen, best)
    work.draw(
        "error_over_size.png",
        lambda: report.picture(scores, chosen, best, work.errors),
    )
    return _Choice(chosen, None)


def _grow(work: _Work) -> _Choice:
    """One layer first; then more units, then more layers."""
    with work.progress("fold") as bar:
        watch = work.watch(bar)
        steps = path.grow(work.plan, work.folder, work.folds, work.processes, watch)
    scores = [step.score for step in steps]
    wrong = search.all_diverged(scores)
    if wrong is not None:
        raise wrong
    chosen = path.last_kept(steps)
    search.keep_choice(
        work.folder, scores, chosen, path=[step.to_json() for step in steps]
    )
    work.terminal.say("", *columns(report.path_listed(steps, work.errors)), "")
    work.tell(chosen, chosen)
    work.draw("growth_path.png", lambda: report.path_picture(steps, work.errors))
    return _Choice(chosen, lambda: _grown_start(work, steps))


def _grown_start(work: _Work, steps: Sequence[path.Step]) -> Start | None:
    """What the network in the end starts from: the path, on all training data."""
    train, nothing = work.examples.train, work.examples.train.subset([0])
    whole = Fold(
        np.asarray(train.inputs),
        np.asarray(train.targets),
        np.asarray(nothing.inputs),
        np.asarray(nothing.targets),
        1.0,
    )
    return path.grown_start(work.plan, work.folder, steps, whole)


METHODS: dict[str, Callable[[_Work], _Choice]] = {
    "grid": _grid,
    "grow": _grow,
    "trials": _trials,
}


def _train(work: _Work, choice: _Choice, began: float, resume: str) -> None:
    """Trains the chosen network on all training data, and tests it once."""
    folder, terminal = work.folder.run, work.terminal
    base = with_candidate(work.plan.settings, choice.score.candidate)
    settings = replace(base, network=replace(base.network, members=work.plan.members))
    again = folder.settings.is_file()
    folder.write(folder.settings, settings.to_json())
    config.threads = settings.training.threads
    start = choice.start() if choice.start is not None else None
    run = learning.prepared(folder, settings, work.examples, resume=again)
    if start is not None:
        smaller = network.build(replace(settings.network, hidden=start.hidden))
        smaller.load_state_dict(dict(start.weights))
        state = grown(smaller, settings.network.hidden).state_dict()
        run.model.load_state_dict(state)
    words = settings.training
    terminal.say(
        f"network  {network.in_words(settings.network, run.model.num_parameters)}"
    )
    history = learning.learn(run, make_progress(words.epochs, terminal.shows_progress))
    if history.stopped == "interrupted":
        raise Interrupted(
            f"stopped after {len(history)} of {counted(words.epochs, 'epoch')}; "
            f"everything is kept in {folder}\n  resume     {resume}"
        )
    result, files = learning.finish(
        run,
        history,
        lambda: time.perf_counter() - began,
        report.as_scores(choice.score, settings),
    )
    path.forget_weights(work.folder)
    files = [*files, *work.pictures]
    tell(run, result, files, terminal)
    chosen = choice.score.to_json()
    terminal.finish({"run": str(folder), "chosen": chosen, **result, "pictures": files})
