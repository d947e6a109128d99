"""Sparse coding: every example as a sum of few atoms of a dictionary that is learned.

Read from top to bottom: how codes are found for atoms that are known, by one loop with
or without momentum; and the model, whose loss is what its best codes leave. The shape
of a value stands at the right of the line that makes it: N examples, D features, K
atoms, T steps.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .. import nn
from ..compiler.compile import compile
from ..errors import ShapeError, unknown_option
from ..foreign import advised
from ..nn.arguments import features, floats, new_parameter, number_within, positive_size
from ..ops.control import scan
from ..ops.creation import zeros
from ..ops.elementwise import absolute, exp, maximum, relu, sign, sqrt, stop_gradient
from ..ops.elementwise import log as ln

ALGORITHMS = ("fista", "ista")
PENALTY = "a number of at least 0"

#: Of ``eigenvalue_bound``; and what a matrix of zeros counts as.
SQUARINGS, TINY = 5, 1e-30


@advised("models.FUNCTION")
def sparse_codes(
    x: Any,
    dictionary: Any,
    penalty: float,
    *,
    steps: int = 100,
    algorithm: str = "fista",
) -> Any:
    """The codes a of examples x in a dictionary B: few atoms, whose sum is near to x.

    Formula: a* = argmin ½ ‖x − a B‖² + λ ‖a‖₁, a lasso for every example. A step of
    ISTA goes down the gradient of the first term and shrinks the codes towards 0, with
    L the largest eigenvalue of B Bᵀ (or a little more)::

        a ← S(a − (a B − x) Bᵀ / L),  S(v) = sign(v) max(|v| − λ / L, 0)

    Its distance from the minimum falls as 1/t, and no step increases it. FISTA steps
    from a point ahead, y = aₜ + (bₜ − 1) / bₜ₊₁ (aₜ − aₜ₋₁) with b₁ = 1 and bₜ₊₁ = (1 +
    √(1 + 4 bₜ²)) / 2, and its distance falls as 1/t².

    Shapes: x (N, D), dictionary (K, D) → (N, K).

    Arguments:
        x: the examples.
        dictionary: B, the atoms, one a row.
        penalty: λ, the price of an atom: more zeros where it is larger.
        steps: T.
        algorithm: "fista" or "ista".

    Raises:
        OptionError: another algorithm.
        ArgumentError: a penalty below 0, no steps.
        ShapeError: examples and atoms of different size.

    Source: Daubechies, Defrise & De Mol, An iterative thresholding algorithm for linear
    inverse problems with a sparsity constraint (2004); Beck & Teboulle, A fast
    iterative shrinkage-thresholding algorithm for linear inverse problems (2009),
    section 4.

    Example:
        >>> import chainrule as cr
        >>> atoms = np.array([[1.0, 0.0], [0.6, 0.8]])
        >>> cr.models.sparse_codes([[1.5, 2.0]], atoms, 0.1).numpy().round(4)
        array([[0. , 2.4]])
    """
    if algorithm not in ALGORITHMS:
        raise unknown_option("algorithm of sparse_codes", algorithm, ALGORITHMS)
    price = number_within("sparse_codes", "penalty", penalty, 0.0, rule=PENALTY)
    count = positive_size("sparse_codes", "steps", steps)
    x, B = floats("sparse_codes", x), floats("sparse_codes", dictionary)
    if len(x.shape) != 2 or len(B.shape) != 2 or x.shape[1] != B.shape[1]:
        raise ShapeError(
            f"sparse_codes: x {x.shape}, dictionary {B.shape}: expected (N, D) and "
            "(K, D)"
        )
    G, xB = B @ B.T, x @ B.T  # (K, K), (N, K)
    # B Bᵀ and Bᵀ B have the same eigenvalues, but for zeros.
    L = eigenvalue_bound(G if B.shape[0] <= B.shape[1] else B.T @ B)
    ahead = _momentum(count) if algorithm == "fista" else np.zeros(count)

    def step(carry: tuple[Any, Any], momentum: Any) -> tuple[tuple[Any, Any], None]:
        a, y = carry  # (N, K)
        v = y - (y @ G - xB) / L
        new = sign(v) * relu(absolute(v) - price / L)
        return (new, new + momentum * (new - a)), None

    start = zeros(xB.shape, dtype=xB.dtype)
    (a, _), _ = scan(step, (start, start), ahead.astype(xB.dtype))
    return a


def eigenvalue_bound(G: Any) -> Any:
    """A number that is no smaller than any eigenvalue of a positive semidefinite G, and
    hardly larger than the largest.

    Formula: ‖Gᵐ‖^(1/m) = (Σ λ²ᵐ)^(1/2m) with Frobenius' norm and m = 2⁵, by repeated
    squaring: at most n^(1/64) λ, 1.09 times the largest for n = 256, where all are
    equal. No estimate from below would do: steps that are too long diverge.

    Example:
        >>> import chainrule as cr
        >>> eigenvalue_bound(cr.tensor([[2.0, 1.0], [1.0, 2.0]])).numpy().round(4)
        np.float32(3.0)
    """
    log, power = 0.0, 1
    for last in [False] * SQUARINGS + [True]:
        size = maximum(sqrt((G * G).sum()), TINY)
        log = log + ln(size) / power
        if not last:
            G, power = (G / size) @ (G / size), 2 * power
    return maximum(exp(log), TINY)


def _momentum(steps: int) -> Any:
    """(bₜ − 1) / bₜ₊₁ of every step, (T,)."""
    b = np.ones(steps + 1)
    for t in range(steps):
        b[t + 1] = (1 + np.sqrt(1 + 4 * b[t] ** 2)) / 2
    return (b[:-1] - 1) / b[1:]


class SparseCoding(nn.Module):
    """A dictionary of atoms that every example is a sum of a few of.

    Formula: L = mean over the examples of minₐ ½ ‖x − a B‖² + λ ‖a‖₁, with the atoms,
    the rows of B, of length 1 (or larger atoms would make codes cheaper). At its
    minimum a moves nothing, so the gradient is that of codes held constant: ∂L/∂B =
    −mean aᵀ (x − a B). Atoms are the rows of ``weight`` divided by their lengths, which
    takes the part along an atom out of its gradient, for every optimizer.

    It returns its loss (``outputs_loss``), so ``cr.fit`` takes no ``loss=``.

    Shapes: x (N, D) → one number; codes (N, K); ``weight`` (K, D).

    Initial values: ``weight`` from ``normal``, directions that are all alike.

    Arguments:
        in_features: D.
        num_atoms: K; more than D for an overcomplete code.
        penalty: λ.
        steps: of ``algorithm``, for the codes of every batch.
        algorithm: "fista" or "ista", as of ``sparse_codes``.
        dtype: of the weight; ``config.dtype`` by default.

    Raises:
        ArgumentError: sizes below 1, a penalty below 0.
        OptionError: another algorithm.
        ShapeError: in a call, examples that do not have D features.

    Source: Olshausen & Field, Emergence of simple-cell receptive field properties by
    learning a sparse code for natural images (1996), with |a| as the cost.

    Example:
        >>> import chainrule as cr
        >>> rng = np.random.default_rng(0)
        >>> bars = np.eye(4)[rng.integers(0, 4, 200)] * rng.normal(size=(200, 1))
        >>> cr.manual_seed(0)
        >>> model = cr.models.SparseCoding(4, 4, penalty=0.05)
        >>> history = cr.fit(model, bars, optimizer=cr.optim.Adam(lr=0.05), epochs=50)
        >>> np.abs(model.dictionary().numpy()).max(axis=1).round(1)  # one bar an atom
        array([1., 1., 1., 1.], dtype=float32)
    """

    outputs_loss: ClassVar[bool] = True

    def __init__(
        self,
        in_features: int,
        num_atoms: int,
        penalty: float = 0.1,
        *,
        steps: int = 50,
        algorithm: str = "fista",
        dtype: DTypeLike | None = None,
    ) -> None:
        if algorithm not in ALGORITHMS:
            raise unknown_option("algorithm of SparseCoding", algorithm, ALGORITHMS)
        self.in_features = positive_size("SparseCoding", "in_features", in_features)
        self.num_atoms = positive_size("SparseCoding", "num_atoms", num_atoms)
        self.penalty = number_within(
            "SparseCoding", "penalty", penalty, 0.0, rule=PENALTY
        )
        self.steps = positive_size("SparseCoding", "steps", steps)
        self.algorithm = algorithm
        shape = (self.num_atoms, self.in_features)
        self.weight = new_parameter("weight", shape, "normal", dtype)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "in_features": self.in_features,
            "num_atoms": self.num_atoms,
            "penalty": self.penalty,
            "steps": self.steps,
            "algorithm": self.algorithm,
        }

    def describe_settings(self) -> str:
        """``256 → 400 atoms, penalty=0.1``"""
        return f"{self.in_features} → {self.num_atoms} atoms, penalty={self.penalty:g}"

    def dictionary(self) -> Any:
        """B, the atoms, each of length 1 (one of zeros stays as it is): (K, D)."""
        w = self.weight
        return w / sqrt(maximum((w * w).sum(axis=1, keepdims=True), TINY))

    def encode(self, x: Any) -> Any:
        """The codes of examples, (N, D) → (N, K)."""
        return self._encode(self._examples(x))

    @compile
    def _encode(self, x: Any) -> Any:
        return self._codes(x, self.dictionary())

    def decode(self, codes: Any) -> Any:
        """The sums of atoms that codes stand for, a B: (N, K) → (N, D)."""
        return codes @ self.dictionary()

    def forward(self, x: Any) -> Any:
        """The mean cost of the best codes."""
        x, B = self._examples(x), self.dictionary()
        a = stop_gradient(self._codes(x, B))
        rest = x - a @ B  # (N, D)
        cost = 0.5 * (rest * rest).sum(axis=1) + self.penalty * absolute(a).sum(axis=1)
        return cost.mean()

    def _examples(self, x: Any) -> Any:
        return features(
            "SparseCoding",
            x,
            self.in_features,
            "the last axis of x must have in_features elements",
            f"SparseCoding({{}}, {self.num_atoms})",
        )

    def _codes(self, x: Any, B: Any) -> Any:
        how = {"steps": self.steps, "algorithm": self.algorithm}
        B = stop_gradient(B)
        return sparse_codes(x, B, self.penalty, **how)  # type: ignore[arg-type]
