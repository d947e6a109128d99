"""The arguments that all estimators share: which values they may have.

Place on the road: beneath the estimators. scikit-learn wants arguments stored as they
are given and looked at in ``fit``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ArgumentError


def whole(value: Any, least: int) -> bool:
    """Whether it is a whole number of at least ``least``."""
    number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return number and value >= least


def real(value: Any) -> bool:
    """Whether it is a number."""
    kinds = int | float | np.integer | np.floating
    return isinstance(value, kinds) and not isinstance(value, bool)


def _truth(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _sizes(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray) and all(
        whole(each, 1) for each in value
    )


#: argument ↦ (whether a value is right, what is expected)
RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "hidden_layer_sizes": (
        lambda v: whole(v, 1) or _sizes(v),
        "a whole number of at least 1, or a tuple of such",
    ),
    "channels": (
        lambda v: whole(v, 1) or (_sizes(v) and len(v) > 0),
        "a whole number of at least 1, or a tuple of such",
    ),
    "n_components": (lambda v: whole(v, 1), "a whole number of at least 1"),
    "tied": (_truth, "True or False"),
    "kernel_size": (lambda v: whole(v, 1), "a whole number of at least 1"),
    "hidden_size": (lambda v: whole(v, 1), "a whole number of at least 1"),
    "num_layers": (lambda v: whole(v, 1), "a whole number of at least 1"),
    "bidirectional": (_truth, "True or False"),
    "dropout": (lambda v: real(v) and 0 <= v < 1, "a number from 0 to less than 1"),
    "alpha": (lambda v: real(v) and 0 <= v < math.inf, "a number of at least 0"),
    "batch_size": (
        lambda v: (isinstance(v, str) and v == "auto") or whole(v, 1),
        "'auto' or a whole number of at least 1",
    ),
    "learning_rate_init": (
        lambda v: real(v) and 0 < v < math.inf,
        "a number above 0",
    ),
    "learning_rate": (lambda v: real(v) and 0 < v < math.inf, "a number above 0"),
    "max_iter": (lambda v: whole(v, 1), "a whole number of at least 1"),
    "n_iter": (lambda v: whole(v, 1), "a whole number of at least 1"),
    "steps": (lambda v: whole(v, 1), "a whole number of at least 1"),
    "persistent": (_truth, "True or False"),
    "sparsity": (
        lambda v: real(v) and 0 <= v < math.inf,
        "a number of at least 0",
    ),
    "tol": (lambda v: real(v) and 0 <= v < math.inf, "a number of at least 0"),
    "warm_start": (_truth, "True or False"),
    "early_stopping": (_truth, "True or False"),
    "validation_fraction": (
        lambda v: real(v) and 0 < v < 1,
        "a number between 0 and 1",
    ),
    "n_iter_no_change": (
        lambda v: whole(v, 1) or (real(v) and v == math.inf),
        "a whole number of at least 1, or infinity",
    ),
}


def check_parameters(estimator: Any) -> None:
    """Refuses the first argument of an estimator that it cannot work with.

    Raises:
        ArgumentError: naming it, and what is expected.
    """
    for name, value in estimator.get_params(deep=False).items():
        right, expected = RULES.get(name, (None, ""))
        if right is not None and not right(value):
            raise ArgumentError(
                f"{type(estimator).__name__}: {name}={value!r}: expected {expected}"
            )
