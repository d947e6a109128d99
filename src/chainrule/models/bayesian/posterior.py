"""``Posterior``: the one interface of all methods, and the simplest of them, ``MAP``.

Place on the road: above ``joint`` and ``prediction``, below the methods, each of which
says what it is trained to do (``forward``) and which weights it believes in (``draw``).

The shape of a value stands at the right of the line that makes it: N examples, T
targets or K classes, S draws of the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any, ClassVar

import numpy as np

from ... import nn
from ...compiler.compile import compile
from ...data import Dataset, Split
from ...data.validation import as_array, check_finite
from ...errors import ArgumentError, DataError, ShapeError
from ...graph import Array
from ...nn.arguments import positive_size
from ...training.examples import model_dtype, training_and_validation
from ...training.history import History
from ...training.loop import fit
from ...vectorize.transform import vmap
from .joint import Joint, drawing_from
from .likelihoods import ConditionalLikelihood
from .prediction import Prediction
from .priors import Prior

#: Draws of the weights that a prediction averages over, where they can be many.
NUM_DRAWS = 100

#: Rows of one pass of all draws: of few sizes, for each of which is compiled once.
BATCH_SIZES = (1, 4, 16, 64, 250)


class Posterior(nn.Module):
    """What is known of the weights of a network once data have been seen.

    Formula: p(w | x, y) ∝ p(y | x, w) p(w), and for new inputs p(y* | x*) = ∫ p(y* |
    x*, w) p(w | x, y) dw, an average over draws of the weights. ``num_examples`` is N
    in what is minimised, −(1/N) log p(y, w | x) or a bound of it.

    A posterior is a module that returns its loss (``outputs_loss``): ``cr.fit`` trains
    it as any other, and it is saved and loaded. ``posterior.fit(x, y)`` counts the
    examples first.

    Arguments:
        network: f(x; w), with as many outputs as ``likelihood.num_outputs`` says.
        likelihood: what its outputs mean.
        prior: of its weights; None for a flat one.
        num_examples: N, how many examples the prior is weighed against; set by ``fit``.

    Raises:
        ArgumentError: for parts of another kind.
    """

    outputs_loss: ClassVar[bool] = True

    def __init__(
        self,
        network: nn.Module,
        likelihood: ConditionalLikelihood,
        prior: Prior | None = None,
        *,
        num_examples: int | None = None,
    ) -> None:
        self.joint = Joint(network, likelihood, prior)
        self.num_examples = num_examples
        if num_examples is not None:
            name = type(self).__name__
            self.num_examples = positive_size(name, "num_examples", num_examples)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "network": self.joint.network,
            "likelihood": self.joint.likelihood,
            "prior": self.joint.prior,
            "num_examples": self.num_examples,
        }

    def describe_settings(self) -> str:
        """``GaussianPrior(std=1.0), 100 examples``"""
        seen = self.num_examples
        count = "" if seen is None else f", {seen} examples"
        return f"{self.joint.likelihood!r}, {self.joint.prior!r}{count}"

    # Learning. -----------------------------------------------------------------------

    def fit(self, x: Any, y: Any, **how: Any) -> History:
        """Learns from examples; from then on ``num_examples`` is their number.

        Arguments:
            x, y: inputs and targets, the examples along the first axis.
            how: what ``cr.fit`` takes: ``epochs``, ``optimizer``, ``seed`` … A fraction
                for validation is not learned from, and not counted.

        Raises:
            DataError: for NaN, no examples, or targets of one class only.
        """
        return self._fit(*self._parted(self.examples(x, y), how))

    def _parted(
        self, examples: Dataset, how: dict[str, Any]
    ) -> tuple[Dataset, dict[str, Any]]:
        """What is learned from, and how, with the validation data as such."""
        validation = how.get("validation")
        if not isinstance(validation, float):
            return examples, how
        seed = how.get("seed", 0)
        learned, held = training_and_validation(examples, validation, self, seed)
        assert isinstance(learned.source, Dataset)
        assert held is not None
        return learned.source, {**how, "validation": held.source}

    def _fit(self, examples: Dataset, how: dict[str, Any]) -> History:
        """Learns from all examples that are given."""
        self.num_examples = len(examples)
        return fit(self, examples, **how)

    def examples(self, x: Any, y: Any) -> Dataset:
        """Inputs and targets, checked: amounts as floats, classes as whole numbers.

        Raises:
            DataError: as of ``fit``.
        """
        kind = self.joint.likelihood.kind
        targets = as_array(y, "targets")
        if kind == "amounts" and targets.dtype.kind in "iub":
            targets = targets.astype(np.float64)
        if kind == "events":
            _check_events(targets)
            _check_both(targets)
            targets = targets.astype(np.float64)
        if kind == "classes" and targets.dtype.kind == "f":
            raise DataError(
                f"{type(self).__name__}: targets {targets.shape} of {targets.dtype} "
                "for a likelihood of classes: expected whole numbers from 0",
                fix="targets.astype('int64'), or models.GaussianLikelihood() for "
                "amounts",
            )
        task = "classification" if kind == "classes" else "regression"
        return Dataset(x, targets, name="data", task=task)

    def cost(self, x: Any, y: Any, training: bool) -> Any:
        """−(1/N) log p(y, w | x), estimated from a batch: its mean surprise, and in
        training the prior's share.
        """
        loss = -self.joint.log_likelihood(x, y, training).mean()
        if not training or type(self.joint.prior) is Prior:
            return loss
        return loss - self.joint.log_prior() / self.counted_examples()

    def counted_examples(self) -> float:
        """N.

        Raises:
            ArgumentError: where it is not known.
        """
        if self.num_examples is None:
            name = type(self).__name__
            raise ArgumentError(
                f"{name}: how many examples the prior is weighed against is not known",
                fix=f"posterior.fit(x, y), or {name}(…, num_examples=len(x))",
            )
        return float(self.num_examples)

    # Predicting. ---------------------------------------------------------------------

    def draw(self, num_draws: int, seed: int) -> list[Array]:
        """Weights from the posterior: for each of ``joint.parameters`` a stack (S, …).

        Arguments:
            num_draws: S that is asked for; a method that has other numbers of weights
                answers with these.
            seed: of what is drawn.
        """
        name = type(self).__name__
        raise ArgumentError(
            f"{name}: draw is not defined",
            fix=f"def draw(self, num_draws, seed): … in class {name}",
        )

    def outputs_at(self, values: list[Any], x: Any) -> Any:
        """The network's outputs at one draw of the weights, (N, K)."""
        with self.joint.at(values):
            return self.joint.network(x)

    def plain_network(self) -> nn.Module:
        """The network at the middle of the posterior, with no doubt: for what looks
        into a network. Of an ensemble its first member.
        """
        return self.joint.network

    def predict(
        self, x: Any, *, num_draws: int = NUM_DRAWS, seed: int = 0
    ) -> Prediction:
        """What is expected of new inputs, and how sure that is.

        Arguments:
            x: (N, …).
            num_draws: how many draws of the weights are averaged over, where the method
                does not have a number of its own.
            seed: of what is drawn: the same seed, the same prediction.

        Raises:
            DataError: for inputs with NaN.

        Returns:
            A ``Prediction``: ``.mean``, ``.epistemic``, ``.aleatoric``, ``.draws``.
        """
        inputs = self._inputs(x)
        means, variances = self._of_draws(self._moments, num_draws, seed, inputs)
        return Prediction.of(means, variances, self.joint.likelihood.kind)

    def log_predictive(
        self, x: Any, y: Any, *, num_draws: int = NUM_DRAWS, seed: int = 0
    ) -> Array:
        """log p(y | x, data) of every example, (N,): how well it says what happened.

        Formula: log (1/S) Σₛ p(y | x, wₛ).

        Arguments:
            x, y: (N, …), and targets as of ``fit``.
            num_draws, seed: as of ``predict``.
        """
        inputs, targets = self._inputs(x), self._targets(y)
        if len(inputs) != len(targets):
            raise ShapeError(
                f"log_predictive: x {inputs.shape} with y {targets.shape}: expected a "
                "target for every input"
            )
        (found,) = self._of_draws(
            self._log_densities, num_draws, seed, inputs, targets
        )  # (S, N)
        surprise = found.astype(np.float64)
        best = surprise.max(axis=0)
        shares = np.exp(surprise - best).mean(axis=0)
        return np.asarray(best + np.log(shares))

    def _of_draws(
        self,
        program: Callable[..., tuple[Any, ...]],
        num_draws: int,
        seed: int,
        *data: Array,
    ) -> list[Array]:
        """What a compiled method says at every draw, (S, N, …), batch by batch: all
        draws of a batch are one call.
        """
        count = positive_size("predict", "num_draws", num_draws)
        with drawing_from(seed):
            draws = self.draw(count, seed)
            numbers = np.arange(len(draws[0]) if draws else count)  # (S,)
            parts = [
                [each.numpy() for each in program(draws, numbers, *batch)]
                for batch in _batches(data)
            ]
        rows = len(data[0])
        return [np.concatenate(p, axis=1)[:, :rows] for p in zip(*parts, strict=True)]

    @compile
    def _moments(self, draws: list[Any], numbers: Any, x: Any) -> tuple[Any, ...]:
        """E[y | x, wₛ] and Var[y | x, wₛ], (S, N, T) each."""
        noise = self.joint.likelihood
        return self._at_draws(
            lambda outputs: (noise.mean(outputs), noise.variance(outputs)),
            draws, numbers, x,
        )  # fmt: skip

    @compile
    def _log_densities(
        self, draws: list[Any], numbers: Any, x: Any, y: Any
    ) -> tuple[Any, ...]:
        """log p(y | x, wₛ), (S, N)."""
        noise = self.joint.likelihood
        return self._at_draws(
            lambda outputs: (noise.log_prob(outputs, y),), draws, numbers, x
        )

    def _at_draws(
        self,
        answer: Callable[[Any], tuple[Any, ...]],
        draws: list[Any],
        numbers: Any,
        x: Any,
    ) -> tuple[Any, ...]:
        """What is asked of the outputs, at every draw; a method without draws is asked
        once for each number.
        """

        def one(values: list[Any], number: Any) -> tuple[Any, ...]:
            outputs = self.outputs_at(values, x)
            with self.joint.at(values) if values else nullcontext():
                return answer(outputs)

        found: tuple[Any, ...] = vmap(one)(draws, numbers)
        return found

    def _inputs(self, x: Any) -> Array:
        """Inputs in the dtype of the network, finite."""
        if isinstance(x, Split):
            x = x.test
        array = as_array(x.inputs if isinstance(x, Dataset) else x, "inputs")
        check_finite(array, "inputs")
        if not len(array):
            raise DataError(f"inputs {array.shape}: there are none")
        return self._cast(array) if array.dtype.kind == "f" else array

    def _targets(self, y: Any) -> Array:
        targets, kind = as_array(y, "targets"), self.joint.likelihood.kind
        (_check_events if kind == "events" else _check_numbers)(targets)
        return targets if kind == "classes" else self._cast(targets)

    def _cast(self, array: Array) -> Array:
        return np.ascontiguousarray(array, model_dtype(self))


