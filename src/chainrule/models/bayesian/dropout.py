"""Monte-Carlo dropout: a network whose units are dropped in prediction too.

Place on the road: a method of ``models.bayesian``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ... import nn
from ...errors import ArgumentError
from ...graph import Array
from .likelihoods import ConditionalLikelihood
from .posterior import MAP
from .priors import Prior

#: Layers that drop something at random.
DROPPING = (
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout,
    nn.DropConnect,
)  # fmt: skip


class MCDropout(MAP):
    """A network with dropout, trained as always; in prediction every draw drops other
    units, and where these networks do not agree, none of them knows.

    Formula: p(y* | x*) = (1/S) Σₛ p(y* | x*, w ∘ mₛ), with masks mₛ as in training. The
    cost is that of ``MAP`` with dropout: a bound of the evidence whose approximate
    posterior has weights that are 0 with probability p; its prior is a
    ``GaussianPrior``.

    In prediction nothing but dropout is as in training: averages of ``BatchNorm`` are
    used and stay as they are.

    How wide the spread is follows from p, which has to be chosen, by validation.

    Shapes: x (N, …), y (N, …) → ().

    Arguments:
        network: with at least one layer of dropout, of p above 0.
        likelihood, prior, num_examples: as of ``Posterior``.

    Raises:
        ArgumentError: for a network that drops nothing.

    Source: Gal & Ghahramani, Dropout as a Bayesian approximation (2016).

    Example:
        >>> import numpy as np
        >>> import chainrule as cr
        >>> from chainrule import models, nn
        >>> net = nn.Sequential(
        ...     nn.Linear(1, 50), nn.ReLU(), nn.Dropout(0.1), nn.Linear(50, 1)
        ... )
        >>> dropout = models.MCDropout(net, models.GaussianLikelihood())
        >>> x = np.linspace(-1.0, 1.0, 40)[:, None]
        >>> history = dropout.fit(x, np.sin(3.0 * x), epochs=20, progress=False)
        >>> said = dropout.predict(x, num_draws=50)
        >>> said.draws.shape, bool((said.epistemic > 0).all())
        ((50, 40, 1), True)
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
        dropping = [p for _, p in network.named_modules() if isinstance(p, DROPPING)]
        if not any(each.p for each in dropping):
            raise ArgumentError(
                "MCDropout: the network drops nothing: every prediction would be the "
                "same",
                fix="nn.Dropout(0.1) after its activations",
            )

    def draw(self, num_draws: int, seed: int) -> list[Array]:
        """None: what differs between the draws is dropped while they are computed."""
        return []

    def outputs_at(self, values: list[Any], x: Any) -> Any:
        """The outputs with units dropped at random."""
        return self.joint.network(x, training=True)

    def _of_draws(
        self,
        program: Callable[..., tuple[Any, ...]],
        num_draws: int,
        seed: int,
        *data: Array,
    ) -> list[Array]:
        with _only_dropping(self.joint.network):
            return super()._of_draws(program, num_draws, seed, *data)


@contextmanager
def _only_dropping(network: nn.Module) -> Iterator[None]:
    """While the block runs, layers that drop nothing are frozen: ``training=True``
    means nothing to them.
    """
    parameters = {each: each.frozen for each in network.parameters()}
    others = [
        part
        for _, part in network.named_modules()
        if part.depends_on_training and not isinstance(part, DROPPING)
    ]
    awake = [part for part in others if not part.frozen]
    for part in awake:
        part.freeze()
    try:
        yield
    finally:
        for part in awake:
            part.unfreeze()
        for parameter, frozen in parameters.items():
            if frozen:
                parameter.freeze()
