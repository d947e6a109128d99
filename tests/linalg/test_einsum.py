"""``einsum`` beside NumPy's on random subscripts; its messages; what it is made of."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, DTypeError, ShapeError

Case = tuple[str, list[np.ndarray[Any, Any]]]


def case(number: int) -> Case:
    """Random subscripts and operands: repeated letters, ellipses, lengths 0 and 1."""
    choice, values = random.Random(number), np.random.default_rng(number)
    size = {letter: choice.choice([1, 2, 3, 4]) for letter in "abcdXY"}
    if choice.random() < 0.1:
        size["a"] = 0
    hidden = [choice.choice([1, 2, 3]) for _ in range(2)]
    terms, arrays = [], []
    for _ in range(choice.choice([1, 2, 2, 3, 4])):
        letters = [choice.choice("abcdXY") for _ in range(choice.randint(0, 4))]
        shape = [
            1 if choice.random() < 0.05 and letters.count(each) == 1 else size[each]
            for each in letters
        ]
        if choice.random() < 0.3:
            place, n = choice.randint(0, len(letters)), choice.randint(0, 2)
            under = [n if choice.random() < 0.8 else 1 for n in hidden[2 - n :]]
            letters, shape = (
                [*letters[:place], "...", *letters[place:]],
                [*shape[:place], *under, *shape[place:]],
            )
        terms.append("".join(letters))
        arrays.append(values.normal(size=shape))
    text = ",".join(terms)
    if choice.random() < 0.7:
        known = sorted(set(text) - set(".,"))
        output = choice.sample(known, choice.randint(0, len(known)))
        if "..." in text and choice.random() < 0.9:
            output.insert(choice.randint(0, len(output)), "...")
        text += "->" + "".join(output)
    return text, arrays


def answer(f: Callable[..., Any], text: str, arrays: list[Any]) -> Any:
    try:
        return np.asarray(f(text, *arrays))
    except ValueError:  # ours are ValueErrors, too
        return None


@pytest.mark.parametrize("first", range(0, 400, 50))
def test_random_subscripts_give_numpys_values_and_errors(first: int) -> None:
    for number in range(first, first + 50):
        text, arrays = case(number)
        expected = answer(np.einsum, text, arrays)
        found = answer(cr.einsum, text, arrays)
        assert (found is None) == (expected is None), (number, text)
        if found is not None:
            assert found.shape == expected.shape, (number, text)
            np.testing.assert_allclose(found, expected, 1e-10, 1e-10, err_msg=text)


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_compiled_einsum_is_einsum_with_its_gradient(engine: str) -> None:
    cases = [case(number) for number in range(40)]
    good = [each for each in cases if answer(np.einsum, *each) is not None]
    assert len(good) > 20

    def everything(arrays: Any) -> Any:
        pairs = zip(good, arrays, strict=True)
        return [cr.einsum(text, *given) for (text, _), given in pairs]

    def loss(arrays: Any) -> Any:
        return sum(cr.sin(each).sum() for each in everything(arrays))

    given = [arrays for _, arrays in good]
    for result, (text, arrays) in zip(
        cr.compile(everything, engine=engine)(given), good, strict=True
    ):
        np.testing.assert_allclose(
            result.numpy(), np.einsum(text, *arrays), 1e-10, 1e-10, err_msg=text
        )
    compiled = cr.compile(cr.grad(loss), engine=engine)(given)
    for ours, eager in zip(compiled, cr.grad(loss)(given), strict=True):
        for a, b in zip(ours, eager, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), 1e-10, 1e-10)


@pytest.mark.parametrize("number", range(25))
def test_gradients_of_random_subscripts_agree_with_finite_differences(
    number: int,
) -> None:
    text, arrays = case(number)
    if answer(np.einsum, text, arrays) is not None:
        cr.check_gradients(lambda *xs: cr.einsum(text, *xs), *arrays)


# What it is made of. ------------------------------------------------------------------


def operations(f: Callable[..., Any], *shapes: tuple[int, ...]) -> list[str]:
    graph = cr.trace(f, *(np.zeros(shape, np.float32) for shape in shapes))
    return [node.op.name for node in graph.operations]


def test_a_product_of_matrices_is_one_matmul_and_nothing_else() -> None:
    def f(a: Any, b: Any) -> Any:
        return cr.einsum("ij,jk->ik", a, b)

    assert operations(f, (2, 3), (3, 4)) == ["matmul"]


def test_attention_scores_are_one_batched_matmul_of_views() -> None:
    def f(q: Any, k: Any) -> Any:
        return cr.einsum("bqhd,bkhd->bhqk", q, k)

    found = operations(f, (2, 5, 4, 3), (2, 6, 4, 3))
    assert found.count("matmul") == 1
    assert set(found) <= {"matmul", "reshape", "transpose"}


def test_several_operands_are_combined_in_the_cheapest_order() -> None:
    """(A B) v costs n³ multiplications, A (B v) only 2 n²."""

    def f(a: Any, b: Any, v: Any) -> Any:
        return cr.einsum("ij,jk,k->i", a, b, v)

    graph = cr.trace(f, *(np.zeros(s, np.float32) for s in ((9, 9), (9, 9), (9,))))
    products = [node for node in graph.operations if node.op.name == "matmul"]
    assert len(products) == 2
    assert max(np.prod(node.shape) for node in products) == 9


def test_a_letter_that_no_other_operand_needs_is_summed_before_the_product() -> None:
    def f(a: Any, b: Any) -> Any:
        return cr.einsum("ij,k->", a, b)

    graph = cr.trace(f, np.zeros((50, 60), np.float32), np.zeros(70, np.float32))
    assert max(int(np.prod(node.shape)) for node in graph.operations) < 100


# Forms and dtypes. --------------------------------------------------------------------


def test_the_form_with_lists_is_numpys() -> None:
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    forms: list[list[Any]] = [
        [a, [0, 1], b, [1, 2], [2, 0]],
        [a, [0, 1], b, [1, 2]],
        [a, [30, 5], b, [5, 1]],
        [a, [..., 1], a, [..., 1]],
        [a, [0, 1], [1, 0]],
    ]
    for form in forms:
        np.testing.assert_array_equal(cr.einsum(*form).numpy(), np.einsum(*form))


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32", "float64"])
@pytest.mark.parametrize("text", ["ij->i", "ij,ij->", "ij,kj->ik", "ij,ij->ij"])
def test_the_dtype_is_that_of_the_operands(text: str, dtype: str) -> None:
    a = np.arange(6).reshape(2, 3).astype(dtype)
    arrays = [a] * (1 + text.count(","))
    found, expected = cr.einsum(text, *arrays), np.einsum(text, *arrays)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize(
    "axes", [0, 1, 2, ([1], [0]), ([0, 1], [1, 0]), (-1, 0), ([], [])]
)
def test_tensordot_is_numpys(axes: Any) -> None:
    a, b = np.arange(9.0).reshape(3, 3), np.arange(9.0, 18.0).reshape(3, 3)
    expected = np.tensordot(a, b, axes)
    np.testing.assert_array_equal(cr.tensordot(a, b, axes).numpy(), expected)


# Mistakes. ----------------------------------------------------------------------------

A, B = cr.tensor(np.zeros((2, 3)), name="A"), cr.tensor(np.zeros((4, 3)), name="B")
WRONG: list[tuple[tuple[Any, ...], type[Exception], str]] = [
    (("ij,jk->ik", A, B), ShapeError,
     "einsum: 'ij,jk->ik': A (2, 3), B (4, 3): 'j' is 3 and, at axis 0 of B (4, 3), 4; "
     "axes of one letter must be equal"),
    (("ijk->i", A), ShapeError,
     "einsum: 'ijk->i': A (2, 3) with the subscripts 'ijk': 2 axes ≠ 3 letters"),
    (("...ijk", A), ShapeError,
     "einsum: '...ijk': A (2, 3) with the subscripts '...ijk': 2 axes < 3 letters"),
    (("ij,jk", A), ArgumentError,
     "einsum: 'ij,jk': 2 groups of letters for 1 operands"),
    (("...i->i", A), ArgumentError,
     "einsum: '...i->i': the result 'i' has no place for the axes under '...'"),
    (("ij->k", A), ArgumentError,
     "einsum: 'ij->k': no operand has 'k', which the result has"),
    (("ij->ii", A), ArgumentError, "einsum: 'ij->ii': the result has 'i' twice"),
    (("i1", A), ArgumentError,
     "einsum: 'i1': '1' is no letter, comma, arrow or '...'"),
    (("ij", ), ArgumentError, "einsum: 'ij': there are no operands"),
    (("ij", A > 0), DTypeError, "einsum: 'ij': (2, 3): bools have no product"),
    ((A, B), ArgumentError,
     "einsum: Tensor in the place of a list of labels: expected subscripts and "
     "operands, or operands with a list of whole numbers each"),
    ((A, [0, 99]), ArgumentError,
     "einsum: label 99: expected whole numbers from 0 to 51, or ..."),
    (("...i,...i", A, B), ShapeError,
     "einsum: '...i,...i': A (2, 3), B (4, 3): '...' is 2 and, at axis 0 of B (4, 3), "
     "4; axes of one letter must be equal"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "kind", "message"), WRONG)
def test_wrong_subscripts_are_one_error_that_quotes_them(
    arguments: tuple[Any, ...], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        cr.einsum(*arguments)
    assert str(caught.value).split("\n")[0] == message


def test_tensordot_names_the_axes_that_differ() -> None:
    with pytest.raises(ShapeError) as caught:
        cr.tensordot(A, B, 1)
    assert (
        caught.value.what
        == "tensordot: A (2, 3) with B (4, 3): axis 1 and axis 0: 3 ≠ 4"
    )
    with pytest.raises(ArgumentError, match="equally many"):
        cr.tensordot(A, B, ([0, 1], [1]))
