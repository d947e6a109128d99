"""``NetworkBase``: scikit-learn's interface around a network that ``fit`` trains.

Place on the road: the base of all estimators, those that transform included. It must
not know what kinds of networks there are: a subclass builds one, and says how X becomes
its input and what its task is.

The names of arguments and attributes are scikit-learn's where they mean the same.
"""

from __future__ import annotations

import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from .. import optim
from ..data import Dataset
from ..data.splitting import split_rows
from ..errors import ArgumentError, NumericsError
from ..graph import Array
from ..nn import Module
from ..random_numbers import default_generator
from ..training import History, fit, objective
from ..training.examples import Examples, model_dtype
from ..training.step import num_rows, training_step
from .inputs import DTYPES, dtype_of, rows_of, taken
from .parameters import check_parameters
from .prediction import Predictor
from .reports import CallbackSupport, Report
from .rules import Plateau, clip_batch
from .tasks import Objective, Task, check_same_classes

if TYPE_CHECKING:
    from ..training.snapshot import AnyOptimizer

#: Fits of one process take turns: they share the default random generator, and the
#: threads that one alone uses all of.
_fitting = threading.RLock()

#: Rows whose outputs are compared first, where all might be the same.
ROWS_TO_LOOK_AT = 64

#: What a fitted estimator holds that is no value: it is made again from what is.
_MADE_AGAIN = ("module_", "_predictor", "_optimizer", "_step")


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """The default generator starts from a seed, and afterwards goes on as before."""
    with _fitting:
        before = default_generator.state.array.copy()
        default_generator.seed(seed)
        try:
            yield
        finally:
            default_generator.state.assign(before)


