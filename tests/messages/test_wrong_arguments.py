"""Every public function and class says itself which arguments it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, ChainruleError, OptionError
from chainrule.ops.primitive import Primitive
from tests.messages.test_foreign_options import MODULES

#: More than anything takes.
MANY = [None] * 40


def made(kind: type) -> bool:
    """Whether people make objects of a class themselves: not records of results, not
    tensors, which ``cr.tensor`` makes, and nothing abstract.
    """
    if issubclass(kind, (Exception, tuple, cr.Tensor, nn.Module)):
        return issubclass(kind, nn.Module)
    return not (inspect.isabstract(kind) or hasattr(kind, "_is_protocol"))


PUBLIC: dict[str, Any] = {
    f"{module.__name__}.{name}": value
    for module in [*MODULES, nn]
    for name in module.__all__
    if isinstance(value := getattr(module, name), (FunctionType, Primitive))
    or (isinstance(value, type) and made(value))
}


def takes(value: Any) -> list[inspect.Parameter]:
    """The arguments of a function, a primitive or a class."""
    of = value.infer if isinstance(value, Primitive) else value
    return list(inspect.signature(of).parameters.values())


def test_the_walk_finds_functions_primitives_classes_and_layers() -> None:
    assert len(PUBLIC) > 400
    for name in ("chainrule.exp", "chainrule.var", "chainrule.nn.KeyValueCache",
                 "chainrule.nn.Linear", "chainrule.training.metrics.R2"):  # fmt: skip
        assert name in PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_missing_is_an_error_of_ours_with_the_name(name: str) -> None:
    value, short = PUBLIC[name], name.rpartition(".")[2]
    if isinstance(value, Primitive):  # it may have two names
        short = value.name
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if not any(p.default is p.empty and p.kind in plain for p in takes(value)):
        pytest.skip("it may be called without arguments")
    with pytest.raises(ChainruleError, match=short):
        value()


@pytest.mark.parametrize("name", PUBLIC)
def test_too_many_arguments_are_an_error_of_ours(name: str) -> None:
    value = PUBLIC[name]
    if any(p.kind is p.VAR_POSITIONAL for p in takes(value)):
        pytest.skip("it takes any number of arguments")
    with pytest.raises(ChainruleError):
        value(*MANY)


@pytest.mark.parametrize("name", PUBLIC)
def test_an_option_that_it_does_not_have_is_an_error_of_ours(name: str) -> None:
    value = PUBLIC[name]
    if any(p.kind is p.VAR_KEYWORD for p in takes(value)):
        pytest.skip("it takes options of others")
    with pytest.raises(ChainruleError):
        value(of_another_library=1)


@pytest.mark.parametrize(
    "operation",
    ["grad", "value_and_grad", "vjp", "jvp", "hvp", "jacobian", "hessian", "trace",
     "check_gradients", "check_declared", "compile"],
)  # fmt: skip
def test_what_takes_a_function_refuses_what_is_none(operation: str) -> None:
    needed = {"jvp": 3, "hvp": 3, "vjp": 2, "trace": 2, "check_gradients": 2,
              "check_declared": 2}  # fmt: skip
    arguments = [cr.ones(2)] * (needed.get(operation, 1) - 1)
    with pytest.raises(ArgumentError, match=r"(int|3) is not a function"):
        getattr(cr, operation)(3, *arguments)


MESSAGES: list[tuple[Callable[[], Any], type[ChainruleError], str, str | None]] = [
    (
        lambda: nn.KeyValueCache(),  # type: ignore[call-arg]
        ArgumentError,
        "KeyValueCache: missing a required argument: 'batch'",
        "KeyValueCache(batch, num_heads, max_length, head_dim, …)",
    ),
    (
        lambda: cr.exp(),
        ArgumentError,
        "exp: missing a required argument: 'x'",
        "exp(x, …)",
    ),
    (
        lambda: cr.add(1.0),
        ArgumentError,
        "add: missing a required argument: 'b'",
        "add(a, b, …)",
    ),
    (
        lambda: cr.callbacks.LearningRateLog(every=1),  # type: ignore[call-arg]
        OptionError,
        "LearningRateLog: option 'every': it takes none",
        None,
    ),
]


@pytest.mark.parametrize(("call", "error", "what", "fix"), MESSAGES)
def test_the_message_says_what_is_taken(
    call: Callable[[], Any], error: type[ChainruleError], what: str, fix: str | None
) -> None:
    with pytest.raises(error) as caught:
        call()
    assert (caught.value.what, caught.value.fix) == (what, fix)


def test_var_names_ddof_where_correction_is_asked_for() -> None:
    with pytest.raises(OptionError, match="correction") as caught:
        cr.var(cr.ones(3), correction=1)  # type: ignore[call-arg]
    assert "ddof" in str(caught.value)
