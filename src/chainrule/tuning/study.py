"""A search by Optuna: candidates that are drawn where earlier ones did well.

Place on the road: beside the grid of ``search``. The trials are kept in a database, a
file of the folder or one that several machines share; Optuna is imported here only.

A trial that is worse after some folds than most trials were is pruned: its other folds
are not trained.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import FileError, MissingPackageError, StateError
from .choice import Score
from .folds import Fold, Folds
from .search import Plan, SearchFolder
from .space import Axis, Candidate
from .trials import Stopped, task_for, train_fold
from .workers import results

#: (finished trials, all trials, the least error so far)
Watcher = Callable[[int, int, float | None], None]

#: Seconds before it is tried again to open a database.
PATIENCE = (0.1, 0.3, 1.0)

#: Trials that are never pruned, so that there is something to compare with.
FIRST = 5


def optuna() -> Any:
    """The package.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        import optuna as package
    except ImportError as error:
        raise MissingPackageError(
            "tune: --trials needs the package 'optuna', which is not installed",
            fix="pip install 'chainrule[tune]'; without it, a grid of ranges: "
            "--hidden 8..256 --lr 1e-4..1e-2",
        ) from error
    package.logging.set_verbosity(package.logging.WARNING)
    return package


def address(plan: Plan, folder: SearchFolder) -> str:
    """Where the trials are kept, as SQLAlchemy names it."""
    return plan.storage or f"sqlite:///{(folder.path / 'trials.db').resolve()}"


