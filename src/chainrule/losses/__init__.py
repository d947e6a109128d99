"""Losses: how wrong predictions are, as one number.

Place on the road: beside ``nn``, written with public operators only. They know nothing
of layers or training.

All are called as ``loss(predictions, targets, …)`` and agree on the following.

- The first axis is the samples. The loss of the batch is the average over samples, or
  with ``sample_weight`` w the weighted average Σ wᵢ ℓᵢ / Σ wᵢ. ``reduction="sum"``
  returns Σ wᵢ ℓᵢ, ``reduction="none"`` every wᵢ ℓᵢ.
- Predictions and targets never broadcast: (N, 1) against (N,) is an error, where
  broadcasting would compare every prediction with every target.
- ``per="element"`` averages over every element, ``per="sample"`` sums over the elements
  of a sample first and averages over samples. Losses named after an average (``mse``,
  ``l1``, ``huber``, ``binary_cross_entropy``) do the first unless told otherwise,
  squared norms and likelihoods the second: their value for a sample is a sum.
- Where a formula needs a probability, the prediction is the logit before it: the
  logarithm of a probability that was rounded to 0 or 1 has lost its value.

``crf`` is given the chain of its tags besides, and ``pinball`` the levels of its
quantiles, and so they have no name for ``fit``.
``kl_sparsity`` and ``l1_sparsity`` are penalties: of activations, without targets, to
be added to a loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import unknown_option
from ..foreign import loss_called
from ..public import advise, listing, missing_names
from .classes import binary_cross_entropy, cross_entropy, focal, hinge, kl_divergence
from .counts import negative_binomial_nll, poisson_nll
from .crf import crf
from .ctc import ctc
from .ctc_decoding import Decoding, ctc_decode
from .embeddings import cosine_embedding, triplet_margin
from .likelihoods import bernoulli_nll, gaussian_nll
from .overlap import dice
from .penalties import kl_sparsity, l1_sparsity
from .quantiles import pinball
from .squared import half_squared_error, huber, l1, mse, squared_error

Loss = Callable[..., Any]

__all__ = [
    "BY_NAME",
    "Decoding",
    "Loss",
    "bernoulli_nll",
    "binary_cross_entropy",
    "by_name",
    "cosine_embedding",
    "crf",
    "cross_entropy",
    "ctc",
    "ctc_decode",
    "dice",
    "focal",
    "gaussian_nll",
    "half_squared_error",
    "hinge",
    "huber",
    "kl_divergence",
    "kl_sparsity",
    "l1",
    "l1_sparsity",
    "mse",
    "negative_binomial_nll",
    "pinball",
    "poisson_nll",
    "squared_error",
    "triplet_margin",
]


def by_name(name: str) -> Loss:
    """The loss of a name; ``-`` counts as ``_``.

    Raises:
        OptionError: for an unknown name, with the nearest one.

    Example:
        >>> by_name("cross-entropy") is cross_entropy
        True
    """
    loss = BY_NAME.get(str(name).replace("-", "_"))
    if loss is None:
        called = loss_called(name)
        fix = f"did you mean {called!r}?" if called else None
        raise unknown_option("loss", name, BY_NAME, fix)
    return loss


advise(__name__, __all__, "losses.OPTIONS")

#: The losses of predictions and targets by name.
BY_NAME: dict[str, Loss] = {
    loss.__name__: loss
    for loss in (
        half_squared_error,
        squared_error,
        mse,
        l1,
        huber,
        binary_cross_entropy,
        cross_entropy,
        kl_divergence,
        focal,
        dice,
        hinge,
        cosine_embedding,
        gaussian_nll,
        bernoulli_nll,
        poisson_nll,
        negative_binomial_nll,
        ctc,
    )
}

__dir__ = listing(__all__)
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(__name__)
