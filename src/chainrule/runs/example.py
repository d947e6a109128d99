"""One example of a run, to be explained: its inputs, its target, its columns' values.

Place on the road: beside ``predictions``, above ``sources``. It must not know how an
explanation is shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import data, nn
from ..data.tables.rules import ColumnRule
from ..errors import ArgumentError, DataError
from ..explain.entrance import explain
from ..explain.layers import NetworkExplanation
from ..models.bayesian.posterior import Posterior
from ..wording import signed
from . import new_data
from .predictions import in_units, predict
from .settings import Settings

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Example:
    """One example.

    Arguments:
        name: what it is called: ``"row 7 of the test data"``.
        inputs: ``(1, …)``, as the network takes them.
        target: ``(1,)``, a label; or ``(1, 1)``, a scaled amount.
        known: whether the target is the true one, and not the network's own.
        settings: of the run.
    """

    name: str
    inputs: Array
    target: Array
    known: bool
    settings: Settings

    @property
    def columns(self) -> list[tuple[str, str]]:
        """The columns of a table with their values: ``[("Sex", "female"), …]``."""
        return column_values(self.settings, self.inputs[0])

    def verdict(self, model: nn.Module) -> str:
        """The true class or amount, and the predicted one.

        Arguments:
            model: the network.
        """
        settings = self.settings
        said = predict(model, self.inputs, settings)
        if settings.task == "regression":
            predicted = signed(f"predicted {said.values[0]:.6g}")
            if not self.known:
                return f"{settings.target} {predicted}"
            true = in_units(self.target, settings)[0]
            return f"{settings.target} {signed(f'{true:.6g}')}, {predicted}"
        guess, share = said.names[0], said.probabilities[0].max()
        predicted = f"predicted {guess!r} with probability {100 * share:.1f} %"
        if not self.known:
            return f"{settings.target} {predicted}"
        truth = settings.classes[int(self.target[0])]
        right = "correct" if truth == guess else "wrong"
        return f"{settings.target} {truth!r}, {predicted}: {right}"


def of_dataset(
    settings: Settings, examples: data.Dataset, row: int, part: str
) -> Example:
    """An example of a part of the run's data.

    Raises:
        ArgumentError: there is no such row.
    """
    if not 0 <= row < len(examples):
        raise ArgumentError(
            f"row {row}: the {part} data have the rows 0 to {len(examples) - 1}"
        )
    inputs, targets = examples[row : row + 1]
    return Example(
        f"row {row} of the {part} data",
        np.asarray(inputs),
        np.asarray(targets),
        True,
        settings,
    )


def of_new(settings: Settings, model: nn.Module, new: Any, target: Any) -> Example:
    """A new example, with its target, or with what the network takes it for.

    Arguments:
        settings, model: of the run.
        new: a frame, a dictionary or file of one row; an image.
        target: its class or amount; None where it is not known, or among the columns.

    Raises:
        DataError: not one row; a class that the network does not know.
    """
    if isinstance(new, Mapping):
        new = {name: _listed(value) for name, value in new.items()}
    images = new_data.new_images(settings, new)
    columns = None
    if images is not None:
        inputs = np.asarray(images[1][:])
    else:
        inputs, columns = new_data.new_inputs(settings, new)
    if len(inputs) != 1:
        raise DataError(
            f"explain: {len(inputs)} rows: one example is explained at a time",
            fix="one row of it",
        )
    found = target is None and columns is not None and settings.target in columns.values
    if found or target is not None:
        rule = settings.target
        given: Any = columns if found else {rule: [target]}
        known = _target(settings, given)
        return Example("a new example", inputs, known, True, settings)
    said = predict(model, inputs, settings)
    guess = said.outputs if settings.task == "regression" else said.indices
    return Example("a new example", inputs, np.asarray(guess), False, settings)


def _listed(value: Any) -> Any:
    alone = isinstance(value, (str, bytes)) or np.ndim(value) == 0
    return [value] if alone else value


def _target(settings: Settings, given: Any) -> Array:
    if settings.transform is not None:
        fitted = data.TableTransform.from_json(settings.transform)
        return fitted.transform_target(given)
    name = str(given[settings.target][0])
    if name not in settings.classes:
        raise DataError(
            f"explain: target {name!r} is not a class of the network, which knows "
            f"{', '.join(settings.classes[:8])}"
        )
    return np.array([settings.classes.index(name)])


def explained(model: nn.Module, example: Example, title: str) -> NetworkExplanation:
    """The network on one example and back, its columns and classes by their names.

    Arguments:
        model: the network; of an ensemble its first member is opened, of another
            posterior the network at its mean.
        example: the example.
        title: the heading of text, drawing and page.
    """
    loss: Any = example.settings.training.loss
    if isinstance(model, nn.Ensemble):
        model = model.member(0)
    elif isinstance(model, Posterior):
        loss, model = model.joint.likelihood, model.plain_network()
    if example.settings.task == "regression" and not example.known:
        loss = _output
    settings = example.settings
    names = [name for rule in _rules(settings) for name in _spaced(rule)] or None
    opened: Any = explain(
        model,
        example.inputs,
        example.target,
        loss=loss,
        feature_names=names,
        class_names=settings.classes or None,
    )
    opened.title = title
    opened.facts = _facts(example, opened)
    found: NetworkExplanation = opened
    return found


def _spaced(rule: ColumnRule) -> list[str]:
    """``Sex = female``, as readers are shown it."""
    names = rule.features
    if rule.kind == "categorical":
        names[: len(rule.categories)] = [f"{rule.name} = {c}" for c in rule.categories]
    return names


def _facts(example: Example, opened: NetworkExplanation) -> list[tuple[str, ...]]:
    """The columns of a table with their values, and x · ∂L/∂x of each."""
    columns = example.columns
    if not columns or not opened.has_gradient("x"):
        return []
    pulls = (example.inputs * opened.gradient("x"))[0]
    groups = feature_groups(example.settings)
    facts: list[tuple[str, ...]] = [("column", "value", "effect on L: ∂L/∂x · x")]
    for name, value in columns:
        facts.append((name, value, signed(f"{pulls[groups[name]].sum():.3g}")))
    return facts


def _output(output: Any, target: Any) -> Any:
    """The predicted amount itself, where there is no true one to compare it with."""
    return output.sum()


def feature_groups(settings: Settings) -> dict[str, list[int]]:
    """The numbers that each column of a table became, by their places in the input."""
    groups: dict[str, list[int]] = {}
    start = 0
    for rule in _rules(settings):
        width = len(rule.features)
        groups[rule.name] = list(range(start, start + width))
        start += width
    return groups


def column_values(settings: Settings, inputs: Array) -> list[tuple[str, str]]:
    """The columns of a row with their values, read back from the encoded numbers.

    Arguments:
        settings: of the run.
        inputs: ``(D,)``, a row as the network takes it.
    """
    if settings.transform is None:
        return []
    groups = feature_groups(settings)
    return [
        (rule.name, _value(rule, inputs[groups[rule.name]]))
        for rule in _rules(settings)
    ]


def _rules(settings: Settings) -> Sequence[ColumnRule]:
    if settings.transform is None:
        return ()
    return data.TableTransform.from_json(settings.transform).columns


def _value(rule: ColumnRule, encoded: Array) -> str:
    if rule.missing and encoded[-1] == 1:
        return "missing"
    if rule.kind == "categorical":
        chosen = np.flatnonzero(encoded[: len(rule.categories)] == 1)
        return rule.categories[chosen[0]] if len(chosen) else "another"
    if rule.kind == "boolean":
        words = rule.categories or ("no", "yes")
        share = float(encoded[0])  # of a gap without a column of its own: the mean
        return words[int(share)] if share in (0, 1) else "missing"
    number = float(encoded[0]) * rule.std + rule.mean
    if rule.kind == "date":
        return _date(number)
    return signed(f"{_rounded(number, rule):.10g}")


def _date(days: float) -> str:
    """Days since 1970 as a date; with the time of day where there is one."""
    if abs(days - round(days)) < 1e-3:  # what float32 inputs cannot tell from midnight
        return str(np.datetime64(round(days), "D"))
    return str(np.datetime64(round(days * 1440), "m")).replace("T", " ")


def _rounded(number: float, rule: ColumnRule) -> float:
    """Without the digits that float32 inputs do not hold."""
    scale = max(abs(rule.mean), abs(rule.std), abs(number), 1e-30)
    digits = 6 - math.ceil(math.log10(scale))
    return round(number, digits)