def identity(plan: Plan) -> str:
    """What trials have in common that may be compared: data, folds, what is tried."""
    settings = plan.settings.to_json()
    source = {**settings["source"], "file": None, "folder": None}
    training = {**settings["training"], "threads": None}
    what = {
        "source": source,
        "training": training,
        "network": settings["network"],
        "space": plan.space.to_json(),
        "folds": plan.folds,
    }
    text = json.dumps(what, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def numbered_sampler(seed: int) -> Any:
    """Draws by the number of the trial and by the trials before it, so that processes
    and machines with one seed do not draw the same.
    """
    samplers = optuna().samplers

    class Numbered(samplers.BaseSampler):  # type: ignore[misc, name-defined]
        inner: Any = samplers.RandomSampler(seed)

        def before_trial(self, study: Any, trial: Any) -> None:
            self.inner = samplers.TPESampler(
                seed=(seed + 1_000_003 * trial.number) % 2**32
            )
            self.inner.before_trial(study, trial)

        def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
            return self.inner.infer_relative_search_space(study, trial)

        def sample_relative(self, study: Any, trial: Any, space: Any) -> Any:
            return self.inner.sample_relative(study, trial, space)

        def sample_independent(self, study: Any, trial: Any, name: str, of: Any) -> Any:
            return self.inner.sample_independent(study, trial, name, of)

    return Numbered()


def open_study(plan: Plan, folder: SearchFolder) -> Any:
    """The study, begun if it is not there.

    Raises:
        MissingPackageError: Optuna is not installed.
        FileError: the database cannot be opened.
        StateError: a study of this name is one of other data or settings.
    """
    package = optuna()
    seed = plan.settings.training.seed % 2**31
    where = address(plan, folder)
    for patience in (*PATIENCE, None):
        try:
            study = package.create_study(
                study_name=plan.study,
                storage=where,
                load_if_exists=True,
                direction="minimize",
                sampler=numbered_sampler(seed),
                pruner=package.pruners.MedianPruner(n_startup_trials=FIRST),
            )
            break
        except Exception as error:
            if patience is None:
                why = " ".join(str(error).split())[:200]
                raise FileError(
                    f"tune: --storage {where}: cannot be opened: {why}",
                    fix="sqlite:///trials.db, or the address of a database that is "
                    "running",
                ) from error
            time.sleep(patience)  # another process may be making the same tables
    own = identity(plan)
    if study.user_attrs.get("identity", own) != own:
        raise StateError(
            f"tune: the study {plan.study!r} in {where} is of other data or settings",
            fix="another name: --study NAME",
        )
    study.set_user_attr("identity", own)
    return study


def search(
    plan: Plan, folder: SearchFolder, folds: Folds, processes: int, watch: Watcher
) -> list[Score]:
    """Trials until there are as many as the plan says, in all processes together.

    Arguments:
        plan, folder, folds: of the search.
        processes: how many trials are made at a time.
        watch: is told of finished trials.

    Returns:
        The scores of the trials that were not pruned, in the order of their numbers.
    """
    study = open_study(plan, folder)
    done = _finished(study)
    watch(len(done), plan.trials, _least(done))
    parts = [folds[number] for number in range(len(folds))]
    if processes == 1:
        while len(done) < plan.trials:
            done = _try(plan, folder, parts)
            watch(len(done), plan.trials, _least(done))
        return _scores(plan, study)
    while len(done) < plan.trials:
        missing = range(plan.trials - len(done))
        shared = (plan, folder, parts)
        for _ in results(_try_there, list(missing), shared, processes):
            done = _finished(study)
            watch(len(done), plan.trials, _least(done))
    return _scores(plan, study)


def _finished(study: Any) -> list[Any]:
    state = optuna().trial.TrialState
    return list(study.get_trials(False, (state.COMPLETE, state.PRUNED)))


def _least(trials: list[Any]) -> float | None:
    state = optuna().trial.TrialState
    values = [trial.value for trial in trials if trial.state == state.COMPLETE]
    return min(values, default=None)


def _try_there(_: int, shared: tuple[Plan, SearchFolder, Sequence[Fold]]) -> None:
    """One trial in another process."""
    _try(*shared)


def _try(plan: Plan, folder: SearchFolder, parts: Sequence[Fold]) -> list[Any]:
    """One trial more, unless there are enough already; all that are finished."""
    study = open_study(plan, folder)
    if len(_finished(study)) < plan.trials:
        study.optimize(_objective(plan, parts), n_trials=1)
    return _finished(study)


def _objective(plan: Plan, parts: Sequence[Fold]) -> Callable[[Any], float]:
    """The mean error of a trial; it is pruned as soon as it falls behind."""
    package = optuna()
    rows = max(len(part.held_inputs) for part in parts)

    def objective(trial: Any) -> float:
        candidate = _draw(plan, trial)
        errors = []
        for number, part in enumerate(parts):
            task = task_for(plan.settings, candidate, number, rows)
            try:
                errors.append(train_fold(task, part).error)
            except Stopped:
                raise KeyboardInterrupt from None
            if not math.isfinite(errors[-1]):
                raise package.TrialPruned("the loss became infinite")
            trial.report(float(np.mean(errors)), number)
            if number + 1 < len(parts) and trial.should_prune():
                raise package.TrialPruned("worse than most trials after these folds")
        trial.set_user_attr("candidate", candidate.to_json())
        trial.set_user_attr("errors", errors)
        return float(np.mean(errors))

    return objective


def _draw(plan: Plan, trial: Any) -> Candidate:
    """The candidate of a trial."""
    space = plan.space
    units = int(_suggested(trial, "hidden", space.hidden, log=True, whole=True))
    layers = int(_suggested(trial, "layers", space.layers, log=False, whole=True))
    return Candidate(
        (units,) * layers,
        float(_suggested(trial, "lr", space.lr, log=True)),
        float(_suggested(trial, "weight_decay", space.weight_decay, log=True)),
        float(_suggested(trial, "dropout", space.dropout, log=False)),
    )


def _suggested(
    trial: Any, name: str, axis: Axis, log: bool, whole: bool = False
) -> float:
    """A value of an axis: from a range, from a list, or the only one there is."""
    if axis.low is not None and axis.high is not None and axis.low < axis.high:
        suggest = trial.suggest_int if whole else trial.suggest_float
        low, high = (int(axis.low), int(axis.high)) if whole else (axis.low, axis.high)
        value: float = suggest(name, low, high, log=log)
        return value
    if len(axis.values) > 1:
        chosen: float = trial.suggest_categorical(name, axis.values)
        return chosen
    return axis.values[0]


def _scores(plan: Plan, study: Any) -> list[Score]:
    state = optuna().trial.TrialState
    found = []
    for trial in study.get_trials(False, (state.COMPLETE,)):
        candidate = Candidate.from_json(trial.user_attrs["candidate"])
        size = candidate.parameters(*plan.network_sizes)
        found.append(Score(candidate, size, tuple(trial.user_attrs["errors"])))
    if not found:
        raise StateError(
            "tune: no trial was trained on every fold: the loss became NaN or infinite",
            fix="smaller values of --lr",
        )
    return found
