"""``VAETransformer``: codes of X, and rows like it, by a variational autoencoder.

Place on the road: an estimator, on ``scaling`` and ``models``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import models, nn
from ..errors import unknown_option
from ..graph import Array
from ..models.likelihoods import LIKELIHOODS
from .layers import ACTIVATIONS
from .prediction import Predictor
from .scaling import MethodOf, ScaledTransformer

#: Codes of each row over which the bound of a score is averaged.
DRAWS = 10


class VAETransformer(ScaledTransformer):
    """A variational autoencoder with scikit-learn's interface: ``transform`` returns
    the mean of q(z | x), ``inverse_transform`` that of p(x | z).

    Formula: z ~ N(0, I), x ~ p(x | z) is learned by the bound
    log p(x) ≥ E log p(x | z) − β KL(q(z | x) ‖ p(z)); see ``models.VAE``.

    Shapes: X (N, D), sparse too; codes (N, n_components).

    The networks see v = (X − offset_) / scale_. Of a normal likelihood each column of v
    has mean 0 and variance 1. A Bernoulli likelihood takes X from 0 to 1 as it is;
    where X has others, ``fit`` scales the range of each column to 0 … 1, and later
    values beyond it count as its ends. What methods return of X is in its units again.

    It computes in the dtype of X where that is float32 or float64, else in float64.

    Arguments:
        n_components: K, how many numbers a code has.
        hidden_layer_sizes: the units of each hidden layer between X and the code; those
            between the code and X are the same in reverse. () for none: with
            ``variance="shared"`` that is probabilistic PCA.
        activation: of hidden layers: "relu", "tanh", "logistic", "identity",
            "leaky_relu", "elu", "gelu", "silu" or "softplus".
        likelihood: "gaussian" for real X, "bernoulli" for X of 0 and 1, or shares.
        variance: of a normal likelihood: "network", σ² of every number by the decoder;
            "shared", one σ² of all v; or a number, which is σ² of v.
        beta: β in training; scores have 1.
        samples: k, of the importance-weighted bound in training.
        optimizer: the name of an algorithm of ``optim``, or one with settings of its
            own, ``optim.Adam(lr=0.01)``.
        batch_size: examples in a batch; "auto": 200, or all where there are fewer.
        learning_rate_init: the learning rate of an optimizer that is a name.
        max_iter: epochs, at most.
        random_state: of the weights, the order of examples, and what is drawn; an
            integer makes the fit repeatable.
        tol, n_iter_no_change: training ends when the loss was not better by ``tol`` for
            more than so many epochs.
        verbose: show the progress.
        warm_start: whether ``fit`` goes on from the fit before.
        engine: the engine of ``cr.compile``.

    Attributes:
        module_: the model, a ``models.VAE`` of v.
        offset_, scale_: (D,), of X.
        history_: the ``History`` of the last fit.
        loss_curve_: the loss of each epoch.
        n_iter_, loss_, best_loss_, n_features_in_, feature_names_in_: as in
            scikit-learn.

    Raises:
        ArgumentError: in ``fit``, for a value that an argument cannot have.
        NumericsError: in ``fit``, for weights that diverge.

    Source: Kingma & Welling, Auto-encoding variational Bayes (2014).

    Example:
        >>> from chainrule.estimators import VAETransformer
        >>> from sklearn.datasets import load_iris
        >>> X = load_iris().data
        >>> vae = VAETransformer(2, (32,), learning_rate_init=0.01, tol=0.05)
        >>> vae = vae.set_params(random_state=0).fit(X)
        >>> vae.transform(X).shape, vae.sample(3).shape
        ((150, 2), (3, 4))
        >>> bool(vae.score(X) > -3.2)  # nats a flower, at least
        True
    """

    module_: models.VAE

    def __init__(
        self,
        n_components: int = 2,
        hidden_layer_sizes: Any = (100,),
        activation: str = "tanh",
        *,
        likelihood: str = "gaussian",
        variance: str | float = "network",
        beta: float = 1.0,
        samples: int = 1,
        optimizer: Any = "adam",
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        n_iter_no_change: float = 10,
        engine: str | None = None,
    ) -> None:
        self._store(locals())

    # Learning. -----------------------------------------------------------------------

    @property
    def _from_0_to_1(self) -> bool:
        if self.likelihood not in LIKELIHOODS:
            raise unknown_option("likelihood", self.likelihood, LIKELIHOODS)
        return bool(self.likelihood == "bernoulli")

    def _network(self, outputs: int, dtype: Any) -> models.VAE:
        if self.activation not in ACTIVATIONS:
            raise unknown_option("activation", self.activation, ACTIVATIONS)
        return models.VAE(
            self.n_features_in_,
            [int(size) for size in np.atleast_1d(self.hidden_layer_sizes)],
            outputs,
            self.likelihood,
            variance=self.variance,
            beta=self.beta,
            samples=self.samples,
            activation=ACTIVATIONS[self.activation],
            dtype=dtype,
        )

    def _start(self, dtype: Any) -> None:
        super()._start(dtype)
        if self._from_0_to_1:
            self.module_.fit_output_bias(self._means[None])

    def _new_predictor(self, module: Any) -> Predictor:
        return Predictor(MethodOf(module, "encode"), self.engine)

    def _decoder(self) -> nn.Module:
        return MethodOf(self.module_, "decode")

    # What it has learned. ------------------------------------------------------------

    def sample(self, n_samples: int = 1, means: bool = False) -> Array:
        """Rows that the model draws: z ~ N(0, I), x ~ p(x | z). Every call draws
        others.

        Arguments:
            n_samples: how many.
            means: whether the means of p(x | z) are returned, rows without noise.

        Returns:
            ``(n_samples, D)``; of a Bernoulli likelihood the smallest and the largest
            value of each column.
        """
        return self._drawn(n_samples, means=means)

    def score(self, X: Any, y: Any = None) -> float:
        """A lower bound of log p(x), in nats, averaged over the examples: the larger,
        the better. Of a normal likelihood p is a density of X.

        Formula: E log p(x | z) − KL(q(z | x) ‖ p(z)), over ten codes of each example,
        drawn from a seed of their own.

        Arguments:
            X: as in ``fit``.
            y: not looked at.
        """
        v = self._seen(X)
        bound = float(self.module_.elbo(v, samples=DRAWS).mean)
        return bound if self._from_0_to_1 else bound - float(np.log(self.scale_).sum())
