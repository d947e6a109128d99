"""Which columns of a table a network's predictions rest on, measured in two ways.

Place on the road: above the scores of a run, below ``SavedRun``. It looks at the
network from outside: it must not know how it is built.

- Permutation: a column is shuffled among the rows, and the score gets worse by what the
  network owed to it. Of two columns that say the same each can seem to matter little.
- Gradient × input: Σ x · ∂s/∂x over the numbers that the column became, where s is the
  predicted amount, or by how much the output of the predicted class exceeds the average
  output. It says how strongly the prediction is moved, whether for better or worse.

Sources: Breiman (2001), "Random forests", section 10; Fisher, Rudin & Dominici (2019),
"All models are wrong, but many are useful"; Shrikumar, Greenside & Kundaje (2017),
"Learning important features through propagating activation differences".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import data, nn
from ..backprop import backprop
from ..errors import ArgumentError
from ..models.bayesian.posterior import Posterior
from ..tensor import tensor
from ..wording import counted, signed
from . import report
from .example import feature_groups
from .predictions import predict
from .settings import Settings

Array = np.ndarray[Any, np.dtype[Any]]

#: The most rows that columns are shuffled among.
MOST_ROWS = 2000


@dataclass(frozen=True)
class ColumnImportance:
    """How much one column matters.

    Arguments:
        column: its name.
        permutation: by how much the score gets worse on average when the column is
            shuffled: of accuracies from 0 to 1, or in the units of the target.
        permutation_std: the standard deviation over the repeats.
        gradient_input: the average over the rows of |Σ x · ∂s/∂x|.
        gradient_input_std: its standard deviation over the rows.
    """

    column: str
    permutation: float
    permutation_std: float
    gradient_input: float
    gradient_input_std: float


@dataclass(frozen=True, repr=False)
class Importance:
    """The columns of a run, the one that matters most first.

    ``pandas.DataFrame(importance.to_dict())`` makes a frame of it.

    Arguments:
        columns: one entry a column.
        score_name: which score gets worse: ``"accuracy"`` or ``"rmse"``.
        score: what it is when nothing is shuffled.
        examples: how many rows were looked at.
        part: which data they are.
        repeats: how often each column was shuffled.
        only: the class that is predicted for every row, if there is one: then no
            column makes a difference.
    """

    columns: tuple[ColumnImportance, ...]
    score_name: str
    score: float
    examples: int
    part: str
    repeats: int
    only: str = ""

    def __iter__(self) -> Iterator[ColumnImportance]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def to_dict(self) -> dict[str, list[Any]]:
        """The columns of a table."""
        names = ColumnImportance.__dataclass_fields__
        return {name: [getattr(each, name) for each in self] for name in names}

    def table(self) -> list[list[str]]:
        """A head and a row for each column, as it is printed."""
        accuracy = self.score_name == "accuracy"
        head = "accuracy lost when shuffled" if accuracy else "RMSE added when shuffled"
        rows = [["column", head, "gradient × input"]]
        scale, unit = (100.0, " points") if accuracy else (1.0, "")
        for each in self:
            lost = _spread(scale * each.permutation, scale * each.permutation_std)
            moved = _spread(each.gradient_input, each.gradient_input_std)
            rows.append([each.column, lost + unit, moved])
        return rows

    def sentence(self) -> str:
        """What the table is about."""
        score = (
            f"{100 * self.score:.4g} %"
            if self.score_name == "accuracy"
            else (f"{self.score:.4g}")
        )
        name = {"rmse": "RMSE"}.get(self.score_name, self.score_name)
        same = (
            f"; the same class, {self.only!r}, is predicted for every row"
            if self.only
            else ""
        )
        return (
            f"{counted(self.examples, 'row')} of the {self.part} data, {name} {score}; "
            f"each column shuffled {counted(self.repeats, 'time')}{same}"
        )

    def __repr__(self) -> str:
        rows = self.table()
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))
            for row in rows
        ]
        return "\n".join([self.sentence(), *(line.rstrip() for line in lines)])


def _spread(mean: float, std: float) -> str:
    """``12.3 ± 0.8``: both with as many decimals as the spread needs."""
    digits = max(0, 1 - int(np.floor(np.log10(std)))) if std > 0 else 2
    digits = min(digits, 4)
    return signed(f"{mean:.{digits}f} ± {std:.{digits}f}")


def measure_importance(
    model: nn.Module,
    examples: data.Dataset,
    settings: Settings,
    part: str,
    repeats: int,
    seed: int,
) -> Importance:
    """Both measures of every column of a table.

    Arguments:
        model, settings: of the run.
        examples: rows with known targets, at most ``MOST_ROWS`` of which are used.
        part: what they are called.
        repeats: how often each column is shuffled.
        seed: of the shuffles.

    Raises:
        ArgumentError: the network takes images; a number of repeats below 1.
    """
    if settings.transform is None:
        raise ArgumentError(
            "importance: the network was trained on images, which have no columns",
            fix="run.explain(image) shows what it makes of one",
        )
    if repeats < 1:
        raise ArgumentError(f"importance: repeats={repeats}: expected at least 1")
    source = np.random.default_rng(seed)
    if len(examples) > MOST_ROWS:
        chosen = source.choice(len(examples), MOST_ROWS, replace=False)
        examples = examples.subset(np.sort(chosen))
    inputs, targets = np.asarray(examples[:][0]), np.asarray(examples.targets)
    key, lower = report.MAIN_SCORES[settings.task]

    def score(shuffled: Array) -> float:
        said = predict(model, shuffled, settings)
        return float(report.measure(said, targets)[key])

    base = score(inputs)
    moved = _gradient_times_input(model, inputs, settings)
    found = []
    for column, places in feature_groups(settings).items():
        losses = []
        for _ in range(repeats):
            shuffled = inputs.copy()
            order = source.permutation(len(inputs))
            shuffled[:, places] = inputs[order][:, places]
            losses.append((score(shuffled) - base) * (1 if lower else -1))
        effect = np.abs(moved[:, places].sum(axis=1))
        numbers = (np.mean(losses), np.std(losses), effect.mean(), effect.std())
        found.append(ColumnImportance(column, *map(float, numbers)))
    found.sort(key=lambda each: (-each.permutation, -each.gradient_input))
    only = ""
    if settings.task == "classification":
        names = set(predict(model, inputs, settings).names)
        only = names.pop() if len(names) == 1 else ""
    return Importance(tuple(found), key, base, len(inputs), part, repeats, only)


def _gradient_times_input(model: Any, inputs: Array, settings: Settings) -> Array:
    """``(N, D)``: x · ∂s/∂x for every number of every row; in the target's units."""
    x = tensor(inputs)
    outputs = (model.plain_network() if isinstance(model, Posterior) else model)(x)
    if settings.task == "classification":
        chosen = outputs.argmax(axis=1)
        rows = np.arange(len(inputs))
        score = (outputs[rows, chosen.numpy()] - outputs.mean(axis=1)).sum()
        scale = 1.0
    else:
        score = outputs[:, :1].sum()  # a variance may follow
        fitted = data.TableTransform.from_json(settings.transform)
        scale = 1.0 if fitted.target is None else fitted.target.std
    return np.asarray(backprop(score)[x].numpy(), dtype=np.float64) * inputs * scale
