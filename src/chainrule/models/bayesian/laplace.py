"""Laplace's approximation: a normal distribution around the most probable weights, as
wide as the loss is flat there.

Place on the road: a method of ``models.bayesian``. The shape of a value stands at the
right of the line that makes it: N examples, K outputs, R columns of the factor of their
curvature, P weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import nn
from ...backprop import backprop
from ...compiler.compile import compile
from ...data import Dataset
from ...derivatives import jvp
from ...errors import ArgumentError, unknown_option
from ...graph import Array
from ...ops.composed import stack
from ...ops.elementwise import stop_gradient
from ...ops.movement import concatenate
from ...training.examples import model_dtype
from ...training.history import History
from ...variable import Parameter, Variable
from ...vectorize.transform import vmap
from ...wording import spaced
from .chain import is_chain_of_linear, layers_of, weights_of_last_layer
from .likelihoods import ConditionalLikelihood
from .posterior import MAP
from .priors import GaussianPrior, Prior

STRUCTURES = ("kronecker", "diagonal", "last_layer", "full")

#: Rows of a pass that measures curvature.
BATCH_SIZE = 250

#: Weights of a dense matrix, at most: 200 MB in float64.
MOST_WEIGHTS = 5000


class Laplace(MAP):
    """The posterior as a normal distribution around the most probable weights ŵ.

    Formula: p(w | x, y) ≈ N(ŵ, Λ⁻¹), Λ = Σₙ Jₙᵀ Hₙ Jₙ + 1/s², with J = ∂f/∂w, H the
    curvature of −log p(y | f) by the outputs (Fisher's information), and s the
    deviation of the ``GaussianPrior``. This is Gauss and Newton's Λ; it has no negative
    eigenvalues.

    Λ is kept as ``structure`` says:

    - "diagonal": each weight by itself.
    - "kronecker": for each layer z = W a, Λ ≈ (Σ a aᵀ) ⊗ (Σ δ δᵀ) / N + 1/s², by the
      eigenvectors of both factors (weights of different layers independent); of a
      chain of ``Linear`` layers.
    - "last_layer": all weights of the last layer with weights, the others known.
    - "full": all weights; for small networks.

    A prediction is linear in the weights, f(x; ŵ) + J (w − ŵ), for which the normal
    distribution was made; the network itself at such weights is worse than either.

    ``fit`` trains as ``MAP`` does, and measures the curvature on what it learned from;
    after a loop of one's own, ``measure_curvature(x)`` does it.

    Shapes: x (N, …), y (N, …) → ().

    Arguments:
        network, likelihood, num_examples: as of ``Posterior``.
        prior: a ``GaussianPrior``; that of deviation 1 when not given.
        structure: see above.

    Raises:
        ArgumentError: for another prior, a likelihood without a known curvature, or a
            network that the structure is not for.

    Source: MacKay, A practical Bayesian framework for backpropagation networks (1992);
    Ritter, Botev & Barber, A scalable Laplace approximation for neural networks (2018);
    Immer, Korzepa & Bauer, Improving predictions of Bayesian neural nets via local
    linearization (2021).

    Example:
        >>> import numpy as np
        >>> import chainrule as cr
        >>> from chainrule import models, nn
        >>> cr.manual_seed(0)
        >>> line = models.Laplace(
        ...     nn.Linear(1, 1),
        ...     models.GaussianLikelihood(precision=100.0, learned=False),
        ...     models.GaussianPrior(1.0),
        ... )
        >>> x = np.linspace(-1.0, 1.0, 40)[:, None]
        >>> history = line.fit(x, 0.5 * x, optimizer=cr.optim.LBFGS(), epochs=30)
        >>> near, far = line.predict([[0.0], [10.0]], num_draws=1000).epistemic
        >>> bool(0.014 < near < 0.018), bool(0.24 < far < 0.30)
        (True, True)
    """

    def __init__(
        self,
        network: nn.Module,
        likelihood: ConditionalLikelihood,
        prior: Prior | None = None,
        *,
        structure: str = "kronecker",
        num_examples: int | None = None,
    ) -> None:
        prior = GaussianPrior(1.0) if prior is None else prior
        super().__init__(network, likelihood, prior, num_examples=num_examples)
        if not isinstance(prior, GaussianPrior):
            raise ArgumentError(
                f"Laplace: {prior!r}: expected a prior whose logarithm is quadratic",
                fix="models.GaussianPrior(1.0)",
            )
        if structure not in STRUCTURES:
            raise unknown_option("structure", structure, STRUCTURES)
        self.structure = structure
        self._check_structure()
        #: ln |Λ| of the weights that are uncertain; NaN until curvature was measured
        self.log_determinant = Variable(np.array(np.nan), name="log_determinant")
        self.factors = {
            name: Variable(np.zeros(shape, model_dtype(network)), name=name)
            for name, shape in self._shapes().items()
        }

    # What is uncertain, and how it is kept. ------------------------------------------

    @property
    def uncertain(self) -> list[Parameter]:
        """The weights that have a spread."""
        if self.structure != "last_layer":
            return self.joint.weights
        return weights_of_last_layer(self.network)

    def _check_structure(self) -> None:
        if self.structure == "kronecker" and not is_chain_of_linear(self.network):
            raise ArgumentError(
                "Laplace: structure='kronecker' is for Linear layers that follow each "
                "other: this network has weights elsewhere",
                fix="structure='last_layer', or 'diagonal'",
            )
        size = sum(each.size for each in self.uncertain)
        if self.structure in ("full", "last_layer") and size > MOST_WEIGHTS:
            raise ArgumentError(
                f"Laplace: structure={self.structure!r} of {spaced(size)} weights: at "
                f"most {spaced(MOST_WEIGHTS)}",
                fix="structure='kronecker', or 'diagonal'",
            )

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """The factors of the covariance, by name."""
        if self.structure == "diagonal":
            return {f"std_{i}": each.shape for i, each in enumerate(self.uncertain)}
        if self.structure == "kronecker":
            shapes: dict[str, tuple[int, ...]] = {}
            for i, layer in enumerate(_linear(self.network)):
                rows = layer.out_features
                columns = layer.in_features + (layer.bias is not None)
                shapes |= {f"inputs_{i}": (columns, columns)}
                shapes |= {f"outputs_{i}": (rows, rows), f"std_{i}": (rows, columns)}
            return shapes
        size = sum(each.size for each in self.uncertain)
        return {"root": (size, size)}

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().settings(), "structure": self.structure}

    def describe_settings(self) -> str:
        """``structure='kronecker', …``"""
        return f"structure={self.structure!r}, {super().describe_settings()}"

    # Learning. -----------------------------------------------------------------------

    def _fit(self, examples: Dataset, how: dict[str, Any]) -> History:
        history = super()._fit(examples, how)
        self.measure_curvature(examples.inputs)
        return history

    def measure_curvature(self, x: Any) -> None:
        """Λ at the weights as they are.

        Arguments:
            x: the inputs that were learned from; targets do not matter to Fisher's
                information.
        """
        inputs = self._inputs(x)
        self.num_examples = len(inputs)
        prior = self.joint.prior
        assert isinstance(prior, GaussianPrior)
        tau = prior.std**-2
        if self.structure == "kronecker":
            self._measure_kronecker(inputs, tau)
        elif self.structure == "diagonal":
            self._measure_diagonal(inputs, tau)
        else:
            self._measure_dense(inputs, tau)

    def _surprises(self, outputs: Any) -> list[Any]:
        """R numbers whose gradients' squares add up to Jᵀ H J."""
        factor = stop_gradient(self.joint.likelihood.fisher_factor(outputs))
        count = factor.shape[2]
        return [(outputs * factor[:, :, r]).sum() for r in range(count)]

    def _rows(self, example: Any) -> list[Any]:
        """The gradients of one example by each uncertain weight, (R, …)."""
        outputs = self.network(example[None])
        found = [backprop(each) for each in self._surprises(outputs)]
        return [stack([g[w] for g in found]) for w in self.uncertain]

    def _measure_diagonal(self, inputs: Array, tau: float) -> None:
        def squares(x: Any) -> list[Any]:
            rows = vmap(self._rows)(x)  # (N, R, …)
            return [(each * each).sum(axis=(0, 1)) for each in rows]

        log_determinant = 0.0
        for i, total in enumerate(_summed(squares, inputs)):
            precision = total + tau
            log_determinant += float(np.log(precision).sum())
            self.factors[f"std_{i}"].assign(precision**-0.5)
        self.log_determinant.assign(log_determinant)

    def _measure_dense(self, inputs: Array, tau: float) -> None:
        def product(x: Any) -> list[Any]:
            rows = vmap(self._rows)(x)  # (N, R, …)
            count = rows[0].shape[0] * rows[0].shape[1]
            flat = concatenate([each.reshape(count, -1) for each in rows], axis=1)
            flat = flat.astype("float64")
            return [flat.T @ flat]  # (P, P)

        (total,) = _summed(product, inputs)
        values, vectors = np.linalg.eigh(total + tau * np.eye(len(total)))
        self.log_determinant.assign(float(np.log(values).sum()))
        self.factors["root"].assign(vectors * values**-0.5)

    def _measure_kronecker(self, inputs: Array, tau: float) -> None:
        def products(x: Any) -> list[Any]:
            found: list[Any] = []
            ends: list[Any] = []
            for layer in layers_of(self.network):
                if isinstance(layer, nn.Linear):
                    a = x
                    if layer.bias is not None:
                        a = concatenate([a, 0.0 * a[:, :1] + 1.0], axis=1)
                    a = a.astype("float64")
                    found.append(a.T @ a)  # (in + 1, in + 1)
                    x = layer(x)
                    ends.append(x)
                else:
                    x = layer(x)
            slopes = [backprop(each) for each in self._surprises(x)]
            for z in ends:
                deltas = [each[z].astype("float64") for each in slopes]  # (N, out)
                found.append(sum(d.T @ d for d in deltas))  # (out, out)
            return found

        totals = _summed(products, inputs)
        half = len(totals) // 2
        log_determinant = 0.0
        for i, (A, B) in enumerate(zip(totals[:half], totals[half:], strict=True)):
            a, along_inputs = np.linalg.eigh(A / len(inputs))
            b, along_outputs = np.linalg.eigh(B)
            precision = np.outer(np.maximum(b, 0), np.maximum(a, 0)) + tau
            log_determinant += float(np.log(precision).sum())
            self.factors[f"inputs_{i}"].assign(along_inputs)
            self.factors[f"outputs_{i}"].assign(along_outputs)
            self.factors[f"std_{i}"].assign(precision**-0.5)
        self.log_determinant.assign(log_determinant)

    def log_evidence(self, x: Any, y: Any) -> float:
        """log p(y | x) of the examples that were learned from, with the weights taken
        out: by it priors and networks can be compared without validation data.

        Formula: log p(y, ŵ | x) + P/2 ln 2π − ½ ln |Λ|.
        """
        self._check_measured()
        joint = self.joint
        log_likelihood = float(self.log_predictive_at_mode(x, y).sum())
        chosen = {id(each) for each in self.uncertain}
        values = [each for each in joint.weights if id(each) in chosen]
        log_prior = float(joint.prior.log_prob(values).item())
        size = sum(each.size for each in self.uncertain)
        volume = 0.5 * size * math.log(2 * math.pi)
        log_determinant = float(self.log_determinant.item())
        return log_likelihood + log_prior + volume - 0.5 * log_determinant

    def log_predictive_at_mode(self, x: Any, y: Any) -> Array:
        """log p(y | x, ŵ) of every example, (N,)."""
        alone = MAP(self.network, self.likelihood, num_examples=self.num_examples)
        return alone.log_predictive(x, y)

    # Predicting. ---------------------------------------------------------------------

    def draw(self, num_draws: int, seed: int) -> list[Array]:
        """Weights from N(ŵ, Λ⁻¹)."""
        self._check_measured()
        source = np.random.default_rng(seed)
        moved = dict(self._moves(num_draws, source))
        return [
            (
                each.array + moved.get(id(each), np.zeros((num_draws, *each.shape)))
            ).astype(each.dtype)
            for each in self.joint.parameters
        ]

    def _moves(
        self, count: int, source: np.random.Generator
    ) -> list[tuple[int, Array]]:
        """How far each uncertain weight is moved in every draw, by its ``id``."""
        known = {name: each.array for name, each in self.factors.items()}
        if self.structure == "diagonal":
            return [
                (id(w), known[f"std_{i}"] * source.standard_normal((count, *w.shape)))
                for i, w in enumerate(self.uncertain)
            ]
        if self.structure == "kronecker":
            moves = []
            for i, layer in enumerate(_linear(self.network)):
                std, inputs = known[f"std_{i}"], known[f"inputs_{i}"]
                noise = std * source.standard_normal((count, *std.shape))
                both = known[f"outputs_{i}"] @ noise @ inputs.T  # (S, out, in + 1)
                moves.append((id(layer.weight), both[:, :, : layer.in_features]))
                if layer.bias is not None:
                    moves.append((id(layer.bias), both[:, :, -1]))
            return moves
        noise = source.standard_normal((count, len(known["root"])))
        flat, moves, start = noise @ known["root"].T, [], 0
        for w in self.uncertain:
            part = flat[:, start : start + w.size]
            moves.append((id(w), part.reshape(count, *w.shape)))
            start += w.size
        return moves

    def outputs_at(self, values: list[Any], x: Any) -> Any:
        """f(x; ŵ) + J (w − ŵ), with J of the uncertain weights alone: what comes before
        them is computed once for all draws.
        """
        joint = self.joint
        chosen = {id(each) for each in self.uncertain}
        places = [i for i, w in enumerate(joint.weights) if id(w) in chosen]
        mode = [each.read() for each in joint.weights]
        change = [values[i] - mode[i] for i in places]

        def outputs(weights: list[Any]) -> Any:
            at = [*mode, *values[len(mode) :]]
            for place, weight in zip(places, weights, strict=True):
                at[place] = weight
            with joint.at(at):
                return joint.network(x)

        at_mode, moved = jvp(outputs, [mode[i] for i in places], change)
        return at_mode + moved

    def _check_measured(self) -> None:
        if math.isnan(self.log_determinant.item()):
            raise ArgumentError(
                "Laplace: the curvature has not been measured",
                fix="posterior.fit(x, y); after a loop of one's own, "
                "posterior.measure_curvature(x)",
            )


def _linear(network: nn.Module) -> list[nn.Linear]:
    return [each for each in layers_of(network) if isinstance(each, nn.Linear)]


def _summed(function: Callable[[Any], Sequence[Any]], inputs: Array) -> list[Array]:
    """What a function of a batch returns, compiled, summed over all in float64."""
    program = compile(function)
    totals: list[Array] = []
    for start in range(0, len(inputs), BATCH_SIZE):
        found = program(inputs[start : start + BATCH_SIZE])
        parts = [each.numpy().astype(np.float64) for each in found]
        totals = (
            [t + p for t, p in zip(totals, parts, strict=True)] if totals else parts
        )
    return totals
