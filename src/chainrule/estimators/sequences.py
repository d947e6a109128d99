"""``SequenceClassifier``: a recurrent network for sequences.

Place on the road: an estimator, on ``kinds``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from sklearn.utils.validation import check_consistent_length, column_or_1d

from .. import nn
from ..errors import unknown_option
from .inputs import are_sequences, padded
from .kinds import NetworkClassifier

#: name ↦ the recurrent layer
CELLS: Mapping[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class SequenceClassifier(NetworkClassifier):
    """A recurrent network for sequences, with scikit-learn's interface.

    The state after the last step of a sequence, of both directions where there are two,
    is what the logits are computed from.

    Shapes: X a list of arrays (T, D) or (T,), whose T may differ; an array (N, T, D);
    or (N, T), one number a step. y (N,) labels.

    Arguments:
        hidden_size: units of a recurrent layer.
        num_layers: recurrent layers, one on the other.
        cell: "lstm", "gru" or "rnn".
        bidirectional: read from both ends.
        optimizer: the name of an algorithm of ``optim``, "adam", "sgd", "lbfgs", …, or
            one with settings of its own, ``optim.Adam(lr=0.01)``. One that minimises
            the loss of all examples, as "lbfgs", takes them as one batch, and ends
            where no ∂L/∂w is larger than ``tol``.
        alpha: the strength of the penalty α / 2n · Σ‖W‖² of n examples.
        batch_size: examples in a batch; "auto": 200, or all where there are fewer.
        learning_rate_init: the learning rate of an optimizer that is a name.
        max_iter: epochs, at most.
        dropout: the probability of dropping a unit of a hidden layer.
        random_state: of the weights, the order of examples and dropout; an integer
            makes the fit repeatable.
        tol, n_iter_no_change: training ends when the loss (the validation score, with
            ``early_stopping``) was not better by ``tol`` for more than so many epochs.
        verbose: show the progress.
        warm_start: whether ``fit`` goes on from the fit before.
        early_stopping: hold out ``validation_fraction`` of the examples, score them
            after each epoch, and keep the weights of the best.
        validation_fraction: how much is held out.
        engine: the engine of ``cr.compile``.

    Attributes:
        classes_: the classes, in the order of the columns of ``predict_proba``.
        module_: the network, an ``nn.Module``.
        history_: the ``History`` of the last fit.
        loss_curve_, validation_scores_: the loss, and the score, of each epoch.
        n_iter_, loss_, best_loss_, best_validation_score_, n_outputs_, n_features_in_,
        feature_names_in_: as in scikit-learn.

    Raises:
        ArgumentError: in ``fit``, for a value that an argument cannot have.
        DataError: for an empty sequence, or ones with different numbers of features.

    Source: Hochreiter & Schmidhuber (1997).

    Example:
        >>> import numpy as np
        >>> from chainrule.estimators import SequenceClassifier
        >>> rng = np.random.default_rng(0)
        >>> X = [rng.normal(size=(rng.integers(2, 6), 1)) for _ in range(100)]
        >>> y = [x[-1, 0] > 0 for x in X]  # the sign of the last step
        >>> net = SequenceClassifier(8, cell="gru", learning_rate_init=0.05, tol=1e-2)
        >>> net.set_params(random_state=0).fit(X, y).score(X, y) > 0.9
        True
    """

    _takes_sparse: ClassVar[bool] = False

    hidden_size: int
    num_layers: int
    cell: str
    bidirectional: bool
    dropout: float

    def __init__(
        self,
        hidden_size: int = 64,
        num_layers: int = 1,
        cell: str = "lstm",
        *,
        bidirectional: bool = False,
        optimizer: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        dropout: float = 0.0,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
        engine: str | None = None,
    ) -> None:
        self._store(locals())

    def _table(self, x: Any) -> Any:
        """The steps of all sequences one after another, ``(ΣT, D)``."""
        if are_sequences(x):
            steps, lengths = padded(type(self).__name__, x)
            return steps[np.arange(steps.shape[1]) < lengths[:, None]]
        if getattr(x, "ndim", 2) == 3:
            return np.asarray(x).reshape(-1, x.shape[-1])
        return x

    def _checked_pair(self, x: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        if not _has_steps(x):
            return super()._checked_pair(x, y, reset)
        table = self._checked_table(x, reset)
        y = column_or_1d(y, warn=True)
        check_consistent_length(x, y)
        return table, y

    def _inputs(self, x: Any, table: Any, reset: bool) -> Any:
        """``(N, T, D)`` and, of sequences of different lengths, these."""
        if reset:
            self._steps_given = _has_steps(x)
        if are_sequences(x):
            steps, lengths = padded(type(self).__name__, x)
            return steps.astype(table.dtype), lengths
        if _has_steps(x):
            return table.reshape(len(x), -1, table.shape[-1])
        return table[:, :, None]

    def _positions(self) -> int:
        return 100  # whatever the length: what is longer than a few steps is compiled

    def _network(self, outputs: int, dtype: Any) -> nn.Module:
        if self.cell not in CELLS:
            raise unknown_option("cell", self.cell, CELLS)
        features = self.n_features_in_ if self._steps_given else 1
        options: dict[str, Any] = {"num_layers": self.num_layers, "dtype": dtype}
        options["bidirectional"] = self.bidirectional
        if self.num_layers > 1:
            options["dropout"] = self.dropout
        layers: list[nn.Module] = [
            CELLS[self.cell](features, self.hidden_size, **options),
            nn.LastStep(),
        ]
        if self.dropout:
            layers.append(nn.Dropout(self.dropout))
        width = self.hidden_size * (2 if self.bidirectional else 1)
        return nn.Sequential(*layers, nn.Linear(width, outputs, dtype=dtype))


def _has_steps(x: Any) -> bool:
    """Whether X says which numbers belong to one step."""
    return are_sequences(x) or getattr(x, "ndim", 2) == 3
