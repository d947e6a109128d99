"""The table of a network: shapes, parameters, operations, bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, ChainruleError, DTypeError, ShapeError


def test_the_table_shows_every_layer_and_the_totals() -> None:
    model = nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 128),
        nn.BatchNorm1d(128),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(128, 10),
    )
    assert str(model.summary((28, 28), batch=32)).splitlines() == [
        "name   layer              output     parameters      FLOPs    bytes",
        "─" * 67,
        "0      Flatten()          (32, 784)           0          0        0",
        "1      Linear(784 → 128)  (32, 128)     100,480  6,426,624  401,920",
        "2      BatchNorm1d(128)   (32, 128)         256     12,672    2,048",
        "3      ReLU()             (32, 128)           0      4,096        0",
        "4      Dropout(p=0.2)     (32, 128)           0          0        0",
        "5      Linear(128 → 10)   (32, 10)        1,290     82,240    5,160",
        "─" * 67,
        "total                                   102,026  6,525,632  409,128",
    ]


def test_the_input_of_a_network_that_starts_with_an_embedding_is_ids() -> None:
    net = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(12, 2))
    assert str(net.summary((3,))) == str(net.summary((3,), dtype="int64"))
    gpt = cr.models.GPT(10, 8, num_layers=1, num_heads=2, width=8)
    assert gpt.summary((8,)).num_parameters == gpt.num_parameters
    with pytest.raises(ArgumentError, match=r"is an array of \(2, 8\): .* as \(8,\)"):
        gpt.summary(np.zeros((2, 8), int))  # type: ignore[arg-type]


def test_without_an_input_there_are_no_shapes_and_no_operations() -> None:
    summary = nn.Sequential(nn.Linear(3, 2), nn.ReLU()).summary()
    assert repr(summary).splitlines() == [
        "name   layer          parameters  bytes",
        "─" * 39,
        "0      Linear(3 → 2)           8     32",
        "1      ReLU()                  0      0",
        "─" * 39,
        "total                          8     32",
    ]
    assert summary.flops == 0


def test_a_linear_layer_costs_a_product_and_a_sum() -> None:
    assert nn.Linear(5, 3).summary((5,), batch=7).flops == 2 * 7 * 5 * 3 + 7 * 3
    assert nn.Linear(5, 3, bias=False).summary((5,), batch=7).flops == 2 * 7 * 5 * 3


def test_a_loop_costs_its_body_times_its_length() -> None:
    class Cell(nn.Module):
        def forward(self, x: Any) -> Any:
            h = cr.zeros((2,))
            return cr.scan(lambda h, x: (cr.tanh(h + x), h), h, x[0])[0]

    assert Cell().summary((9, 2)).flops == 9 * (2 + 2)


class Two(nn.Module):
    """Two inputs, two outputs, a layer used twice, one never, and work of its own."""

    def __init__(self) -> None:
        self.embedding = nn.Embedding(10, 4)
        self.linear = nn.Linear(4, 4)
        self.idle = nn.Linear(2, 2)

    def forward(self, ids: Any, x: Any) -> tuple[Any, Any]:
        return self.linear(self.embedding(ids)), cr.tanh(self.linear(x))


def test_several_inputs_outputs_and_uses_are_all_counted() -> None:
    summary = Two().summary([(), (4,)], batch=3, dtype=["int64", "float32"])
    rows = {row.path: row for row in summary.rows}
    assert rows[""].output == [(3, 4), (3, 4)]
    assert rows[""].flops == 3 * 4
    assert rows["linear"].flops == 2 * (2 * 3 * 4 * 4 + 3 * 4)
    assert rows["idle"].output is None
    assert "not called" in str(summary)
    assert summary.num_parameters == Two().num_parameters == 40 + 20 + 6


def test_shared_parameters_are_counted_once() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    assert net.summary().num_parameters == net.num_parameters == 9 + 3 + 3


def test_a_summary_computes_and_changes_nothing() -> None:
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5))
    before = net.state_dict()
    state = cr.random.default_generator.state.numpy().copy()
    net.summary((3,), batch=5)
    assert all((before[name] == v).all() for name, v in net.state_dict().items())
    assert (cr.random.default_generator.state.numpy() == state).all()


def test_a_network_far_too_large_to_compute_has_a_summary() -> None:
    net = nn.Linear(1000, 1000)
    assert net.summary((10**6, 1000), batch=1000).flops == 10**9 * (2 * 10**6 + 1000)


@pytest.mark.parametrize(
    ("call", "kind", "what"),
    [
        (
            lambda: nn.Linear(3, 2).summary((4,)),
            ShapeError,
            "Linear: x (1, 4): 4 ≠ 3; the last axis of x must have in_features "
            "elements",
        ),
        (
            lambda: nn.Linear(3, 2).summary((3,), batch=0),
            ArgumentError,
            "summary: batch=0: expected a whole number of at least 1",
        ),
        (
            lambda: nn.Linear(3, 2).summary((0,)),
            ArgumentError,
            "summary: input_shape=0: expected a whole number of at least 1",
        ),
        (
            lambda: nn.Linear(3, 2).summary(3),
            ArgumentError,
            "summary: input_shape=3: expected the shape of one sample, such as (3,)",
        ),
        (
            lambda: nn.Embedding(3, 2).summary((), dtype="float32"),
            DTypeError,
            "Embedding: ids (1,) of floats: an id is an integer",
        ),
        (
            lambda: Two().summary([(), (4,)], dtype=["int64"]),
            ArgumentError,
            "summary: 1 dtypes for 2 inputs: expected one for each",
        ),
    ],
)
def test_wrong_use_is_one_error(
    call: Callable[[], Any], kind: type[ChainruleError], what: str
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.what == what


def test_the_dtype_of_the_input_is_carried_through() -> None:
    net = nn.Embedding(10, 4)
    assert net.summary((6,), batch=2, dtype="int32").rows[0].output == (2, 6, 4)
    assert net.summary((6,), dtype=np.int64).num_bytes == 160


def test_weights_per_example_stand_below_where_the_examples_are_known() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    assert model.summary().weights_per_example is None
    assert "per training example" not in str(model.summary())
    enough = model.summary(examples=80)
    assert enough.weights_per_example == 0.1
    assert str(enough).splitlines()[-1] == "0.1 weights per training example"
    assert "0.1 weights per training example" in enough._repr_html_()
    few = str(model.summary((3,), examples=2)).splitlines()[-1]
    assert few == (
        "4 weights per training example: fewer examples than weights, which can learn "
        "them by heart"
    )
    with pytest.raises(ArgumentError, match="summary: examples=0"):
        model.summary(examples=0)


def test_frozen_weights_learn_nothing_and_members_learn_each_by_itself() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    model[0].freeze()
    assert model.summary(examples=3).weights_per_example == 1.0
    members = nn.Ensemble(nn.EnsembleLinear(4, 3, 2), average="values")
    summary = members.summary(examples=8)
    assert (summary.num_parameters, summary.weights_per_example) == (32, 1.0)
    assert str(summary).splitlines()[-1] == (
        "1 weight per training example in each of 4 networks"
    )
