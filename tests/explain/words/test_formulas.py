"""Formulas: precedence, signs, and numbers in few letters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain.words import numerals
from chainrule.explain.words.formulas import formulas

X, Y, Z = (
    cr.tensor(np.full((2, 2), float(v), np.float32), name=n)
    for n, v in [("x", 2), ("y", 3), ("z", 5)]
)

FORMULAS: dict[str, Callable[[], Any]] = {
    "(x + y) · z": lambda: (X + Y) * Z,
    "x + y · z": lambda: X + Y * Z,
    "x − (y − z)": lambda: X - (Y - Z),
    "x − y − z": lambda: X - Y - Z,
    "x / (y · z)": lambda: X / (Y * Z),
    "x · y / z": lambda: X * Y / Z,
    "x · (y / z)": lambda: X * (Y / Z),
    "−x · y": lambda: -X * Y,
    "x · (−y)": lambda: X * -Y,
    "−(x + y)": lambda: -(X + Y),
    "(x · y) @ z": lambda: (X * Y) @ Z,
    "x · (y @ z)": lambda: X * (Y @ Z),
    "x @ yᵀ": lambda: X @ Y.T,
    "(x + y)ᵀ": lambda: (X + Y).T,
    "σ(x + 1)": lambda: cr.sigmoid(X + 1),
    "|x − y|": lambda: cr.abs(X - Y),
    "x[:1, :]": lambda: X[:1],
    "x > y": lambda: X > Y,
    "(x > y) = (y > z)": lambda: (X > Y) == (Y > Z),
    "where(x > 0, x, 0)": lambda: cr.where(X > 0, X, 0.0),
    "sum(x)": lambda: X.sum(),
    "sum(x, axis=1)": lambda: X.sum(axis=1),
    "max(x, axis=0, keepdims=True)": lambda: X.max(axis=0, keepdims=True),
    "reshape(x, shape=(4))": lambda: X.reshape(4),
    "float64(x)": lambda: X.astype("float64"),
    "√(x)": lambda: cr.sqrt(X),
}


@pytest.mark.parametrize(("text", "make"), FORMULAS.items(), ids=list(FORMULAS))
def test_a_graph_is_written_as_the_textbook_writes_it(
    text: str, make: Callable[[], Any]
) -> None:
    definitions, (whole,) = formulas([make()], {X: "x", Y: "y", Z: "z"})
    assert (definitions, whole) == ([], text)


def test_a_convolution_says_only_the_settings_that_are_not_the_plain_ones() -> None:
    x = cr.tensor(np.zeros((1, 4, 4, 1), np.float32), name="x")
    w = cr.tensor(np.zeros((1, 3, 3, 1), np.float32), name="w")
    shown = [
        formulas([z], {x: "x", w: "w"})[1][0]
        for z in (cr.convolution(x, w), cr.convolution(x, w, (1, 2), dilation=1))
    ]
    assert shown == ["convolution(x, w)", "convolution(x, w, stride=(1, 2))"]


def test_a_part_that_is_used_twice_is_written_once() -> None:
    long = cr.tanh(X @ Y + Z)
    definitions, (whole,) = formulas([long * long], {X: "x", Y: "y", Z: "z"})
    assert definitions == [("t₁", "tanh(x @ y + z)")]
    assert whole == "t₁ · t₁"


def test_a_chain_of_a_hundred_thousand_nodes_becomes_short_lines() -> None:
    y = X
    for _ in range(100_000):
        y = cr.tanh(y)
    definitions, (whole,) = formulas([y], {X: "x"})
    assert max(len(text) for _, text in definitions) < 90
    assert len(whole) < 90


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (-8.0, "−8"),
        (1 / 3, "0.3333"),
        (123456.0, "1.235e+05"),
        (-1e-9, "−1e−09"),
        (float("nan"), "NaN"),
        (float("-inf"), "−∞"),
        (np.float32(0.1), "0.1"),
        (np.int64(-7), "−7"),
        (2**63 - 1, "9223372036854775807"),
        (np.bool_(True), "true"),
    ],
)
def test_a_number_is_short_and_right(value: Any, text: str) -> None:
    assert numerals.number(value) == text


@pytest.mark.parametrize("value", [0.0, 1.5, -1e-12, 3e-5, 1e6, -123456.789, 1e300])
def test_a_number_in_a_circle_is_at_most_eight_letters(value: float) -> None:
    assert len(numerals.compact(value)) <= 8


def test_statistics_leave_out_what_is_not_finite_and_say_so() -> None:
    rows = dict(numerals.statistics(np.array([1.0, np.nan, 3.0, np.inf])))
    assert rows == {
        "not finite": "2 of 4",
        "min": "1",
        "mean": "2",
        "max": "3",
        "norm": "3.162",
    }
    assert dict(numerals.statistics(np.array([True, False]))) == {"true": "1 of 2"}
    assert numerals.statistics(np.array([])) == []


def test_the_norm_of_huge_numbers_does_not_overflow() -> None:
    assert numerals.norm(np.array([3e200, 4e200])) == pytest.approx(5e200)


def test_a_strip_averages_neighbours_and_keeps_their_order() -> None:
    assert numerals.strip(np.arange(6.0), 3) == [0.5, 2.5, 4.5]
    assert numerals.strip(np.arange(3.0), 8) == [0.0, 1.0, 2.0]
    assert np.isnan(numerals.strip(np.array([np.nan, 1.0, 2.0, 3.0]), 2)[0])
