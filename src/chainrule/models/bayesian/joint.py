"""The joint density of targets and weights, at any weights.

Place on the road: above likelihoods and priors, below every method that looks for the
posterior. Bayes' rule needs nothing else:

    log p(w | x, y) = log p(y | x, w) + log p(w) − log p(y | x)

The last term does not depend on w, and no method here needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ... import nn
from ...errors import ArgumentError, GradientError
from ...graph import Array, variable_trace
from ...random_numbers import default_generator
from ...variable import Parameter
from .likelihoods import ConditionalLikelihood
from .priors import Prior


class Joint:
    """log p(y, w | x): a network, what its outputs mean, and what is expected of its
    weights.

    Arguments:
        network: f(x; w), any module.
        likelihood: p(y | f).
        prior: p(w), of the network's parameters; None for a flat one. What the
            likelihood learns, such as a precision, has a flat one.

    Raises:
        ArgumentError: for parts of another kind, or a network without parameters.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models, nn
        >>> noise = models.GaussianLikelihood(learned=False)
        >>> prior = models.GaussianPrior(1.0)
        >>> joint = models.Joint(nn.Linear(1, 1), noise, prior)
        >>> x, y = cr.tensor([[1.0]]), cr.tensor([[0.0]])
        >>> def log_prob(w, b):
        ...     with joint.at([w, b]):
        ...         return joint.log_prob(x, y)
        >>> round(cr.compile(log_prob)(cr.zeros((1, 1)), cr.zeros(1)).item(), 4)
        -2.7568
    """

    def __init__(
        self,
        network: nn.Module,
        likelihood: ConditionalLikelihood,
        prior: Prior | None = None,
    ) -> None:
        for name, part, kind, fix in (
            ("network", network, nn.Module, "nn.Sequential(nn.Linear(4, 1))"),
            (
                "likelihood",
                likelihood,
                ConditionalLikelihood,
                "models.GaussianLikelihood()",
            ),
            ("prior", prior, Prior | None, "models.GaussianPrior(1.0)"),
        ):
            if not isinstance(part, kind):
                raise ArgumentError(
                    f"{name} is a {type(part).__name__}: expected a {name}", fix=fix
                )
        if network.outputs_loss:
            raise ArgumentError(
                f"network is a {type(network).__name__}, which returns its own loss: "
                "expected one that returns outputs"
            )
        self.network, self.likelihood = network, likelihood
        self.prior = Prior() if prior is None else prior
        self.weights: list[Parameter] = network.parameters()
        if not self.weights:
            raise ArgumentError(
                "network has no parameters: there is nothing to be uncertain of"
            )
        self.parameters: list[Parameter] = [*self.weights, *likelihood.parameters()]

    @property
    def names(self) -> list[str]:
        """The paths of ``parameters``: ``network.0.weight``, ``likelihood.…``."""
        parts = (("network", self.network), ("likelihood", self.likelihood))
        return [
            f"{name}.{path}"
            for name, part in parts
            for path, _ in part.named_parameters()
        ]

    @property
    def values(self) -> list[Array]:
        """Copies of the values of ``parameters``."""
        return [each.array.copy() for each in self.parameters]

    @contextmanager
    def at(self, values: Sequence[Any]) -> Iterator[None]:
        """While the block is traced, these values stand for the parameters; gradients
        by them are those by the weights.

        Arguments:
            values: one for each of ``parameters``, in their order.

        Raises:
            GradientError: outside of ``cr.compile``, ``cr.vmap`` and the like.
        """
        trace = variable_trace()
        if trace is None:
            raise GradientError(
                "Joint.at: values stand for parameters only while a function is traced",
                fix="call it in a function that is compiled, or given to cr.vmap",
            )
        before = {p: trace.current.get(p) for p in self.parameters}
        trace.current.update(zip(self.parameters, values, strict=True))
        try:
            yield
        finally:
            for parameter, node in before.items():
                if node is None:
                    del trace.current[parameter]
                else:
                    trace.current[parameter] = node

    def log_likelihood(self, x: Any, y: Any, training: bool = False) -> Any:
        """log p(y | x, w) of every example, (N,)."""
        outputs = self.network(x, training=training)
        return self.likelihood.log_prob(outputs, y)

    def log_prior(self) -> Any:
        """log p(w)."""
        return self.prior.log_prob([each.read() for each in self.weights])

    def log_prob(self, x: Any, y: Any, share: float = 1.0) -> Any:
        """log p(y, w | x), one number.

        Arguments:
            share: which part of all examples these are; their likelihood counts 1/share
                times, as if all were like them.
        """
        return self.log_likelihood(x, y).sum() / share + self.log_prior()


@contextmanager
def drawing_from(seed: int) -> Iterator[None]:
    """While the block runs, what is drawn by default comes from a seed of its own.

    Example:
        >>> import chainrule as cr
        >>> from chainrule.models.bayesian.joint import drawing_from
        >>> with drawing_from(1):
        ...     first = cr.random.uniform().item()
        >>> with drawing_from(1):
        ...     first == cr.random.uniform().item()
        True
    """
    state = default_generator.state.array.copy()
    default_generator.seed(seed)
    try:
        yield
    finally:
        default_generator.state.assign(state)
