"""Tables that are looked up: only the rows of the batch are touched, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.optim.row_gradients import rows_of
from tests.agreement import each_engine

rng = np.random.default_rng(0)
ROWS = 60


def looked_up(table: Any, ids: Any) -> Any:
    """A loss whose gradient differs from row to row."""
    x = cr.take(table, ids)
    return (x * x * cr.arange(x.size).reshape(x.shape)).sum()


@pytest.mark.parametrize(
    "ids",
    [[5], [5, 5, 5], [3, 59, 3, 0, 59, 7], [[1, 2], [2, 1]], [-1, 59, 4], 7],
)
def test_rows_of_a_gradient_are_its_rows_that_are_not_zero(ids: Any) -> None:
    table = cr.parameter(rng.normal(size=(ROWS, 3)))
    gradient = cr.backprop(looked_up(table, ids))[table]
    rows = rows_of(gradient)
    assert rows is not None
    used = rows.used.numpy()
    assert used.sum() == len({i % ROWS for i in np.ravel(ids)})
    dense = np.zeros((ROWS, 3))
    dense[rows.index.numpy()[used]] = rows.sums.numpy()[used]
    np.testing.assert_array_equal(dense, gradient.numpy())
    assert (rows.total.numpy()[~used] == 0).all()
    assert set(rows.index.numpy()) == {i % ROWS for i in np.ravel(ids)}


def test_sums_and_multiples_of_look_ups_are_look_ups() -> None:
    table = cr.parameter(rng.normal(size=(ROWS, 3)))
    loss = looked_up(table, [1, 2, 2]) + looked_up(table, [2, 9])
    gradient = cr.backprop(loss)[table] * cr.tensor(0.5, "float64") / cr.tensor(2.0)
    rows = rows_of(gradient.astype("float32"))
    assert rows is not None
    found = np.zeros((ROWS, 3), "float32")
    found[rows.index.numpy()] = rows.sums.numpy()
    np.testing.assert_allclose(found, gradient.numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        lambda table: (table * table).sum(),
        lambda table: looked_up(table, [1]) + table.sum(),
        lambda table: looked_up(table, np.arange(ROWS)),
        lambda table: (cr.take(table, [1], axis=1)).sum(),
        lambda table: looked_up(table, np.zeros(0, int)),
        lambda table: looked_up(cr.tanh(table), [1]),
    ],
)
def test_other_gradients_are_gone_through_as_a_whole(loss: Any) -> None:
    table = cr.parameter(rng.normal(size=(ROWS, 3)))
    assert rows_of(cr.backprop(loss(table))[table]) is None


@each_engine
@pytest.mark.parametrize("algorithm", [optim.SGD, optim.Adagrad])
def test_by_rows_gives_the_bits_of_the_whole_table(
    algorithm: Any, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = rng.integers(0, ROWS, (4, 2, 5))
    first = rng.normal(size=(ROWS, 3)).astype("float32")
    found = {}
    for by_rows in (True, False):
        monkeypatch.setattr(algorithm, "by_rows", by_rows)
        table = cr.parameter(first)
        optimizer = algorithm([table], lr=0.01)

        def step(ids: Any, table: Any = table, optimizer: Any = optimizer) -> None:
            optimizer.step(cr.backprop(looked_up(table, ids)))

        run = cr.compile(step, engine=engine)
        for ids in batches:
            run(ids)
        found[by_rows] = [table.numpy(), *optimizer.state_dict().values()]
    for one, other in zip(found[True], found[False], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("compiled", [False, True])
def test_sparse_adam_is_adam_for_the_rows_of_the_batch_alone(compiled: bool) -> None:
    table = cr.parameter(rng.normal(size=(ROWS, 3)))
    optimizer = optim.SparseAdam([table], lr=0.1)
    w, m, v = table.array.copy(), np.zeros((ROWS, 3)), np.zeros((ROWS, 3))

    def step(ids: Any) -> Any:
        loss = looked_up(table, ids)
        optimizer.step(cr.backprop(loss))
        return loss

    run = cr.compile(step) if compiled else step
    for t, ids in enumerate([[1, 4, 1], [4, 2, 2], [1, 1, 1]], 1):
        g = np.zeros((ROWS, 3))
        scale = np.arange(9).reshape(3, 3)
        np.add.at(g, ids, 2 * w[ids] * scale)
        run(np.array(ids))
        r = sorted(set(ids))
        m[r] = 0.9 * m[r] + 0.1 * g[r]
        v[r] = 0.999 * v[r] + 0.001 * g[r] ** 2
        m_hat, v_hat = m[r] / (1 - 0.9**t), v[r] / (1 - 0.999**t)
        w[r] -= 0.1 * m_hat / (np.sqrt(v_hat) + 1e-8)
        np.testing.assert_allclose(table.numpy(), w, rtol=1e-10)


def test_sparse_adam_trains_other_parameters_as_adam_does() -> None:
    first = rng.normal(size=(4, 3))
    ends = []
    for algorithm in (optim.Adam, optim.SparseAdam):
        w = cr.parameter(first)
        optimizer = algorithm([w], lr=0.1)
        for _ in range(3):
            optimizer.step(cr.backprop((w * w).sum()))
        ends.append(w.numpy())
    np.testing.assert_array_equal(*ends)


def test_clipping_by_the_norm_sees_every_row_once() -> None:
    table = cr.parameter(rng.normal(size=(ROWS, 3)))
    gradients = cr.backprop(looked_up(table, [3, 3, 8]))
    wanted = np.linalg.norm(gradients[table].numpy())
    assert optim.global_norm(gradients).item() == pytest.approx(wanted)
    before = table.array.copy()
    clip = [optim.ClipNorm(0.5)]
    optim.SGD([table], lr=1.0, transforms=clip).step(gradients)
    assert np.linalg.norm(table.numpy() - before) == pytest.approx(0.5)


def memory_of_a_step(rows: int, algorithm: Any) -> int:
    """The bytes between the kernels of a compiled step with 512 tokens."""
    layer = nn.Embedding(rows, 64)
    optimizer = algorithm([layer.weight], lr=0.1)

    def step(ids: Any) -> Any:
        loss = (layer(ids) ** 2).mean()
        optimizer.step(cr.backprop(loss))
        return loss

    compiled = cr.compile(step, engine="native")
    compiled(rng.integers(0, rows, 512))
    (report,) = compiled.reports
    assert report.arena_bytes is not None
    return report.arena_bytes


@pytest.mark.parametrize("algorithm", [optim.SGD, optim.Adagrad, optim.SparseAdam])
def test_a_step_has_no_array_of_the_size_of_the_table(algorithm: Any) -> None:
    short, long = (memory_of_a_step(rows, algorithm) for rows in (2000, 50_000))
    assert short == long < 50_000 * 64 * 4
