"""NumPy's functions of tensors: each is ours, of equal value, or one clear error."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ChainruleError, DTypeError, TraceError
from chainrule.protocols.functions import WRITING
from tests.protocols.calls import ANSWERS, CALLS, function

m = np.arange(12.0).reshape(3, 4)
x: Any = cr.tensor(m, name="x")


def tensors(value: Any) -> Any:
    """Arguments with tensors in the place of arrays."""
    if isinstance(value, np.ndarray):
        return cr.tensor(value)
    if isinstance(value, (list, tuple)):
        return type(value)(tensors(each) for each in value)
    return value


def leaves(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [leaf for each in value for leaf in leaves(each)]
    return [value]


def known(calls: list[Any]) -> list[Any]:
    """Those of functions that this release of NumPy has."""
    kept = []
    for name, args, kwargs in calls:
        home = np.linalg if name.startswith("linalg.") else np
        if hasattr(home, name.rpartition(".")[2]):
            kept.append(pytest.param(name, args, kwargs, id=f"{name}-{len(kept)}"))
    return kept


@pytest.mark.parametrize(("name", "args", "kwargs"), known(CALLS))
def test_a_function_of_tensors_is_a_tensor_of_numpys_value(
    name: str, args: Any, kwargs: Any
) -> None:
    expected = leaves(function(name)(*args, **kwargs))
    found = leaves(function(name)(*tensors(args), **tensors(kwargs)))
    for ours, theirs in zip(found, expected, strict=True):
        assert isinstance(ours, cr.Tensor)
        assert ours.shape == np.shape(theirs)
        assert (ours.dtype.kind == "f") == (np.asarray(theirs).dtype.kind == "f")
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("name", "args", "kwargs"), known(ANSWERS))
def test_a_question_about_a_tensor_has_numpys_answer(
    name: str, args: Any, kwargs: Any
) -> None:
    assert function(name)(*tensors(args), **tensors(kwargs)) == function(name)(
        *args, **kwargs
    )


#: What NumPy lets other types answer for.
DISPATCHED = sorted(
    {
        (module.__name__, name): each
        for module in (np, np.linalg, np.fft)
        for name in dir(module)
        if isinstance(each := getattr(module, name), type(np.sum))
    }.items(),
    key=lambda item: item[0],
)
TRIED = {id(function(p.values[0])) for p in [*known(CALLS), *known(ANSWERS)]}
#: Printing and files, which the tests below try, and what writes to its argument.
ELSEWHERE = {"array_repr", "array_str", "save", "savez", "savez_compressed", "savetxt"}


@pytest.mark.parametrize(
    ("module", "name", "called"), [(*key, each) for key, each in DISPATCHED]
)
def test_every_function_of_numpy_is_in_the_table_or_one_error_that_names_it(
    module: str, name: str, called: Callable[..., Any]
) -> None:
    if id(called) in TRIED or name in ELSEWHERE:
        return
    try:
        parameters = list(inspect.signature(called).parameters.values())
    except ValueError:
        pytest.skip("written in C, and before NumPy 2.4 it does not say what it takes")
    needed = [
        [x, x] if parameter.name in ("tup", "arrays", "arys", "choices") else x
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind
        in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    with pytest.raises(ChainruleError) as caught:
        called(*needed or [x])
    first = str(caught.value).split("\n")[0]
    assert first.startswith(f"np.{module[6:]}{'.' * (module != 'numpy')}")
    assert called.__name__ in first
    assert caught.value.fix


def test_numbers_only_one_of_which_is_a_tensor_are_enough() -> None:
    for made in (
        np.concatenate([m, x]),
        np.where(m > 3, x, m),
        np.dot(m.T, x),
        np.stack([m, x]),
        np.clip(m, x, 3),
        np.linalg.solve(np.eye(3), x),
    ):
        assert isinstance(made, cr.Tensor)


def test_gradients_flow_through_numpys_functions() -> None:
    def ours(a: Any) -> Any:
        both = cr.concatenate([a, a[:1]])
        return cr.mean(both, axis=0).sum() + cr.linalg.norm(a) + cr.std(a, ddof=1)

    def theirs(a: Any) -> Any:
        both = np.concatenate([a, a[:1]])
        return np.mean(both, axis=0).sum() + np.linalg.norm(a) + np.std(a, ddof=1)

    np.testing.assert_array_equal(
        cr.grad(theirs)(cr.tensor(m)).numpy(), cr.grad(ours)(cr.tensor(m)).numpy()
    )


#: Their results' shapes are values.
EAGER_ONLY = (
    "unique nonzero argwhere flatnonzero bincount histogram histogram2d histogramdd "
    "histogram_bin_edges isin lexsort nanargmax nanargmin"
)


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_numpys_functions_are_traced_and_compiled(engine: str) -> None:
    eager = EAGER_ONLY.split()
    calls = [p.values for p in known(CALLS) if p.values[0] not in eager]
    calls = [
        (name, args, kwargs)
        for name, args, kwargs in calls
        if not (name == "where" and len(args) == 1)
    ]
    given = [tensors(args) for _, args, _ in calls]

    def everything(arguments: Any) -> Any:
        pairs = zip(calls, arguments, strict=True)
        return [
            leaves(function(name)(*args, **tensors(kwargs)))
            for (name, _, kwargs), args in pairs
        ]

    floats = [[a for a in leaves(args) if isinstance(a, cr.Tensor)] for args in given]
    assert len(floats) > 150

    def rebuilt(arrays: Any) -> Any:
        """The arguments, with the traced tensors in their places."""

        def put(value: Any, rest: list[Any]) -> Any:
            if isinstance(value, cr.Tensor):
                return rest.pop(0)
            if isinstance(value, (list, tuple)):
                return type(value)(put(each, rest) for each in value)
            return value

        return [put(args, list(mine)) for args, mine in zip(given, arrays, strict=True)]

    compiled = cr.compile(lambda arrays: everything(rebuilt(arrays)), engine=engine)
    for (name, args, kwargs), found in zip(calls, compiled(floats), strict=True):
        expected = leaves(function(name)(*args, **kwargs))
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours.numpy(), theirs, 1e-6, 1e-6, err_msg=name)


# What is refused. ---------------------------------------------------------------------

OUT = np.zeros(4)
REFUSED: list[tuple[Callable[[], Any], type[Exception], str, str | None]] = [
    (lambda: np.fft.fft(x), DTypeError,
     "np.fft.fft: x (3, 4): there is no such function of tensors",
     "np.fft.fft(x.numpy()) is an array, without a gradient"),
    (lambda: np.linalg.eig(x), DTypeError,
     "np.linalg.eig: x (3, 4): there is no such function of tensors",
     "cr.linalg.eigh(a), for symmetric matrices; np.linalg.eig(a.numpy()) takes "
     "others, without a gradient"),
    (lambda: np.sum(x, out=OUT), ArgumentError,
     "np.sum: out=array([0., 0., 0., 0.]): of a tensor it has no such argument",
     "out= makes no sense: a tensor's value never changes"),
    (lambda: np.std(x, where=True), ArgumentError,
     "np.std: where=True: of a tensor it has no such argument",
     "it takes x, axis, keepdims, ddof"),
    (lambda: np.max(x, where=True), ArgumentError,
     "np.max: where= without initial=: of no elements there is no max",
     "initial= is what is compared with the others"),
    (lambda: np.reshape(x, 12, order="F"), ArgumentError,
     "np.reshape: order='F': of a tensor it has no such argument", "it takes x, shape"),
    (lambda: np.take(x, [0], mode="wrap"), ArgumentError,
     "np.take: mode='wrap': of a tensor it has no such argument",
     "it takes a, indices, axis"),
    (lambda: np.linalg.matrix_rank(x, hermitian=True), ArgumentError,
     "np.linalg.matrix_rank: hermitian=True: of a tensor it has no such argument",
     "it takes a, rcond"),
    (lambda: np.pad(x, 1, constant_values=(1, 2)), ArgumentError,
     "pad: value=(1, 2): expected a number, the same on all sides", None),
    (lambda: np.copyto(x, m), ArgumentError,
     "np.copyto: x (3, 4): a tensor's value never changes",
     "make a new one with cr.where(condition, value, x) or cr.put; parameters have "
     ".assign()"),
    (lambda: np.heaviside(x, 0.5), DTypeError,
     "np.heaviside: x (3, 4): there is no such function of tensors",
     "np.heaviside(x.numpy()) is an array, without a gradient"),
    (lambda: np.add.reduce(x), DTypeError,
     "np.add.reduce: x (3, 4): there is no such function of tensors",
     "np.add.reduce(x.numpy()) is an array, without a gradient"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "kind", "message", "fix"), REFUSED)
def test_what_tensors_do_not_have_is_one_error_with_its_cure(
    made: Callable[[], Any], kind: type[ChainruleError], message: str, fix: str | None
) -> None:
    with pytest.raises(kind) as caught:
        made()
    assert caught.value.what == message
    assert caught.value.fix == fix


@pytest.mark.parametrize("name", sorted(WRITING))
def test_nothing_writes_to_a_tensor(name: str) -> None:
    needed: dict[str, tuple[Any, ...]] = {
        "copyto": (m,), "fill_diagonal": (0.0,), "place": (m > 3, [0.0]),
        "put": ([0], [1.0]), "put_along_axis": (np.zeros((1, 4), int), 1.0, 0),
        "putmask": (m > 3, 0.0),
    }  # fmt: skip
    before = m.copy()
    with pytest.raises(ArgumentError, match="never changes"):
        getattr(np, name)(x, *needed[name])
    np.testing.assert_array_equal(x.numpy(), before)


def test_values_of_tensors_are_written_into_arrays() -> None:
    array = np.zeros((3, 4))
    np.copyto(array, x)
    np.testing.assert_array_equal(array, m)
    np.putmask(array, x > 3, -x)
    np.testing.assert_array_equal(array, np.where(m > 3, -m, m))


def test_a_value_that_is_being_traced_is_no_array() -> None:
    for use in (np.array_equal, np.allclose):
        with pytest.raises(TraceError):
            cr.trace(lambda a, use=use: use(a, a), m)
    shapes = []
    cr.trace(lambda a: shapes.append((np.shape(a), np.ndim(a), np.size(a))) or a, m)
    assert shapes == [((3, 4), 2, 12)]


# What goes on as it did. --------------------------------------------------------------


def test_files_and_text_are_those_of_the_array() -> None:
    for name in ("array_repr", "array_str", "array2string"):
        assert getattr(np, name)(x) == getattr(np, name)(m)
    file = io.BytesIO()
    np.save(file, x)
    file.seek(0)
    np.testing.assert_array_equal(np.load(file), m)
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, x, named=x * 2)
        file.seek(0)
        with np.load(file) as loaded:
            np.testing.assert_array_equal(loaded["arr_0"], m)
            np.testing.assert_array_equal(loaded["named"], 2 * m)
    text = io.StringIO()
    np.savetxt(text, x)
    text.seek(0)
    np.testing.assert_array_equal(np.loadtxt(text), m)


def test_numpys_assertions_take_tensors() -> None:
    for name in ("assert_allclose", "assert_array_equal", "assert_array_almost_equal"):
        getattr(np.testing, name)(x, m)
        getattr(np.testing, name)(m, x)
        getattr(np.testing, name)(x, x)
        with pytest.raises(AssertionError):
            getattr(np.testing, name)(x, m + 1)


def test_arrays_are_made_indexed_and_filled_by_tensors() -> None:
    assert type(np.asarray(x)) is np.ndarray
    assert np.array([x, x]).shape == (2, 3, 4)
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    numbers = np.arange(20)
    np.testing.assert_array_equal(numbers[cr.tensor([3, 1])], [3, 1])
    array = np.zeros((3, 4))
    array[:] = x
    array += x
    np.testing.assert_array_equal(array, 2 * m)


def test_an_array_like_of_another_library_is_left_to_answer_itself() -> None:
    class Other:
        def __array_function__(self, *_: Any) -> str:
            return "theirs"

    assert np.concatenate([x, Other()]) == "theirs"


def test_a_parameter_answers_with_its_value_now() -> None:
    w = cr.parameter(np.ones(3))
    assert np.sum(w).item() == 3.0
    w.assign(2 * w)
    assert np.sum(w).item() == 6.0
    grads = cr.backprop(np.sum(w * w))
    np.testing.assert_array_equal(grads[w].numpy(), 4 * np.ones(3))
