"""``evaluate`` and ``predict``: a trained network on data, one line each.

Place on the road: beside the loop, which evaluates its validation data with the same
code. Nothing is trained here, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..data import Dataset, Split, Stream
from ..errors import ArgumentError, DataError
from ..nn.module import Module
from .examples import Examples, LabelCheck, model_dtype
from .formats import shown
from .metrics import Metric, resolve
from .objective import Objective
from .step import evaluation_step, prediction
from .tally import Tally

#: Examples in a batch, unless the caller says otherwise.
BATCH_SIZE = 256


class Evaluation(dict[str, Any]):
    """The loss and the metrics by name, printed as a small table.

    Example:
        >>> Evaluation({"loss": 0.25, "accuracy": 0.9}, examples=360)
        360 examples
        loss      0.2500
        accuracy  0.9000
    """

    def __init__(self, values: dict[str, Any], examples: int) -> None:
        super().__init__(values)
        self.examples = examples

    def __repr__(self) -> str:
        width = max((len(name) for name in self), default=0)
        lines = [f"{self.examples} example{'' if self.examples == 1 else 's'}"]
        for name, value in self.items():
            text = shown(value) if not isinstance(value, np.ndarray) else str(value)
            indent = "\n" + " " * (width + 2)
            lines.append(f"{name:<{width}}  {text.replace(chr(10), indent)}")
        return "\n".join(lines)


class Evaluator:
    """Loss and metrics of examples, with a function that is compiled once.

    Arguments:
        model: the network.
        examples: what it is measured on.
        objective: the loss, or None for metrics alone.
        metrics: what is measured.
        batch_size: examples in one go.
        engine: the engine's name, or None for the default.
    """

    def __init__(
        self,
        model: Module,
        examples: Examples,
        objective: Objective | None,
        metrics: Sequence[Metric],
        batch_size: int,
        engine: str | None,
    ) -> None:
        self.examples = examples
        self.objective = objective
        self.batch_size = batch_size
        self.tally = Tally(metrics)
        check = LabelCheck(examples, objective)
        self._look = evaluation_step(model, objective, metrics, check, engine)

    def rehearse(self) -> None:
        """Evaluates one batch, so that mistakes are errors before training."""
        self._look(*next(iter(self.examples.batches(self.batch_size))))

    def __call__(self, stop: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """The columns: the loss, then the metrics, over all examples.

        Arguments:
            stop: called after each batch; when it returns True, the columns are those
                of the batches so far.
        """
        self.tally.clear()
        for inputs, targets in self.examples.batches(self.batch_size):
            loss, measured = self._look(inputs, targets)
            rows = len(inputs[0] if isinstance(inputs, tuple) else inputs)
            value = 0.0 if loss is None else float(loss.value)
            self.tally.add(value, rows, rows, measured)
            if stop():
                break
        results = self.tally.results()
        if self.objective is None:
            del results["loss"]
        return results


def evaluate(
    model: Module,
    data: Any,
    loss: Any = None,
    metrics: Any = None,
    *,
    batch_size: int = BATCH_SIZE,
    engine: str | None = None,
) -> Evaluation:
    """The loss and the metrics of a network on data, exact whatever the batch size.

    Each batch's loss counts by its number of examples; metrics are computed from sums
    over all batches.

    Arguments:
        model: the network; it is called with ``training=False`` and not changed.
        data: a ``Dataset``; ``(x, y)``; a ``Stream``; of a ``Split``, the test part.
        loss: as in ``fit``; the usual one for the targets when not given.
        metrics: as in ``fit``.
        batch_size: examples in one go: only memory and speed depend on it.
        engine: the engine of ``cr.compile``.

    Returns:
        A dictionary that prints itself: ``{"loss": 0.31, "accuracy": 0.93}``.

    Raises:
        DataError: for data without targets, or labels that the model has no output for.

    Example:
        >>> import numpy as np
        >>> from chainrule import nn
        >>> model = nn.Linear(2, 3)
        >>> result = evaluate(model, (np.zeros((4, 2)), [0, 1, 2, 0]))
        >>> sorted(result)
        ['accuracy', 'loss']
    """
    check_model("evaluate", model)
    if isinstance(data, Split):
        data = data.test
    examples = Examples.of(data, "evaluation data", model_dtype(model))
    if examples.kind == "none" and loss is None:
        raise DataError(
            f"evaluate: {examples.source!r} has no targets to compare with",
            fix="cr.evaluate(model, (x, y)); for outputs alone: cr.predict(model, x)",
        )
    objective = Objective(loss, examples.kind)
    objective.refuse_probabilities(model)
    chosen = chosen_metrics(metrics, objective)
    evaluator = Evaluator(model, examples, objective, chosen, batch_size, engine)
    results = evaluator()
    return Evaluation(results, evaluator.tally.examples)


def chosen_metrics(metrics: Any, objective: Objective) -> list[Metric]:
    """The requested metrics, or the usual ones for the targets."""
    if metrics is not None:
        return resolve(metrics)
    return resolve(objective.usual_metrics)


def predict(
    model: Module,
    x: Any,
    *,
    batch_size: int = BATCH_SIZE,
    engine: str | None = None,
) -> Any:
    """The network's outputs for many inputs, as one NumPy array.

    Outputs are what the model returns: logits of classes, unless it ends otherwise.
    ``predict(model, x).argmax(-1)`` are the classes.

    Arguments:
        model: the network; it is called with ``training=False``.
        x: ``(N, …)`` inputs, a tuple of several such, or a ``Dataset`` or ``Stream``
            whose targets are ignored; of a ``Split``, the test part.
        batch_size: examples in one go.
        engine: the engine of ``cr.compile``.

    Returns:
        ``(N, …)`` array; where the model returns several, nested as it nests them.

    Raises:
        DataError: for no inputs, or inputs with NaN.
        ShapeError: when the model does not return one row for each input.

    Example:
        >>> import numpy as np
        >>> from chainrule import nn
        >>> predict(nn.Linear(2, 3), np.zeros((5, 2))).shape
        (5, 3)
    """
    check_model("predict", model)
    if isinstance(x, Split):
        x = x.test
    if not isinstance(x, (Dataset, Stream)):
        x = Dataset(x, name="inputs")
    examples = Examples.of(x, "inputs", model_dtype(model))
    function = prediction(model, engine)
    parts: list[list[Any]] = []
    structure: tree.Structure = None
    for inputs, _ in examples.batches(batch_size):
        leaves, structure = tree.flatten(function(inputs))
        parts.append([leaf.value for leaf in leaves])
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return tree.unflatten(structure, joined)


def check_model(operation: str, model: Any) -> None:
    """An ``ArgumentError`` for something that is not a network."""
    if isinstance(model, Module):
        return
    if isinstance(model, type) and issubclass(model, Module):
        raise ArgumentError(
            f"{operation}: model {model.__name__} is a class",
            fix=f"make one: {model.__name__}(…)",
        )
    raise ArgumentError(
        f"{operation}: model is a {type(model).__name__}: expected an nn.Module",
        fix="class Net(nn.Module): def forward(self, x): …",
    )
