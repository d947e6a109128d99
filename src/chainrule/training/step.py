"""The compiled functions: a training step, an evaluation step, a prediction.

Place on the road: between ``fit`` and ``cr.compile``. What can be checked from shapes
alone is checked here while the function is traced, so that a mistake is an error before
the first step, and costs nothing afterwards. It must not know of epochs or callbacks.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .. import tree
from ..backprop import backprop
from ..compiler.compile import compile
from ..dtypes import float64
from ..errors import ArgumentError, GradientError, ShapeError
from ..gradients import Gradients
from ..graph import Node, current_trace
from ..nn.ensemble import Members
from ..nn.module import Module
from ..nn.module.call import watching
from ..optim import Accumulator, Optimizer
from ..tensor import tensor
from ..variable import Parameter, Variable
from .metrics import Metric
from .objective import Objective, trained_by, unweighted

if TYPE_CHECKING:
    from .snapshot import AnyOptimizer

#: Checks (outputs, targets) while a function is traced, and may raise an error.
Check = Callable[[Any, Any], None]


class Probe(Protocol):
    """A callback that measures inside the compiled step, as ``Watch`` does."""

    def begin(self, model: Module) -> None:
        """A step is about to be traced."""

    def before(self, module: Module, inputs: tuple[Any, ...]) -> None:
        """A module is about to compute."""

    def after(self, module: Module, inputs: tuple[Any, ...], output: Any) -> None:
        """A module has computed."""

    def measure(self, gradients: Any, before: Any) -> Any:
        """Tensors to record in every step; ``before`` has the old parameters.

        Where gradients are accumulated, both are None for each batch, and a last call,
        in which no module computes, has those of all batches.
        """

    def measured(self, values: Any) -> None:
        """The values of these tensors, after every step."""


def call(model: Module, inputs: Any, training: bool) -> Any:
    """The model's outputs for one batch: several arguments are a tuple."""
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    return model(*arguments, training=training)


def measure(metrics: Sequence[Metric], outputs: Any, targets: Any) -> list[Any]:
    """What each metric measures of a batch, as a list of tuples of tensors; None of the
    usual ones where they say nothing of several outputs. Every example counts alike,
    but for a metric that takes weights.
    """
    targets, weights = unweighted(targets)
    if metrics and not isinstance(outputs, Node):
        kind = type(outputs).__name__
        unable = [metric for metric in metrics if not metric.several]
        if unable and all(metric.usual for metric in unable):
            return [None for _ in metrics]
        if unable:
            raise ArgumentError(
                f"{unable[0].name}: the model returns a {kind}, not one tensor",
                fix="metrics=[], or a Metric of your own with several = True",
            )
    found = []
    for metric in metrics:
        more = (weights,) if metric.takes_weights and weights is not None else ()
        found.append(tuple(metric.measure(outputs, targets, *more)))
    return found


def training_step(
    model: Module,
    objective: Objective,
    metrics: Sequence[Metric],
    optimizer: Optimizer,
    check: Check,
    engine: str | None,
    probes: Sequence[Probe] = (),
) -> Any:
    """Forward, backward and update as one compiled function of (inputs, targets).

    It returns the loss and what the metrics measured, both from before the update, and
    what the probes measured.
    """

    def step(inputs: Any, targets: Any) -> Any:
        loss, gradients, measured = _forward_and_backward(
            model, objective, metrics, check, probes, inputs, targets
        )
        check_reached(model, optimizer, gradients)
        before = {w: w.read() for w in model.parameters()} if probes else {}
        optimizer.step(gradients)
        probed = [probe.measure(gradients, before) for probe in probes]
        return loss, measured, probed

    return compile(step, engine=engine)


@contextmanager
def watched_call(model: Module, probes: Sequence[Probe]) -> Iterator[None]:
    """While the model is called, the probes see what its modules compute."""
    with ExitStack() as stack:
        for probe in probes:
            probe.begin(model)
            stack.enter_context(watching(probe))
        yield


def _forward_and_backward(
    model: Module,
    objective: Objective,
    metrics: Sequence[Metric],
    check: Check,
    probes: Sequence[Probe],
    inputs: Any,
    targets: Any,
) -> tuple[Any, Gradients, list[Any]]:
    """The loss of a batch, its gradients, and what the metrics measure."""
    with watched_call(model, probes):
        given = objective.arguments(inputs, targets)
        outputs = call(model, given, training=True)
    answer = outputs.together() if isinstance(outputs, Members) else outputs
    check(answer, targets)
    targets = objective.fitted(answer, targets)
    loss = objective(outputs, targets)
    return loss, backprop(loss), measure(metrics, answer, targets)


