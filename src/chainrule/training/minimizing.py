"""``MinimizingStep``: a training step that is an iteration of a minimizer.

Place on the road: beside ``step``, for what evaluates the loss itself. It must not know
of epochs or callbacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backprop import backprop
from ..compiler.compile import compile
from ..dtypes import float64
from ..nn.ensemble import Ensemble, Members
from ..nn.module import Module
from ..optim import Composed, Iteration, Minimizer
from ..tensor import tensor
from .metrics import Metric
from .objective import Objective
from .run import PENALISED, minimizer_columns
from .step import Check, Probe, call, measure, watched_call


class MinimizingStep:
    """One iteration on one batch, or on all examples.

    It is called with inputs and targets, and returns the loss and what the metrics
    measured, both of the point where the iteration began, and what the probes measured.

    Arguments:
        model, objective, metrics, optimizer, check, engine, probes: as those of
            ``training_step``.
        whole: whether every call has the same batch, all examples.
    """

    def __init__(
        self,
        model: Module,
        objective: Objective,
        metrics: Sequence[Metric],
        optimizer: Minimizer,
        check: Check,
        engine: str | None,
        probes: Sequence[Probe] = (),
        whole: bool = False,
    ) -> None:
        self.optimizer, self.whole = optimizer, whole
        optimizer.engine = engine
        self.last: Iteration | None = None

        average = model.average if isinstance(model, Ensemble) else ""

        # The outputs are tensors alone: curvature is that of a loss of tensors.
        def outputs(inputs: Any, targets: Any) -> Any:
            z = call(model, objective.arguments(inputs, targets), training=True)
            return z.outputs if average else z

        def answer(z: Any) -> Any:
            return Members(z, average).together() if average else z

        def loss(z: Any, inputs: Any, targets: Any) -> Any:
            check(answer(z), targets)
            given = Members(z, average) if average else z
            return objective(given, objective.fitted(answer(z), targets))

        def seen(z: Any, inputs: Any, targets: Any) -> Any:
            return measure(metrics, answer(z), objective.fitted(answer(z), targets))

        self.composed = Composed(outputs, loss, seen)
        self._look: Any = None
        if probes:
            look = _observation(model, self.composed, optimizer, probes)
            self._look = compile(look, engine=engine)

    def __call__(self, inputs: Any, targets: Any) -> Any:
        """One iteration."""
        reuse = self.whole and self.optimizer.num_steps > 0
        last = self.optimizer.step(self.composed, inputs, targets, reuse=reuse)
        self.last = last
        probed = [] if self._look is None else self._look(inputs, targets)
        return tensor(last.loss, dtype=float64), last.measured, probed

    def explain(self, inputs: Any, targets: Any, *, measure: bool = False) -> Any:
        """How an evaluation of loss and gradient is compiled."""
        return self.optimizer.explain(self.composed, inputs, targets, measure=measure)

    def function(self, inputs: Any, targets: Any) -> Any:
        """The loss and its gradient, operation by operation."""
        value, loss, _ = self.optimizer.minimised(self.composed, (inputs, targets))
        backprop(value)
        return loss, [], []

    def figures(self) -> dict[str, float]:
        """What the history says of the last iteration."""
        last = self.last
        assert last is not None
        told = last._asdict() | {PENALISED: last.objective}
        figures = {name: told[name] for name in minimizer_columns(self.optimizer)}
        return figures | ({"products": last.products} if last.products else {})


def _observation(
    model: Module, composed: Composed, optimizer: Minimizer, probes: Sequence[Probe]
) -> Any:
    """What probes see of an iteration, after it: the pass forward and backward where it
    began, and how the parameters have changed since.
    """

    def look(inputs: Any, targets: Any) -> Any:
        weights = optimizer.trained()
        after = {w: w.read() for w in weights}
        before = {w: w.read() for w in model.parameters()}
        before |= optimizer.slot("origin", weights)
        for w in weights:
            w.assign(before[w])

        def once_more() -> Any:
            with watched_call(model, probes):
                z = composed.outputs(inputs, targets)
            return backprop(composed.loss(z, inputs, targets))

        gradients = optimizer.again(once_more)  # with the same draws
        for w in weights:
            w.assign(after[w])
        return [probe.measure(gradients, before) for probe in probes]

    return look