class NetworkBase(CallbackSupport, BaseEstimator, ABC):
    """The base of estimators.

    A subclass stores the arguments of its constructor, ``self._store(locals())``, and
    defines ``_network``, ``_task_of`` and, where X is no table, ``_table`` and
    ``_inputs``.
    """

    #: Whether X may be a sparse matrix.
    _takes_sparse: ClassVar[bool] = True
    #: The arguments that say how large a step is, and how many epochs there are.
    _rate: ClassVar[str] = "learning_rate_init"
    _epochs: ClassVar[str] = "max_iter"

    optimizer: Any
    alpha: float
    batch_size: int | str
    learning_rate_init: float
    max_iter: int
    random_state: Any
    tol: float
    verbose: bool | int
    warm_start: bool
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: float
    engine: str | None

    t_: int
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    _task: Any
    _optimizer: Any
    _step: Any

    def _store(self, arguments: Mapping[str, Any]) -> None:
        """Keeps what a constructor was given as it is: its ``locals()``, first of all.

        The signature of the constructor is the list of arguments that scikit-learn
        reads; it need not be written a second and a third time.
        """
        for name, value in arguments.items():
            if name != "self":
                setattr(self, name, value)

    # What a subclass says. -----------------------------------------------------------

    @abstractmethod
    def _network(self, outputs: int, dtype: Any) -> Module:
        """The network for X of ``n_features_in_`` features, with so many outputs."""

    @abstractmethod
    def _task_of(self, y: Any, classes: Any) -> Task:
        """What is to be learned."""

    def _takes_amounts(self) -> bool:
        """Whether y must be numbers."""
        return False

    def _table(self, x: Any) -> Any:
        """X as scikit-learn checks it: ``(N, D)``; by default it is."""
        return x

    def _inputs(self, x: Any, table: Any, reset: bool) -> Any:
        """The network's inputs, one row for each example: an array, a sparse matrix, or
        a tuple of arrays.

        Arguments:
            x: X as it was given.
            table: what became of ``_table(x)`` when it was checked.
            reset: whether X is what the estimator is fitted to.
        """
        return table

    def _positions(self) -> int:
        """How often, about, an example uses each weight of the network."""
        return 1

    # Fitting. ------------------------------------------------------------------------

    def _one_epoch(self, x: Any, y: Any, weights: Any, classes: Any = None) -> Self:
        """``partial_fit``: by a step that is compiled once and kept."""
        if self.early_stopping:
            raise ArgumentError(
                f"{type(self).__name__}.partial_fit: early_stopping=True: one epoch "
                "has nothing to stop",
                fix="fit(X, y), or early_stopping=False",
            )
        train, _, seed = self._prepared(x, y, weights, True, classes)
        if self._step is None:
            learner = self._learner()
            kind = "none" if learner.outputs_loss else "other"
            loss = objective.objective_of(learner, self._objective(), kind, False)
            parts = learner, loss, (), self._optimizer
            self._step = training_step(*parts, lambda *_: None, self.engine)
        total, size = 0.0, clip_batch(self.batch_size, len(train))
        with _seeded(seed):
            examples = Examples(train, model_dtype(self.module_))
            for batch in examples.batches(size, shuffle=True, seed=seed):
                loss, _, _ = self._step(*batch)
                total += float(loss.value) * num_rows(batch[0])
        self.loss_ = total / len(train)
        if not np.isfinite(self.loss_):
            raise NumericsError(
                f"{type(self).__name__}.partial_fit: the loss is {self.loss_}: the "
                "weights are no longer numbers",
                fix=f"a smaller {self._rate}, or X scaled; fit(X, y) begins anew",
            )
        self.loss_curve_.append(self.loss_)
        self.n_iter_ = 1
        self.t_ += len(train)
        return self

    def _train(self, x: Any, y: Any, weights: Any) -> Self:
        """Trains from the start or, with ``warm_start``, from where the network is."""
        train, validation, seed = self._prepared(x, y, weights)
        plateau = self._plateau()
        listeners: list[Any] = [plateau]
        if self._is_watched():
            given = {"X": x, "y": y, "metadata": {"sample_weight": weights}}
            context = self._init_callback_context(
                max_subtasks=getattr(self, self._epochs)
            )
            if "_skl_callbacks" in vars(self):
                listeners.append(Report(self, context, given))
        with _seeded(seed):
            history = self._run(train, validation, listeners, seed)
        self._keep(history, plateau, len(train))
        if history.stopped == "interrupted":
            warnings.warn("Training interrupted by user.", stacklevel=4)
        elif history.stopped == "finished":
            self._warn_of_too_few_epochs()
        if self._takes_amounts() and self._answers_alike(train):
            self._warn_of_one_answer()
        return self

    def _prepared(
        self, x: Any, y: Any, weights: Any, part: bool = False, classes: Any = None
    ) -> tuple[Dataset, Dataset | None, int]:
        """Checks everything, makes a network unless there is one to go on with, and
        returns what is trained on, what is held out, and a seed.
        """
        check_parameters(self)
        goes_on = (part or self.warm_start) and hasattr(self, "module_")
        inputs, labels, weights = self._checked(x, y, weights, reset=not goes_on)
        random = check_random_state(self.random_state)
        seed = int(random.randint(np.iinfo(np.int32).max))
        if goes_on:
            seed += len(self.loss_curve_)
            if not part:
                check_same_classes(type(self).__name__, self._task, labels)
        else:
            self._task = self._task_of(labels, classes)
        dtype = dtype_of(inputs)
        targets = self._task.encoded(labels, dtype)
        if not goes_on:
            with _seeded(seed):
                self._start(dtype)
        return *self._parts(rows_of(inputs), targets, weights, seed), seed

    def _checked(
        self, x: Any, y: Any, weights: Any, reset: bool
    ) -> tuple[Any, Any, Any]:
        """Inputs, y and weights of the examples that count."""
        table, y = self._checked_pair(x, y, reset)
        inputs = self._inputs(x, table, reset)
        if y.ndim == 2 and y.shape[1] == 1 and not hasattr(y, "toarray"):
            y = column_or_1d(y, warn=True)
        if weights is None:
            return inputs, y, None
        weights = _check_sample_weight(weights, y, ensure_non_negative=True)
        counts = weights > 0
        if counts.all():
            return inputs, y, weights
        return taken(inputs, counts), y[counts], weights[counts]

    def _checked_pair(self, x: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        """X as a table, and y, as scikit-learn checks them."""
        pair: tuple[Any, Any] = validate_data(
            self,
            self._table(x),
            y,
            accept_sparse="csr" if self._takes_sparse else False,
            dtype=DTYPES,
            multi_output=True,
            y_numeric=self._takes_amounts(),
            reset=reset,
        )
        return pair

    def _checked_table(self, x: Any, reset: bool) -> Any:
        """X as a table, as scikit-learn checks it without y."""
        accepted = "csr" if self._takes_sparse else False
        table = self._table(x)
        return validate_data(
            self, table, accept_sparse=accepted, dtype=DTYPES, reset=reset
        )

    def _parts(
        self, inputs: Any, targets: Array, weights: Array | None, seed: int
    ) -> tuple[Dataset, Dataset | None]:
        """What is trained on, and what is held out for early stopping."""
        examples = Dataset(inputs, targets, task="none", sample_weight=weights)
        if not self.early_stopping:
            return examples, None
        count, fraction = len(examples), self.validation_fraction
        strata = self._task.strata(targets)
        shares = np.array([1 - fraction, fraction])
        kept, held = split_rows(count, shares, strata, seed)
        if len(held) < 2 or not len(kept):
            raise ArgumentError(
                f"{type(self).__name__}.fit: validation_fraction={fraction} of {count} "
                "examples: early stopping needs two at least, and some to train on",
                fix="a larger fraction, more examples, or early_stopping=False",
            )
        return examples.subset(kept), examples.subset(held, "validation")

    def _start(self, dtype: Any) -> None:
        """A new network, and everything that belongs to it."""
        self.module_ = self._network(self._task.outputs, dtype)
        self._optimizer = self._new_optimizer(self.module_)
        self._predictor = self._new_predictor(self.module_)
        self.loss_curve_ = []
        self._step = None  # of partial_fit
        self.t_ = 0
        self.n_outputs_ = self._task.outputs
        self.validation_scores_ = None
        self._waited, self._best = 0, -np.inf
        if self.early_stopping:
            self.validation_scores_ = []

    def _new_optimizer(self, module: Module) -> AnyOptimizer:
        """The named algorithm, or a copy of the specification, for the weights."""
        name, weights = self.optimizer, module.parameters()
        if isinstance(name, str):
            if takes_gradients(self):
                return optim.by_name(name, weights, lr=getattr(self, self._rate))
            return optim.by_name(name, weights, gradient_tolerance=self.tol)
        given: AnyOptimizer = self.optimizer
        if not isinstance(given, optim.Updater) or given.is_bound:
            raise ArgumentError(
                f"{type(self).__name__}: optimizer={given!r}: expected a name, or an "
                "optimizer without parameters",
                fix="optimizer='adam', or optimizer=optim.Adam(lr=0.001)",
            )
        return given.bound_to(weights)

    def _new_predictor(self, module: Module) -> Predictor:
        return Predictor(module, self.engine, self._positions())

    def _plateau(self) -> Plateau:
        column = "validation_score" if self.early_stopping else "loss"
        knows_its_end = not takes_gradients(self) and not self.early_stopping
        patience = np.inf if knows_its_end else self.n_iter_no_change
        plateau = Plateau(column, self.tol, patience)
        plateau.best, plateau.waited = self._best, self._waited
        return plateau

    def _learner(self) -> Module:
        """What is trained: the network, or a module around it that returns its loss."""
        return self.module_

    def _objective(self) -> Any:
        """The loss of the task, and the penalty on the weights; None where the learner
        returns its own.
        """
        task, named = self._task, self.module_.named_parameters()
        matrices = [p for name, p in named if p.ndim > 1 and "bias" not in name]
        return Objective(task.loss, matrices, float(self.alpha), task.name)

    def _run(
        self,
        train: Dataset,
        validation: Dataset | None,
        listeners: list[Any],
        seed: int,
    ) -> History:
        """Trains by ``fit``."""
        size: int | None = clip_batch(self.batch_size, len(train))
        if not takes_gradients(self) and self.batch_size == "auto":
            size = None  # all
        scores = []
        if validation is not None:
            scores = [self._task.score(np.asarray(validation.targets))]
        return fit(
            self._learner(),
            train,
            loss=self._objective(),
            optimizer=self._optimizer,
            epochs=getattr(self, self._epochs),
            batch_size=size,
            validation=validation,
            metrics=scores,
            callbacks=listeners,
            seed=seed,
            engine=self.engine,
            progress=None if self.verbose else False,
        )

    def _keep(self, history: History, plateau: Plateau, examples: int) -> None:
        """The attributes that scikit-learn's users look for."""
        self.history_ = history
        self.n_iter_ = len(history.epochs)
        self.loss_curve_ = [*self.loss_curve_, *map(float, history["loss"])]
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else np.nan
        self.t_ += self.n_iter_ * examples
        self._waited, self._best = plateau.waited, plateau.best
        self.best_loss_ = self.best_validation_score_ = None
        if self.early_stopping:
            scores = [float(each) for each in history["validation_score"]]
            self.validation_scores_ = [*(self.validation_scores_ or []), *scores]
            self.best_validation_score_ = plateau.best_value
            if plateau.weights:
                self.module_.load_state_dict(plateau.weights)
        else:
            self.best_loss_ = plateau.best_value

    def _warn_of_too_few_epochs(self) -> None:
        from sklearn.exceptions import ConvergenceWarning

        warnings.warn(
            f"{type(self).__name__}.fit: max_iter={self.max_iter} epochs are over, and "
            f"the {'score' if self.early_stopping else 'loss'} still gets better",
            ConvergenceWarning,
            stacklevel=5,
        )

    def _answers_alike(self, train: Dataset) -> bool:
        """Whether the outputs are the same for all examples, and their targets not: as
        of units that have all become 0.
        """
        targets = np.asarray(train.targets)
        if (targets == targets[0]).all():
            return False
        for count in (min(len(train), ROWS_TO_LOOK_AT), len(train)):
            outputs = self._predictor(train[np.arange(count)][0])
            if not (outputs == outputs[0]).all():
                return False  # nearly always after the first few
        return True

    def _warn_of_one_answer(self) -> None:
        from sklearn.exceptions import ConvergenceWarning

        others = ""
        if getattr(self, "activation", "") == "relu":
            others = ", or take more units, or activation='tanh'"
        warnings.warn(
            f"{type(self).__name__}.fit: the prediction is the same for every row: the "
            "network no longer looks at X; scale X, with StandardScaler() before it"
            f"{others}",
            ConvergenceWarning,
            stacklevel=5,
        )

    # Answers. ------------------------------------------------------------------------

    def _outputs(self, x: Any) -> Array:
        """The network's outputs for X."""
        check_is_fitted(self, "module_")
        table = self._checked_table(x, reset=False)
        return self._predictor(rows_of(self._inputs(x, table, reset=False)))

    # State. --------------------------------------------------------------------------

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self._takes_sparse
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """The arguments and fitted values: of the network and the optimizer arrays."""
        state = dict(super().__getstate__())
        for name in _MADE_AGAIN:
            state.pop(name, None)
        if "module_" in vars(self):
            state["_arrays"] = self.module_.state_dict()
            state["_optimizer_arrays"] = self._optimizer.state_dict()
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        values = dict(state)
        arrays = values.pop("_arrays", None)
        optimizer = values.pop("_optimizer_arrays", None)
        super().__setstate__(values)
        if arrays is None:
            return
        dtype = next(a.dtype for a in arrays.values() if a.dtype.kind == "f")
        with _seeded(0):
            self.module_ = self._network(self._task.outputs, dtype)
        self.module_.load_state_dict(arrays)
        self._optimizer = self._new_optimizer(self.module_)
        self._optimizer.load_state_dict(optimizer)
        self._predictor, self._step = self._new_predictor(self.module_), None


def takes_gradients(estimator: Any) -> bool:
    """Whether its optimizer takes gradients of batches; else it evaluates the loss of
    all examples itself.
    """
    given = estimator.optimizer
    if isinstance(given, str):
        kind = optim.ALGORITHMS.get(given.lower(), optim.Optimizer)
        return issubclass(kind, optim.Optimizer)
    return isinstance(given, optim.Optimizer)
