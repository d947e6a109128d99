"""The whole of scikit-learn's ``check_estimator``: nothing skipped, nothing expected to
fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest import SkipTest

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from tests.architecture.source_tree import ROOT
from tests.estimators.instances import instances

#: The check that scikit-learn skips unless a variable is set before SciPy is imported.
ARRAY_API = "check_array_api_input"


def name_of(check: Any) -> str:
    """The name of a check, with the arguments that it is given."""
    if isinstance(check, partial):
        given = [f"{key}={value}" for key, value in check.keywords.items()]
        return " ".join([name_of(check.func), *given])
    return str(check.__name__)


def checks() -> Iterator[Any]:
    """Every check of every kind of estimator, under a name that says both."""
    for kind, estimator in instances().items():
        for made, check in estimator_checks_generator(estimator):
            name = name_of(check)
            if not name.startswith(ARRAY_API):
                yield pytest.param(made, check, id=f"{kind} {name}")


@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_an_estimator_passes_a_check_of_scikit_learn(
    estimator: Any, check: Callable[[Any], None]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check(estimator)
        except SkipTest as skipped:
            pytest.fail(f"skipped: {skipped}")


def test_estimators_pass_the_check_of_arrays_of_other_libraries() -> None:
    """It runs only where ``SCIPY_ARRAY_API`` was set when SciPy was imported."""
    program = (
        "from sklearn.utils.estimator_checks import estimator_checks_generator\n"
        "from tests.estimators.instances import instances\n"
        "from tests.estimators.test_checks import ARRAY_API, name_of\n"
        "for estimator in instances().values():\n"
        "    for made, check in estimator_checks_generator(estimator):\n"
        "        if name_of(check).startswith(ARRAY_API):\n"
        "            check(made)\n"
        "            print('passed')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=ROOT,
    )
    assert done.stdout.split() == ["passed"] * len(instances()), done.stderr
