"""``RBMTransformer``: features of X by a restricted Boltzmann machine.

Place on the road: an estimator, on ``scaling`` and ``models``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from .. import models, nn
from ..errors import ArgumentError, unknown_option
from ..graph import Array
from ..nn.arguments import positive_size
from .base import _seeded, takes_gradients
from .rules import Plateau
from .scaling import MethodOf, ScaledTransformer

#: name ↦ the kind of the visible units
UNITS = {"binary": models.Binary, "gaussian": models.Gaussian}

#: Deviations beyond the outermost mean up to which densities are added up.
TAIL = 7.0

#: Numbers that one table of hidden inputs has, about.
TABLE = 1 << 20


class RBMTransformer(ScaledTransformer):
    """A restricted Boltzmann machine with scikit-learn's interface, that of its
    ``BernoulliRBM``: ``transform`` returns the means of the hidden units.

    Formula: p(v, h) = exp(bᵀv + cᵀh + hᵀ W v) / Z for binary units, with −½ ‖v‖² for
    real ones; learned by contrastive divergence, ``models.ContrastiveDivergence``.

    Shapes: X (N, D), sparse too; features (N, n_components).

    Units see v = (X − offset_) / scale_. Binary units take X from 0 to 1 as it is,
    values between as probabilities; where X has others, ``fit`` scales the range of
    each column to 0 … 1. Later values beyond the range count as its ends. For real
    units each column has mean 0 and variance 1. A sparse X that must be scaled becomes
    dense. Visible units that methods return are in the units of X again.

    It computes in the dtype of X where that is float32 or float64, else in float64.

    Arguments:
        n_components: how many hidden units there are.
        learning_rate: of an optimizer that is a name. Real units need a smaller one:
            0.01.
        batch_size: examples in a batch, and chains that persist; "auto": 200, or all
            where there are fewer.
        n_iter: epochs. All are trained: the loss does not say when to stop.
        verbose: show the progress.
        random_state: of the weights, the order of examples, and chains; an integer
            makes the fit repeatable.
        visible: the units of X: "binary", or "gaussian" for real ones.
        steps: k, of block Gibbs sampling in each update.
        persistent: whether chains go on from update to update. Without, they start at
            the data (CD-k), which suits real units.
        sparsity: the weight of the penalty for hidden units that are often active.
        optimizer: the name of an algorithm of ``optim``, or one with settings of its
            own, ``optim.Momentum(lr=0.01)``.
        warm_start: whether ``fit`` goes on from the fit before.
        engine: the engine of ``cr.compile``.

    Attributes:
        module_: the machine, a ``models.RBM``.
        components_: W, (n_components, D).
        intercept_hidden_, intercept_visible_: c and b.
        offset_, scale_: (D,), of X.
        history_: the ``History`` of the last fit.
        n_iter_, n_features_in_, feature_names_in_: as in scikit-learn.

    Raises:
        ArgumentError: in ``fit``, for a value that an argument cannot have.
        NumericsError: in ``fit``, for weights that diverge.

    Source: Hinton (2002); Tieleman (2008).

    Example:
        >>> from chainrule.estimators import RBMTransformer
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data / 16
        >>> rbm = RBMTransformer(64, n_iter=5, random_state=0).fit(X)
        >>> rbm.transform(X).shape, rbm.sample(3, steps=10).shape
        ((1797, 64), (3, 64))
        >>> bool(rbm.score(X) > -30)  # nats an image
        True
    """

    module_: models.RBM

    _rate = "learning_rate"
    _epochs = "n_iter"

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.1,
        batch_size: int | str = 10,
        n_iter: int = 10,
        verbose: bool | int = 0,
        random_state: Any = None,
        visible: str = "binary",
        steps: int = 1,
        persistent: bool = True,
        sparsity: float = 0.0,
        optimizer: Any = "sgd",
        warm_start: bool = False,
        engine: str | None = None,
    ) -> None:
        self._store(locals())

    # Learning. -----------------------------------------------------------------------

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Trains for one epoch on these examples, from where the machine is. The scale
        of X is that of the first call.

        Arguments:
            X, y: as in ``fit``.

        Returns:
            The estimator.
        """
        return self._one_epoch(X, None, None)

    @property
    def _from_0_to_1(self) -> bool:
        if self.visible not in UNITS:
            raise unknown_option("visible", self.visible, UNITS)
        return bool(self.visible == "binary")

    def _network(self, outputs: int, dtype: Any) -> models.RBM:
        return models.RBM(
            UNITS[self.visible](self.n_features_in_), outputs, dtype=dtype
        )

    def _start(self, dtype: Any) -> None:
        if not takes_gradients(self):
            raise ArgumentError(
                f"{type(self).__name__}: optimizer={self.optimizer!r} evaluates a loss "
                "again and again, and contrastive divergence knows only its gradient",
                fix="optimizer='sgd', or optim.Momentum(lr=0.05)",
            )
        super()._start(dtype)
        bias = self.module_.visible.inputs_of(self._means)
        self.module_.visible_bias.assign(bias.astype(dtype))
        self._learning = self._new_learning()

    def _new_learning(self) -> models.ContrastiveDivergence:
        chains = 200 if self.batch_size == "auto" else int(self.batch_size)
        return models.ContrastiveDivergence(
            self.module_,
            self.steps,
            self.persistent,
            chains=chains,
            sparsity=self.sparsity,
        )

    def _learner(self) -> models.ContrastiveDivergence:
        return self._learning

    def _plateau(self) -> Plateau:
        return Plateau("loss", 0.0, np.inf)

    def _warn_of_too_few_epochs(self) -> None:
        """Nothing: there are as many as were asked for."""

    # What it has learned. ------------------------------------------------------------

    @property
    def components_(self) -> Array:
        """W, (n_components, D)."""
        return np.array(self.module_.weight.array)

    @property
    def intercept_hidden_(self) -> Array:
        """c, (n_components,)."""
        return np.array(self.module_.hidden_bias.array)

    @property
    def intercept_visible_(self) -> Array:
        """b, (D,)."""
        return np.array(self.module_.visible_bias.array)

    def _decoder(self) -> nn.Module:
        return MethodOf(self.module_, "visible_given")

    def inverse_transform(self, X: Any) -> Array:
        """The means of the visible units, σ(b + Wᵀ h) for binary ones, in the units of
        the X of ``fit``.

        Arguments:
            X: ``(N, n_components)`` states of the hidden units, or their means.

        Returns:
            ``(N, D)``.

        Raises:
            ShapeError: for another width.
            DataError: for states outside [0, 1].
        """
        return super().inverse_transform(X)

    def sample(self, n_samples: int = 1, steps: int = 1000) -> Array:
        """Rows that the machine draws, each at the end of its own chain of block Gibbs
        sampling. Every call draws others.

        Arguments:
            n_samples: how many.
            steps: of each chain.

        Returns:
            ``(n_samples, D)``: of binary units the smallest and the largest value.
        """
        return self._drawn(n_samples, steps)

    def gibbs(self, X: Any, steps: int = 1) -> Array:
        """Block Gibbs sampling: h ~ p(h | v), v ~ p(v | h). Every call draws others.

        Arguments:
            X: where the chains start, as in ``fit``.
            steps: how often both layers are drawn.

        Returns:
            The last v, ``(N, D)``.
        """
        count = positive_size("gibbs", "steps", steps)
        v = self._seen(X)
        return self._drawn(len(v), count, start=v)

    def score_samples(self, X: Any) -> Array:
        """The logarithm of the pseudo-likelihood: how likely each value is, given all
        others of its row.

        Formula: Σᵢ log p(vᵢ | v₋ᵢ), where p(vᵢ = t | v₋ᵢ) ∝ exp(−F(v with vᵢ = t)). It
        needs no Z, and is exact: ``BernoulliRBM`` draws one i for each row, and this is
        what it estimates for values of 0 and 1. A value t between counts as
        t log p(1 | v₋ᵢ) + (1 − t) log p(0 | v₋ᵢ). For real units p is a density of X.

        Arguments:
            X: as in ``fit``.

        Returns:
            ``(N,)``, in nats; the larger, the better. ``models.log_likelihood`` of
            ``module_`` estimates log p(v) itself.

        Source: Besag, Statistical analysis of non-lattice data (1975).
        """
        v = self._seen(X)
        size = max(1, TABLE // self.module_.hidden.features)
        parts = [self._pseudo(v[i : i + size]) for i in range(0, len(v), size)]
        return np.concatenate(parts)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of ``score_samples(X)``.

        Arguments:
            X: as in ``fit``.
            y: not looked at.
        """
        return float(self.score_samples(X).mean())

    def _pseudo(self, v: Array) -> Array:
        """Σᵢ log p(vᵢ | v₋ᵢ) of rows v, in float64."""
        v = v.astype(np.float64)
        weight, bias = self.components_.astype(np.float64), self.intercept_visible_
        z = v @ weight.T + self.intercept_hidden_
        of_column = _log_mass if self.visible == "binary" else _log_density
        total = np.zeros(len(v))
        for own, w, b in zip(v.T, weight.T, bias, strict=True):
            total += of_column(own, z - own[:, None] * w, w, float(b))
        return total if self.visible == "binary" else total - np.log(self.scale_).sum()

    # State. --------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """As of all estimators, with the chains."""
        state = super().__getstate__()
        learning = state.pop("_learning", None)
        if learning is not None and learning.chains is not None:
            state["_chains"] = learning.chains.array
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        values = dict(state)
        arrays = values.pop("_chains", None)
        super().__setstate__(values)
        if hasattr(self, "module_"):
            with _seeded(0):
                self._learning = self._new_learning()
            chains = self._learning.chains
            if chains is not None and arrays is not None:
                chains.assign(arrays)


def _log_mass(own: Array, others: Array, w: Array, b: float) -> Array:
    """log p(vᵢ | v₋ᵢ) of a binary unit, (N,).

    Arguments:
        own: vᵢ, (N,).
        others: inputs of the hidden units without this one, (N, H).
        w, b: its weights, (H,), and its bias.
    """
    off = np.logaddexp(0, others).sum(axis=1)
    on = np.logaddexp(0, others + w).sum(axis=1) + b
    mass: Array = own * on + (1 - own) * off - np.logaddexp(off, on)
    return mass


def _log_density(own: Array, others: Array, w: Array, b: float) -> Array:
    """The same of a real unit. Its density is a mixture of normal ones of variance 1,
    one for each h, whose integral is the sum over whole numbers to eight digits.
    """

    def unnormalised(t: Any) -> Array:
        hidden = np.logaddexp(0, others + np.reshape(t, (-1, 1)) * w).sum(axis=1)
        found: Array = hidden + t * b - t * t / 2
        return found

    low, high = b + np.minimum(w, 0).sum(), b + np.maximum(w, 0).sum()
    grid = np.arange(np.floor(low - TAIL), high + TAIL + 1)
    total = np.logaddexp.reduce([unnormalised(t) for t in grid], axis=0)
    density: Array = unnormalised(own) - total
    return density
