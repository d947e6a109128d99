"""Layers trained one by one, without labels, before the whole network is.

Place on the road: above autoencoders and Boltzmann machines, of which it makes one for
each layer of a network. Read from top to bottom: ``pretrain``; how one layer is
trained, either way; which layers a network has; and what a layer cannot be.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from .. import nn, optim
from ..errors import ArgumentError, ShapeError, unknown_option
from ..foreign import advised
from ..graph import Array
from ..training.history import History
from .autoencoder import Autoencoder, Reconstruction
from .boltzmann.units import Binary, Gaussian
from .layer_training import Layer, LayerTraining, train_layers, training_data

#: What a layer is trained as.
WAYS = ("rbm", "autoencoder")

#: Layers that neither learn nor change what a unit is.
PASSING = (nn.Dropout, nn.Identity, nn.Flatten)

#: Activations that stand behind a network's outputs, not behind hidden units.
OF_OUTPUTS = (nn.Softmax, nn.LogSoftmax)

#: Normalizations of the units of one layer, learned with it.
NORMS = (nn.BatchNorm1d, nn.LayerNorm, nn.RMSNorm)


@advised("training.FIT")
def pretrain(
    model: nn.Module,
    data: Any,
    by: str = "rbm",
    *,
    epochs: int = 10,
    batch_size: int = 100,
    optimizer: Any = None,
    noise: nn.Module | None = None,
    validation: float | None = None,
    seed: int = 0,
    engine: str | None = None,
    checkpoints: str | os.PathLike[str] | None = None,
    progress: Any = None,
) -> dict[str, History]:
    """Trains the layers of a network one after the other, without labels, in place.

    Each layer learns to describe what the layers below it make of the data: as the
    hidden units of a restricted Boltzmann machine, or as the code of an autoencoder of
    one layer with weights W and Wᵀ. The network then starts from features of the data
    and not from random weights, and ``cr.fit`` trains all of it::

        models.pretrain(model, x)                    # labels are not looked at
        cr.fit(model, (x, y), optimizer=optim.Adam(), epochs=20)

    In a ``Sequential`` every ``Linear`` with an activation behind it is trained. A last
    ``Linear`` without one, or of one unit, is the output layer and stays as it is; of
    outputs with several sigmoids, ``pretrain(model[:-2], x)``. What is frozen stays
    too, and the data passes through it. In an ``Autoencoder`` the encoder's last
    ``Linear`` is its code, a layer as the others, with Gaussian units where it has no
    activation; the decoder is then the encoder unrolled: its layers get the transposed
    weights, and the biases with which the layers learned to reconstruct.

    Arguments:
        model: a ``Sequential``, which may hold others, or an ``Autoencoder``.
        data: (N, …) inputs, or a ``Dataset``, ``Split`` or pair (x, y), of which the
            training inputs are taken. Inputs of an RBM from 0 to 1 are probabilities of
            binary units; others are of Gaussian units, and must have mean 0 and
            variance 1.
        by: "rbm", for layers with ``Sigmoid``: contrastive divergence with one step; or
            "autoencoder", for any activation: cross-entropy of inputs from 0 to 1,
            squared error of others.
        epochs, batch_size: of every layer.
        optimizer: one made without parameters, for every layer. When not given:
            ``Momentum(lr=0.1)`` for an RBM, ``Adam()`` where it has Gaussian units and
            for an autoencoder.
        noise: of the inputs, by "autoencoder": ``nn.ZeroMasking(0.3)``, so that layers
            learn to remove it.
        validation: a fraction of the examples on which each layer is only evaluated,
            after every epoch: a column ``validation_loss`` of how well it reconstructs.
        seed: of an RBM's first weights, of what is drawn, and of the order of examples.
        engine: as of ``cr.fit``.
        checkpoints: a folder: every layer keeps its state there, and goes on from it.
        progress: as of ``cr.fit``.

    Returns:
        The history of each layer, by its path: ``{"0": …, "2": …}``. After Ctrl-C that
        of the last one is "interrupted", as of ``cr.fit``, and the layers behind it
        have none; with ``checkpoints`` the same call goes on.

    Raises:
        ArgumentError: for a layer that cannot be treated so, and what to do instead,
            before any layer is trained.
        DataError: for data that is not one array of examples.
        NumericsError: for weights that diverge, with the step and the layer.

    Source: Hinton & Salakhutdinov, Reducing the dimensionality of data with neural
    networks (2006); Bengio, Lamblin, Popovici & Larochelle, Greedy layer-wise training
    of deep networks (2007); with noise: Vincent et al. (2010).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import data, models, nn
        >>> cr.manual_seed(0)
        >>> digits = data.load("digits").train
        >>> model = nn.Sequential(
        ...     nn.Linear(64, 32), nn.Sigmoid(), nn.Linear(32, 10)
        ... )
        >>> x = digits.inputs / digits.inputs.max()
        >>> found = models.pretrain(model, x, epochs=5, validation=0.1, progress=False)
        >>> losses = found["0"]["validation_loss"]
        >>> losses[-1] < losses[0]
        True
    """
    if by not in WAYS:
        raise unknown_option("by", by, WAYS)
    if noise is not None and by == "rbm":
        raise ArgumentError(
            "pretrain: noise= by an RBM: units are drawn, and that is its noise",
            fix="by='autoencoder', which learns to remove noise",
        )
    blocks = _checked_blocks(model, by)
    mirror = _mirror(model, blocks)
    options = (epochs, batch_size, optimizer, validation, seed, engine, checkpoints)
    how = LayerTraining(*options, progress)
    x: Any = training_data("pretrain", data).inputs
    learn = _by_rbm if by == "rbm" else _by_autoencoder

    def of(number: int, block: Block) -> Layer:
        def train(how: LayerTraining, x: Array) -> tuple[History | None, nn.Module]:
            if not block.learns:
                return None, nn.Sequential(*block.layers)
            _check_width(block, x)
            history, bias = learn(block, x, how, noise)
            if mirror:
                _unroll(block.linear, bias, mirror[number])
            return history, nn.Sequential(*block.layers)

        return train

    layers = [(block.path, of(number, block)) for number, block in enumerate(blocks)]
    return train_layers("pretrain", how, layers, x)


# How one layer is trained. ------------------------------------------------------------


def _by_rbm(
    block: Block, x: Array, how: LayerTraining, noise: nn.Module | None
) -> tuple[History, Array]:
    """The layer as the hidden units of an RBM; its history, and the visible biases."""
    linear = block.linear
    visible = (Binary if _are_probabilities(x) else Gaussian)(linear.in_features)
    hidden = (Gaussian if block.is_code else Binary)(linear.out_features)
    rbm = how.new_rbm(visible, hidden, x, linear.weight.dtype)
    pairs = [(linear.weight, rbm.weight), (linear.bias, rbm.hidden_bias)]
    for own, its in pairs:
        if own.frozen:
            its.assign(own.array)
            its.freeze()
    history = how.contrastive_divergence(rbm, x)
    for own, its in pairs:
        own.assign(its.array)
    return history, rbm.visible_bias.array


def _by_autoencoder(
    block: Block, x: Array, how: LayerTraining, noise: nn.Module | None
) -> tuple[History, Array]:
    """The layer as the code of an autoencoder; its history, and the biases of the
    reconstruction.
    """
    back: Any = nn.Tied(block.linear)
    binary = _are_probabilities(x)
    decoder = nn.Sequential(back, nn.Sigmoid()) if binary else nn.Sequential(back)
    machine = Autoencoder(nn.Sequential(*block.layers), decoder)
    loss = "binary_cross_entropy" if binary else "mse"
    learner = Reconstruction(machine, loss, noise=noise)
    history = how.fit(learner, x, optim.Adam())
    return history, back.bias.array


def _unroll(linear: nn.Linear, bias: Array, mirror: Any) -> None:
    """The decoder's layer: the transposed weights, and the biases downwards, but for
    those that are frozen.
    """
    if isinstance(mirror, nn.Linear) and not mirror.weight.frozen:
        mirror.weight.assign(linear.weight.array.T)
    if mirror.bias is not None and not mirror.bias.frozen:
        mirror.bias.assign(bias)


def _are_probabilities(x: Array) -> bool:
    """Whether all values are from 0 to 1."""
    return bool(x.min() >= 0 and x.max() <= 1)


# Which layers a network has. ----------------------------------------------------------


class Block(NamedTuple):
    """A ``Linear`` with what stands behind it, up to the next one.

    Attributes:
        path: of the Linear in the network.
        layers: the Linear, or a frozen layer; and what stands behind it.
        learns: whether it is trained.
        is_code: whether its units have no activation.
    """

    path: str
    layers: tuple[Any, ...]
    learns: bool
    is_code: bool = False

    @property
    def linear(self) -> Any:
        """The Linear itself."""
        return self.layers[0]

    @property
    def behind(self) -> list[nn.Module]:
        """The layers behind the Linear that change its units."""
        return [each for each in self.layers[1:] if not isinstance(each, PASSING)]


def _checked_blocks(model: Any, by: str) -> list[Block]:
    """The layers in the order of training; with errors for those that cannot be."""
    if isinstance(model, Autoencoder):
        part, path = model.encoder, "encoder."
    else:
        part, path = model, ""
    if not isinstance(part, nn.Sequential):
        raise ArgumentError(
            f"pretrain: {type(part).__name__}: expected a Sequential or an Autoencoder",
            fix="a part of it that is a Sequential of Linear layers and activations",
        )
    blocks = _blocks(part, path)
    last = blocks[-1] if blocks else None
    has_code = isinstance(model, Autoencoder)
    if last is not None and not has_code and _is_linear(last):
        blocks.pop()
    checked = [
        block._replace(is_code=has_code and block is last and _is_linear(block))
        for block in blocks
    ]
    for block in checked:
        if block.learns:
            _check_activation(block, by)
    if not any(block.learns for block in checked):
        raise ArgumentError(
            f"pretrain: no layer of {type(model).__name__} can be trained: expected a "
            "Linear with an activation behind it, not frozen",
            fix="nn.Sequential(nn.Linear(784, 500), nn.Sigmoid(), nn.Linear(500, 10))",
        )
    return checked


def _blocks(part: nn.Sequential, path: str) -> list[Block]:
    """Linear layers, each with what stands behind it; what stands before the first is a
    block that does not learn.
    """
    blocks: list[Block] = []
    places: dict[int, str] = {}
    for where, layer in _leaves(part, path):
        held = layer.parameters()
        frozen = bool(held) and all(parameter.frozen for parameter in held)
        if isinstance(layer, nn.Linear) and not frozen:
            first = places.setdefault(id(layer), where)
            if first != where:
                raise ArgumentError(
                    f"pretrain: layer {where} is layer {first} once more: it would be "
                    "trained twice",
                    fix="a layer of its own in each place",
                )
        if isinstance(layer, nn.Linear) or frozen or not blocks:
            learns = isinstance(layer, nn.Linear) and not frozen
            blocks.append(Block(where, (layer,), learns))
        else:
            blocks[-1] = blocks[-1]._replace(layers=(*blocks[-1].layers, layer))
        known = isinstance(layer, (nn.Linear, *NORMS))
        if layer.num_parameters and not frozen and not known:
            raise ArgumentError(
                f"pretrain: layer {where} is {type(layer).__name__}"
                f"({layer.describe_settings()}): only Linear layers are trained alone",
                fix="its freeze() keeps it as it is, and data passes through it; or "
                "pretrain the layers behind it, with cr.predict(front, x) as data",
            )
    return blocks


def _leaves(part: nn.Sequential, path: str) -> Iterator[tuple[str, nn.Module]]:
    """The layers of a Sequential, and of those in it, with their paths."""
    for name, layer in part.children():
        if isinstance(layer, nn.Sequential):
            yield from _leaves(layer, f"{path}{name}.")
        else:
            yield path + name, layer


def _is_linear(block: Block) -> bool:
    """Whether the Linear has no activation of hidden units behind it; behind a single
    unit a sigmoid is that of an output.
    """
    of_outputs = (*OF_OUTPUTS, nn.Sigmoid) if _is_single(block) else OF_OUTPUTS
    return block.learns and all(isinstance(each, of_outputs) for each in block.behind)


def _is_single(block: Block) -> bool:
    """Whether the block is one unit, as the output for two classes is."""
    return isinstance(block.linear, nn.Linear) and block.linear.out_features == 1


def _check_activation(block: Block, by: str) -> None:
    """A layer must have an activation; of an RBM it must be a sigmoid."""
    layer = f"layer {block.path} = Linear({block.linear.describe_settings()})"
    behind = [type(each).__name__ for each in block.behind]
    if not behind and not block.is_code:
        raise ArgumentError(
            f"pretrain: {layer} has no activation behind it: only an output layer has "
            "none, and the code of an Autoencoder",
            fix="nn.Sigmoid() behind it; or models.Autoencoder(encoder, decoder)",
        )
    if by != "rbm":
        return
    if behind != (["Sigmoid"] if not block.is_code else []):
        raise ArgumentError(
            f"pretrain: {layer} has {', '.join(behind)} behind it: the hidden units of "
            "an RBM are sigmoids",
            fix="nn.Sigmoid() alone, or by='autoencoder'",
        )
    if block.linear.bias is None:
        raise ArgumentError(
            f"pretrain: {layer}: the hidden units of an RBM have biases",
            fix="nn.Linear(…, bias=True), or by='autoencoder'",
        )


def _check_width(block: Block, x: Array) -> None:
    """Data are rows that the layer takes."""
    width = block.linear.in_features
    if x.ndim != 2 or x.shape[1] != width:
        layer = f"layer {block.path} = Linear({block.linear.describe_settings()})"
        other = f"nn.Linear({x.shape[-1]}, {block.linear.out_features}), or other data"
        raise ShapeError(
            f"pretrain: data {x.shape}: {layer} takes (N, {width})",
            fix=other if x.ndim == 2 else "nn.Flatten() in front of it",
        )


def _mirror(model: Any, blocks: list[Block]) -> list[Any]:
    """The decoder's layers in the order of the encoder's; none of a Sequential.

    Raises:
        ArgumentError: for a decoder of other sizes.
    """
    if not isinstance(model, Autoencoder):
        return []
    found = [
        layer
        for _, layer in model.decoder.named_modules()
        if isinstance(layer, (nn.Linear, nn.Tied))
    ]
    linears = [block.linear for block in blocks if isinstance(block.linear, nn.Linear)]
    down = [(each.in_features, each.out_features) for each in found]
    up = [(each.out_features, each.in_features) for each in reversed(linears)]
    if down != up:
        raise ArgumentError(
            f"pretrain: the decoder has layers {_sizes(down)}: expected those of the "
            f"encoder in reverse, {_sizes(up)}, as it gets their transposed weights",
            fix="pretrain(model.encoder, x) leaves the decoder as it is",
        )
    back = iter(reversed(found))
    return [
        next(back) if isinstance(block.linear, nn.Linear) else None for block in blocks
    ]


def _sizes(layers: list[tuple[int, int]]) -> str:
    """``30 → 250, 250 → 500``"""
    return ", ".join(f"{inputs} → {outputs}" for inputs, outputs in layers) or "none"
