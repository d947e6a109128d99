"""Modules: their parts and paths, state, copies, printed form, and free composition."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import (
    BoundsError,
    ChainruleError,
    DTypeError,
    ShapeError,
    StateError,
    TraceError,
)
from tests.agreement import assert_agrees, each_engine

f32 = np.float32
X = np.random.default_rng(0).normal(size=(5, 4))


class Net(nn.Module):
    """Skip connection, concatenation, shared weights, two inputs and two outputs."""

    def __init__(self) -> None:
        self.shared = nn.Linear(4, 4)
        self.heads = {"mean": nn.Linear(8, 1), "rest": [nn.Linear(8, 2), nn.Tanh()]}
        self.scale = cr.parameter([2.0], name="scale")
        self.again = self.shared
        self.label = "not a part"

    def forward(self, x: Any, y: Any) -> tuple[Any, Any]:
        h = x + cr.tanh(self.shared(x))
        both = cr.concatenate([h, self.again(y)], axis=-1)
        linear, tanh = self.heads["rest"]  # type: ignore[misc]
        return self.heads["mean"](both) * self.scale, tanh(linear(both))  # type: ignore[operator]


NAMES = [
    "scale",
    "shared.weight",
    "shared.bias",
    "heads.mean.weight",
    "heads.mean.bias",
    "heads.rest.0.weight",
    "heads.rest.0.bias",
]


def test_parameters_have_the_paths_of_their_attributes_and_shared_ones_come_once() -> (
    None
):
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [path for path, _ in net.named_modules()] == [
        "",
        "shared",
        "heads.mean",
        "heads.rest.0",
        "heads.rest.1",
    ]
    assert net.num_parameters == 1 + 20 + 9 + 18
    assert len(net.parameters()) == len(NAMES)


def test_a_freely_composed_network_computes_what_is_written() -> None:
    net = Net().astype("float64")
    state = net.state_dict()

    def affine(name: str, x: Any) -> Any:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    mean, rest = net(X, X + 1)
    h = X + np.tanh(affine("shared", X))
    both = np.concatenate([h, affine("shared", X + 1)], axis=-1)
    np.testing.assert_allclose(mean.numpy(), 2 * affine("heads.mean", both))
    np.testing.assert_allclose(rest.numpy(), np.tanh(affine("heads.rest.0", both)))


def test_gradients_of_shared_weights_add_up_over_their_uses() -> None:
    net = Net().astype("float64")
    mean, rest = net(X, X + 1)
    found = cr.backprop(mean.sum() + rest.sum())

    separate = Net().astype("float64")
    separate.load_state_dict(net.state_dict())
    separate.again = copy.deepcopy(separate.shared)
    mean, rest = separate(X, X + 1)
    parts = cr.backprop(mean.sum() + rest.sum())
    np.testing.assert_allclose(
        found[net.shared.weight].numpy(),
        (parts[separate.shared.weight] + parts[separate.again.weight]).numpy(),
    )


@each_engine
def test_a_composed_network_compiles_with_several_inputs_and_outputs(
    engine: str,
) -> None:
    net = Net()
    x = X.astype(f32)
    eager = net(x, x)
    compiled = cr.compile(lambda x, y: net(x, y), engine=engine)(x, x)
    for found, wanted in zip(compiled, eager, strict=True):
        assert_agrees(found.numpy(), wanted.numpy(), engine)


def test_a_tied_parameter_comes_once_under_its_first_path() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    net[2].weight = net[0].weight
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.bias"]


def test_a_module_that_contains_itself_is_walked_once() -> None:
    class Owned(nn.Sequential):
        owner: nn.Module

    net = Owned(nn.Linear(2, 2))
    net.owner = net
    assert [path for path, _ in net.named_modules()] == ["", "0"]


# Sequential. --------------------------------------------------------------------------


def test_sequential_is_indexed_sliced_counted_and_iterated() -> None:
    layers = [nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)]
    net = nn.Sequential(*layers)
    assert len(net) == 3
    assert list(net) == layers
    assert net[0] is layers[0] and net[-1] is layers[-1]
    assert isinstance(net[:2], nn.Sequential) and list(net[:2]) == layers[:2]
    with pytest.raises(BoundsError, match="Sequential: layer 3 of 3"):
        net[3]


def test_an_empty_sequential_is_the_identity() -> None:
    assert (nn.Sequential()(cr.tensor(X)).numpy() == X).all()


def test_nested_sequentials_have_pytorchs_names() -> None:
    net = nn.Sequential(nn.Sequential(nn.Linear(2, 2)), nn.BatchNorm1d(2))
    assert list(net.state_dict()) == [
        "0.0.weight",
        "0.0.bias",
        "1.weight",
        "1.bias",
        "1.running_mean",
        "1.running_var",
    ]


def test_a_subclass_of_sequential_may_have_further_parts() -> None:
    class Scaled(nn.Sequential):
        def __init__(self, *layers: nn.Module) -> None:
            super().__init__(*layers)
            self.last = nn.Linear(2, 1)

    assert list(Scaled(nn.Linear(2, 2)).state_dict()) == [
        "0.weight",
        "0.bias",
        "last.weight",
        "last.bias",
    ]


# State. -------------------------------------------------------------------------------


def test_state_is_a_copy_and_loading_it_brings_the_network_back() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    state = net.state_dict()
    before = net(X.astype(f32)).numpy()
    for parameter in net.parameters():
        parameter.assign(parameter * 0 + 9)
    assert (net(X.astype(f32)).numpy() != before).any()
    net.load_state_dict(state)
    assert (net(X.astype(f32)).numpy() == before).all()


def test_values_are_converted_to_the_dtype_of_the_parameters() -> None:
    net = nn.Linear(2, 1)
    net.load_state_dict({"weight": [[1, 2]], "bias": np.array([0.5])})
    assert (net.weight.dtype, net.weight.tolist()) == (f32, [[1, 2]])


WRONG_STATES: list[
    tuple[Callable[[dict[str, Any]], Any], type[ChainruleError], str, str | None]
] = [
    (
        lambda s: s.pop("0.bias"),
        StateError,
        "load_state_dict: Sequential: missing 0.bias; nothing was loaded",
        "build the model as it was when it was saved",
    ),
    (
        lambda s: s.update(extra=np.ones(1)),
        StateError,
        "load_state_dict: Sequential: unexpected extra; nothing was loaded",
        "build the model as it was when it was saved",
    ),
    (
        lambda s: s.update({"0.biass": s.pop("0.bias")}),
        StateError,
        "load_state_dict: Sequential: missing 0.bias; unexpected 0.biass; nothing was "
        "loaded",
        "is '0.biass' meant to be '0.bias'?",
    ),
    (
        lambda s: s.clear(),
        StateError,
        "load_state_dict: Sequential: missing 0.bias, 0.weight, 1.bias, "
        "1.running_mean, 1.running_var and 1 more; nothing was loaded",
        "build the model as it was when it was saved",
    ),
    (
        lambda s: s.update({"1.bias": np.ones(4)}),
        ShapeError,
        "load_state_dict: 1.bias (4,): expected (3,); nothing was loaded",
        "build the model with the sizes it was saved with",
    ),
    (
        lambda s: s.update({"1.bias": np.array(["a", "b", "c"])}),
        DTypeError,
        "load_state_dict: 1.bias (3,) of <U1: expected numbers; nothing was loaded",
        None,
    ),
]


@pytest.mark.parametrize(
    ("change", "kind", "what", "fix"), WRONG_STATES, ids=[w[2] for w in WRONG_STATES]
)
def test_a_state_that_does_not_fit_is_one_error_and_changes_nothing(
    change: Callable[[dict[str, Any]], Any],
    kind: type[ChainruleError],
    what: str,
    fix: str | None,
) -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    before = net.state_dict()
    other = {name: value + 1 for name, value in before.items()}
    change(other)
    with pytest.raises(kind) as caught:
        net.load_state_dict(other)
    assert (caught.value.what, caught.value.fix) == (what, fix)
    assert all((before[name] == v).all() for name, v in net.state_dict().items())


def test_a_float_is_no_value_for_an_integer() -> None:
    class Counter(nn.Module):
        def __init__(self) -> None:
            self.count = cr.Variable(0)

    counter = Counter()
    counter.load_state_dict({"count": 3})
    assert counter.count.item() == 3
    with pytest.raises(DTypeError, match=r"count \(\) of float64: expected int64"):
        counter.load_state_dict({"count": 2.5})


# Copies. ------------------------------------------------------------------------------


def test_a_deep_copy_shares_nothing_and_keeps_what_was_shared_inside() -> None:
    net = Net()
    twin = copy.deepcopy(net)
    assert twin.again is twin.shared
    before = net.state_dict()
    for parameter in twin.parameters():
        parameter.assign(parameter * 0)
    assert all((before[name] == v).all() for name, v in net.state_dict().items())
    assert [name for name, _ in twin.named_parameters()] == NAMES


def test_astype_gives_a_copy_in_another_dtype_with_the_same_values() -> None:
    net = Net()
    wide = net.astype("float64")
    assert {v.dtype for _, v in wide.named_variables()} == {np.dtype("float64")}
    assert {v.dtype for _, v in net.named_variables()} == {np.dtype("float32")}
    assert wide.again is wide.shared
    for name, value in net.state_dict().items():
        assert (wide.state_dict()[name] == value).all()
    assert wide(X, X)[0].dtype == np.float64


def test_astype_leaves_integers_and_refuses_to_make_them() -> None:
    class Counter(nn.Module):
        def __init__(self) -> None:
            self.count = cr.Variable(0)

    assert Counter().astype("float64").count.dtype == np.int64
    with pytest.raises(DTypeError, match="astype: int64: weights are float32 or"):
        nn.Linear(2, 2).astype("int64")


# Printed form. ------------------------------------------------------------------------


def test_a_network_prints_as_its_layers() -> None:
    net = nn.Sequential(
        nn.Flatten(),
        nn.Sequential(nn.Linear(784, 128, bias=False), nn.LeakyReLU(0.1)),
        nn.Embedding(10, 4),
    )
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Flatten()\n"
        "  (1): Sequential(\n"
        "    (0): Linear(784 → 128, bias=False)\n"
        "    (1): LeakyReLU(slope=0.1)\n"
        "  )\n"
        "  (2): Embedding(10 → 4)\n"
        ")"
    )


def test_a_users_own_module_prints_its_parts() -> None:
    assert repr(Net()) == (
        "Net(\n"
        "  (shared): Linear(4 → 4)\n"
        "  (heads.mean): Linear(8 → 1)\n"
        "  (heads.rest.0): Linear(8 → 2)\n"
        "  (heads.rest.1): Tanh()\n"
        "  (again): Linear(4 → 4)\n"
        ")"
    )


def test_layers_are_made_outside_of_compiled_functions() -> None:
    with pytest.raises(TraceError) as caught:
        cr.compile(lambda x: nn.Linear(4, 2)(x))(X)
    assert caught.value.fix == (
        "make layers and variables outside of the compiled function"
    )