def _batches(data: tuple[Array, ...]) -> Iterator[tuple[Array, ...]]:
    """All rows in batches of one of ``BATCH_SIZES``; the last row fills the last."""
    count = len(data[0])
    wanted = min(count, BATCH_SIZES[-1])
    size = next(each for each in BATCH_SIZES if each >= wanted)
    for first in range(0, count, size):
        places = np.minimum(np.arange(first, first + size), count - 1)
        yield tuple(each[places] for each in data)


def _check_numbers(targets: Array) -> None:
    """An error for targets that are no numbers, or not finite, or for none."""
    if targets.dtype.kind not in "fiub":
        raise DataError(
            f"targets {targets.shape} of {targets.dtype}: expected numbers",
            fix="0 and 1, or other whole numbers from 0, for classes with names",
        )
    check_finite(targets, "targets")
    if not len(targets):
        raise DataError(f"targets {targets.shape}: there are none")


def _check_events(targets: Array) -> None:
    """An error for targets other than 0 and 1."""
    _check_numbers(targets)
    found = np.unique(targets)
    if not set(found.tolist()) <= {0, 1}:
        raise DataError(
            f"targets {targets.shape}: {found[0]:g} … {found[-1]:g}: expected 0 and 1",
            fix="models.CategoricalLikelihood() for more classes than two",
        )


