"""``find_lr``: the loss while the learning rate rises, over several seeds.

Place on the road: beside the loop, whose compiled step it takes. It trains copies, and
must change nothing that it was given.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import nn, optim
from ..errors import ArgumentError, missing_package
from ..foreign import Settled, advised
from ..graph import Array
from ..nn.module import Module
from ..random_numbers import default_generator
from .evaluation import check_model
from .examples import Examples, LabelCheck, training_and_validation
from .objective import objective_of
from .step import training_step

#: The lowest loss is too far: there it is about to rise. Smith's and Gugger's rule.
BELOW_THE_LOWEST = 10.0
#: Losses are averaged over neighbours, with weights of a normal curve of this width.
WIDTH = 2.5
#: A loss that falls by less than this, of itself, has not fallen.
ROUNDING = 1e-6
#: Beyond this factor between seeds one number would say too much.
DISAGREE = 10.0
#: Steps of a curve that are needed to say anything.
FEWEST_STEPS = 20


@dataclass
class LearningRates(Settled):
    """What ``find_lr`` found: curves, a suggestion, and how far the seeds agree.

    Attributes:
        rates: ``(S,)``, the learning rate of every step.
        losses: ``(K, S)``, for each seed the loss after the step with this rate, on the
            next batch; NaN from where it had diverged.
        smoothed: ``(K, S)``, the same, averaged over neighbours.
        by_seed: each seed's suggestion; without those whose loss never fell.
        suggestion: their geometric mean; None where no seed has one.
        notes: what speaks against it.
        about: optimizer and batch size, in words.
    """

    rates: Array
    losses: Array
    smoothed: Array
    by_seed: tuple[float, ...]
    notes: tuple[str, ...]
    about: str

    @property
    def suggestion(self) -> float | None:
        """A tenth of the rate where the loss was lowest, the mean over the seeds."""
        if not self.by_seed:
            return None
        return math.exp(sum(map(math.log, self.by_seed)) / len(self.by_seed))

    @property
    def range(self) -> tuple[float, float] | None:
        """The lowest and the highest suggestion of a seed, and a step beyond: no curve
        is known more finely.
        """
        if not self.by_seed:
            return None
        factor = float(self.rates[1] / self.rates[0])
        return min(self.by_seed) / factor, max(self.by_seed) * factor

    def plot(self, path: str | os.PathLike[str] | None = None, ax: Any = None) -> Any:
        """The losses over the learning rate: every seed, and the suggestions' range.

        Arguments:
            path: a file to write, PNG, SVG or PDF by its suffix.
            ax: a matplotlib ``Axes`` to draw into.

        Returns:
            The matplotlib ``Figure``.

        Raises:
            MissingPackageError: without matplotlib.
        """
        try:
            from .rate_curves import draw  # most programs draw nothing

            return draw(self, path, ax)
        except ModuleNotFoundError as error:
            raise missing_package("matplotlib", "LearningRates.plot") from error

    def __repr__(self) -> str:
        lines = [
            f"{self.about}: {len(self.losses)} seeds, {len(self.rates)} steps from "
            f"{self.rates[0]:.2g} to {self.rates[-1]:.2g}"
        ]
        if self.range is not None:
            low, high = self.range
            lines.append(
                f"suggestion  {self.suggestion:.2g}, by seed {low:.2g} to {high:.2g}"
            )
        else:
            lines.append("suggestion  none")
        lines += [f"  {note}" for note in self.notes]
        lines.append("  a place to begin: choose by the loss on validation data")
        return "\n".join(lines)


@advised("training.FIT")
def find_lr(
    model: Module,
    data: Any,
    *,
    loss: Any = None,
    optimizer: Any = None,
    batch_size: int = 32,
    lowest: float = 1e-7,
    highest: float = 10.0,
    steps: int = 100,
    seeds: int = 3,
    engine: str | None = None,
) -> LearningRates:
    """Learning rates to begin with: the loss while the rate rises from step to step.

    Copies of the network are trained with rates that rise by one factor, each with its
    own order of the examples and its own dropout. Where the loss falls fastest the rate
    is good, where it begins to rise it is too large; a tenth of the rate with the
    lowest loss is suggested.

    This is a rule of thumb, which depends on the batches and on the range, and says
    nothing of the epochs to come: the spread over the seeds is part of the answer, and
    no rate is set by it. Network, optimizer, data and random numbers are afterwards as
    they were. All seeds begin with the weights that the network has.

    Arguments:
        model, data, loss, engine: as in ``fit``; of a ``Split`` the training part.
        optimizer: a name, or an optimizer without parameters, or one of the model's,
            whose groups keep the proportions of their rates. "adam" when not given.
        batch_size: examples in a batch; the answer is for batches of this size.
        lowest, highest: the rates of the first step and of the last.
        steps: how many rates are tried; a training ends earlier where it diverges.
        seeds: how many trainings there are.

    Returns:
        ``LearningRates``: ``suggestion``, ``range``, ``notes``, ``plot()``.

    Raises:
        ArgumentError: for a minimizer, which needs no rate, or a range that is none.
        DataError: for data that cannot be trained on.

    Source: Smith, Cyclical learning rates for training neural networks (2017), section
    3.3; Gugger, How do you find a good learning rate (2018).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn, optim
        >>> cr.manual_seed(0)
        >>> model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        >>> found = cr.find_lr(model, cr.data.load("digits"), optimizer=optim.Adam())
        >>> 0.001 < found.suggestion < 0.1
        True
    """
    check_model("find_lr", model)
    _check_range(lowest, highest)
    _check_whole("batch_size", batch_size, 1)
    _check_whole("steps", steps, FEWEST_STEPS)
    _check_whole("seeds", seeds, 1)
    rates = np.geomspace(lowest, highest, steps)
    random, names = default_generator.state.array.copy(), model.class_names
    try:
        examples, _ = training_and_validation(data, None, model, 0)
        objective = objective_of(model, loss, examples.kind, examples.has_weights)
        curves = []
        for seed in range(seeds):
            default_generator.seed(seed)
            twin, own = _copies(model, optimizer)
            batches = _endless(examples, batch_size, seed)
            check = LabelCheck(examples, objective)
            step = training_step(twin, objective, [], own, check, engine)
            curves.append(_losses(step, batches, own, rates))
    finally:
        default_generator.state.assign(random)
        model.class_names = names
    return _judged(
        rates, np.array(curves), f"{type(own).__name__}, {batch_size} a step"
    )


def _copies(model: Module, optimizer: Any) -> tuple[Module, optim.Optimizer]:
    """A copy of the network, and an optimizer of its own."""
    if optimizer is None or isinstance(optimizer, str):
        optimizer = optim.by_name(optimizer or "adam")
    if isinstance(model, nn.Game):
        raise ArgumentError(
            f"find_lr: {type(model).__name__} has a loss for each of its players: no "
            "rate makes both of them small",
            fix="optim.Adam(lr=2e-4, betas=(0.5, 0.999)), as most begin",
        )
    if isinstance(optimizer, optim.Minimizer):
        raise ArgumentError(
            f"find_lr: {type(optimizer).__name__} has no learning rate: it searches "
            "for the length of every step itself",
            fix="cr.fit(model, data, optimizer=…) as it is",
        )
    if not isinstance(optimizer, optim.Optimizer):
        raise ArgumentError(
            f"find_lr: optimizer={optimizer!r}: expected a name or an optimizer",
            fix="optim.Adam()",
        )
    if not optimizer.is_bound:
        twin = copy.deepcopy(model)
        return twin, optimizer.bound_to(twin.parameters())
    if not set(model.parameters()) & set(optimizer.parameters):
        raise ArgumentError(
            f"find_lr: the optimizer has none of the parameters of "
            f"{type(model).__name__}",
            fix="optim.Adam(), which is given those of the model",
        )
    both: tuple[Module, optim.Optimizer] = copy.deepcopy((model, optimizer))
    return both


def _endless(
    examples: Examples, batch_size: int, seed: int
) -> Iterator[tuple[Any, Any]]:
    """Batches of one epoch after another."""
    epoch = 0
    while True:
        yield from examples.batches(batch_size, shuffle=True, seed=seed, epoch=epoch)
        epoch += 1


def _losses(
    step: Any, batches: Iterator[Any], optimizer: optim.Optimizer, rates: Array
) -> Array:
    """The loss after the step with each rate: that of the next batch, before its own
    step. NaN from where it has diverged.
    """
    first = optimizer.num_steps
    proportions = [group.lr / optimizer.lr for group in optimizer.groups]
    factor, base = float(rates[1] / rates[0]), float(rates[0])
    for group, share in zip(optimizer.groups, proportions, strict=True):
        group.lr = lambda t, share=share: share * base * factor ** (t - float(first))
    found: list[float] = []
    for _ in range(len(rates) + 1):
        found.append(float(step(*next(batches))[0].value))
        if not math.isfinite(found[-1]) or _diverged(found):
            break
    finite = found if math.isfinite(found[-1]) else found[:-1]
    after = np.full(len(rates), np.nan)
    after[: len(finite) - 1] = finite[1:]
    return after


def _diverged(losses: list[float]) -> bool:
    """Whether the last few losses are far above the first ones."""
    if len(losses) < FEWEST_STEPS:
        return False
    first, last = float(np.mean(losses[:5])), float(np.mean(losses[-3:]))
    return last > first + max(abs(first), first - min(losses))


def _smooth(losses: Array) -> Array:
    """Averages over neighbours, the losses beyond a divergence left out."""
    at = np.arange(len(losses))
    weights = np.exp(-0.5 * ((at[:, None] - at) / WIDTH) ** 2) * np.isfinite(losses)
    total = weights.sum(axis=1)
    sums = weights @ np.nan_to_num(losses)
    means = np.divide(sums, total, out=np.full(len(losses), np.nan), where=total > 0)
    return np.where(np.isfinite(losses), means, np.nan)


def _judged(rates: Array, losses: Array, about: str) -> LearningRates:
    """A suggestion, where the curves allow one, and what speaks against it."""
    smoothed = np.array([_smooth(each) for each in losses])
    found: list[float] = []
    fell_not = at_the_start = at_the_end = 0
    for raw, curve in zip(losses, smoothed, strict=True):
        if np.isfinite(curve).sum() < FEWEST_STEPS:
            fell_not += 1
            continue
        lowest = int(np.nanargmin(curve))
        start = raw[: FEWEST_STEPS // 2]
        level = abs(np.mean(start))
        if np.mean(start) - curve[lowest] <= np.std(start) + ROUNDING * level:
            fell_not += 1  # no lower than batches differ by themselves
        elif rates[lowest] / BELOW_THE_LOWEST < rates[0]:
            at_the_start += 1  # a tenth of that has not been tried
        else:
            found.append(float(rates[lowest]) / BELOW_THE_LOWEST)
            at_the_end += lowest == len(rates) - 1
    notes = []
    if fell_not:
        notes.append(
            f"{fell_not} of {len(losses)} seeds: the loss did not fall by more than "
            "batches differ"
        )
    if at_the_start:
        notes.append(
            f"{at_the_start} of {len(losses)} seeds: the loss was lowest within the "
            f"first factor of {BELOW_THE_LOWEST:g}; lowest={rates[0] / 100:.2g} begins "
            "earlier"
        )
    if at_the_end:
        notes.append(
            f"{at_the_end} of {len(losses)} seeds: the loss was still falling at "
            f"{rates[-1]:.2g}; highest={10 * rates[-1]:.2g} goes on"
        )
    if found and max(found) > DISAGREE * min(found):
        notes.append(
            f"the seeds differ by a factor of {max(found) / min(found):.0f}: this says "
            "little here"
        )
    return LearningRates(rates, losses, smoothed, tuple(found), tuple(notes), about)


def _check_range(lowest: Any, highest: Any) -> None:
    numbers = all(
        isinstance(each, (int, float)) and math.isfinite(each) and each > 0
        for each in (lowest, highest)
    )
    if not numbers or not lowest < highest:
        raise ArgumentError(
            f"find_lr: lowest={lowest!r}, highest={highest!r}: expected two positive "
            "numbers, the first one smaller",
            fix="lowest=1e-6, highest=1.0",
        )


def _check_whole(name: str, value: Any, least: int) -> None:
    whole = hasattr(value, "__index__") and not isinstance(value, bool)
    if not whole or value < least:
        raise ArgumentError(
            f"find_lr: {name}={value!r}: expected a whole number of at least {least}"
        )
