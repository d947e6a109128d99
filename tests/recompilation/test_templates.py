"""Graphs that are alike share what was compiled, and nobody can tell."""

from __future__ import annotations

import gc
import resource
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.compiler import compile as compiler
from chainrule.compiler.pipeline import run_passes
from chainrule.compiler.program import plan
from chainrule.errors import NumericsError
from chainrule.graph import Graph
from chainrule.recompilation import kept, templates
from chainrule.recompilation.templates import Template, Walk, key_of

ENGINES = ("numpy", "native")


def random(*shape: int, seed: int = 0) -> Any:
    """Normal numbers, float32."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No template is there before a test, nor is one found on disk (``test_kept``)."""
    monkeypatch.setattr(kept, "entry_of", lambda *_: None)
    templates.forget()
    yield
    templates.forget()


@pytest.fixture
def passes_run(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the graphs that the passes have been run on."""
    names: list[str] = []

    def noted(graph: Any, *rest: Any) -> Any:
        names.append(graph.name)
        return run_passes(graph, *rest)

    monkeypatch.setattr(compiler, "run_passes", noted)
    return names


# The same results. --------------------------------------------------------------------


def dense() -> Any:
    return nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Dropout(0.3), nn.Linear(6, 3))


def normalised() -> Any:
    return nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3))


def convolutional() -> Any:
    return nn.Sequential(
        nn.Unflatten((2, 4, 1)), nn.Conv2d(1, 4, 2), nn.ReLU(), nn.Flatten(),
        nn.Linear(12, 3),
    )  # fmt: skip


class Recurrent(nn.Module):
    """An LSTM over two steps of four numbers."""

    def __init__(self) -> None:
        self.lstm = nn.LSTM(4, 5)
        self.out = nn.Linear(5, 3)

    def forward(self, x: Any) -> Any:
        return self.out(self.lstm(x.reshape(-1, 2, 4))[0][:, -1])


class Sorting(nn.Module):
    """A primitive of which one engine makes no machine code, and a constant."""

    def __init__(self) -> None:
        self.first, self.last = nn.Linear(8, 6), nn.Linear(6, 3)

    def forward(self, x: Any) -> Any:
        hidden = self.first(x) + cr.tensor(np.linspace(-1, 1, 6, dtype=np.float32))
        return self.last(cr.sort(hidden, axis=1))


def trained(make: Callable[[], Any], engine: str, optimizer: str) -> list[Any]:
    """All values of a network after a few steps."""
    cr.manual_seed(1)
    model = make()
    x, y = random(7, 8), np.arange(7) % 3
    cr.fit(
        model, (x, y), optimizer=optimizer, epochs=2, batch_size=4, validation=(x, y),
        engine=engine, progress=False,
    )  # fmt: skip
    return [*model.state_dict().values(), cr.predict(model, x, engine=engine)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("make", [dense, normalised, convolutional, Recurrent, Sorting])
def test_training_again_gives_the_same_bits_with_and_without_a_template(
    make: Callable[[], Any], engine: str, passes_run: list[str]
) -> None:
    first = trained(make, engine, "adam")
    count = len(passes_run)
    with_template = trained(make, engine, "adam")
    assert len(passes_run) == count > 0
    templates.forget()
    without = trained(make, engine, "adam")
    assert len(passes_run) == 2 * count
    for a, b, c in zip(first, with_template, without, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(b, c)


def test_networks_of_one_template_train_beside_each_other() -> None:
    x, y = random(7, 8), np.arange(7) % 3
    values: dict[str, list[Any]] = {}
    for engine in ENGINES:
        steps, models = [], []
        for seed in range(3):
            cr.manual_seed(seed)
            models.append(nn.Sequential(nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3)))
            steps.append(cr.compile(make_step(models[-1]), engine=engine))
        for _ in range(3):
            for step in steps:
                step(x, y)
        values[engine] = [a for m in models for a in m.state_dict().values()]
    for a, b in zip(*values.values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


# What is filled in. -------------------------------------------------------------------


def make_step(model: Any) -> Callable[..., Any]:
    """A training step of a network."""
    optimizer = optim.Adam(model.parameters())

    def step(x: Any, y: Any) -> Any:
        loss = losses.cross_entropy(model(x, training=True), y)
        optimizer.step(cr.backprop(loss))
        return loss

    return step


def everything(graph: Any, numbers: dict[Any, int]) -> list[Any]:
    """All that can be seen of the nodes of a graph, in the order in which programs have
    them, and of the bodies of its loops.
    """
    seen: list[Any] = []
    for node in plan(graph).nodes:
        bodies = [p for p in node.params.values() if isinstance(p, Graph)]
        seen += [everything(body, numbers) for body in bodies]
        numbers.setdefault(node, len(numbers))
        owner = None
        if node.owner is not None:
            owner = numbers.setdefault(node.owner, len(numbers))
        value = None if node.value is None else node.value.tobytes()
        params = {n: p for n, p in node.params.items() if not isinstance(p, Graph)}
        seen.append((
            node.op, [numbers[each] for each in node.inputs], node.shape, node.dtype,
            node.name, node.literal, node.line, node.origin is None, owner, value,
            params,
        ))  # fmt: skip
    ends = [*graph.outputs, *(node for pair in graph.updates for node in pair)]
    return [*seen, graph.name, [numbers[each] for each in ends]]


@pytest.mark.parametrize("make", [dense, normalised, convolutional, Recurrent, Sorting])
def test_a_template_filled_in_is_what_the_passes_would_have_made(
    make: Callable[[], Any],
) -> None:
    x, y = random(4, 8), np.array([0, 1, 2, 0])
    first = cr.trace(make_step(make()), x, y)
    again = cr.trace(make_step(make()), x, y)  # at another line
    template: Template[None] = Template(Walk(first), run_passes(first), [])
    assert key_of(Walk(first)) == key_of(Walk(again))
    filled, wanted = template.filled_in(Walk(again)), run_passes(again)  # one line
    assert str(filled) == str(wanted)
    assert everything(filled, {}) == everything(wanted, {})
    assert [*map(id, filled.variables)] == [*map(id, wanted.variables)]


def test_messages_name_the_line_of_the_function_that_was_called() -> None:
    lines = []
    for number in range(2):
        w = cr.parameter(np.zeros(3, np.float32), name="w")

        def one(x: Any, w: Any = w) -> Any:
            return cr.log(w * x).sum()

        def other(x: Any, w: Any = w) -> Any:
            return cr.log(w * x).sum()

        f = (one, other)[number]
        f.__name__ = "f"
        with pytest.raises(NumericsError) as error, cr.check_numerics():
            cr.compile(f, engine="native")(random(3))
        assert error.value.at is not None
        lines.append(error.value.at.line)
    assert lines[1] == lines[0] + 3
    assert len(templates._kept) == 1


# What is not alike. -------------------------------------------------------------------

A, B = cr.parameter(random(3, 3)), cr.parameter(random(3, 3, seed=1))
OTHER: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "an axis": (lambda x: x.sum(0), lambda x: x.sum(1)),
    "an operation": (lambda x: x + A, lambda x: x - A),
    "the order of operands": (lambda x: x - A, lambda x: A - x),
    "a number": (lambda x: x * 2.0, lambda x: x * 3.0),
    "the sign of zero": (lambda x: x / 0.0, lambda x: x / -0.0),
    "a constant": (
        lambda x: x + cr.tensor(np.eye(3)), lambda x: x + cr.tensor(np.ones((3, 3)))
    ),
    "how often a variable is read": (lambda x: x + A + A, lambda x: x + A + B),
    "what is updated": (
        lambda x: (A.assign(A + x * 0.0), B.sum())[1],
        lambda x: (B.assign(A + x * 0.0), B.sum())[1],
    ),
    "the dtype of a result": (
        lambda x: x.sum(), lambda x: x.astype("float64").sum().astype("float32")
    ),
    "the body of a loop": (
        lambda x: cr.scan(lambda c, r: (c + r, c), x[0], x)[1],
        lambda x: cr.scan(lambda c, r: (c * r, c), x[0], x)[1],
    ),
    "the direction of a loop": (
        lambda x: cr.scan(lambda c, r: (c + r, c), x[0], x)[1],
        lambda x: cr.scan(lambda c, r: (c + r, c), x[0], x, reverse=True)[1],
    ),
    "the order of results": (
        lambda x: (x.sum(0), x.sum(1)), lambda x: (x.sum(1), x.sum(0))
    ),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("what", OTHER)
def test_functions_that_differ_share_nothing(
    what: str, engine: str, passes_run: list[str]
) -> None:
    x = random(3, 3, seed=2)
    before = A.numpy().copy(), B.numpy().copy()
    for f in OTHER[what]:
        A.assign(before[0])
        B.assign(before[1])
        with np.errstate(all="ignore"):
            results = cr.compile(f, engine=engine)(x)
            A.assign(before[0])
            B.assign(before[1])
            expected = f(cr.tensor(x))
        for a, b in zip(
            *(each if type(each) is tuple else (each,) for each in (results, expected)),
            strict=True,
        ):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)
    A.assign(before[0])
    B.assign(before[1])
    assert len(passes_run) == 2


def test_settings_and_engines_have_templates_of_their_own(
    passes_run: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    def run(engine: str) -> None:
        cr.compile(lambda x: cr.exp(x) + 0.5, engine=engine)(random(3))

    run("native")
    run("native")
    assert len(passes_run) == 1
    run("numpy")
    assert len(passes_run) == 2
    monkeypatch.setattr(cr.config, "cache_folder", tmp_path)
    run("native")
    assert len(passes_run) == 3
    monkeypatch.setattr(cr.config, "debug", True)  # so that everything is checked
    run("native")
    run("native")
    assert len(passes_run) == 5


def test_a_graph_with_much_data_in_it_is_not_kept() -> None:
    many = templates.MOST_CONSTANTS // 4 + 1
    data = cr.tensor(random(many))
    cr.compile(lambda x: (data * x).sum(), engine="native")(2.0)
    assert not templates._kept


def test_a_constant_that_is_changed_unseen_changes_no_template() -> None:
    data = random(5)
    before = data.copy()
    for _ in range(2):
        data[:] = before
        shared = cr.tensor(data)
        f = cr.compile(lambda x, shared=shared: shared * x, engine="native")
        np.testing.assert_array_equal(f(2.0).numpy(), before * 2)
        data[:] = 7.0


# Memory and threads. ------------------------------------------------------------------


@pytest.mark.parametrize("make", [dense, Recurrent, Sorting])
def test_a_template_keeps_no_parameter_and_no_module_alive(
    make: Callable[[], Any],
) -> None:
    model = make()
    step = make_step(model)
    cr.compile(step, engine="native")(random(4, 8), np.array([0, 1, 2, 0]))
    alive = [weakref.ref(each) for each in (*model.parameters(), model)]
    assert templates._kept
    del model, step
    gc.collect()
    assert [each() for each in alive] == [None] * len(alive)


def test_the_oldest_template_makes_room(
    passes_run: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "MOST_TEMPLATES", 2)

    def run(size: int) -> None:
        cr.compile(lambda x: x + 1.0, engine="numpy")(random(size))

    for size in (1, 2, 1, 3):  # 2 has not been used longest
        run(size)
    assert len(templates._kept) == 2
    count = len(passes_run)
    run(1)
    assert len(passes_run) == count
    run(2)
    assert len(passes_run) == count + 1


def resident() -> int:
    """Kilobytes of memory in use; the most so far where the system does not say."""
    try:
        with open("/proc/self/status") as lines:
            return int(next(each for each in lines if "VmRSS" in each).split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_two_hundred_trainings_leave_memory_flat() -> None:
    x, y = random(8, 8), np.arange(8) % 3

    def train() -> None:
        cr.fit(dense(), (x, y), epochs=1, progress=False)

    for _ in range(50):
        train()
    gc.collect()
    before = resident()
    for _ in range(150):
        train()
    gc.collect()
    assert resident() - before < 3000


def test_threads_that_compile_the_same_get_their_own_results() -> None:
    results: dict[int, Any] = {}
    start = threading.Barrier(4)

    def work(number: int) -> None:
        w = cr.parameter(np.full(5, number, np.float32))

        def step(x: Any) -> Any:
            w.assign(w * 1.5)
            return (w * x).sum()

        f = cr.compile(step, engine="native")
        start.wait()
        total = [f(np.ones(5, np.float32)).item() for _ in range(20)][-1]
        results[number] = total, w.numpy()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for number in range(1, 5):
        total, values = results[number]
        np.testing.assert_allclose(values, np.full(5, number * 1.5**20), rtol=1e-5)
        np.testing.assert_allclose(total, values.sum(), rtol=1e-5)
