"""``evaluate`` and ``predict``: a trained network on data, one line each.

Place on the road: beside the loop, which evaluates its validation data with the same
code. Nothing is trained here, and nothing is changed.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..data import Dataset, Split, Stream
from ..errors import ArgumentError, DataError, ShapeError
from ..nn.module import Module
from .examples import Examples, LabelCheck, model_dtype, refuse_table
from .formats import shown
from .metrics import Metric, resolve
from .metrics.returned import Returned
from .objective import GameObjective, Objective, objective_of
from .snapshot import generators
from .step import evaluation_step, mass, num_rows, prediction
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
            text = (
                shown(value, name) if not isinstance(value, np.ndarray) else str(value)
            )
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
        self.model = model
        self.examples = examples
        self.objective = objective
        self.batch_size = batch_size
        self.tally = Tally(metrics)
        check = LabelCheck(examples, objective)
        self._look = evaluation_step(model, objective, metrics, check, engine)
        self._opened = False  # whether a NaN was looked into

    def rehearse(self) -> None:
        """Evaluates one batch, so that mistakes are errors before training. Random
        numbers stay as they were, for a run that goes on from a checkpoint.
        """
        drawn = [each.state for _, each in generators(self.model)]
        before = [state.array.copy() for state in drawn]
        self._seen(*next(iter(self.examples.batches(self.batch_size))))
        for state, array in zip(drawn, before, strict=True):
            state.assign(array)

    def __call__(self, stop: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """The columns: the loss, then the metrics, over all examples.

        Arguments:
            stop: called after each batch; when it returns True, the columns are those
                of the batches so far.
        """
        self.tally.clear()
        for inputs, targets in self.examples.batches(self.batch_size):
            value, measured = self._seen(inputs, targets)
            weight = float(mass(inputs, targets))
            self.tally.add(value, weight, num_rows(inputs), measured)
            if stop():
                break
        results = self.tally.results()
        if self.objective is None:
            del results["loss"]
        return results

    def _seen(self, inputs: Any, targets: Any) -> tuple[float, Any]:
        """Loss and metrics of a batch. Where the loss is NaN, it is computed openly,
        for the error of a target that it cannot be of.
        """
        loss, measured = self._look(inputs, targets)
        value = 0.0 if loss is None else float(loss.value)
        if math.isnan(value) and not self._opened:
            self._opened = True
            self._look.function(inputs, targets)
        return value, measured


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

    Each batch's loss counts by its number of examples or, where they have weights, by
    the sum of these; metrics are computed from sums over all batches, in which all
    examples count alike.

    Arguments:
        model: the network; it is called with ``training=False`` and not changed.
        data: a ``Dataset``; ``(x, y)``, or ``(x, y, sample_weight)``; a ``Stream``; of
            a ``Split``, the test part. Labels that are names count by the model's
            ``class_names``.
        loss: as in ``fit``; the usual one for the targets when not given; not given
            where the model returns its own, ``outputs_loss``.
        metrics: as in ``fit``.
        batch_size: examples in one go: only memory and speed depend on it.
        engine: the engine of ``cr.compile``.

    Returns:
        A dictionary that prints itself: ``{"loss": 0.31, "accuracy": 0.93}``.

    Raises:
        DataError: for data without targets, labels that the model has no output for, or
            texts that are none of its ``class_names``.
        ArgumentError: for a loss or metrics of a model that returns its own loss.

    Example:
        >>> import numpy as np
        >>> from chainrule import nn
        >>> model = nn.Linear(2, 3)
        >>> result = evaluate(model, (np.zeros((4, 2)), [0, 1, 2, 0]))
        >>> sorted(result)
        ['accuracy', 'loss']
    """
    check_model("evaluate", model)
    refuse_table("evaluate", data)
    if isinstance(data, Split):
        data = data.test
    examples = Examples.of(data, "evaluation data", model_dtype(model)).counted_by(
        model.class_names
    )
    if examples.kind == "none" and loss is None and not model.outputs_loss:
        raise DataError(
            f"evaluate: {examples.source!r} has no targets to compare with",
            fix="cr.evaluate(model, (x, y)); for outputs alone: cr.predict(model, x)",
        )
    objective = objective_of(model, loss, examples.kind, examples.has_weights)
    chosen = chosen_metrics(metrics, objective)
    evaluator = Evaluator(model, examples, objective, chosen, batch_size, engine)
    results = evaluator()
    return Evaluation(results, evaluator.tally.examples)