class AccumulatingStep:
    """A training step of several batches, each by itself in memory: their gradients are
    added up, weighted by their examples, and one update is made of the sum.

    It is called with lists of inputs and of targets, and returns the average loss, and
    of every batch its number of examples, what they count for, its loss and what the
    metrics measured; and what the probes measured of every batch and, last, of the
    update.

    Arguments:
        model, objective, metrics, optimizer, check, engine, probes: as those of
            ``training_step``.
    """

    def __init__(
        self,
        model: Module,
        objective: Objective,
        metrics: Sequence[Metric],
        optimizer: Optimizer,
        check: Check,
        engine: str | None,
        probes: Sequence[Probe] = (),
    ) -> None:
        total = Accumulator(optimizer.parameters)

        def collect(inputs: Any, targets: Any, examples: Any) -> Any:
            loss, gradients, measured = _forward_and_backward(
                model, objective, metrics, check, probes, inputs, targets
            )
            check_reached(model, optimizer, gradients)
            total.add(gradients, mass(inputs, targets) / examples.astype(loss.dtype))
            return loss, measured, [probe.measure(None, None) for probe in probes]

        def update() -> Any:
            for probe in probes:
                probe.begin(model)
            before = {w: w.read() for w in model.parameters()} if probes else {}
            gradients = total.take()
            optimizer.step(gradients)
            return [probe.measure(gradients, before) for probe in probes]

        self._collect = compile(collect, engine=engine)
        self._update = compile(update, engine=engine)

    def __call__(self, inputs: Sequence[Any], targets: Sequence[Any]) -> Any:
        """One update from these batches."""
        return self._of(self._collect, self._update, inputs, targets)

    def function(self, inputs: Sequence[Any], targets: Sequence[Any]) -> Any:
        """The same, operation by operation."""
        collect, update = self._collect.function, self._update.function
        return self._of(collect, update, inputs, targets)

    def _of(self, collect: Any, update: Any, inputs: Any, targets: Any) -> Any:
        masses = [mass(x, y) for x, y in zip(inputs, targets, strict=True)]
        examples = np.array(sum(masses) or 1)
        parts, probed, loss = [], [], 0.0
        for x, y, weight in zip(inputs, targets, masses, strict=True):
            part, measured, seen = collect(x, y, examples)
            value = float(part.value)
            loss += value * float(weight) / float(examples)
            parts.append((num_rows(x), float(weight), value, measured))
            probed.append(seen)
        probed.append(update())
        return tensor(loss, dtype=float64), parts, probed


def mass(inputs: Any, targets: Any) -> Any:
    """What a batch counts for: its number of examples, or the sum of their weights."""
    weights = unweighted(targets)[1]
    return num_rows(inputs) if weights is None else weights.sum()


def inspection(
    model: Module,
    objective: Objective,
    check: Check,
    engine: str | None,
    probe: Probe,
) -> Any:
    """What a probe measures of a batch, forward and backward as in training, and no
    update: parameters, averages and random generators stay as they were.
    """

    def look(inputs: Any, targets: Any) -> Any:
        _, gradients, _ = _forward_and_backward(
            model, objective, (), check, (probe,), inputs, targets
        )
        trace = current_trace()
        assert trace is not None
        for variable in [*trace.updates]:
            if isinstance(variable, Variable):
                variable.assign(trace.variables[variable])  # as it was
        return probe.measure(gradients, {})

    return compile(look, engine=engine)


def num_rows(inputs: Any) -> int:
    """How many examples a batch has."""
    return len(inputs[0] if isinstance(inputs, tuple) else inputs)


def evaluation_step(
    model: Module,
    objective: Objective | None,
    metrics: Sequence[Metric],
    check: Check,
    engine: str | None,
) -> Any:
    """Loss and metrics of one batch, without training, as a compiled function."""

    def look(inputs: Any, targets: Any) -> Any:
        given = objective.arguments(inputs, targets) if objective else inputs
        outputs = call(model, given, training=False)
        check(outputs, targets)
        if objective is None:
            return None, measure(metrics, outputs, targets)
        targets = objective.fitted(outputs, targets)
        loss = objective(outputs, targets)
        return loss, measure(metrics, outputs, targets)

    return compile(look, engine=engine)


def prediction(model: Module | Callable[..., Any], engine: str | None) -> Any:
    """The model's outputs for a batch, without training, as a compiled function; or
    what a method of it returns.
    """

    def predict(inputs: Any) -> Any:
        if isinstance(model, Module):
            outputs = call(model, inputs, training=False)
        else:
            outputs = model(*inputs) if isinstance(inputs, tuple) else model(inputs)
        rows = num_rows(inputs)
        for leaf in tree.flatten(outputs)[0]:
            shape = np.shape(leaf) if not isinstance(leaf, Node) else leaf.shape
            if not shape or shape[0] != rows:
                raise ShapeError(
                    f"predict: {rows} inputs and outputs {shape}: "
                    "expected one row of output for each input",
                    fix="call the model itself: model(x)",
                )
        return outputs

    return compile(predict, engine=engine)


def warn_of_moving_averages(model: Module, optimizer: AnyOptimizer) -> None:
    """A warning for a part that the optimizer does not train, and that changes all the
    same: the averages of a normalization follow the batches.
    """
    trained = set(optimizer.parameters)
    for path, part in model.named_modules():
        own = [variable for _, variable in part.own_variables()]
        weights = {each for each in own if isinstance(each, Parameter)}
        follows = part.depends_on_training and len(weights) < len(own)
        if follows and weights and not weights & trained and not part.frozen:
            warnings.warn(
                f"fit: the optimizer trains no parameter of {path or 'the model'} = "
                f"{type(part).__name__}, but its averages follow the batches: its "
                "freeze() keeps it as it is",
                stacklevel=4,
            )
            return


def check_reached(model: Module, optimizer: Optimizer, gradients: Gradients) -> None:
    """A ``GradientError`` that names the parameters that the loss does not reach."""
    trained = set(optimizer.parameters)
    unreached = [
        name
        for name, parameter in model.named_parameters()
        if parameter in trained and parameter not in gradients and not parameter.frozen
    ]
    if unreached:
        listed = ", ".join(unreached[:5])
        more = f" and {len(unreached) - 5} more" if len(unreached) > 5 else ""
        raise GradientError(
            f"fit: parameter{'s' * (len(unreached) > 1)} {listed}{more} of "
            f"{type(model).__name__} not reached by the loss: no gradient leads there, "
            "so training would never change them",
            fix=trained_by(model)
            or "use them in forward, or call freeze() of their layer",
        )
