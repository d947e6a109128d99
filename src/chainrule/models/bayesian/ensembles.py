"""Deep ensembles: several networks from other first weights, which disagree where the
data do not say.

Place on the road: a method of ``models.bayesian``. The members are one stack of
weights, and a step of all of them is one compiled call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import nn
from ...errors import ArgumentError
from ...graph import Array
from ...nn.arguments import awaiting_values, positive_size
from ...nn.module.building import drawn_anew
from ...random_numbers import Generator
from ...variable import Parameter
from ...vectorize.transform import vmap
from .joint import drawing_from
from .likelihoods import ConditionalLikelihood
from .posterior import MAP, Posterior
from .priors import Prior


class DeepEnsemble(Posterior):
    """M networks of one architecture, each trained as if it were alone; a prediction is
    the mixture of theirs.

    Formula: p(y* | x*) = (1/M) Σₘ p(y* | x*, wₘ). Each wₘ minimises the cost of ``MAP``
    from first weights of its own; the loss is the mean over the members, so each
    learns as if alone: by Adam at the same learning rate, by plain gradient descent at
    M times that.

    The members are trained side by side, by ``cr.vmap`` over a stack of their weights.
    Member m has the first weights that its own seed draws, whatever M is; all see the
    same batches. Layers that couple the examples of a batch, as ``BatchNorm``, cannot
    be stacked, and say so.

    Shapes: x (N, …), y (N, …) → ().

    Arguments:
        network: a network, whose layers are drawn anew for each member, by their
            default initial values; or a function that makes one.
        likelihood, prior, num_examples: as of ``Posterior``. What the likelihood
            learns, each member learns for itself.
        members: M.
        seed: member m is drawn from seed + m.

    Raises:
        ArgumentError: for less than one member, or a seed that is none.
        StateError: for a network of a class of your own that is no function.

    Source: Lakshminarayanan, Pritzel & Blundell, Simple and scalable predictive
    uncertainty estimation using deep ensembles (2017); without their adversarial
    examples.

    Example:
        >>> import numpy as np
        >>> import chainrule as cr
        >>> from chainrule import models, nn
        >>> x = np.linspace(-1.0, 1.0, 40)[:, None]
        >>> net = nn.Sequential(nn.Linear(1, 20), nn.Tanh(), nn.Linear(20, 2))
        >>> noise = models.HeteroscedasticLikelihood()
        >>> ensemble = models.DeepEnsemble(net, noise, members=5)
        >>> history = ensemble.fit(x, np.sin(3.0 * x), epochs=200, progress=False)
        >>> inside, outside = ensemble.predict([[0.0], [4.0]]).epistemic
        >>> bool(outside > 5 * inside)
        True
    """

    def __init__(
        self,
        network: nn.Module | Callable[[], nn.Module],
        likelihood: ConditionalLikelihood,
        prior: Prior | None = None,
        *,
        members: int = 5,
        seed: int = 0,
        num_examples: int | None = None,
    ) -> None:
        self.members = positive_size("DeepEnsemble", "members", members)
        Generator(seed)  # an error for what is no seed
        self.seed = seed
        make = _maker(network)
        first = network if isinstance(network, nn.Module) else make()
        super().__init__(first, likelihood, prior, num_examples=num_examples)
        names, values = self.joint.names, self.joint.values
        if awaiting_values():
            stacks = [np.zeros((self.members, *v.shape), v.dtype) for v in values]
        else:
            drawn = [self._first_weights(make, m) for m in range(self.members)]
            stacks = [np.stack(each) for each in zip(*drawn, strict=True)]
        self.weights = {
            name: Parameter(stack, name=name)
            for name, stack in zip(names, stacks, strict=True)
        }

    def _first_weights(self, make: Callable[[], nn.Module], member: int) -> list[Array]:
        with drawing_from(self.seed + member):
            drawn = [each.array for each in make().parameters()]
        shared = [each.array for each in self.joint.likelihood.parameters()]
        wanted = [each.shape for each in self.joint.weights]
        if [each.shape for each in drawn] != wanted:
            raise ArgumentError(
                f"DeepEnsemble: member {member} has parameters of other shapes than "
                "the first: expected one architecture"
            )
        return [*drawn, *shared]

    def settings(self) -> dict[str, Any]:
        """Those of ``Posterior``, how many members there are, and their seed."""
        return {**super().settings(), "members": self.members, "seed": self.seed}

    def describe_settings(self) -> str:
        """``5 members, …``"""
        return f"{self.members} members, {super().describe_settings()}"

    def forward(self, x: Any, y: Any, training: bool = False) -> Any:
        """The mean of the members' costs."""

        def cost(values: list[Any]) -> Any:
            with self.joint.at(values):
                return self.cost(x, y, training)

        stacks = [each.read() for each in self.weights.values()]
        return vmap(cost)(stacks).mean()

    def draw(self, num_draws: int, seed: int) -> list[Array]:
        """The members' weights, whatever number is asked for."""
        return [each.array for each in self.weights.values()]

    def plain_network(self) -> nn.Module:
        """The first member's network."""
        return self.member(0).network

    def member(self, number: int) -> MAP:
        """One member by itself, with copies of its weights."""
        if not 0 <= number < self.members:
            raise ArgumentError(
                f"DeepEnsemble: member {number} of {self.members}",
                fix=f"0 … {self.members - 1}",
            )
        joint = self.joint
        network, likelihood = drawn_anew(joint.network), drawn_anew(joint.likelihood)
        alone = MAP(network, likelihood, joint.prior, num_examples=self.num_examples)  # type: ignore[arg-type]
        stacks = self.weights.values()
        for parameter, stack in zip(alone.joint.parameters, stacks, strict=True):
            parameter.assign(stack.array[number])
        return alone


def _maker(network: Any) -> Callable[[], nn.Module]:
    """A function that makes a network with first weights of its own."""
    if isinstance(network, nn.Module):
        return lambda: drawn_anew(network)
    if not callable(network) or isinstance(network, type):
        raise ArgumentError(
            f"DeepEnsemble: network is a {type(network).__name__}: expected a network, "
            "or a function that makes one",
            fix="lambda: nn.Sequential(nn.Linear(4, 1))",
        )
    return network  # type: ignore[no-any-return]