def _check_both(targets: Array) -> None:
    """An error for events that are all alike."""
    if (targets == targets[:1]).all():
        raise DataError(
            f"targets {targets.shape}: all are {targets.flat[0]:g}: one class only, of "
            "which nothing can be learned"
        )


class MAP(Posterior):
    """The most probable weights: one network, and no doubt of it.

    Formula: minimises −(1/N) [log p(y | x, w) + log p(w)]. With a ``GaussianPrior`` the
    second term is what is called an L2 penalty, with a ``LaplacePrior`` an L1 penalty;
    with a flat prior this is maximum likelihood. What is evaluated is the first term.

    Shapes: x (N, …), y (N, …) → ().

    Arguments, errors: those of ``Posterior``.

    Source: MacKay, A practical Bayesian framework for backpropagation networks (1992).

    Example:
        >>> import numpy as np
        >>> import chainrule as cr
        >>> from chainrule import models, nn
        >>> x = np.linspace(-1.0, 1.0, 40)[:, None]
        >>> y = 3.0 * x + 0.1 * np.cos(40.0 * x)
        >>> cr.manual_seed(0)
        >>> line = models.MAP(nn.Linear(1, 1), models.GaussianLikelihood())
        >>> history = line.fit(x, y, optimizer=cr.optim.LBFGS(), epochs=50)
        >>> said = line.predict([[0.5]])
        >>> said.mean.round(1).item(), said.epistemic.item()
        (1.5, 0.0)
        >>> bool(0.06 < said.aleatoric.item() < 0.08)
        True
    """

    def __init__(
        self,
        network: nn.Module,
        likelihood: ConditionalLikelihood,
        prior: Prior | None = None,
        *,
        num_examples: int | None = None,
    ) -> None:
        super().__init__(network, likelihood, prior, num_examples=num_examples)
        self.network, self.likelihood = network, likelihood

    def describe_settings(self) -> str:
        """``GaussianPrior(std=1.0), 100 examples``"""
        count = "" if self.num_examples is None else f", {self.num_examples} examples"
        return f"{self.joint.prior!r}{count}"

    def forward(self, x: Any, y: Any, training: bool = False) -> Any:
        """The cost of a batch: see the formula."""
        return self.cost(x, y, training)

    def draw(self, num_draws: int, seed: int) -> list[Array]:
        """The weights as they are, once."""
        return [each[None] for each in self.joint.values]
