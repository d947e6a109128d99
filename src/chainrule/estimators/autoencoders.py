"""``AutoencoderTransformer``: codes of X by an autoencoder.

Place on the road: an estimator, on ``kinds`` and ``models``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .. import models, nn
from ..errors import ArgumentError, DataError, unknown_option
from ..training.objective import BINARY_LOSSES
from .inputs import rows_of
from .kinds import NetworkTransformer
from .layers import ACTIVATIONS
from .prediction import Predictor


class AutoencoderTransformer(NetworkTransformer):
    """An autoencoder with scikit-learn's interface: ``transform`` is its encoder,
    ``inverse_transform`` its decoder.

    Formula: h = f(x), x̂ = g(h); minimised is what ``models.Reconstruction`` says, the
    error of x̂ and what is added to it.

    Shapes: X (N, D), sparse too; codes (N, n_components).

    It computes in the dtype of X where that is float32 or float64, else in float64.
    Without hidden layers and with a linear code it spans the subspace of as many
    principal components.

    Arguments:
        n_components: how many numbers a code has.
        hidden_layer_sizes: the units of each hidden layer between X and the code; those
            between the code and X are the same in reverse. () for none.
        activation: of hidden layers: "relu", "tanh", "logistic", "identity",
            "leaky_relu", "elu", "gelu", "silu" or "softplus".
        code_activation, output_activation: of the code and of x̂. With "logistic" for
            x̂, X must be from 0 to 1.
        tied: whether the decoder has the encoder's weights, transposed.
        loss: "mse", "squared_error", "l1", "huber", or, with a logistic output,
            "binary_cross_entropy" or "bernoulli_nll".
        noise: a layer before the encoder in training, ``nn.ZeroMasking(0.3)``; or None.
        sparsity, l1, contraction: the weights of penalties; see
            ``models.Reconstruction``.
        optimizer: the name of an algorithm of ``optim``, or one with settings of its
            own, ``optim.Adam(lr=0.01)``.
        batch_size: examples in a batch; "auto": 200, or all where there are fewer.
        learning_rate_init: the learning rate of an optimizer that is a name.
        max_iter: epochs, at most.
        random_state: of the weights, the order of examples and noise; an integer makes
            the fit repeatable.
        tol, n_iter_no_change: training ends when the loss was not better by ``tol`` for
            more than so many epochs.
        verbose: show the progress.
        warm_start: whether ``fit`` goes on from the fit before.
        engine: the engine of ``cr.compile``.

    Attributes:
        module_: the network, a ``models.Autoencoder``.
        history_: the ``History`` of the last fit.
        loss_curve_: the loss of each epoch.
        n_iter_, loss_, best_loss_, n_features_in_, feature_names_in_: as in
            scikit-learn.

    Raises:
        ArgumentError: in ``fit``, for a value that an argument cannot have.
        DataError: in ``fit``, for X outside of 0 … 1 with a logistic output.

    Source: Hinton & Salakhutdinov (2006).

    Example:
        >>> from chainrule.estimators import AutoencoderTransformer
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data / 16
        >>> coder = AutoencoderTransformer(8, (32,), tol=1e-3, random_state=0)
        >>> codes = coder.set_params(learning_rate_init=0.01).fit_transform(X)
        >>> codes.shape, coder.inverse_transform(codes).shape
        ((1797, 8), (1797, 64))
        >>> coder.score(X) > -2.0  # minus the squared error of an image
        True
    """

    module_: models.Autoencoder

    def __init__(
        self,
        n_components: int = 2,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        code_activation: str = "identity",
        output_activation: str = "identity",
        tied: bool = False,
        loss: str = "mse",
        noise: nn.Module | None = None,
        sparsity: float = 0.0,
        l1: float = 0.0,
        contraction: float = 0.0,
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

    def _network(self, outputs: int, dtype: Any) -> models.Autoencoder:
        hidden = [int(size) for size in np.atleast_1d(self.hidden_layer_sizes)]
        layers = {}
        for name in ("activation", "code_activation", "output_activation"):
            chosen = getattr(self, name)
            if chosen not in ACTIVATIONS:
                raise unknown_option(name, chosen, ACTIVATIONS)
            layers[name] = None if chosen == "identity" else ACTIVATIONS[chosen]
        return models.deep_autoencoder(
            (self.n_features_in_, *hidden, outputs),
            layers["activation"] or nn.Identity,
            code=layers["code_activation"],
            output=layers["output_activation"],
            tied=self.tied,
            dtype=dtype,
        )

    def _checked(
        self, x: Any, y: Any, weights: Any, reset: bool
    ) -> tuple[Any, Any, Any]:
        """X, from 0 to 1 where its reconstruction is.

        Raises:
            ArgumentError: for a binary loss without a logistic output.
            DataError: for X outside of 0 … 1.
        """
        name, chosen = type(self).__name__, self.output_activation
        if self.loss in BINARY_LOSSES and chosen != "logistic":
            raise ArgumentError(
                f"{name}: loss={self.loss!r} with output_activation={chosen!r}: it is "
                "a loss of numbers from 0 to 1",
                fix="output_activation='logistic'",
            )
        table, *others = super()._checked(x, y, weights, reset)
        values = table.data if hasattr(table, "toarray") else table
        low, high = (float(f(values)) if values.size else 0.0 for f in (np.min, np.max))
        if chosen == "logistic" and not 0 <= low <= high <= 1:
            raise DataError(
                f"{name}: X {table.shape} from {low:g} to {high:g}: "
                "output_activation='logistic' makes numbers from 0 to 1",
                fix="sklearn.preprocessing.MinMaxScaler before it, or "
                "output_activation='identity'",
            )
        return table, *others

    def _learner(self) -> models.Reconstruction:
        return models.Reconstruction(
            self.module_,
            self.loss,
            noise=self.noise,
            sparsity=self.sparsity,
            l1=self.l1,
            contraction=self.contraction,
        )

    def _new_predictor(self, module: Any) -> Predictor:
        return Predictor(module.encoder, self.engine, self._positions())

    def _decoder(self) -> nn.Module:
        return self.module_.decoder

    def score(self, X: Any, y: Any = None) -> float:
        """Minus the squared error of a reconstruction, ‖x − x̂‖², averaged over the
        examples: the larger, the better.

        Arguments:
            X: as in ``fit``.
            y: not looked at.
        """
        check_is_fitted(self, "module_")
        table = rows_of(self._checked_table(X, reset=False))[:]
        again = self.inverse_transform(self.transform(X))
        return -float(np.square(table - again).sum(axis=1).mean())
