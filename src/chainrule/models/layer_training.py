"""How layers are trained one after the other: what each is given, and as what.

Place on the road: above restricted machines and their learning; deep machines,
``belief`` and ``pretraining`` train their layers by it. It must not know which layers a
network has.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import nn, optim
from ..data import Dataset, Split, Stream
from ..errors import ArgumentError, ChainruleError, DataError
from ..graph import Array
from ..random_numbers import default_generator
from ..training.callbacks import Checkpoint
from ..training.history import History
from ..training.loop import fit
from .boltzmann.divergence import ContrastiveDivergence
from .boltzmann.machine import RBM


@dataclass(frozen=True)
class LayerTraining:
    """How layers are trained: what ``cr.fit`` is given for each.

    Arguments:
        epochs, batch_size, optimizer, validation, seed, engine, checkpoints, progress:
            as of ``models.pretrain``.
        number, path: of the layer; its seed and its folder follow from them.

    Raises:
        ArgumentError: for data to validate on.

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

    def __post_init__(self) -> None:
        """Other data to validate on would have to pass through the layers below."""
        if not isinstance(self.validation, float | None):
            raise ArgumentError(
                f"validation={type(self.validation).__name__}: expected a fraction of "
                "the examples to train on",
                fix="validation=0.1",
            )

    def of(self, number: int, path: str) -> LayerTraining:
        """The training of one layer."""
        return replace(self, number=number, path=path)

    def fit(self, learner: nn.Module, x: Array, usual: optim.Optimizer) -> History:
        """Trains a module that returns its own loss, by the usual optimizer where none
        is given; from its last checkpoint on, where there is one. An error says which
        layer it was.

        Raises:
            KeyboardInterrupt: after Ctrl-C, which ``fit`` itself answers by returning:
                a layer must not be trained on what half a layer makes of the data.
        """
        listeners = []
        if self.checkpoints is not None:
            folder = Path(self.checkpoints) / f"layer-{self.path}"
            listeners.append(Checkpoint(folder, keep=1))
        try:
            history = fit(
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
                progress=self.progress,
            )
        except ChainruleError as error:
            error.add_note(f"while layer {self.path} was trained")
            raise
        if history.stopped == "interrupted":  # by Ctrl-C, which ends all layers
            raise KeyboardInterrupt(f"the training of layer {self.path!r} was stopped")
        return history

    def rbm(
        self, visible: Any, hidden: Any, x: Array, dtype: Any, drawn: bool = False
    ) -> tuple[RBM, History]:
        """A machine of these units, trained by contrastive divergence with one step.

        Arguments:
            drawn: whether x are probabilities, of which it sees states that are drawn.
        """
        rbm = self.new_rbm(visible, hidden, x, dtype)
        learning = ContrastiveDivergence(rbm, binarize=drawn)
        return rbm, self.fit(learning, x, usual_optimizer(rbm))

    def new_rbm(self, visible: Any, hidden: Any, x: Array, dtype: Any) -> RBM:
        """A machine of these units, with weights from the layer's seed, and visible
        units whose means are those of the data.
        """
        default_generator.seed(self.seed + self.number)
        rbm = RBM(visible, hidden, dtype=dtype)
        rbm.fit_visible_bias(x.astype(dtype))
        return rbm


def usual_optimizer(rbm: RBM) -> optim.Optimizer:
    """What a machine is trained by where nothing is said: Adam for real units, whose
    gradients have no bound, otherwise gradient descent with momentum.

    Example:
        >>> usual_optimizer(RBM(3, 2))
        Momentum(lr=0.1, momentum=0.9; no parameters)
    """
    is_real = rbm.visible.is_real or rbm.hidden.is_real
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
