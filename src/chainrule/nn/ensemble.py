"""Networks of one architecture side by side, whose predictions are averaged.

``Ensemble`` is a stack of layers that computes all its members at once: the parameters
of ``EnsembleLinear`` have an axis of members in front, and layers that work on each
number by itself (activations, dropout) stand between them as they are. In training each
member has a loss of its own; asked for a prediction, they answer together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from ..errors import ArgumentError, DTypeError, ShapeError
from ..initializers import Initializer
from ..ops.arrays import lift
from ..ops.composed import log_softmax, logsumexp
from ..ops.movement import broadcast_to
from .arguments import by_position, features, new_parameter, positive_size
from .containers import Sequential
from .linear import Linear
from .module import Module

#: How the answers of the members become one.
AVERAGES = ("values", "probabilities")


class EnsembleLinear(Module):
    """A fully connected layer for each member of an ensemble.

    Formula: zₖ = Wₖ aₖ + bₖ for member k = 1 … K.

    Shapes: (N, in_features), the same rows for all members, or (K, N, in_features) →
    (K, N, out_features); ``weight`` (K, out_features, in_features), ``bias`` (K,
    out_features).

    Initial values: those of K layers ``Linear``, each drawn for itself.

    Arguments:
        members: K, how many there are.
        in_features, out_features, bias, weight_init, bias_init, dtype: as in
            ``Linear``.

    Raises:
        ArgumentError: for sizes that are not whole numbers of at least 1.
        ShapeError: in a call, for inputs with another number of features or members.
        DTypeError: in a call, for integers.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.EnsembleLinear(5, 3, 2)
        >>> layer(cr.zeros((10, 3))).shape, layer.weight.shape
        ((5, 10, 2), (5, 2, 3))
    """

    def __init__(
        self,
        members: int,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        weight_init: Initializer | str = "glorot_uniform",
        bias_init: Initializer | str = "zeros",
        dtype: Any = None,
    ) -> None:
        self.members = positive_size("EnsembleLinear", "members", members)
        self.in_features = positive_size("EnsembleLinear", "in_features", in_features)
        self.out_features = positive_size(
            "EnsembleLinear", "out_features", out_features
        )
        shape = (self.members, self.out_features, self.in_features)
        drawn = by_position(weight_init, shape[:1])
        self.weight = new_parameter("weight", shape, drawn, dtype)
        self.bias = new_parameter("bias", shape[:2], bias_init, dtype) if bias else None

    def settings(self) -> dict[str, Any]:
        """The sizes, and whether there is a bias."""
        return {
            "members": self.members,
            "in_features": self.in_features,
            "out_features": self.out_features,
            "bias": self.bias is not None,
        }

    def describe_settings(self) -> str:
        """``8 members, 512 → 10``"""
        sizes = f"{self.members} members, {self.in_features} → {self.out_features}"
        return sizes if self.bias is not None else f"{sizes}, bias=False"

    def forward(self, x: Any) -> Any:
        """xₖ Wₖᵀ + bₖ of every member."""
        node = features(
            "EnsembleLinear",
            x,
            self.in_features,
            "the last axis of x must have in_features elements",
            f"EnsembleLinear({self.members}, {{}}, {self.out_features})",
        )
        if len(node.shape) not in (2, 3) or node.shape[:-2] not in (
            (),
            (self.members,),
        ):
            raise ShapeError(
                f"EnsembleLinear: x {node.shape}: expected (N, {self.in_features}), or "
                f"({self.members}, N, {self.in_features}), one part for each member"
            )
        z = node @ self.weight.swapaxes(-1, -2)
        return z if self.bias is None else z + self.bias[:, None, :]

    def member(self, number: int) -> Linear:
        """One member's layer, with copies of its values."""
        weight = self.weight.numpy()
        layer = Linear(
            self.in_features,
            self.out_features,
            bias=self.bias is not None,
            weight_init="zeros",
            dtype=weight.dtype,
        )
        layer.weight.assign(weight[number])
        if self.bias is not None and layer.bias is not None:
            layer.bias.assign(self.bias.numpy()[number])
        return layer


def _repeated(rows: Any, count: int) -> Any:
    """(N, …) rows, all of them so many times over."""
    (node,) = lift([rows])
    repeated: Any = broadcast_to(node, (count, *node.shape))
    return repeated.reshape(count * node.shape[0], *node.shape[1:])


@dataclass(frozen=True)
class Members:
    """What the members of an ensemble answer in training, where each has a loss of its
    own.

    Arguments:
        outputs: (K, N, …), for K members and N examples.
        average: how they become one answer; see ``Ensemble``.
    """

    outputs: Any
    average: str

    def loss(
        self, loss: Callable[..., Any], targets: Any, sample_weight: Any = None
    ) -> Any:
        """The mean of the members' losses, each for the same targets.

        Arguments:
            loss: a function of (outputs, targets) that averages over examples.
            targets: (N, …), for all members.
            sample_weight: (N,), how much each example counts.

        Example:
            >>> import numpy as np
            >>> from chainrule import losses, nn
            >>> model = nn.Ensemble(nn.EnsembleLinear(5, 3, 1))
            >>> members = model(np.zeros((4, 3)), training=True)
            >>> members.loss(losses.mse, np.ones((4, 1))).item()
            1.0
        """
        if not callable(loss):
            raise ArgumentError(
                f"Members.loss: {loss!r} is not a function of (outputs, targets)",
                fix="model(x, training=True).loss(losses.mse, y)",
            )
        outputs = self.outputs
        count, rows = outputs.shape[:2]
        flat = outputs.reshape(count * rows, *outputs.shape[2:])
        if sample_weight is None:
            return loss(flat, _repeated(targets, count))
        weights = _repeated(sample_weight, count)
        return loss(flat, _repeated(targets, count), sample_weight=weights)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise DTypeError(
            f"Members: {self.outputs.shape[0]} answers in the place of one tensor: in "
            "training an ensemble returns those of all members",
            fix="model(x, training=True).loss(losses.mse, y), or .outputs; "
            "model(x) is their average",
        )

    def together(self) -> Any:
        """Their average, (N, …)."""
        if self.average == "values":
            return self.outputs.mean(axis=0)
        count = self.outputs.shape[0]
        return logsumexp(log_softmax(self.outputs, axis=-1), axis=0) - math.log(count)


