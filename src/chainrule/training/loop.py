"""The training loop: ``fit``, the checks before it, and ``Loop``.

Place on the road: the top of ``training``, which puts its parts in order. What happens
around the epochs is ``epochs.EpochLoop``, an epoch is ``Loop.epoch``, and the events
are ``events.LOOP``.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import nn
from ..config import config
from ..data import Dataset
from ..errors import ArgumentError
from ..foreign import advised
from ..nn.module import Module
from ..random_numbers import default_generator
from .callbacks import Watch
from .environment import environment
from .epochs import EpochLoop, progress_bar
from .evaluation import Evaluator, check_model, chosen_metrics
from .examples import Examples, LabelCheck, training_and_validation
from .formats import Row
from .history import History
from .numerics_guard import NumericsGuard
from .objective import Objective, objective_of
from .optimizer_choice import (
    check_adds_up,
    check_sees_outputs,
    chosen_optimizer,
    usual_batch_size,
)
from .run import Run
from .step import (
    AccumulatingStep,
    inspection,
    mass,
    num_rows,
    training_step,
)
from .strides import Stride, Strides
from .tally import Tally

if TYPE_CHECKING:
    from .minimizing import MinimizingStep

#: Validation keeps nothing for a backward pass, so larger batches fit.
LARGER_BATCHES = 4


@advised("training.FIT")
def fit(
    model: Module,
    data: Any,
    *,
    loss: Any = None,
    optimizer: Any = None,
    epochs: int = 10,
    batch_size: int | None = None,
    accumulate: int = 1,
    drop_last: bool = False,
    validation: Any = None,
    metrics: Any = None,
    callbacks: Sequence[Any] = (),
    watch: Any = None,
    seed: int = 0,
    engine: str | None = None,
    precision: str | None = None,
    resume: str | os.PathLike[str] | bool | None = None,
    progress: Any = None,
) -> History:
    """Trains a network: shuffled mini-batches, epoch after epoch.

    Each step is forward, backward and update in one compiled call; where steps are
    short, one call makes as many as take a moment, to the bit the same. The loss and
    the metrics of an epoch are those of its steps, each from before its update,
    averaged over all examples. Everything is determined by ``seed``: the order of the
    examples in each epoch, and what the default random generator draws (dropout), which
    is restarted from it.

    Ctrl-C finishes the step and returns the history, ``stopped`` "interrupted"; a
    second Ctrl-C ends at once. A NaN or infinite loss is an error that names the first
    operation that made it; the model is then as it was after the last good step.

    Arguments:
        model: the network; called with ``training=True``.
        data: a ``Dataset``, ``(x, y)``, a ``Stream``, or a ``Split``, of which the
            training part is trained on; ``(x, y, sample_weight)`` where examples do not
            count alike in the loss. Floats are turned into the model's dtype. The
            names of its classes, labels that are texts among them, become the model's
            ``class_names``, by which all later labels count.
        loss: a name ("cross_entropy", "mse", …) or a function of (outputs, targets).
            When not given: cross-entropy for labels, mean squared error for amounts.
            Without targets, a function of the outputs. Not given where the model
            returns its own loss: a module with ``outputs_loss = True`` is called with
            the inputs and, where there are any, the targets.
        optimizer: an optimizer, or a name: "adam" when not given. Of one that was made
            without parameters, ``optim.Adam(lr=0.01)``, the model gets a new one of its
            own, and that one stays as it was. The players of an ``nn.Game`` get one
            each; or these are given by player, {"generator": …, "discriminator": …}.
        epochs: how often all examples are seen.
        batch_size: examples in a batch; the last one of an epoch may be smaller, but an
            example that would be alone joins the batch before. When not given: 32, or
            all examples where the optimizer is an ``optim.Minimizer``.
        accumulate: how many batches make one step: their gradients are added up,
            weighted by their examples, so that the step is that of one batch of
            ``accumulate * batch_size`` examples in the memory of a small one. (Layers
            that look at a whole batch, as BatchNorm does, still see the small ones.)
        drop_last: leave out a last batch that is smaller, in every epoch other
            examples. Validation always covers all of its examples.
        validation: what is evaluated after each epoch: a ``Dataset``, ``(x, y)``, or a
            fraction of the training data, which is then not trained on. When not
            given, a ``Split``'s own validation part; never its test part.
        metrics: names or functions, see ``metrics``; when not given, accuracy for
            labels and R² for amounts, where the model returns one tensor.
        callbacks: what watches or steers, see ``callbacks``: ``EarlyStopping``,
            ``Checkpoint``, … in their order.
        watch: True for ``callbacks.Watch()``, which looks into every layer; a list of
            paths of layers for these; or a ``Watch``. ``history.watch`` is it:
            ``history.watch.plot()``.
        seed: a whole number from 0 to 2⁶⁴ − 1.
        engine: the engine of ``cr.compile``.
        precision: "bfloat16" for mixed precision: factors of products are rounded to
            bfloat16, all else, weights and optimizer state too, is float32. Others as
            for ``cr.compile``; ``config.precision`` when not given: float32.
        resume: a checkpoint, or a folder of them, to go on from, to the bit. "auto":
            from the ``Checkpoint`` among the callbacks, or anew where there is none.
        progress: True, False, or "terminal", "notebook", "plain", "none"; when not
            given, whichever suits where the program runs.

    Returns:
        The ``History``: a row for each epoch, why training ended, and which epoch's
        weights the model has, ``history.settings["kept_epoch"]``. An error that ends
        training has it too, as far as it went: ``error.history``.

    Raises:
        DataError: for data that cannot be trained on, before anything is trained.
        OptionError: for an unknown name, with the nearest known one.
        GradientError: for a parameter that the loss does not reach.
        NumericsError: for a NaN or an infinity.
        StateError: for a checkpoint of another run.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import data, nn
        >>> cr.manual_seed(0)
        >>> digits = data.load("digits")
        >>> model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        >>> history = fit(model, digits, epochs=10, validation=0.1, progress=False)
        >>> history.best("validation_accuracy")["validation_accuracy"] > 0.9
        True
    """
    check_model("fit", model)
    _check_whole("epochs", epochs, 0)
    if batch_size is not None:
        _check_whole("batch_size", batch_size, 1)
    _check_whole("accumulate", accumulate, 1)
    seen = _watch(watch)
    listeners = [*_callbacks(callbacks), *seen, *progress_bar(progress)]
    default_generator.seed(seed)
    examples, held_out = training_and_validation(data, validation, model, int(seed))
    weighted = any(each.has_weights for each in (examples, held_out) if each)
    objective = objective_of(model, loss, examples.kind, weighted)
    chosen = chosen_metrics(metrics, objective)
    updater = check_adds_up(chosen_optimizer(optimizer, model), accumulate)
    check_sees_outputs(updater, objective)
    batch_size = batch_size or usual_batch_size(updater, examples)
    run = Run(
        model=model,
        optimizer=updater,
        history=History(),
        tally=Tally(chosen),
        epochs=epochs,
        num_batches=_num_steps(examples, batch_size, drop_last, accumulate),
        seed=int(seed),
        batch_size=batch_size,
        accumulate=accumulate,
        drop_last=drop_last,
        has_validation=held_out is not None,
        data_identity=examples.identity,
        engine=engine,
    )
    run.history.watch = seen[0] if seen else None
    evaluator = _evaluator(run, objective, held_out)
    loop = Loop(run, examples, objective, evaluator, listeners)
    model.class_names = model.class_names or examples.source.class_names
    products = {} if precision is None else {"precision": precision}
    with config.using(**products):
        run.history.settings = _settings(run, objective, examples, held_out)
        return loop.train(resume)


class Loop(EpochLoop):
    """The loop of one run.

    Arguments:
        run: its state, new or from a checkpoint.
        examples: what is trained on.
        objective: the loss.
        evaluator: for the validation data, or None.
        callbacks: objects that listen to events.
    """

    def __init__(
        self,
        run: Run,
        examples: Examples,
        objective: Objective,
        evaluator: Evaluator | None,
        callbacks: Sequence[Any],
    ) -> None:
        super().__init__(run, callbacks)
        self.settled = 0  # batches in a row on which a minimizer has converged
        # Not a method: the guard keeps it, and must not keep the loop that keeps it.
        self.batches = functools.partial(_batches, examples, run)
        self.evaluator = evaluator
        self.probes = [c for c in run.callbacks if hasattr(c, "measured")]
        make: Any = training_step if run.accumulate == 1 else AccumulatingStep
        self.minimizes = run.optimizer.evaluates_loss
        if isinstance(run.model, nn.Game):
            from .players import GameStep, warn_of_idle_players  # few need it

            make = GameStep
            if run.num_batches is not None:
                warn_of_idle_players(run.model, run.num_batches * run.epochs)
        if self.minimizes:
            from .minimizing import MinimizingStep  # few trainings need it

            whole = _is_whole(examples, run)
            make = functools.partial(MinimizingStep, whole=whole)
        check = LabelCheck(examples, objective)
        run.inspection = functools.partial(
            inspection, run.model, objective, check, run.engine
        )
        self.step: Any = make(
            run.model,
            objective,
            run.tally.metrics,
            run.optimizer,
            check,
            run.engine,
            self.probes,
        )
        self.strides = Strides(
            examples,
            run,
            not _is_whole(examples, run),
            self.announce,
            self.step,
            self.batches,
        )

    def prepare(self) -> None:
        """What validation needs is compiled."""
        if self.evaluator is not None and self.run.epoch <= self.run.epochs:
            self.evaluator.rehearse()

    def begin(self) -> None:
        """Values are watched, as callbacks have left them."""
        steady = all(getattr(c, "only_observes", False) for c in self.run.callbacks)
        self.guard = NumericsGuard(self.run, self.step, self.batches, steady)

    def check(self) -> None:
        """Refuses a NaN among the values."""
        self.guard.check_values()

    def epoch(self) -> None:
        """One epoch, or the rest of one; ends early when the run is to stop."""
        run, announce = self.run, self.announce
        self.guard.begin_epoch()
        for batch in self.strides(run.epoch, run.batch):
            if isinstance(batch, Stride):
                self._stride(batch)
            else:
                self._batch(*batch)
            if self.stopping() and run.batch != run.num_batches:
                return
        if run.inputs is None:  # resumed behind the last step
            done = self.batches(run.epoch, run.batch - 1)
            run.inputs, run.targets = next(done, (None, None))
        self.guard.end_epoch()
        row: Row = {"epoch": run.epoch, **_plain(run.tally.results())}
        seconds = run.epoch_seconds()
        if self.evaluator is not None:
            announce("on_validation_start", run)
            results = self.evaluator(lambda: self.interruption.asked)
            if self.interruption.asked:  # it is repeated when the run is resumed
                return
            row |= {f"validation_{n}": v for n, v in _plain(results).items()}
            run.row = row
            announce("on_validation_end", run)
        self.complete(row, seconds)

    def _batch(self, inputs: Any, targets: Any) -> None:
        """One training step, with its events."""
        run, listeners = self.run, self.announce.listeners
        run.inputs, run.targets = inputs, targets
        for listener in listeners["on_batch_start"]:
            listener(run)
        loss, measured, probed = self.step(inputs, targets)
        run.loss = float(loss.value)
        run.batch += 1
        run.step += 1
        self.guard.look(run.loss)
        if run.accumulate == 1:
            weight = float(mass(inputs, targets))
            run.tally.add(run.loss, weight, num_rows(inputs), measured)
            probed = [probed]
        else:
            for rows, weight, value, part in measured:
                run.tally.add(value, weight, rows, part)
        if self.minimizes:
            self._note(self.step)
        for seen in probed:
            for probe, values in zip(self.probes, seen, strict=True):
                probe.measured(values)
        for listener in listeners["on_batch_end"]:
            listener(run)

    def _stride(self, part: Stride) -> None:
        """Many training steps in one call, and their events: those of the last one."""
        run = self.run
        loss, measured, _ = self.step.for_rows(part.rows, part.inputs, part.targets)
        losses = loss.value
        wrong = np.flatnonzero(~np.isfinite(losses))
        done = int(wrong[0]) + 1 if len(wrong) else len(losses)
        run.inputs, run.targets = part.last
        run.loss = float(losses[done - 1])
        run.batch += done
        run.step += done
        self.guard.look(run.loss)
        run.tally.add_many(losses, part.masses(), part.rows.size, measured)
        for listener in self.announce.listeners["on_batch_end"]:
            listener(run)

    def _note(self, step: MinimizingStep) -> None:
        """What the iteration of a minimizer says of itself. Training ends where it has
        nothing more to do; with several batches, where that is so for each.
        """
        run = self.run
        assert step.last is not None
        run.tally.note(step.figures())
        reason = step.last.stopped
        self.settled = self.settled + 1 if reason else 0
        if reason and self.settled >= (run.num_batches or math.inf):
            run.stop(reason)


def _batches(
    examples: Examples, run: Run, epoch: int, start: int
) -> Iterator[tuple[Any, Any]]:
    """The batches of the steps of an epoch, counted from 1, beginning with one of them:
    inputs and targets or, where several batches make a step, lists of both.
    """
    size, several = run.batch_size, run.accumulate
    count = examples.num_batches(size, run.drop_last)
    batches = examples.batches(
        size,
        shuffle=not _is_whole(examples, run),  # the same sums every time
        seed=run.seed,
        epoch=epoch - 1,
        start_batch=start * several if count is None else min(start * several, count),
        drop_last=run.drop_last,
    )
    return batches if several == 1 else _grouped(batches, several)


def _is_whole(examples: Examples, run: Run) -> bool:
    """Whether every epoch is an iteration on the same batch of all examples."""
    if not run.optimizer.evaluates_loss or run.num_batches != 1:
        return False
    source = examples.source
    return isinstance(source, Dataset) and source.augmentation is None


def _grouped(
    batches: Iterator[tuple[Any, Any]], several: int
) -> Iterator[tuple[list[Any], list[Any]]]:
    """As many batches at a time, the last time those that are left."""
    while group := list(islice(batches, several)):
        yield [inputs for inputs, _ in group], [targets for _, targets in group]


def _num_steps(
    examples: Examples, batch_size: int, drop_last: Any, accumulate: int
) -> int | None:
    """The steps of an epoch; None where a stream does not say."""
    if not isinstance(drop_last, bool):
        raise ArgumentError(f"fit: drop_last={drop_last!r}: expected True or False")
    if drop_last and examples.is_stream:
        raise ArgumentError(
            f"fit: drop_last=True of {examples.source!r}: its batches come as they are",
            fix="leave the last batch out where they are made",
        )
    count = examples.num_batches(batch_size, drop_last)
    return None if count is None else -(-count // accumulate)


def _plain(results: dict[str, Any]) -> Row:
    return {n: v.tolist() if hasattr(v, "tolist") else v for n, v in results.items()}


def _check_whole(name: str, value: Any, least: int) -> None:
    whole = hasattr(value, "__index__") and not isinstance(value, bool)
    if not whole or value < least:
        raise ArgumentError(
            f"fit: {name}={value!r}: expected a whole number of at least {least}"
        )


def _settings(
    run: Run, objective: Objective, examples: Examples, held_out: Examples | None
) -> dict[str, Any]:
    """What the history says of how the run was started."""
    return {
        "loss": objective.name,
        **({"loss_is_direction": True} if objective.is_direction else {}),
        "optimizer": repr(run.optimizer),
        "epochs": run.epochs,
        "batch_size": run.batch_size,
        "accumulate": run.accumulate,
        "seed": run.seed,
        "data": str(examples),
        "validation": None if held_out is None else str(held_out),
        "engine": run.engine or config.engine,
        "precision": config.precision,
        "environment": environment(),
    }


def _evaluator(
    run: Run, objective: Objective, held_out: Examples | None
) -> Evaluator | None:
    """The evaluation of the validation data, if there are any."""
    if held_out is None:
        return None
    larger = LARGER_BATCHES * run.batch_size
    metrics = run.tally.metrics
    return Evaluator(run.model, held_out, objective, metrics, larger, run.engine)


def _watch(watch: Any) -> list[Watch]:
    """The callback that ``watch=`` stands for, if any."""
    if watch is None or watch is False:
        return []
    if watch is True:
        return [Watch()]
    if isinstance(watch, Watch):
        return [watch]
    if isinstance(watch, (list, tuple)):
        return [Watch(watch)]
    raise ArgumentError(
        f"fit: watch={watch!r}: expected True, a list of paths of layers, or a Watch",
        fix='watch=True, or watch=["0", "2"]',
    )


def _callbacks(callbacks: Any) -> list[Any]:
    if isinstance(callbacks, (list, tuple)):
        return list(callbacks)
    raise ArgumentError(
        f"fit: callbacks={callbacks!r}: expected a list",
        fix="callbacks=[callbacks.EarlyStopping(…)]",
    )
