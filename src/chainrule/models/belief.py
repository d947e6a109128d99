"""Deep belief nets: directed layers below a restricted Boltzmann machine.

Place on the road: above ``boltzmann`` and ``layer_training``. From top to bottom: the
net, how its layers are trained one by one, what it says of data and of classes, what it
draws, and how all layers are tuned together. N rows, D visible units, n units of the
last directed layer, H hidden units at the top, K classes.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .. import nn
from ..compiler.compile import compile
from ..data import check_labels
from ..data.labels import number_texts
from ..errors import ArgumentError, DataError, StateError
from ..graph import Array
from ..nn.arguments import positive_size
from ..ops.composed import expand_dims, one_hot, stack
from ..ops.elementwise import sigmoid, softplus, stop_gradient
from ..ops.movement import broadcast_to, concatenate
from ..random_numbers import Generator, default_generator
from ..training.history import History
from .boltzmann.machine import RBM
from .boltzmann.units import Binary, Softmax, as_units
from .layer_training import (
    Layer,
    LayerTraining,
    check_not_frozen,
    classifier,
    train_layers,
    training_data,
)


class DeepBeliefNet(nn.Module):
    """A deep belief net: a restricted Boltzmann machine at the top, and directed layers
    below that turn its states into data.

    Formula, for layers x = h⁰, h¹, …, hᵐ and h at the top::

        p(x, h¹, …, hᵐ, h) = p(x | h¹) p(h¹ | h²) … p(hᵐ⁻¹ | hᵐ) p(hᵐ, h)
        p(hᵏ⁻¹ | hᵏ)       = units of mean σ(Gₖ hᵏ + gₖ)        ``generative``
        q(hᵏ | hᵏ⁻¹)       = units of mean σ(Rₖ hᵏ⁻¹ + rₖ)      ``recognition``
        p(hᵐ, h)           = exp(−E(hᵐ, h)) / Z                 ``top``

    With ``labels`` the top machine has a group of softmax units beside hᵐ and is a
    joint model p(hᵐ, y, h): where a class is clamped, the net draws data of it; where
    data are, F(hᵐ, y) says which class they are.

    Calling it returns the logits of the classes, (N, D) → (N, K), so that
    ``cr.evaluate(net, (x, y))`` measures it as any classifier; without ``labels`` the
    probabilities of the top's hidden units, (N, H).

    Initial values: 0. A net has learned nothing before ``pretrain``.

    Arguments:
        sizes: the units of each layer from the data up, (784, 500, 500, 2000); the
            first may be ``models.Gaussian(64)`` or another kind of an ``RBM``'s.
        labels: K, the number of classes; None for a net without.
        dtype: of the parameters.

    Raises:
        ArgumentError: for fewer than two layers, or layers without units.

    Source: Hinton, Osindero & Teh, A fast learning algorithm for deep belief nets
    (2006).

    Example:
        >>> from chainrule import models
        >>> x, y = np.eye(4, 6, dtype="float32"), [0, 0, 1, 1]
        >>> net = models.DeepBeliefNet((6, 5, 4), labels=2)
        >>> histories = net.pretrain((x, y), epochs=1, progress=False)
        >>> list(histories), net.sample(3, labels=1, steps=10).shape
        (['recognition.0', 'top'], (3, 6))
    """

    def __init__(
        self,
        sizes: Sequence[Any],
        labels: int | None = None,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        if not isinstance(sizes, (tuple, list)) or len(sizes) < 2:
            raise ArgumentError(
                f"DeepBeliefNet: sizes={sizes!r}: expected the units of two layers or "
                "more, from the data up",
                fix="(784, 500, 500, 2000)",
            )
        name = "DeepBeliefNet"
        self.units = tuple(
            as_units(name, f"sizes[{k}]", size) for k, size in enumerate(sizes)
        )
        for k, units in enumerate(self.units[1:], 1):
            if not isinstance(units, Binary):
                raise ArgumentError(
                    f"{name}: sizes[{k}]={units!r}: hidden units are binary",
                    fix=f"{units.features}; only the data may be of another kind",
                )
        self.labels = None if labels is None else positive_size(name, "labels", labels)
        widths = [units.features for units in self.units]
        pairs = list(itertools.pairwise(widths[:-1]))
        zeros: dict[str, Any] = {"weight_init": "zeros", "dtype": dtype}
        self.recognition = tuple(nn.Linear(a, b, **zeros) for a, b in pairs)
        self.generative = tuple(nn.Linear(b, a, **zeros) for a, b in pairs)
        below: Any = self.units[-2]
        if self.labels is not None:
            below = (below, Softmax(self.labels))
        self.top = RBM(below, self.units[-1], **zeros)

    def settings(self) -> dict[str, Any]:
        """The units of each layer, and the number of classes."""
        return {"sizes": [repr(each) for each in self.units], "labels": self.labels}

    def describe_settings(self) -> str:
        """``784 ↔ 500 ↔ 500 ↔ 2000, labels=10``"""
        shown = [
            str(each.features) if isinstance(each, Binary) else repr(each)
            for each in self.units
        ]
        more = "" if self.labels is None else f", labels={self.labels}"
        return " ↔ ".join(shown) + more

    # One layer after the other. ------------------------------------------------------

    def pretrain(
        self,
        data: Any,
        *,
        epochs: int = 10,
        batch_size: int = 100,
        optimizer: Any = None,
        validation: float | None = None,
        seed: int = 0,
        engine: str | None = None,
        checkpoints: str | os.PathLike[str] | None = None,
        progress: Any = None,
    ) -> dict[str, History]:
        """Trains the layers one after the other, each as an RBM on states drawn from
        what the layers below make of the data, by contrastive divergence with one step.

        A layer's weights W are then its recognition weights, and Wᵀ its generative
        ones. A further layer raises a lower bound of log p(x) as far as it models these
        states better than the layer below did.

        Arguments:
            data: (N, D); with ``labels`` (x, y), y class numbers (N,); or a ``Dataset``
                or ``Split``.
            epochs, batch_size, optimizer, validation, seed, engine, checkpoints,
                progress: as of ``models.pretrain``.

        Returns:
            The history of each layer: ``{"recognition.0": …, "top": …}``.

        Raises:
            ArgumentError: without labels where the net has some.
            DataError: for labels that it has no unit for, or data that are no examples.
        """
        options = (epochs, batch_size, optimizer, validation, seed, engine, checkpoints)
        how = LayerTraining(*options, progress)
        x, y = self._examples("DeepBeliefNet.pretrain", data)
        check_not_frozen("DeepBeliefNet.pretrain", self)

        def of(k: int) -> Layer:
            below, above = self.units[k], self.units[k + 1]
            up, down = pairs[k]

            def train(how: LayerTraining, x: Array) -> tuple[History, nn.Module]:
                rbm, history = how.rbm(below, above, x, up.weight.dtype, k > 0)
                up.weight.assign(rbm.weight.array)
                up.bias.assign(rbm.hidden_bias.array)  # type: ignore[union-attr]
                down.weight.assign(rbm.weight.array.T)
                down.bias.assign(rbm.visible_bias.array)  # type: ignore[union-attr]
                return history, nn.Sequential(up, nn.Sigmoid())

            return train

        def top(how: LayerTraining, x: Array) -> tuple[History, nn.Module]:
            if y is not None:
                x = np.concatenate([x, np.eye(self.labels or 0, dtype=x.dtype)[y]], 1)
            below, above, dtype = (
                self.top.visible,
                self.top.hidden,
                self.top.weight.dtype,
            )
            rbm, history = how.rbm(below, above, x, dtype, bool(pairs))
            self.top.load_state_dict(rbm.state_dict())
            return history, self.top

        pairs = list(zip(self.recognition, self.generative, strict=True))
        layers = [(f"recognition.{k}", of(k)) for k in range(len(pairs))]
        return train_layers("DeepBeliefNet.pretrain", how, [*layers, ("top", top)], x)

    # What it says of data. -----------------------------------------------------------

    def encode(self, x: Any) -> Any:
        """The probabilities of the top's hidden units, (N, D) → (N, H): those of each
        layer given the probabilities of the layer below, and given no class.
        """
        return sigmoid(self._top_inputs(self._last(x)))

    def logits(self, x: Any) -> Any:
        """Of each class y, −F(hᵐ, y) without what all classes share, (N, D) → (N, K).

        Formula: p(y | hᵐ) = softmax(logits), exactly; and with z = c + W hᵐ, the part U
        of the top's weights and the part d of its biases that belong to the classes::

            logits_y = d_y + Σⱼ log(1 + exp(zⱼ + Uⱼ_y))

        Raises:
            ArgumentError: for a net without labels.
        """
        if self.labels is None:
            raise ArgumentError(
                "DeepBeliefNet: logits of a net without labels",
                fix="DeepBeliefNet(sizes, labels=10), trained on (x, y)",
            )
        n = self.units[-2].features
        z = self._top_inputs(self._last(x))  # (N, H)
        of_classes = self.top.weight[:, n:].T  # (K, H)
        inputs = expand_dims(z, 1) + of_classes  # (N, K, H)
        return softplus(inputs).sum(axis=-1) + self.top.visible_bias[n:]

    def forward(self, x: Any) -> Any:
        """Logits of the classes; without ``labels``, the top's hidden units."""
        return self.encode(x) if self.labels is None else self.logits(x)

    def to_sequential(self, classes: int) -> nn.Sequential:
        """The net upwards as a classifier to be tuned by ``cr.fit``: its layers with
        their weights, a sigmoid behind each, and a new ``Linear`` for the classes.

        Raises:
            StateError: where the net has learned nothing yet.

        Example:
            >>> from chainrule import models
            >>> net = models.DeepBeliefNet((6, 4, 3))
            >>> _ = net.pretrain(np.eye(6), epochs=1, progress=False)
            >>> net.to_sequential(2)
            Sequential(
              (0): Linear(6 → 4)
              (1): Sigmoid()
              (2): Linear(4 → 3)
              (3): Sigmoid()
              (4): Linear(3 → 2)
            )
        """
        self._check_learned("to_sequential")
        known = [(each.weight.array, each.bias.array) for each in self.recognition]  # type: ignore[union-attr]
        of_top = self.top.weight.array[:, : self.units[-2].features]
        return classifier([*known, (of_top, self.top.hidden_bias.array)], classes)

    # What it draws. ------------------------------------------------------------------

    def sample(
        self,
        n: int,
        labels: Any = None,
        *,
        steps: int = 1000,
        keep: int = 1,
        start: Any = None,
        means: bool = True,
        generator: Generator | None = None,
    ) -> Any:
        """n samples: block Gibbs sampling in the top machine, then one pass down, whose
        layers are drawn.

        Arguments:
            labels: the class of each chain, (n,) or one, as numbers or as
                ``class_names``: clamped, or drawn with all else where not given.
            steps: of each chain.
            keep: how many states of each chain are returned, at equal distances.
            start: data that the chains start from, (n, D); the top's biases where not
                given.
            means: whether data are returned as the means of their units, grey pictures,
                in the place of states.
            generator: of random numbers; the default one when not given.

        Returns:
            (n, D), or (n, keep, D) where ``keep`` is more than 1.

        Raises:
            ArgumentError: for labels of a net without, or fewer steps than are kept.
            DataError: for labels that are no classes of the net.
            StateError: where the net has learned nothing yet.
        """
        self._check_learned("sample")
        rows = positive_size("sample", "n", n)
        count = positive_size("sample", "steps", steps)
        kept = positive_size("sample", "keep", keep)
        if kept > count:
            raise ArgumentError(
                f"sample: keep={keep} of steps={steps}: expected no more than that"
            )
        clamped = self._clamped(rows, labels)
        source = default_generator if generator is None else generator
        v = self._start(rows, start, source)
        ends = [count * (k + 1) // kept for k in range(kept)]
        frames = []
        for number in range(1, count + 1):
            v, h = self._step(v, clamped, source)
            if number in ends:
                frames.append(self._descend(v, h, bool(means), source))
        return frames[0] if kept == 1 else stack(frames, 1)

    @compile
    def _step(self, v: Any, classes: Any, source: Generator) -> tuple[Any, Any]:
        """One step of the top machine with these classes, if any."""
        v, h = self.top.gibbs(self._with_classes(v, classes), 1, source)
        return self._with_classes(v, classes), h

    @compile
    def _descend(self, v: Any, h: Any, means: bool, source: Generator) -> Any:
        """One pass down from visible units of the top machine, (N, n or n + K), and the
        hidden units that they were drawn from, (N, H): data, (N, D).
        """
        below = v[:, : self.units[-2].features]
        if not self.generative:
            z = self.top.visible_inputs(h)[:, : self.units[0].features]
            return below if not means else self.units[0].mean(z)
        for k in reversed(range(1, len(self.generative))):
            below = self.units[k].sample(self.generative[k](below), source)
        z = self.generative[0](below)
        return self.units[0].mean(z) if means else self.units[0].sample(z, source)

    def _with_classes(self, v: Any, classes: Any) -> Any:
        """hᵐ, which v is or begins with, beside classes as rows of 0 and 1, (N, n + K):
        visible units of the top machine. As it is where there are no classes.
        """
        n = self.units[-2].features
        return v if classes is None else concatenate([v[:, :n], classes], 1)

    # Parts of these. -----------------------------------------------------------------

    def _last(self, x: Any) -> Any:
        """The probabilities of the last layer below the top machine, (N, n)."""
        h = self.units[0].checked("DeepBeliefNet", x)
        for layer in self.recognition:
            h = sigmoid(layer(h))
        return h

    def _top_inputs(self, h: Any) -> Any:
        """c + W h of the top's hidden units, given no class, (N, H)."""
        weight = self.top.weight[:, : self.units[-2].features]
        return h @ weight.T + self.top.hidden_bias

    def _start(self, rows: int, start: Any, source: Generator) -> Any:
        """A state of the top's visible units, (N, n or n + K)."""
        shape = (rows, self.top.visible.features)
        drawn = self.top.visible.sample(
            broadcast_to(self.top.visible_bias, shape), source
        )
        if start is None:
            return drawn
        known = self._last(start)
        if known.shape[0] != rows:
            raise ArgumentError(
                f"sample: start {tuple(np.shape(start))} for {rows} chains: expected "
                "one row for each"
            )
        return concatenate([known, drawn[:, known.shape[1] :]], 1)

    def _clamped(self, rows: int, labels: Any) -> Any:
        """The class of each chain as a row of 0 and 1, (N, K); None for none."""
        if labels is None:
            return None
        if self.labels is None:
            raise ArgumentError(
                "sample: labels of a DeepBeliefNet without any",
                fix="DeepBeliefNet(sizes, labels=10), trained on (x, y)",
            )
        given = np.asarray(labels)
        if given.dtype.kind in "UO" and self.class_names is not None:
            shape, names = given.shape, self.class_names
            given = number_texts(np.atleast_1d(given), names, "sample: labels")
            given = given.reshape(shape)
        if given.shape not in ((), (rows,)):
            raise ArgumentError(
                f"sample: labels {given.shape} for {rows} chains: expected one class, "
                "or one for each"
            )
        if given.dtype.kind in "UO":
            raise ArgumentError(
                "sample: labels are texts, and the net knows no class names",
                fix="numbers; or net.class_names = (…), the names in their order",
            )
        check_labels(given.reshape(-1), self.labels, "sample: labels")
        classes = np.broadcast_to(given, (rows,))
        return np.eye(self.labels, dtype=self.top.weight.dtype)[classes]

    def _examples(self, caller: str, data: Any) -> tuple[Any, Array | None]:
        """Inputs to train on and, for a net with labels, their classes."""
        examples = training_data(caller, data)
        if self.labels is None:
            return examples.inputs, None
        names = self.class_names or examples.class_names
        examples = examples.with_class_names(names)
        if examples.targets is None:
            raise ArgumentError(
                f"{caller}: a net with labels={self.labels}, and data without",
                fix="(x, y) with class numbers y; or DeepBeliefNet(sizes) alone",
            )
        y = np.asarray(examples.targets)
        if y.ndim > 1:
            raise DataError(
                f"{caller}: targets {y.shape}: expected one class number a row",
                fix="y.argmax(1) where the classes are rows of 0 and 1",
            )
        check_labels(y, self.labels, f"{caller}: targets")
        self.class_names = names
        return examples.inputs, y

    def _check_learned(self, caller: str) -> None:
        """A layer whose weights are all 0 has seen no data yet."""
        for path, layer in [*self.named_modules()]:
            if isinstance(layer, (nn.Linear, RBM)) and not layer.weight.array.any():
                raise StateError(
                    f"DeepBeliefNet: {caller} before {path} has learned anything: its "
                    "weights are 0",
                    fix="net.pretrain(x) first, or net.load(path)",
                )


class UpDown(nn.Module):
    """Tunes all layers of a deep belief net together: what ``cr.fit`` trains.

    Formula: the up–down algorithm, a contrastive form of wake–sleep, as the gradient of
    one sum of three terms, in which everything drawn is a constant::

        wake    h¹ … hᵐ drawn upwards from the data x = h⁰ by the recognition weights:
                −Σₖ log p(hᵏ⁻¹ | hᵏ)                  trains ``generative``
        top     v = (hᵐ, y), and v′ after some steps of Gibbs sampling from there:
                F(v) − F(v′)                          trains ``top``
        sleep   s¹ … sᵐ, s⁰ drawn downwards from v′ by the generative weights, of s⁰
                the means: −Σₖ log q(sᵏ | sᵏ⁻¹)       trains ``recognition``

    all as means over the batch. Each weight's gradient is its local rule of the paper,
    as states are drawn, and nothing flows through them.

    In evaluation nothing is drawn: the value is how well the net describes data by one
    pass of means up and down, in nats for each example:
    −Σₖ log p(hᵏ⁻¹ | hᵏ) of the means, and −log p(v | h) at the top, labels included.

    Shapes: x (N, D), and class numbers (N,) for a net with labels → one number.

    Arguments:
        net: trained by ``pretrain`` before.
        steps: of Gibbs sampling in the top machine; the paper has 3, then 6, then 10.

    Raises:
        ArgumentError: for something else than a net; in a call, for labels missing or
            not wanted.
        StateError: in a training step, where the net has learned nothing yet.

    Source: Hinton, Osindero & Teh (2006), section 5 and appendix B.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models, optim
        >>> cr.manual_seed(0)
        >>> coins = cr.random.bernoulli(0.5, (200, 1)).astype("float32")
        >>> x = coins.numpy().repeat(6, axis=1)  # six that fall alike
        >>> net = models.DeepBeliefNet((6, 4, 4))
        >>> _ = net.pretrain(x, epochs=20, batch_size=10, progress=False)
        >>> learner = models.UpDown(net, steps=3)
        >>> before = cr.evaluate(learner, x)["loss"]
        >>> history = cr.fit(learner, x, optimizer=optim.SGD(lr=0.1), progress=False)
        >>> cr.evaluate(learner, x)["loss"] < before
        True
    """

    outputs_loss: ClassVar[bool] = True
    depends_on_training: ClassVar[bool] = True

    def __init__(self, net: DeepBeliefNet, steps: int = 10) -> None:
        if not isinstance(net, DeepBeliefNet):
            raise ArgumentError(
                f"UpDown: {type(net).__name__}: expected a DeepBeliefNet",
                fix="models.DeepBeliefNet((784, 500, 2000)), pretrained",
            )
        self.net = net
        self.steps = positive_size("UpDown", "steps", steps)

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Those of the net, which knows which of its units stands for which class.

        Raises:
            ArgumentError: when names are set of which there are not as many as the net
                has labels: which units they mean is then not known.
        """
        return self.net.class_names

    @class_names.setter
    def class_names(self, names: Sequence[str] | None) -> None:
        if names is not None and len(names) != self.net.labels:
            raise ArgumentError(
                f"UpDown: {len(names)} class names for a net with "
                f"labels={self.net.labels}, which knows none: which units they mean is "
                "not known",
                fix="net.class_names = (…), all names in the order of the numbers that "
                "it was trained with",
            )
        self.net.class_names = names

    def settings(self) -> dict[str, Any]:
        """The net, and the steps at the top."""
        return {"net": self.net, "steps": self.steps}

    def forward(self, x: Any, labels: Any = None, training: bool = False) -> Any:
        """The sum of the three terms; in evaluation the description by means."""
        net = self.net
        if (labels is None) != (net.labels is None):
            raise ArgumentError(
                "UpDown: a net without labels, and data with some"
                if net.labels is None
                else f"UpDown: a net with labels={net.labels}, and data without",
                fix="cr.fit(model, x)"
                if net.labels is None
                else "cr.fit(model, (x, y))",
            )
        layers = [net.units[0].checked("UpDown", x)]
        classes = None
        if labels is not None:
            classes = one_hot(labels, net.labels or 1, layers[0].dtype)
        if not training:
            return self._description(layers, classes)
        net._check_learned("UpDown")
        for k, up in enumerate(net.recognition, 1):
            layers.append(net.units[k].sample(up(layers[-1])))
        v = net._with_classes(layers[-1], classes)
        after = stop_gradient(net.top.gibbs(v, self.steps)[0])
        contrast = net.top.free_energy(v) - net.top.free_energy(after)
        return (self._wake(layers) + contrast + self._sleep(after)).mean()

    def _wake(self, layers: Sequence[Any]) -> Any:
        """−Σₖ log p(hᵏ⁻¹ | hᵏ), (N,)."""
        net, total = self.net, 0.0
        for k, down in enumerate(net.generative):
            below, above = layers[k], layers[k + 1]
            total = total + net.units[k].negative_log_likelihood(below, down(above))
        return total

    def _sleep(self, v: Any) -> Any:
        """−Σₖ log q(sᵏ | sᵏ⁻¹) of a way down that starts from the top's v, (N,)."""
        net, total = self.net, 0.0
        above = v[:, : net.units[-2].features]
        for k in reversed(range(len(net.generative))):
            z, units = net.generative[k](above), net.units[k]
            below = stop_gradient(units.sample(z) if k else units.mean(z))
            up = net.recognition[k](below)
            total = total + net.units[k + 1].negative_log_likelihood(above, up)
            above = below
        return total

    def _description(self, layers: list[Any], classes: Any) -> Any:
        """How well means describe the data, with nothing drawn: one number."""
        net = self.net
        for up in net.recognition:
            layers.append(sigmoid(up(layers[-1])))
        v = net._with_classes(layers[-1], classes)
        again = net.top.visible_inputs(net.top.hidden_given(v))
        at_top = net.top.visible.negative_log_likelihood(v, again)
        return (self._wake(layers) + at_top).mean()