class Ensemble(Sequential):
    """Members of one architecture with their own values, whose answers are averaged.

    Formula: in training every member k has the loss of its own answer f(x; θₖ); the
    loss of the ensemble is their mean, so that each is trained as if it were alone: by
    Adam at the same learning rate, by plain gradient descent at K times that. A
    prediction is their average: of values, (1/K) Σₖ f(x; θₖ), or of probabilities,
    log (1/K) Σₖ softmax(f(x; θₖ)), which are logits of the averaged probabilities.

    Shapes: (N, …) → (N, …); with ``training=True`` a ``Members`` with outputs (K, N,
    …). ``cr.fit`` takes the loss of each member and measures the average; a loop of
    one's own says ``model(x, training=True).loss(losses.mse, y)``.

    Members that begin elsewhere make different mistakes, which the average does not:
    it is nearly always better than one of them, at K times the cost.

    Arguments:
        layers: the first layer with parameters is an ``EnsembleLinear``, and so is
            each that follows; between them layers that work on each number by itself.
        average: "values" for amounts, "probabilities" for classes.

    Raises:
        ArgumentError: for layers without an ``EnsembleLinear``, members of different
            number, other layers with values of their own, or an unknown average.

    Source: Hansen & Salamon (1990); Lakshminarayanan, Pritzel & Blundell (2017).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> model = nn.Ensemble(
        ...     nn.EnsembleLinear(8, 4, 16), nn.ReLU(), nn.EnsembleLinear(8, 16, 3),
        ...     average="probabilities",
        ... )
        >>> x = cr.ones((5, 4))
        >>> model(x).shape, model(x, training=True).outputs.shape
        ((5, 3), (8, 5, 3))
        >>> model.member(0)
        Sequential(
          (0): Linear(4 → 16)
          (1): ReLU()
          (2): Linear(16 → 3)
        )
    """

    def __init__(self, *layers: Module, average: str = "values") -> None:
        super().__init__(*layers)
        if average not in AVERAGES:
            raise ArgumentError(
                f"Ensemble: average={average!r}: expected 'values' or 'probabilities'"
            )
        self.average = average
        counts = {each.members for each in _linear_layers(layers)}
        if len(counts) != 1:
            found = " and ".join(map(str, sorted(counts))) or "no EnsembleLinear"
            raise ArgumentError(
                f"Ensemble: layers for {found} members: expected one number of them"
                if counts
                else "Ensemble: no EnsembleLinear among its layers, so no members",
                fix="nn.EnsembleLinear(members, in_features, out_features)",
            )
        _refuse_shared_values(layers)
        self.members = counts.pop()

    def settings(self) -> dict[str, Any]:
        """The layers, and how answers are averaged."""
        return {**super().settings(), "average": self.average}

    @classmethod
    def from_settings(cls, settings: Any) -> Any:
        """An Ensemble of these layers."""
        return cls(*settings["layers"], average=settings["average"])

    def describe_settings(self) -> str:
        """``8 members, average of probabilities``"""
        return f"{self.members} members, average of {self.average}"

    def forward(self, x: Any, lengths: Any = None, training: bool = False) -> Any:
        """The average of the members' answers; in training, all of them."""
        outputs = super().forward(x, lengths, training)
        if len(outputs.shape) < 3 or outputs.shape[0] != self.members:
            raise ShapeError(
                f"Ensemble: outputs {outputs.shape}: expected ({self.members}, N, …, "
                "features), one part for each member",
                fix="a layer between two EnsembleLinear keeps the axis of members",
            )
        members = Members(outputs, self.average)
        return members if training else members.together()

    def member(self, number: int) -> Sequential:
        """One member as a network of its own, with copies of its values."""
        if not 0 <= number < self.members:
            raise ArgumentError(
                f"Ensemble: member {number} of {self.members}",
                fix=f"0 … {self.members - 1}",
            )
        return Sequential(
            *(
                each.member(number) if isinstance(each, EnsembleLinear) else each
                for each in self.layers
            )
        )


def _refuse_shared_values(layers: Sequence[Module]) -> None:
    """An error for parameters and averages that all members would share."""
    for number, layer in enumerate(layers):
        if not isinstance(layer, EnsembleLinear) and any(layer.named_variables()):
            raise ArgumentError(
                f"Ensemble: layer {number} is {layer!r}, whose values all members "
                "would share: each must have its own",
                fix="between nn.EnsembleLinear layers, such as nn.ReLU() and "
                "nn.Dropout(p), that have none",
            )


def _linear_layers(layers: Any) -> Iterator[EnsembleLinear]:
    """The layers that have members."""
    return (each for each in layers if isinstance(each, EnsembleLinear))
