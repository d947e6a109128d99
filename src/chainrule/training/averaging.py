"""``WeightAveraging``: a network that ends as the average of its last steps.

Place on the road: a callback, which ``callbacks`` offers.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from ..compiler.compile import compile
from ..errors import ArgumentError
from ..optim import WeightAverage
from ..optim.hyperparameters import fraction, whole
from .events import Callback
from .run import Run


class WeightAveraging(Callback):
    """Averages the weights after every step; the network has the averages at the end.

    Where the learning rate does not fall to nothing, the weights keep moving around a
    minimum, and their average is nearer to it than any of them. Training itself goes on
    with the weights as they are.

    Validation is that of the averages, and so are the weights that ``EarlyStopping``
    and ``ModelCheckpoint`` keep; ``Checkpoint`` keeps both, and a run is resumed with
    the same bits. The moving averages of a ``BatchNorm1d`` are averaged as its weights
    are: they are near those that the averaged network would have, and not exactly them.

    Arguments:
        decay: of the exponential average, see ``optim.WeightAverage``: 0.999 reaches
            back over some thousand steps. None for the average of all steps alike.
        start_epoch: the epoch after whose first step averaging begins. The network is
            as usual before.
        validate: whether the averages are validated; else the weights themselves.

    Source: Polyak & Juditsky (1992); Izmailov et al., Averaging weights leads to wider
    optima and better generalization (2018).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import callbacks, data, nn, optim
        >>> digits = data.load("digits")
        >>> average = callbacks.WeightAveraging(0.98)
        >>> history = cr.fit(
        ...     nn.Linear(64, 10), digits, epochs=3, progress=False, validation=0.1,
        ...     optimizer=optim.SGD(lr=0.1), callbacks=[average],
        ... )
        >>> history.settings["averaged_steps"]
        123
    """

    order = 60  # after those that keep the best weights, before Checkpoint

    def __init__(
        self,
        decay: float | None = 0.999,
        *,
        start_epoch: int = 1,
        validate: bool = True,
    ) -> None:
        name = "WeightAveraging"
        self.decay = None if decay is None else fraction(name, "decay", decay)
        self.start_epoch = whole(name, "start_epoch", start_epoch)
        if not isinstance(validate, bool):
            raise ArgumentError(
                f"{name}: validate={validate!r}: expected True or False"
            )
        self.validate = validate
        self.average: WeightAverage | None = None
        self._update: Any = None
        self._saved: dict[str, Any] = {}

    def on_fit_start(self, run: Run) -> None:
        """An average of nothing, or that of the checkpoint."""
        others = [each for each in run.callbacks if isinstance(each, WeightAveraging)]
        if len(others) > 1:
            raise ArgumentError(
                f"fit: {len(others)} callbacks WeightAveraging: the network can end "
                "with one average",
                fix="callbacks=[callbacks.WeightAveraging()]",
            )
        if not self.validate:
            self._refuse_best_weights(run)
        variables = [each for _, each in run.model.named_variables()]
        self.average = WeightAverage(variables, self.decay)
        self._update = compile(self.average.update, engine=run.engine)
        if self._saved:
            self.average.load_state_dict(self._saved)
        self._saved = {}

    def _refuse_best_weights(self, run: Run) -> None:
        """Best weights that are validated themselves are not to be averaged."""
        for each in run.callbacks:
            if getattr(each, "restore_best", False):
                raise ArgumentError(
                    f"WeightAveraging(validate=False) with {type(each).__name__}: the "
                    "network would end with its best weights, not with their average",
                    fix="validate=True, or restore_best=False",
                )

    def on_batch_end(self, run: Run) -> None:
        """Adds the weights of the step."""
        if run.epoch >= self.start_epoch:
            self._update()

    def on_validation_start(self, run: Run) -> None:
        """The averages are validated."""
        if self.validate:
            self._put(True)

    def on_epoch_end(self, run: Run) -> None:
        """Training goes on with the weights themselves."""
        self._put(False)

    def on_stop(self, run: Run) -> None:
        """So that a checkpoint has the weights themselves."""
        self._put(False)

    def on_fit_end(self, run: Run) -> None:
        """The network has the averages; or those of the best epoch, if it was given
        them.
        """
        self._put(False)
        settings = run.history.settings
        last = None if run.batch else run.history.last.get("epoch", 0)
        settings["averaged_steps"] = self._steps
        if not self._steps:
            warnings.warn(
                f"WeightAveraging: nothing was averaged: start_epoch = "
                f"{self.start_epoch}, and training ended after epoch {last or 0}",
                stacklevel=2,
            )
        if settings["kept_epoch"] == last:
            self._put(True)
        self._update = self.average = None

    def on_close(self, run: Run) -> None:
        """After an error, the network has its weights."""
        self._put(False)
        self._update = self.average = None

    @property
    def _steps(self) -> int:
        return 0 if self.average is None else self.average.num_updates

    def _put(self, averages: bool) -> None:
        """The averages, or the weights, in the network."""
        average = self.average
        if average is not None and self._steps and average.is_applied != averages:
            average.swap()

    def state_dict(self) -> dict[str, Any]:
        """The averages so far."""
        return {} if self.average is None else {"average": self.average.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Puts back what ``state_dict`` returned, when training starts."""
        self._saved = {name.removeprefix("average."): a for name, a in state.items()}
