"""Transformers whose networks take only some values: X is scaled for them.

Place on the road: on ``kinds``, beneath the estimators of models that draw. It must not
know what the models are.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..graph import Array
from ..nn import Module
from .base import _seeded
from .inputs import rows_of
from .kinds import NetworkTransformer


class ScaledTransformer(NetworkTransformer):
    """A transformer whose network sees v = (X − offset_) / scale_, and that draws.

    Values from 0 to 1 stay as they are, the whole table or no column of it; else the
    range of each column becomes 0 … 1, and later values beyond it count as its ends.
    Real ones have mean 0 and variance 1. A sparse X that must be scaled becomes dense.
    """

    module_: Any
    offset_: Array
    scale_: Array
    random_state_: Any
    _means: Array

    @property
    @abstractmethod
    def _from_0_to_1(self) -> bool:
        """Whether v is from 0 to 1; else real."""

    # X and v. ------------------------------------------------------------------------

    def _inputs(self, x: Any, table: Any, reset: bool) -> Any:
        """v of X, a sparse matrix where nothing is to be scaled."""
        if reset:
            self._fit_scale(table)
        v = self._scaled(table)
        if reset:
            self._means = np.asarray(v.mean(axis=0), float).reshape(-1)
        return v

    def _fit_scale(self, table: Any) -> None:
        width = table.shape[1]
        self.offset_, self.scale_ = np.zeros(width), np.ones(width)
        if not self._from_0_to_1:
            dense = _dense(table)
            self.offset_ = dense.mean(axis=0, dtype=np.float64)
            self.scale_ = dense.std(axis=0, dtype=np.float64)
        elif not _are_shares(table):
            dense = _dense(table)
            self.offset_ = dense.min(axis=0).astype(np.float64)
            self.scale_ = dense.max(axis=0) - self.offset_
        self.scale_[self.scale_ == 0] = 1.0

    def _scaled(self, table: Any) -> Any:
        bounded = self._from_0_to_1
        as_it_is = not self.offset_.any() and (self.scale_ == 1).all()
        if as_it_is and (not bounded or _are_shares(table)):
            return table
        v = (_dense(table) - self.offset_) / self.scale_
        return (np.clip(v, 0, 1) if bounded else v).astype(table.dtype, copy=False)

    def _unscaled(self, v: Array) -> Array:
        """X of v."""
        return (v * self.scale_ + self.offset_).astype(v.dtype, copy=False)

    def _seen(self, X: Any) -> Array:
        """v of X, checked and dense."""
        check_is_fitted(self, "module_")
        table = self._checked_table(X, reset=False)
        return np.asarray(rows_of(self._inputs(X, table, reset=False))[:])

    def inverse_transform(self, X: Any) -> Array:
        """What the network makes of codes, in the units of the X of ``fit``.

        Arguments:
            X: ``(N, n_components)`` codes.

        Returns:
            ``(N, D)``.

        Raises:
            ShapeError: for codes of another width.
        """
        return self._unscaled(super().inverse_transform(X))

    # Draws. --------------------------------------------------------------------------

    def _start(self, dtype: Any) -> None:
        super()._start(dtype)
        self.random_state_ = check_random_state(self.random_state)

    def _drawn(self, *args: Any, **kwargs: Any) -> Array:
        """What ``module_.sample`` draws, in the units of X; every call draws others."""
        check_is_fitted(self, "module_")
        seed = int(self.random_state_.randint(np.iinfo(np.int32).max))
        with _seeded(seed):
            return self._unscaled(self.module_.sample(*args, **kwargs).numpy())


class MethodOf(Module):
    """A method of a model as a network: its outputs for a batch.

    Arguments:
        model: the model.
        method: the name of the method, which takes a batch.

    Example:
        >>> from chainrule import models
        >>> MethodOf(models.RBM(3, 2), "visible_given")(np.ones((4, 2), "f4")).shape
        (4, 3)
    """

    def __init__(self, model: Module, method: str) -> None:
        self.model, self.method = model, method

    def forward(self, x: Any) -> Any:
        """What the method returns."""
        return getattr(self.model, self.method)(x)


def _dense(table: Any) -> Array:
    """A table, or a sparse matrix, as an array."""
    array: Array = table.toarray() if hasattr(table, "toarray") else table
    return array


def _are_shares(table: Any) -> bool:
    return bool(table.min() >= 0 and table.max() <= 1)
