"""How layers are trained one after the other: the loop, and what each is given.

Place on the road: above restricted machines and their learning; deep machines,
``belief`` and ``pretraining`` train their layers by it. It must not know which layers a
network has.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import nn, optim
from ..data import Dataset, Split, Stream
from ..errors import ArgumentError, ChainruleError, DataError
from ..graph import Array
from ..random_numbers import default_generator
from ..training.callbacks import Checkpoint
from ..training.evaluation import predict
from ..training.history import History
from ..training.loop import fit
from ..training.progress import choose_renderer
from .boltzmann.divergence import ContrastiveDivergence
from .boltzmann.machine import RBM, Machine
from .boltzmann.units import Gaussian, Mixed, Units

#: Real units have variance 1: that of data, on average over the features, is within.
VARIANCE = (0.1, 10.0)


@dataclass(frozen=True)
class LayerTraining:
    """How layers are trained: what ``cr.fit`` is given for each.

    Arguments:
        epochs, batch_size, optimizer, validation, seed, engine, checkpoints, progress:
            as of ``models.pretrain``.
        number, path: of the layer; its seed and its folder follow from them.

    Example:
        >>> from chainrule.models.layer_training import LayerTraining
        >>> how = LayerTraining(2, 10, None, None, 0, None, None, False)
        >>> how.of(1, "top").path
        'top'
    """

    epochs: int
    batch_size: int
    optimizer: Any
    validation: float | None
    seed: int
    engine: str | None
    checkpoints: str | os.PathLike[str] | None
    progress: Any
    number: int = 0
    path: str = ""

    def of(self, number: int, path: str) -> LayerTraining:
        """The training of one layer."""
        return replace(self, number=number, path=path)

    def fit(self, learner: nn.Module, x: Array, usual: optim.Optimizer) -> History:
        """Trains a module that returns its own loss, by the usual optimizer where none
        is given; from its last checkpoint on, where there is one. An error says which
        layer it was.
        """
        renderer = choose_renderer(self.progress, sys.stderr)
        if renderer is not None:
            renderer.line(f"layer {self.number + 1}: {self.path}")
        listeners = []
        if self.checkpoints is not None:
            folder = Path(self.checkpoints) / f"layer-{self.path}"
            listeners.append(Checkpoint(folder, keep=1))
        try:
            return fit(
                learner,
                x,
                optimizer=usual if self.optimizer is None else self.optimizer,
                epochs=self.epochs,
                batch_size=self.batch_size,
                validation=self.validation,
                callbacks=listeners,
                seed=self.seed + self.number,
                engine=self.engine,
                resume="auto" if listeners else None,
                progress="none" if renderer is None else renderer,
            )
        except ChainruleError as error:
            error.add_note(f"while layer {self.path} was trained")
            raise

    def rbm(
        self, visible: Any, hidden: Any, x: Array, dtype: Any, drawn: bool = False
    ) -> tuple[RBM, History]:
        """A machine of these units, trained by contrastive divergence with one step.

        Arguments:
            drawn: whether x are probabilities, of which it sees states that are drawn.
        """
        rbm = self.new_rbm(visible, hidden, x, dtype)
        return rbm, self.contrastive_divergence(rbm, x, drawn)

    def contrastive_divergence(
        self, machine: Machine, x: Array, drawn: bool = False
    ) -> History:
        """Trains a machine by contrastive divergence with one step.

        Arguments:
            drawn: as of ``rbm``.
        """
        learning = ContrastiveDivergence(machine, binarize=drawn)
        return self.fit(learning, x, usual_optimizer(machine))

    def new_rbm(self, visible: Any, hidden: Any, x: Array, dtype: Any) -> RBM:
        """A machine of these units, with weights from the layer's seed, and visible
        units whose means are those of the data.

        Raises:
            DataError: for real units and data of another variance.
        """
        _check_variance(self.path, visible, x)
        default_generator.seed(self.seed + self.number)
        rbm = RBM(visible, hidden, dtype=dtype)
        rbm.fit_visible_bias(x.astype(dtype))
        return rbm


#: Trains a layer: (how, the data that it sees) → its history, and the module through
#: which the data then passes. A layer that does not learn has no history.
Layer = Callable[[LayerTraining, Array], tuple[History | None, nn.Module]]


def train_layers(
    caller: str, how: LayerTraining, layers: Sequence[tuple[str, Layer]], x: Array
) -> dict[str, History]:
    """Trains layers one after the other, each on what those below make of the data. A
    layer whose training is interrupted is the last one: the next would learn from half
    a layer.

    Arguments:
        layers: the path of each, and what trains it.
        x: the data that the first one sees.

    Raises:
        ArgumentError: for data to validate on: they would have to pass through the
            layers below.

    Example:
        >>> how = LayerTraining(2, 10, None, None, 0, None, None, False)
        >>> flat = nn.Flatten()
        >>> train_layers("pretrain", how, [("0", lambda how, x: (None, flat))], [])
        {}
    """
    given = how.validation
    if given is not None and given is not False:
        is_number = isinstance(given, (int, float))
        if isinstance(given, bool) or not is_number or not 0 < given < 1:
            shown = repr(given) if is_number else type(given).__name__
            raise ArgumentError(
                f"{caller}: validation={shown}: expected a fraction of the examples to "
                "train on, between 0 and 1",
                fix="validation=0.1",
            )
    histories: dict[str, History] = {}
    for number, (path, train) in enumerate(layers):
        history, behind = train(how.of(number, path), x)
        if history is not None:
            histories[path] = history
            if history.stopped == "interrupted":
                break
        if number + 1 < len(layers):
            x = predict(behind, x, engine=how.engine)
    return histories


def check_not_frozen(caller: str, model: nn.Module) -> None:
    """All parameters are to be learned.

    Raises:
        ArgumentError: for one that is frozen.

    Example:
        >>> check_not_frozen("DBM.pretrain", RBM(3, 2))
    """
    for path, parameter in model.named_parameters():
        if parameter.frozen:
            raise ArgumentError(
                f"{caller}: {path} is frozen, and every layer is trained",
                fix="unfreeze() first, and freeze what is to stay for cr.fit",
            )


def classifier(layers: Sequence[tuple[Array, Array]], classes: int) -> nn.Sequential:
    """Layers with these weights and biases, a sigmoid behind each, and a new ``Linear``
    for the classes.

    Example:
        >>> classifier([(np.ones((3, 2), "f4"), np.zeros(3))], 10)
        Sequential(
          (0): Linear(2 → 3)
          (1): Sigmoid()
          (2): Linear(3 → 10)
        )
    """
    made: list[nn.Module] = []
    for weight, bias in layers:
        layer = nn.Linear(weight.shape[1], len(weight), dtype=weight.dtype)
        layer.weight.assign(weight)
        layer.bias.assign(bias)  # type: ignore[union-attr]
        made += [layer, nn.Sigmoid()]
    last = layers[-1][0]
    return nn.Sequential(*made, nn.Linear(len(last), classes, dtype=last.dtype))


def _check_variance(path: str, units: Units, x: Array) -> None:
    parts = units.split(x) if isinstance(units, Mixed) else [(units, x)]
    for kind, values in parts:
        if not isinstance(kind, Gaussian) or len(values) < 2:
            continue
        variance = float(np.var(values, axis=0, dtype=float).mean())
        if not VARIANCE[0] <= variance <= VARIANCE[1]:
            raise DataError(
                f"layer {path}: data {x.shape} from {np.min(values):.3g} to "
                f"{np.max(values):.3g} of real units: a variance of {variance:.3g}: "
                "expected about 1",
                fix="x / 255 for images of 0 … 255, whose units are then binary; "
                "otherwise (x − mean) / std of each feature",
            )


def usual_optimizer(machine: Machine) -> optim.Optimizer:
    """What a machine is trained by where nothing is said: Adam for real units, whose
    gradients have no bound, otherwise gradient descent with momentum.

    Example:
        >>> usual_optimizer(RBM(3, 2))
        Momentum(lr=0.1, momentum=0.9; no parameters)
    """
    is_real = machine.visible.is_real or machine.hidden_is_real
    return optim.Adam() if is_real else optim.Momentum(lr=0.1)


def training_data(caller: str, data: Any) -> Dataset:
    """The examples to train on, with one array of inputs.

    Raises:
        DataError: for a stream, and for several inputs.

    Example:
        >>> training_data("pretrain", ([[0.0, 1.0], [1.0, 0.0]], [0, 1])).inputs.shape
        (2, 2)
    """
    if isinstance(data, Split):
        data = data.train
    if isinstance(data, Stream):
        raise DataError(
            f"{caller}: Stream {data.name!r}: every layer sees all examples as the "
            "layers below it make them, and a stream's are not kept",
            fix="an array or a Dataset",
        )
    pair = isinstance(data, tuple) and len(data) in (2, 3)
    examples = (
        data if isinstance(data, Dataset) else Dataset(*data[:2] if pair else [data])
    )
    if isinstance(examples.inputs, tuple):
        raise DataError(
            f"{caller}: {len(examples.inputs)} inputs: expected one array of examples"
        )
    return examples
