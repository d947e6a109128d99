"""What the core says to everyday mistakes, verbatim.

The line "called at" has the file, the line and the text of the mistake itself; it is
checked here once for all messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import (
    ArgumentError,
    BoundsError,
    ChainruleError,
    DTypeError,
    GradientError,
    NumericsError,
    OptionError,
    ShapeError,
    TraceError,
)

x = cr.tensor(np.zeros((32, 784), np.float32), name="x")
W = cr.parameter(np.zeros((10, 512), np.float32), name="W")
i = cr.tensor(np.ones(3, np.int64), name="i")
u = cr.tensor(np.ones(3, np.uint64), name="u")
table = cr.zeros((10, 3))
kept: list[Any] = []
leaking = cr.compile(lambda y: kept.append(y * 2))

NUMBERS = "a tensor holds numbers: bool, 8 to 64-bit integers, float32 or float64"
NO_LOOKING = (
    "choose between values with cr.where(condition, a, b); repeat with "
    "cr.scan(f, init, xs); or call the function without cr.compile"
)
NO_HISTORY = "a compiled function's result has no history: call backprop inside of it"


def network(images: Any) -> Any:
    """The mistake of a compiled function: it looks at a value."""
    return images if images.sum() > 0 else -images


def as_float(images: Any) -> Any:
    """The same, with a conversion."""
    return float(images.sum())


def use_leaked() -> Any:
    """A traced tensor that was kept."""
    leaking(1.0)
    return kept[-1] + 1


def make_nan() -> None:
    """A logarithm of 0 under the eyes of check_numerics."""
    with cr.check_numerics():
        cr.log(cr.tensor([1.0, 0.0], name="p"))


def set_item() -> None:
    """Assignment to an element."""
    x[0] = 1


Case = tuple[str, Callable[[], Any], type[ChainruleError], str, str | None]

# fmt: off
CASES: list[Case] = [
    ("matmul", lambda: x @ W.T, ShapeError,
     "matmul: x (32, 784) @ W.T (512, 10): 784 ≠ 512; the last axis of the left side "
     "must equal the first axis of the right side's matrix",
     "transpose one side with .T, or use a matrix with matching sizes"),
    ("matmul of batches", lambda: cr.ones((3, 3, 3)) @ cr.ones((2, 3, 2)), ShapeError,
     "matmul: (3, 3, 3) and (2, 3, 2): 3 ≠ 2 at axis -3; axes are aligned from the "
     "last, and must be equal or 1",
     "reshape one operand, or add an axis of length 1 with x[:, None]"),
    ("matmul with a number", lambda: x @ cr.tensor(1.0), ShapeError,
     "matmul: x (32, 784) @ (): a single number is no matrix",
     "multiply by a number with *"),
    ("add", lambda: cr.zeros((2, 3)) + cr.tensor([1.0, 2.0], name="b"), ShapeError,
     "add: (2, 3) and b (2,): 3 ≠ 2 at axis -1; axes are aligned from the last, and "
     "must be equal or 1",
     "reshape one operand, or add an axis of length 1 with x[:, None]"),
    ("concatenate", lambda: cr.concatenate([x, W]), ShapeError,
     "concatenate: x (32, 784) and W (10, 512) along axis 0: 784 ≠ 512 at axis 1; "
     "every other axis must have the same size", None),
    ("concatenate numbers of axes", lambda: cr.concatenate([x, i]), ShapeError,
     "concatenate: x (32, 784) and (3,) along axis 0: 2 ≠ 1 axes", None),
    ("concatenate nothing", lambda: cr.concatenate([]), ShapeError,
     "concatenate: no tensors given: at least one is needed", None),
    ("stack", lambda: cr.stack([x, W]), ShapeError,
     "stack: x (32, 784) and W (10, 512): all shapes must be equal", None),
    ("reshape", lambda: x.reshape(5, 5), ShapeError,
     "reshape: x (32, 784) to (5, 5): 25088 ≠ 25 elements",
     "make one size -1 to have it worked out from the others"),
    ("reshape with -1", lambda: cr.reshape(x, (5, -1)), ShapeError,
     "reshape: x (32, 784) to (5, -1): 25088 elements are not divisible by 5", None),
    ("reshape with two -1", lambda: x.reshape(-1, -1), ShapeError,
     "reshape: x (32, 784) to (-1, -1): only one size can be -1, worked out from the "
     "others", None),
    ("no common dtype", lambda: u + i, DTypeError,
     "add: u (3,) uint64 and i (3,) int64: no integer dtype holds the values of both",
     "convert one operand: x.astype('int64')"),
    ("text", lambda: cr.tensor("text"), DTypeError,
     f"tensor: str with dtype <U4: {NUMBERS}",
     "convert it to numbers first; class names become indices with np.unique(..., "
     "return_inverse=True)"),
    ("half precision", lambda: cr.tensor(np.zeros(2, np.float16)), DTypeError,
     f"tensor: ndarray with dtype float16: {NUMBERS}",
     "convert it first: array.astype('float32')"),
    ("a number too large", lambda: cr.tensor(np.zeros(2, np.uint8)) + 300, DTypeError,
     "300 does not fit uint8, which holds 0 to 255",
     "convert the tensor to a wider dtype, or write the number as a float"),
    ("if", lambda: cr.compile(network)(x), TraceError,
     "if: the result of greater () has no value while network is traced, so Python "
     "cannot look at it", NO_LOOKING),
    ("float()", lambda: cr.compile(as_float)(x), TraceError,
     "float(): the result of sum () has no value while as_float is traced, so Python "
     "cannot look at it", NO_LOOKING),
    ("a leaked tensor", use_leaked, TraceError,
     "add: this tensor was traced inside a compiled function that has ended; outside "
     "of it, it has no value", "return it from the compiled function"),
    ("a mask while tracing", lambda: cr.compile(lambda x: x[x > 0])(x), TraceError,
     "x[mask]: how many elements mask (32, 784) takes depends on its values, which are "
     "not known while a function is traced",
     "cr.where(mask, x, 0.0) keeps the shape; or take them where nothing is traced"),
    ("index", lambda: x[32], BoundsError,
     "x[...]: index 32 of x (32, 784): axis 0 has 32 elements", None),
    ("too many indices", lambda: x[0, 0, 0], ShapeError,
     "x[...]: 3 indices for x (32, 784) with 2 axes", None),
    ("mask", lambda: x[np.array([True, False])], ShapeError,
     "x[...]: mask of length 2 for axis 0 of x (32, 784): a mask must be as long as "
     "its axis", None),
    ("take", lambda: cr.take(table, [1, 2, 12]), BoundsError,
     "take: index 12 at row 2 of an axis of length 10: expected -10 to 9", None),
    ("take from a table", lambda: cr.take(table, [[1, 2], [-11, 0]]), BoundsError,
     "take: index -11 at position (1, 0) of an axis of length 10: expected -10 to 9",
     None),
    ("a label too large", lambda: cr.one_hot([1, 10, 3], 10), BoundsError,
     "label 10 for 10 classes at row 1: labels go from 0 to 9",
     "give the network 11 outputs, or correct the labels"),
    ("a label below 0", lambda: cr.one_hot([1, -1], 10), BoundsError,
     "label -1 for 10 classes at row 1: labels go from 0 to 9",
     "count the classes from 0"),
    ("axis", lambda: x.sum(axis=2), ShapeError,
     "sum: axis=2 of a tensor with 2 axes: expected -2 to 1", None),
    ("axis of a number", lambda: cr.tensor(1.0).sum(axis=0), ShapeError,
     "sum: axis=0 of a tensor with 0 axes: expected none, it is a single number", None),
    ("axes to transpose", lambda: x.transpose(0, 0), ShapeError,
     "transpose: x (32, 784) with axes=(0, 0): every axis of the 2 must be named once",
     None),
    ("mean of nothing", lambda: cr.zeros((0, 3)).mean(0), ShapeError,
     "mean: (0, 3) over axis=0: no elements to average", None),
    ("setting", lambda: setattr(cr.config, "thread", 3), OptionError,
     "unknown setting 'thread': expected one of 'cache_bytes', 'cache_folder', "
     "'check_numerics', 'data_folder', 'debug', 'dtype', 'engine', 'precision', "
     "'processor', "
     "'threads', 'trials'",
     "did you mean 'threads'?"),
    ("value of a setting", lambda: setattr(cr.config, "threads", 0), ArgumentError,
     "threads: 0: expected a whole number of at least 1", None),
    ("loss of many numbers", lambda: cr.backprop(x * 2), GradientError,
     "backprop: loss (32, 784) has 25088 elements: a gradient is that of one number",
     "reduce it with .mean() or .sum(), or use cr.vjp for a vector"),
    ("loss of integers", lambda: cr.backprop(i.sum()), GradientError,
     "backprop: loss of int64: only floating-point numbers have gradients",
     "compute it from floats, e.g. x.astype('float32')"),
    ("loss from nothing", lambda: cr.backprop(cr.tensor(3.0)), GradientError,
     "backprop: the loss was not computed from anything: no operation leads to it",
     NO_HISTORY),
    ("loss that was compiled", lambda: cr.backprop(cr.compile(cr.sum)(x)),
     GradientError,
     "backprop: the loss was not computed from anything: no operation leads to it",
     NO_HISTORY),
    ("parameter not reached", lambda: cr.backprop(x.sum())[W], GradientError,
     "grads[…]: parameter W (10, 512) is not reached by the loss: no operation with a "
     "derivative leads from it to the loss",
     "use it in the computation of the loss, or leave it out of the optimizer"),
    ("gradient of a vector", lambda: cr.grad(lambda x: x * 2)(x), GradientError,
     "grad: f returned (32, 784) of float32: a gradient is that of one floating-point "
     "number", "reduce it with .sum() or .mean(), or use cr.jacobian"),
    ("gradient by integers", lambda: cr.grad(cr.sum)(i), DTypeError,
     "grad: argument i (3,) is int64: only floating-point arguments have derivatives",
     "convert it: x.astype('float32')"),
    ("assign a shape", lambda: W.assign(cr.zeros((512, 10))), ShapeError,
     "assign: W (10, 512) ← (512, 10): the shape must stay the same", None),
    ("assign a dtype", lambda: W.assign(cr.zeros((10, 512), "float64")), DTypeError,
     "assign: W (10, 512) of float32 ← float64: the dtype must stay the same",
     "convert the new value: value.astype('float32')"),
    ("assign an element", set_item, ArgumentError,
     "x[...] = value: a tensor's value never changes: x (32, 784)",
     "make a new one with cr.where(condition, value, x); parameters have .assign()"),
    ("carry of a scan",
     lambda: cr.scan(lambda c, r: (cr.concatenate([c, r]), None), cr.zeros(3), table),
     ShapeError,
     "scan: carry (3,) became (6,) after one step: a step must keep the shape of its "
     "carry", None),
    ("minus of bools", lambda: (x > 0) - (x < 0), DTypeError,
     "subtract: (32, 784) and (32, 784) of bool: bools have no subtract",
     "use ~x or cr.logical_xor(x, y), or convert with x.astype('int64')"),
    ("& of floats", lambda: (x > 0) & x, DTypeError,
     "&: x (32, 784) is float32: both sides must be bool",
     "compare first, with parentheses: (x > 0) & (x < 1)"),
    ("condition", lambda: cr.where(x, 1.0, 0.0), DTypeError,
     "where: condition x (32, 784) is float32, not bool",
     "compare first: cr.where(x > 0, a, b)"),
    ("truth of many", lambda: bool(x), ShapeError,
     "if: x (32, 784): the truth of 25088 elements is ambiguous",
     "use cr.any(x) or cr.all(x)"),
    ("number of many", lambda: x.item(), ShapeError,
     "item(): x (32, 784): only a tensor of one element is a number",
     "index it, or reduce it with .sum() or .mean()"),
    ("negative seed", lambda: cr.manual_seed(-1), ArgumentError,
     "seed: -1: expected 0 to 2⁶⁴ − 1", None),
    ("seed that is no integer", lambda: cr.manual_seed(1.5), ArgumentError,
     "seed: 1.5: expected a whole number", None),
    ("numerics", make_nan, NumericsError,
     "log: Inf in 1 of 2 values, first made here, in the forward pass; inputs: p (2,) "
     "from 0 to 1",
     "look at these inputs: a logarithm or division of 0, an exp that overflows, or a "
     "learning rate that is too large"),
]
# fmt: on


@pytest.mark.parametrize(
    ("mistake", "error", "what", "fix"),
    [pytest.param(*rest, id=name) for name, *rest in CASES],
)
def test_the_message_of_an_everyday_mistake(
    mistake: Callable[[], Any], error: type[Exception], what: str, fix: str | None
) -> None:
    with pytest.raises(error) as caught:
        mistake()
    assert type(caught.value) is error
    lines = str(caught.value).split("\n")
    assert lines[0] == what
    assert re.fullmatch(r"  called at  test_core_messages\.py:\d+ in .+", lines[1])
    assert lines[2:] == ([f"  fix        {fix}"] if fix else [])


def test_the_line_called_at_is_the_line_of_the_mistake() -> None:
    with pytest.raises(TraceError) as caught:
        cr.compile(network)(x)
    at = caught.value.at
    assert at is not None
    assert at.line == network.__code__.co_firstlineno + 2
    assert str(at) == (
        f"test_core_messages.py:{at.line} in network:  "
        "return images if images.sum() > 0 else -images"
    )


def test_an_unknown_engine_names_those_there_are_and_the_nearest() -> None:
    with pytest.raises(OptionError) as caught:
        cr.compile(network, engine="nunpy")
    lines = str(caught.value).split("\n")
    assert re.fullmatch(
        r"unknown engine 'nunpy': expected one of ('\w+', )*'numpy'.*", lines[0]
    )
    assert lines[2] == "  fix        did you mean 'numpy'?"


def test_a_layer_being_called_is_named_between_the_mistake_and_its_place() -> None:
    token = cr.errors.layers.set(("net", "fc1 = Linear(512 → 10)"))
    try:
        with pytest.raises(ShapeError) as caught:
            x @ W.T
    finally:
        cr.errors.layers.reset(token)
    lines = str(caught.value).split("\n")
    assert lines[1] == "  in layer   fc1 = Linear(512 → 10)"
    assert lines[2].startswith("  called at  test_core_messages.py:")
    assert (caught.value.layer, caught.value.fix) == (lines[1][13:], lines[3][13:])


def test_our_errors_are_also_pythons_errors_of_that_kind() -> None:
    for ours, theirs in [
        (ShapeError, ValueError), (DTypeError, TypeError), (BoundsError, IndexError),
        (TraceError, TypeError), (NumericsError, ArithmeticError),
    ]:  # fmt: skip
        assert issubclass(ours, theirs)


def test_every_error_class_says_its_smallest_example_and_its_cure() -> None:
    classes = [
        each
        for each in vars(cr.errors).values()
        if isinstance(each, type) and issubclass(each, ChainruleError)
    ]
    for each in classes:
        if each is not ChainruleError:
            assert "Smallest example: " in (each.__doc__ or ""), each
            assert "Cure: " in (each.__doc__ or ""), each


@pytest.mark.parametrize(
    "use",
    [
        lambda a, b: cr.sum([a, b]),
        lambda a, b: cr.mean((a, b)),
        lambda a, b: cr.ones(2) * [a, b],
        lambda a, b: cr.maximum([a, b], cr.ones(2)),
        lambda a, b: cr.where(np.array([True, False]), [a, b], 0.0),
        lambda a, b: cr.exp([[a, b]]),
        lambda a, b: cr.einsum("i->", [a, b]),
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_a_list_of_tensors_is_an_error_instead_of_a_constant(
    use: Callable[..., Any], compiled: bool
) -> None:
    f = cr.compile(use) if compiled else use
    with pytest.raises(ArgumentError) as caught:
        f(cr.tensor(1.0), cr.tensor(2.0))
    assert re.fullmatch(
        r"tensor: (list|tuple) with (a )?\(\) in the place of one tensor: as an array "
        "it would have no gradient",
        caught.value.what,
    )
    assert (
        caught.value.fix == "cr.stack(tensors); cr.tensor(tensors) has the values alone"
    )


def test_the_values_of_tensors_are_a_tensor_where_they_are_asked_for() -> None:
    a, b = cr.tensor(1.0), cr.tensor(2.0)
    assert cr.tensor([a, b]).tolist() == [1.0, 2.0]
    assert cr.backprop(cr.stack([a * a, b]).sum())[a].item() == 2.0


def test_arrays_have_no_gradient_and_that_is_one_of_our_errors() -> None:
    array = np.ones(2)
    grads = cr.backprop(cr.sum(cr.parameter([1.0, 2.0]) * array))
    with pytest.raises(GradientError, match="ndarray is not a tensor"):
        grads[array]  # type: ignore[index]
    assert grads.get(array) is None
