"""Options and names of other libraries: one error everywhere, which names ours."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import callbacks, data, initializers, losses, metrics, nn, optim
from chainrule.errors import (
    ArgumentError,
    ChainruleError,
    DTypeError,
    ForeignNameError,
    OptionError,
    ShapeError,
)
from chainrule.foreign import advised
from chainrule.ops.primitive import Primitive
from chainrule.optim import schedules, transforms
from chainrule.public import advise

MODULES: list[ModuleType] = [
    cr, callbacks, cr.linalg, cr.random, data, initializers, losses, metrics, optim,
    schedules, transforms,
]  # fmt: skip


def callables() -> Iterator[tuple[str, Any]]:
    """Every public function and primitive, and every class whose constructor takes
    something, but for layers, which other tests call, and what only describes a result.
    """
    for module in MODULES:
        for name in module.__all__:
            value = getattr(module, name)
            made = isinstance(value, type) and is_made_by_people(value)
            if made or isinstance(value, (FunctionType, Primitive)):
                yield f"{module.__name__}.{name}", value


def is_made_by_people(kind: type) -> bool:
    """Whether a class is one whose objects a person makes, from something."""
    if issubclass(kind, (Exception, nn.Module, tuple, cr.Tensor)):
        return False
    plain = kind.__init__ is object.__init__
    return not (plain or inspect.isabstract(kind) or hasattr(kind, "_is_protocol"))


EVERY = dict(callables())


def test_the_walk_finds_functions_classes_and_primitives() -> None:
    assert len(EVERY) > 300
    for name in ("chainrule.exp", "chainrule.tan", "chainrule.optim.StepDecay"):
        assert name in EVERY


@pytest.mark.parametrize("name", EVERY)
def test_an_option_that_nothing_has_is_one_error_of_ours(name: str) -> None:
    value = EVERY[name]
    given = [cr.ones(2)] if isinstance(value, Primitive) else []
    with pytest.raises(ChainruleError, match="of_another_library"):
        value(*given, of_another_library=1)


def methods() -> Iterator[tuple[str, Any]]:
    """The public methods with arguments of classes that people hold objects of."""
    for kind in (
        cr.Tensor, cr.random.Generator, data.Dataset, cr.Gradients, nn.Module,
    ):  # fmt: skip
        for name, method in vars(kind).items():
            if not name.startswith("_") and isinstance(method, FunctionType):
                kinds = [p.kind for p in inspect.signature(method).parameters.values()]
                if len(kinds) > 1 and inspect.Parameter.VAR_KEYWORD not in kinds:
                    yield f"{kind.__name__}.{name}", method


@pytest.mark.parametrize("name", dict(methods()))
def test_methods_refuse_options_as_functions_do(name: str) -> None:
    with pytest.raises(OptionError, match=name.replace(".", r"\.")):
        dict(methods())[name](None, of_another_library=1)


X = cr.tensor(np.ones((2, 3, 4), np.float32))

#: (call, class, what the first line begins with, the fix)
CALLS: list[tuple[Callable[[], Any], type[ChainruleError], str, str | None]] = [
    (
        lambda: cr.mean(X, dim=0),  # type: ignore[call-arg]
        OptionError,
        "unknown option of mean 'dim': expected one of 'axis', 'keepdims', 'x'",
        "axis=-1",
    ),
    (
        lambda: X.sum(1, keepdim=True),  # type: ignore[call-arg]
        OptionError,
        "unknown option of Tensor.sum 'keepdim': expected one of 'axis', 'keepdims'",
        "keepdims=True",
    ),
    (
        lambda: cr.exp(X, dim=0),
        OptionError,
        "unknown option of exp 'dim': expected one of 'x'",
        None,
    ),
    (
        lambda: cr.exp(X, out=X),
        OptionError,
        "unknown option of exp 'out': expected one of 'x'",
        "leave it out: functions return new tensors; nothing is written into one",
    ),
    (
        lambda: cr.add(X),
        ArgumentError,
        "add: missing a required argument: 'b'",
        "add(a, b, …)",
    ),
    (
        lambda: cr.quantile(X, 0.5, dim=1),  # type: ignore[call-arg]
        OptionError,
        "unknown option of quantile 'dim': expected one of 'axis', 'keepdims', "
        "'method', 'q', 'x'",
        "axis=-1",
    ),
    (
        lambda: cr.one_hot([1], 3, dim=1),  # type: ignore[call-arg]
        OptionError,
        "unknown option of one_hot 'dim': expected one of 'dtype', 'labels', "
        "'num_classes'",
        None,  # it has no axis
    ),
    (
        lambda: X.var(unbiased=False),  # type: ignore[call-arg]
        OptionError,
        "unknown option of Tensor.var 'unbiased': expected one of 'axis', 'ddof', "
        "'keepdims'",
        "ddof=1",
    ),
    (
        lambda: X.flatten(start_dim=1),  # type: ignore[call-arg]
        OptionError,
        "unknown option of Tensor.flatten 'start_dim': expected one of 'axis'",
        "axis=1",
    ),
    (
        lambda: X.repeat(2, 1, 1),  # type: ignore[call-arg]
        ArgumentError,
        "Tensor.repeat: too many positional arguments",
        "cr.tile(x, (2, 1)) repeats the whole, x.repeat(2, axis=0) each element",
    ),
    (
        lambda: X.transpose(0, 1),
        ShapeError,
        "transpose: (2, 3, 4) with axes=(0, 1): every axis of the 3 must be named once",
        "x.swapaxes(0, 1) exchanges two",
    ),
    (
        lambda: X.permute(0, 2, 1),  # type: ignore[attr-defined]
        ForeignNameError,
        "Tensor.permute: there is no such attribute here",
        "x.transpose(0, 2, 1): all axes, in their new order",
    ),
    (
        lambda: X.size(0),  # type: ignore[operator]
        ForeignNameError,
        "Tensor.size(): size is a number here, that of the elements",
        "x.shape, or x.shape[0]; x.size without parentheses",
    ),
    (
        lambda: cr.where(X > 0),
        ArgumentError,
        "where: missing a required argument: 'a'",
        "cr.where(mask, a, b); the indices where a mask is True are cr.nonzero(mask)",
    ),
    (
        lambda: cr.zeros(2, 3),  # type: ignore[arg-type]
        DTypeError,
        "dtype 3 is none that a tensor can hold: bool, int8, int16, int32, int64, "
        "uint8, uint16, uint32, uint64, float32, float64, bfloat16",
        "a shape is one argument: cr.zeros((2, 3))",
    ),
    (
        lambda: cr.ones(2, 3, 4),  # type: ignore[call-arg, arg-type]
        ArgumentError,
        "ones: too many positional arguments",
        "the shape is one argument: cr.ones((2, 3))",
    ),
    (
        lambda: cr.random.normal(2, 3),  # type: ignore[misc]
        ArgumentError,
        "normal: too many positional arguments",
        "the shape is one argument, all else has a name: cr.random.normal((2, 3), "
        "mean=0.0, std=1.0)",
    ),
    (
        lambda: cr.random.uniform(-1.0, 1.0, (2, 3)),  # type: ignore[misc]
        ArgumentError,
        "uniform: too many positional arguments",
        "the shape is one argument, all else has a name: cr.random.uniform((2, 3), "
        "low=0.0, high=1.0)",
    ),
    (
        lambda: cr.random.Generator(0).normal(2, 3),  # type: ignore[misc]
        ArgumentError,
        "Generator.normal: too many positional arguments",
        "the shape is one argument, all else has a name: cr.random.normal((2, 3), "
        "mean=0.0, std=1.0)",
    ),
    (
        lambda: cr.random.integers(0, 10, size=(2,)),  # type: ignore[call-arg]
        OptionError,
        "unknown option of integers 'size': expected one of 'high', 'low', 'shape'",
        "shape=(2, 3)",
    ),
    (
        lambda: cr.random.bernoulli(0.5, 2, 3),  # type: ignore[call-arg]
        ArgumentError,
        "bernoulli: too many positional arguments",
        "the shape is one argument: cr.random.bernoulli(0.5, (2, 3))",
    ),
    (
        lambda: cr.random.randn(2, 3),
        ForeignNameError,
        "cr.random.randn: there is no such name here",
        "cr.random.normal((2, 3))",
    ),
    (
        lambda: optim.StepDecay(0.1, step_size=30),  # type: ignore[call-arg]
        OptionError,
        "unknown option of StepDecay 'step_size': expected one of 'every', 'factor', "
        "'lr'",
        "every=1000",
    ),
    (
        lambda: callbacks.EarlyStopping(restore_best_weights=True),  # type: ignore[call-arg]
        OptionError,
        "unknown option of EarlyStopping 'restore_best_weights': expected one of "
        "'min_delta', 'mode', 'monitor', 'patience', 'restore_best'",
        "restore_best=True",
    ),
    (
        lambda: callbacks.BackupAndRestore("runs"),
        ForeignNameError,
        "cr.callbacks.BackupAndRestore: there is no such name here",
        "callbacks.Checkpoint('folder'), and cr.fit(…, resume=True)",
    ),
    (
        lambda: losses.cross_entropy(X, X, from_logits=True),  # type: ignore[call-arg]
        OptionError,
        "unknown option of cross_entropy 'from_logits': expected one of "
        "'ignore_index', 'label_smoothing', 'logits', 'reduction', 'sample_weight', "
        "'targets', 'weight'",
        "leave it out: losses take logits, the numbers before softmax or sigmoid",
    ),
    (
        lambda: metrics.accuracy(X, X, normalize=False),  # type: ignore[call-arg]
        OptionError,
        "unknown option of Metric 'normalize': expected one of 'outputs', 'targets'",
        "leave it out: a metric is an average; confusion_matrix has counts",
    ),
    (
        lambda: cr.backprop(X.sum(), retain_graph=True),  # type: ignore[call-arg]
        OptionError,
        "unknown option of backprop 'retain_graph': expected one of 'loss'",
        "leave it out: a graph lives as long as its tensors",
    ),
]


@pytest.mark.parametrize(
    ("call", "kind", "what", "fix"), CALLS, ids=[row[2][:50] for row in CALLS]
)
def test_what_is_written_elsewhere_is_answered_with_what_is_written_here(
    call: Callable[[], Any], kind: type[ChainruleError], what: str, fix: str | None
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert (caught.value.what, caught.value.fix) == (what, fix)
    assert caught.value.at is not None and caught.value.at.file == __file__


def test_a_size_is_a_number_like_any_other() -> None:
    assert X.size == 24 and isinstance(X.size, int) and X.size + 1 == 25
    assert repr(X.size) == "24" and f"{X.size:5d}" == "   24"
    assert np.zeros(X.size).shape == (24,)


def test_an_error_inside_of_a_function_is_left_as_it_is() -> None:
    def careless(x: Any) -> Any:
        return x + None

    with pytest.raises(TypeError) as caught:
        cr.grad(careless)(cr.tensor(1.0))
    assert not isinstance(caught.value, OptionError)
    with pytest.raises(TypeError, match="unsupported operand"):
        advised("package.OPTIONS")(lambda x: x + "a")(1)


def test_advice_is_given_once_and_a_function_stays_itself() -> None:
    before = cr.sum
    advise("chainrule", ["sum"], "package.OPTIONS")
    assert cr.sum is before
    assert cr.sum.__module__ == "chainrule.ops.reduction"
    assert str(inspect.signature(cr.sum)).startswith("(x: 'Any', axis")
    assert losses.BY_NAME["mse"] is losses.mse


def test_functions_can_still_be_sent_to_another_process() -> None:
    import pickle

    for function in (cr.sum, cr.tan, losses.mse, cr.random.normal):
        assert pickle.loads(pickle.dumps(function)) is function


def test_numbers_like_another_tensor_have_its_shape_and_dtype() -> None:
    for dtype, wanted in (("float64", "float64"), ("int32", "float32")):
        x = cr.zeros((2, 3), dtype)
        for draw in (cr.random.normal_like, cr.random.uniform_like):
            assert (draw(x).shape, draw(x).dtype) == ((2, 3), wanted)
    cr.manual_seed(1)
    first = cr.random.normal_like(cr.zeros(4), std=2.0)
    cr.manual_seed(1)
    np.testing.assert_array_equal(first, cr.random.normal(4, std=2.0))


@pytest.mark.parametrize(
    ("call", "what", "fix"),
    [
        (lambda m: m.save(), "Module.save: missing a required argument: 'path'",
         "Module.save(path, …)"),
        (lambda m: m.load_state_dict(),
         "Module.load_state_dict: missing a required argument: 'state'",
         "Module.load_state_dict(state, …)"),
        (lambda m: m.freeze("weight"), "Module.freeze: too many positional arguments",
         None),
        (lambda m: m.named_parameters(prefix="a"),
         "Module.named_parameters: option 'prefix': it takes none", None),
    ],
)  # fmt: skip
def test_methods_of_a_network_say_what_they_take(
    call: Callable[[Any], Any], what: str, fix: str | None
) -> None:
    with pytest.raises(ArgumentError) as caught:
        call(nn.Linear(2, 2))
    assert caught.value.what == what
    assert caught.value.fix == fix


@pytest.mark.parametrize(
    ("call", "fix"),
    [
        (lambda: cr.fit(nn.Linear(1, 1), 1, class_weight={0: 1}),  # type: ignore[call-arg]
         "loss=lambda outputs, targets: losses.cross_entropy(outputs, targets, "
         "weight=[1.0, 5.0])"),
        (lambda: cr.fit(nn.Linear(1, 1), 1, num_workers=2),  # type: ignore[call-arg]
         "leave it out: the next batch is made beside training"),
        (lambda: optim.Adam([], beta_1=0.9), "betas=(0.9, 0.999)"),  # type: ignore[call-arg]
        (lambda: data.Augmentation(horizontal_flip=True), "flip=True"),  # type: ignore[call-arg]
        (lambda: cr.backprop(1.0, [1]),  # type: ignore[call-arg]
         "grads = cr.backprop(loss); grads[W] is ∂loss/∂W, of any tensor W"),
        (lambda: cr.linalg.solve_triangular(1, 1, upper=True), "lower=False"),
        (lambda: optim.SGD([cr.parameter(1.0)], 0.1).step(),  # type: ignore[call-arg]
         "optimizer.step(cr.backprop(loss))"),
        (lambda: cr.masked_fill, "cr.where(mask, value, x)"),
        (lambda: cr.allclose, "np.allclose(x, y) compares the values"),
        (lambda: cr.vectorized_map, "cr.vmap(f)(x), for a function of one example"),
        (lambda: cr.jacrev, "cr.jacobian(f)(x)"),
        (lambda: cr.functional_call,
         "cr.per_example_grads(loss, model, x, y) has the gradients of every example"),
        (lambda: cr.vmap(cr.exp, in_dims=1), "in_axes=1"),  # type: ignore[call-arg]
        (lambda: cr.vmap(cr.exp, out_dims=(0, None)),  # type: ignore[call-arg]
         "out_axes=(0, None)"),
        (lambda: cr.while_loop, "cr.scan(f, init, xs) repeats a step"),
        (lambda: optim.LBFGS([cr.parameter(1.0)], max_iter=9),  # type: ignore[call-arg]
         "optimizer.minimize(loss, iterations=1000); cr.fit(…, epochs=1000)"),
    ],
)  # fmt: skip
def test_what_is_looked_for_in_the_first_week_is_answered(
    call: Callable[[], Any], fix: str
) -> None:
    with pytest.raises(ChainruleError) as caught:
        call()
    assert caught.value.fix == fix