def chosen_metrics(metrics: Any, objective: Objective) -> list[Metric]:
    """The requested metrics, or the usual ones: for the targets, or of a game the
    losses of all players but the first, whose is the loss.
    """
    objective.refuse_metrics(metrics)
    if metrics is not None:
        return resolve(metrics)
    if isinstance(objective, GameObjective):
        return [Returned(player, f"{player}_loss") for player in objective.players[1:]]
    usual = [copy.copy(metric) for metric in resolve(objective.usual_metrics)]
    for metric in usual:
        metric.usual = True
    return usual


def predict(
    model: Module | Callable[..., Any],
    x: Any,
    *,
    labels: bool = False,
    batch_size: int = BATCH_SIZE,
    engine: str | None = None,
) -> Any:
    """The network's outputs for many inputs, as one NumPy array.

    Outputs are what the model returns: logits of classes, unless it ends otherwise.
    With ``labels=True`` the class of the largest is returned instead: its name where
    the model has ``class_names``, else its number.

    A method of a model in its place, as ``cr.predict(model.encode, x)``, gives what it
    returns for each row: codes, where the model itself returns its loss.

    Arguments:
        model: the network, which is called with ``training=False``; or a method of one,
            which is called with the inputs alone.
        x: ``(N, …)`` inputs, a tuple of several such, or a ``Dataset`` or ``Stream``
            whose targets are ignored; of a ``Split``, the test part.
        labels: whether classes are returned in place of outputs.
        batch_size: examples in one go.
        engine: the engine of ``cr.compile``.

    Returns:
        ``(N, …)`` array; where the model returns several, nested as it nests them.
        Of outputs ``(N, …, K)``, the labels are ``(N, …)`` texts or int64.

    Raises:
        DataError: for no inputs, or inputs with NaN.
        ShapeError: when the model does not return one row for each input, or labels are
            asked for and it does not return one output for each class.

    Example:
        >>> import numpy as np
        >>> from chainrule import nn
        >>> model = nn.Linear(2, 3)
        >>> predict(model, np.zeros((5, 2))).shape
        (5, 3)
        >>> model.class_names = ("cat", "dog", "owl")
        >>> model.bias.assign([0.0, 0.5, 0.1])
        >>> predict(model, np.zeros((2, 2)), labels=True)
        array(['dog', 'dog'], dtype='<U3')
    """
    owner: Any = getattr(model, "__self__", model)
    check_model("predict", owner)
    if isinstance(model, Module) and model.outputs_loss:
        raise ArgumentError(
            f"predict: {type(model).__name__} returns its loss, not outputs",
            fix=f"{_outputs_of(model)}; cr.evaluate for the loss",
        )
    refuse_table("predict", x)
    if isinstance(x, Split):
        x = x.test
    if not isinstance(x, (Dataset, Stream)):
        x = Dataset(x, name="inputs")
    examples = Examples.of(x, "inputs", model_dtype(owner))
    function = prediction(model, engine)
    parts: list[list[Any]] = []
    structure: tree.Structure = None
    for inputs, _ in examples.batches(batch_size):
        leaves, structure = tree.flatten(function(inputs))
        parts.append([leaf.value for leaf in leaves])
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    outputs = tree.unflatten(structure, joined)
    return _labels(outputs, owner.class_names) if labels else outputs


def _outputs_of(model: Module) -> str:
    """How the outputs are had of a model that returns its loss."""
    if hasattr(model, "encode"):
        return "cr.predict(model.encode, x)"
    inside = [name for name, part in model.children() if part.parameters()]
    if inside:
        return f"cr.predict(model.{inside[0]}, x), of the network inside it"
    return "a method that computes them"


def _labels(outputs: Any, names: tuple[str, ...] | None) -> Any:
    """The class of the largest output: its name, or its number where it has none."""
    shape = outputs.shape if isinstance(outputs, np.ndarray) else None
    if shape is None or len(shape) < 2 or shape[-1] < 2:
        described = shape or f"in a {type(outputs).__name__}"
        raise ShapeError(
            f"predict: labels=True of outputs {described}: expected one output for "
            "each class",
            fix="predict(model, x), and your own threshold or choice of output",
        )
    classes = outputs.argmax(-1)
    if names is None:
        return classes
    if len(names) != shape[-1]:
        raise ShapeError(
            f"predict: labels=True of outputs {shape} with {len(names)} class names: "
            f"{shape[-1]} ≠ {len(names)}; one output for each name",
            fix="model.class_names = (…), one for each output",
        )
    return np.array(names)[classes]


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
