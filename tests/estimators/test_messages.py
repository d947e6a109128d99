"""What estimators say to wrong arguments and data, word for word."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from chainrule import nn, optim
from chainrule.errors import ArgumentError, ChainruleError, DataError, ShapeError
from chainrule.estimators import (
    ConvClassifier,
    MLPClassifier,
    MLPRegressor,
    NetworkEstimator,
    SequenceClassifier,
)

X = np.linspace(0, 1, 24).reshape(12, 2)
Y = np.arange(12) % 3


def said(call: Any) -> str:
    """The message of the error of a call, without the line of this file."""
    with pytest.raises(ChainruleError) as caught:
        call()
    lines = str(caught.value).splitlines()
    return "\n".join(line for line in lines if not line.startswith("  called at"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"hidden_layer_sizes": (8, 0)},
            "MLPClassifier: hidden_layer_sizes=(8, 0): expected a whole number of at "
            "least 1, or a tuple of such",
        ),
        ({"alpha": -1}, "MLPClassifier: alpha=-1: expected a number of at least 0"),
        (
            {"batch_size": 0},
            "MLPClassifier: batch_size=0: expected 'auto' or a whole number of at "
            "least 1",
        ),
        (
            {"learning_rate_init": 0.0},
            "MLPClassifier: learning_rate_init=0.0: expected a number above 0",
        ),
        (
            {"max_iter": 2.5},
            "MLPClassifier: max_iter=2.5: expected a whole number of at least 1",
        ),
        (
            {"dropout": 1},
            "MLPClassifier: dropout=1: expected a number from 0 to less than 1",
        ),
        (
            {"validation_fraction": 1.0},
            "MLPClassifier: validation_fraction=1.0: expected a number between 0 and 1",
        ),
        (
            {"n_iter_no_change": 0},
            "MLPClassifier: n_iter_no_change=0: expected a whole number of at least 1, "
            "or infinity",
        ),
        (
            {"early_stopping": "yes"},
            "MLPClassifier: early_stopping='yes': expected True or False",
        ),
        (
            {"tol": float("nan")},
            "MLPClassifier: tol=nan: expected a number of at least 0",
        ),
        (
            {"activation": "sigmiod"},
            "unknown activation 'sigmiod': expected one of 'elu', 'gelu', 'identity', "
            "'leaky_relu', 'logistic', 'relu', 'silu', 'softplus', 'tanh'",
        ),
    ],
)
def test_an_argument_out_of_range_is_named(options: Any, message: str) -> None:
    estimator = MLPClassifier(**options)
    assert said(lambda: estimator.fit(X, Y)).startswith(message)


def test_an_error_names_the_line_that_called_fit() -> None:
    with pytest.raises(ArgumentError, match=r"called at  test_messages\.py:") as caught:
        MLPClassifier(tol=-1).fit(X, Y)  # here
    assert str(caught.value).endswith("MLPClassifier(tol=-1).fit(X, Y)  # here")


def test_an_optimizer_with_parameters_is_refused() -> None:
    optimizer = optim.Adam(nn.Linear(2, 1).parameters())
    assert said(lambda: MLPClassifier(optimizer=optimizer).fit(X, Y)) == (
        f"MLPClassifier: optimizer={optimizer!r}: expected a name, or an optimizer "
        "without parameters\n"
        "  fix        optimizer='adam', or optimizer=optim.Adam(lr=0.001)"
    )


def test_an_argument_of_scikit_learn_is_translated() -> None:
    message = said(lambda: MLPClassifier(solver="adam"))
    assert message.startswith("unknown option of MLPClassifier 'solver': ")
    assert message.endswith("  fix        optimizer='adam'")
    message = said(lambda: MLPRegressor(momentum=0.9))
    assert message.endswith("  fix        optimizer='momentum', or 'nesterov'")


def test_one_class_is_not_enough() -> None:
    message = said(lambda: MLPClassifier().fit(X, np.zeros(12, int)))
    assert message == (
        "y (12,): 1 class, 0: a classifier needs examples of two classes or more\n"
        "  fix        a regressor, if the targets are amounts"
    )


def test_early_stopping_needs_examples() -> None:
    few = MLPClassifier(early_stopping=True, validation_fraction=0.05)
    assert said(lambda: few.fit(X, Y)) == (
        "MLPClassifier.fit: validation_fraction=0.05 of 12 examples: early stopping "
        "needs two at least, and some to train on\n"
        "  fix        a larger fraction, more examples, or early_stopping=False"
    )
    assert said(lambda: few.partial_fit(X, Y, classes=[0, 1, 2])) == (
        "MLPClassifier.partial_fit: early_stopping=True: one epoch has nothing to "
        "stop\n"
        "  fix        fit(X, y), or early_stopping=False"
    )


def test_classes_are_given_in_the_first_part_and_stay() -> None:
    fresh = MLPClassifier()
    assert said(lambda: fresh.partial_fit(X, Y)) == (
        "MLPClassifier.partial_fit: classes must be given in the first call: later "
        "examples may have others than y\n"
        "  fix        partial_fit(X, y, classes=[…])"
    )
    fresh.partial_fit(X, Y, classes=[0, 1, 2])
    assert said(lambda: fresh.partial_fit(X, Y, classes=[0, 1])) == (
        "MLPClassifier.partial_fit: classes=[0, 1], and the first call had [0, 1, 2]\n"
        "  fix        leave classes out after the first call"
    )
    assert said(lambda: fresh.partial_fit(X, Y + 1)) == (
        "y (12,): class 3 at row 2: it is none of those that the estimator knows, "
        "which are 0, 1, 2\n"
        "  fix        partial_fit(X, y, classes=[…]), all classes in the first call"
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_warm_start_keeps_its_classes() -> None:
    warm = MLPClassifier(warm_start=True, max_iter=2).fit(X, Y)
    assert said(lambda: warm.fit(X, Y % 2)) == (
        "MLPClassifier.fit: warm_start=True: y has the classes [0, 1], and the fit "
        "before had [0, 1, 2]\n"
        "  fix        warm_start=False, or partial_fit(X, y, classes=[…])"
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_amounts_keep_their_number_and_counts_their_sign() -> None:
    fitted = MLPRegressor(max_iter=1).fit(X, X)
    assert said(lambda: fitted.partial_fit(X, Y)) == (
        "y (12,): 1 ≠ 2: the estimator was fitted to 2 amounts an example"
    )
    assert said(lambda: MLPRegressor("poisson").fit(X, Y - 1.0)) == (
        "y (12,): -1: loss='poisson' is of counts, 0 or more\n"
        "  fix        loss='squared_error'"
    )
    assert said(lambda: MLPRegressor("mse").fit(X, Y)) == (
        "MLPRegressor: loss='mse': expected one of 'squared_error', 'absolute_error', "
        "'huber', 'poisson'"
    )


def test_images_of_another_shape_are_refused() -> None:
    assert said(lambda: ConvClassifier(image_shape=(3, 3)).fit(X, Y)) == (
        "ConvClassifier: images (3, 3) of 2 values: expected (H, W) or (H, W, C) with "
        "H·W·C = 2\n"
        "  fix        X as (N, H, W, C), or image_shape=(H, W, C)"
    )


def test_a_sequence_that_does_not_fit_is_named() -> None:
    sequences = [np.ones((3, 2)), np.ones((2, 1))]
    assert said(lambda: SequenceClassifier().fit(sequences, [0, 1])) == (
        "SequenceClassifier: X: sequence 1 (2, 1): expected (steps, 2), with a step at "
        "least, as the others"
    )


def test_a_factory_that_makes_no_network_is_refused() -> None:
    assert said(lambda: NetworkEstimator(lambda inputs, outputs: None).fit(X, Y)) == (
        "NetworkEstimator: module_factory(2, 3) returned a NoneType: expected an "
        "nn.Module\n"
        "  fix        def make(inputs, outputs): return nn.Sequential(…)"
    )
    shown = "expected a function (inputs, outputs) that returns a network\n"
    for factory, what in (
        (lambda: nn.Linear(2, 3), "a function of other arguments: too many positional "
            "arguments"),
        (nn.Linear(2, 3), "the network Linear"),
        ("mlp", "a str"),
    ):  # fmt: skip
        assert said(lambda factory=factory: NetworkEstimator(factory).fit(X, Y)) == (
            f"NetworkEstimator: module_factory is {what}: {shown}"
            "  fix        NetworkEstimator(lambda inputs, outputs: "
            "nn.Linear(inputs, outputs))"
        )
    unknown = NetworkEstimator(lambda inputs, outputs: None, task="ranking")
    assert said(lambda: unknown.fit(X, Y)).startswith(
        "unknown task 'ranking': expected one of 'classification', 'regression'"
    )


@pytest.mark.parametrize(
    ("targets", "what", "outputs"),
    [
        (Y, "3 classes: expected 3, one for each", 3),
        (Y % 2, "2 classes: expected 1, the logit of 1", 1),
        (np.eye(3, dtype=int)[Y], "3 labels: expected 3, one for each", 3),
    ],
)
def test_a_network_with_other_outputs_than_classes_is_refused(
    targets: Any, what: str, outputs: int
) -> None:
    for width in {1, 2, 7} - {outputs}:
        made = NetworkEstimator(lambda inputs, _, width=width: nn.Linear(inputs, width))
        count = f"{width} output{'s' if width > 1 else ''}"
        assert said(lambda made=made: made.fit(X, targets)) == (
            f"the network's outputs (12, {width}): {count}, {what}\n"
            "  fix        module_factory(inputs, outputs) says how many: "
            "nn.Linear(…, outputs)"
        )


@pytest.mark.parametrize("sizes", [(4,), [4], 4])
def test_sizes_in_the_place_of_the_loss_are_named_by_their_argument(sizes: Any) -> None:
    assert said(lambda: MLPRegressor(sizes).fit(X, Y * 1.0)) == (
        f"MLPRegressor: loss={sizes!r}: expected one of 'squared_error', "
        "'absolute_error', 'huber', 'poisson'\n"
        f"  fix        hidden_layer_sizes={sizes!r}"
    )


def told(estimator: Any, x: Any, y: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(x, y)
    return [str(each.message) for each in caught if "every row" in str(each.message)]


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_network_that_answers_the_same_for_every_row_is_said(
    early: bool, sparse: bool
) -> None:
    x, y = np.tile(X + 100.0, (50, 1)), np.tile(Y * 1.0, 50)
    x = csr_matrix(x) if sparse else x
    for seed in range(8):
        model = MLPRegressor(
            hidden_layer_sizes=(1,), max_iter=2, random_state=seed, early_stopping=early
        )
        found = told(model, x, y)
        same = np.ptp(model.predict(x)) == 0
        assert found == (
            [
                "MLPRegressor.fit: the prediction is the same for every row: the "
                "network no longer looks at X; scale X, with StandardScaler() before "
                "it, or take more units, or activation='tanh'"
            ]
            if same
            else []
        )
        if same:
            break
    assert same
    # Nothing to say: the targets do not vary either.
    assert not told(model, x, 0 * y)


@pytest.mark.parametrize(
    ("kind", "error"),
    [(ArgumentError, ValueError), (DataError, ValueError), (ShapeError, ValueError)],
)
def test_errors_are_what_scikit_learn_expects(kind: type, error: type) -> None:
    assert issubclass(kind, error)
