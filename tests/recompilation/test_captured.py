"""What a compiled function captures: a change of it is noticed at the next call."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import gc
import math
import types
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.recompilation.captured import MOST_COMPARED, Captured, Marked, same
from chainrule.recompilation.kinds import MOST_OF_A_KIND
from chainrule.training import Callback

X = np.arange(1.0, 7.0, dtype=np.float32).reshape(2, 3)


def agree(run: Any, f: Callable[..., Any], *args: Any) -> None:
    """The compiled function returns what the function itself does."""
    wanted = cr.tensor(np.asarray(f(*(cr.tensor(a) for a in args))))
    got = run(*args)
    np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-6)
    assert got.dtype == wanted.dtype


def follows(f: Callable[..., Any], *changes: Callable[[], Any]) -> Any:
    """Checks f before and after each change, twice each; returns it compiled."""
    run = cr.compile(f)
    agree(run, f, X)
    agree(run, f, X)
    count = len(run.specialisations)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # another test is about the warning
        for number, change in enumerate(changes, 1):
            change()
            agree(run, f, X)
            agree(run, f, X)
            assert len(run.specialisations) == count + number
    return run


# Python's values. ---------------------------------------------------------------------

BETA: Any = 1.0


def set_beta(value: Any) -> None:
    global BETA
    BETA = value


def test_a_global_that_changes_is_followed_also_in_type_and_sign() -> None:
    set_beta(2.0)
    follows(lambda x: x * BETA, lambda: set_beta(0.5))
    set_beta(1)
    follows(
        lambda x: cr.sum(x > 2) * BETA,
        lambda: set_beta(1.0),  # equal, but the result is a float now
    )
    set_beta(0.0)
    follows(lambda x: x * 0 + math.copysign(1, BETA), lambda: set_beta(-0.0))


def test_a_cell_of_the_closure_is_followed() -> None:
    beta, how = 1.0, "times"

    def f(x: Any) -> Any:
        return x * beta if how == "times" else x + beta

    def change(b: float, h: str) -> None:
        nonlocal beta, how
        beta, how = b, h

    follows(f, lambda: change(3.0, "times"), lambda: change(3.0, "plus"))


@dataclasses.dataclass
class Settings:
    """Settings as people keep them."""

    beta: float = 1.0


@dataclasses.dataclass(slots=True)
class Slots:
    """Settings in slots."""

    beta: float = 1.0


class Static:
    """Settings in a class."""

    beta = 1.0


@pytest.mark.parametrize(
    "holder",
    [
        Settings(),
        Slots(),
        types.SimpleNamespace(beta=1.0),
        argparse.Namespace(beta=1.0),
        Static,
        Static(),
        types.ModuleType("settings_of_the_user"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_an_attribute_that_the_code_names_is_followed(holder: Any) -> None:
    holder.beta = 1.0
    if isinstance(holder, types.ModuleType):
        holder.__file__ = "settings_of_the_user.py"
    run = follows(lambda x: x * holder.beta, lambda: setattr(holder, "beta", 4.0))
    if not isinstance(holder, Slots):
        holder.another = 3
    run(X)
    assert len(run.specialisations) == 2


class Derived(Static):
    """Settings of a class above."""


class WithProperty:
    """A setting that is read through a property."""

    kept = 1.0

    @property
    def beta(self) -> float:
        """The setting."""
        return self.kept


class WithMethod:
    """A setting that a compiled method reads."""

    beta = 1.0

    @cr.compile
    def times(self, x: Any) -> Any:
        """A product."""
        return x * self.beta


def test_a_class_attribute_that_an_instance_gets_for_itself_is_followed() -> None:
    static, derived, other = Static(), Derived(), WithProperty()
    for holder in (static, derived):
        follows(
            lambda x, holder=holder: x * holder.beta,
            lambda holder=holder: setattr(holder, "beta", 3.0),
        )
    follows(lambda x: x * other.beta, lambda: setattr(other, "kept", 3.0))
    method = WithMethod()
    before = method.times(X).numpy()
    method.beta = 3.0
    np.testing.assert_array_equal(method.times(X).numpy(), 3 * before)


def test_an_attribute_that_a_class_in_between_gets_is_followed() -> None:
    class Between(Static):
        pass

    holder = Between()
    follows(lambda x: x * holder.beta, lambda: setattr(Between, "beta", 3.0))
    follows(lambda x: x * Between.beta, lambda: delattr(Between, "beta"))


class Lookup:
    """Attributes and entries from a dict, as libraries for settings have them."""

    def __init__(self, **entries: float) -> None:
        vars(self)["entries"] = entries

    def __getattr__(self, name: str) -> float:
        return self.entries[name]  # a KeyError for what is asked of a module

    def __getitem__(self, name: str) -> float:
        return self.entries[name]

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[float]:
        return iter(self.entries.values())

    def __contains__(self, name: str) -> bool:
        return name in self.entries


LOOKUP = Lookup(beta=2.0)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * LOOKUP.beta,
        lambda x: x * LOOKUP["beta"],
        lambda x: x * len(LOOKUP),
        lambda x: x * sum(LOOKUP),
        lambda x: x * (2 if "gamma" in LOOKUP else 1),
    ],
)
def test_what_is_read_through_special_methods_is_followed(f: Any) -> None:
    LOOKUP.entries.clear()
    LOOKUP.entries["beta"] = 2.0
    follows(f, lambda: LOOKUP.entries.update(beta=3.0, gamma=1.0))


def test_entries_of_dicts_and_lists_are_followed_at_any_depth() -> None:
    config: Any = {"optim": {"beta": 1.0}, "weights": [1.0, 2.0]}

    def f(x: Any) -> Any:
        y = x * config["optim"]["beta"]
        for w in config["weights"]:
            y = y + w
        return y

    follows(
        f,
        lambda: config["optim"].update(beta=2.0),
        lambda: config["weights"].append(3.0),
        lambda: config["weights"].__setitem__(0, -1.0),
        lambda: config.update(optim={"beta": 5.0}),
    )


def test_functions_that_are_called_are_followed_in_any_wrapping() -> None:
    scale = [1.0, 1.0, 1.0, 1.0, 1.0]

    def inner(x: Any) -> Any:
        return x * scale[0]

    class Callable_:
        def __call__(self, x: Any) -> Any:
            return x * scale[1]

        @property
        def factor(self) -> float:
            return scale[2]

        @staticmethod
        def fixed(x: Any) -> Any:
            return x * scale[3]

        def method(self, x: Any) -> Any:
            return self.fixed(x) * self.factor

    called = Callable_()
    partial = functools.partial(lambda k, x: x * k * scale[4], 2.0)
    compiled = cr.compile(inner)
    gradient = cr.grad(lambda x: (compiled(x) ** 2).sum())

    def f(x: Any, method: Any = called.method) -> Any:
        return called(method(partial(gradient(x))))

    def change(i: int) -> Callable[[], None]:
        return lambda: scale.__setitem__(i, 2.0 + i)

    follows(f, *(change(i) for i in range(5)))


def test_a_function_that_is_replaced_is_followed() -> None:
    activation = cr.tanh
    weights = {"loss": lambda x: x * 2}

    def f(x: Any) -> Any:
        return weights["loss"](activation(x))

    def change() -> None:
        nonlocal activation
        activation = cr.exp

    follows(f, change, lambda: weights.update(loss=lambda x: x * 3))


def test_the_body_of_a_scan_is_followed() -> None:
    decay, added = 0.5, np.ones(3, np.float32)

    def f(x: Any) -> Any:
        def step(carry: Any, row: Any) -> Any:
            carry = carry * decay + row * added
            return carry, None

        return cr.scan(step, cr.zeros(3), x)[0]

    def change() -> None:
        nonlocal decay
        decay = 0.25

    run = follows(f, change)
    added[:] = 7.0
    agree(run, f, X)
    assert len(run.specialisations) == 2


# Modules. -----------------------------------------------------------------------------


class Net(nn.Module):
    """A module of the user's own, with all that one may hold."""

    def __init__(self) -> None:
        self.first = nn.Linear(3, 3)
        self.blocks = [nn.Linear(3, 3)]
        self.heads = {"a": nn.Tanh()}
        self.scale = 1.0
        self.options = types.SimpleNamespace(power=1)

    def forward(self, x: Any) -> Any:
        x = self.first(x) * self.scale
        for block in self.blocks:
            x = block(x)
        return self.heads["a"](x) ** self.options.power * BETA


def test_everything_that_a_module_holds_is_followed() -> None:
    model = Net()
    set_beta(1.0)
    follows(
        lambda x: model(x),
        lambda: setattr(model, "scale", 3.0),
        lambda: setattr(model.first, "weight", cr.parameter(np.ones((3, 3), "f"))),
        lambda: setattr(model, "first", nn.Linear(3, 3)),
        lambda: model.blocks.append(nn.Linear(3, 3)),
        lambda: model.heads.update(a=nn.Sigmoid()),
        lambda: setattr(model.options, "power", 2),
        lambda: set_beta(2.0),
    )


def test_a_model_is_followed_as_argument_method_and_compiled_by_itself() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    given = cr.compile(lambda m, x: m(x, training=True).sum())
    own = cr.compile(functools.partial(model, training=True))
    forward = cr.compile(model.forward)
    ones = np.ones((50, 3), np.float32)
    for run in (lambda: given(model, ones), lambda: own(ones), lambda: forward(ones)):
        model[1].p = 0.5
        run()
        model[1].p = 0.0
        model[0].weight = cr.parameter(np.ones((3, 3), np.float32))
        wanted = model(ones).numpy()
        np.testing.assert_allclose(run().numpy().sum(), wanted.sum(), rtol=1e-5)


class Trainer:
    """A plain class with a compiled method."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.beta = 1.0
        self.losses: list[float] = []

    @cr.compile
    def loss(self, x: Any) -> Any:
        """The loss."""
        return (self.model(x) ** 2).sum() * self.beta

    def run(self, x: Any) -> None:
        """A step, whose result is kept."""
        self.losses.append(self.loss(x).item())


def test_a_compiled_method_follows_its_instance_and_does_not_keep_it_alive() -> None:
    trainer = Trainer(nn.Linear(3, 1))
    trainer.run(X)
    trainer.beta = 2.0
    trainer.run(X)
    assert trainer.losses[1] == pytest.approx(2 * trainer.losses[0])
    trainer.model = nn.Linear(3, 1)
    trainer.run(X)
    wanted = 2 * float((trainer.model(X) ** 2).sum())
    assert trainer.losses[2] == pytest.approx(wanted)
    trainer.run(X)
    assert len(trainer.loss.__func__.specialisations) == 3
    watch = weakref.ref(trainer)
    del trainer
    gc.collect()
    assert watch() is None


def test_fit_sees_settings_that_a_callback_changes() -> None:
    model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    factor = [1.0]

    def loss(outputs: Any, targets: Any) -> Any:
        return ((outputs - targets) ** 2).mean() * factor[0]

    class Change(Callback):
        def on_epoch_end(self, run: Any) -> None:
            if run.epoch == 1:
                factor[0] = 0.0

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 3)).astype("f"), rng.normal(size=(32, 1)).astype("f")
    history = cr.fit(
        model, (x, y), loss=loss, epochs=2, callbacks=[Change()], progress=False
    )
    assert history["loss"][0] > 0.0
    assert history["loss"][1] == 0.0


# How it is compiled again. ------------------------------------------------------------


def test_a_value_that_comes_back_finds_its_program_and_a_new_object_its_equal() -> None:
    beta = [0.5]
    run = cr.compile(lambda x: (x * beta[0]).sum())
    for value in (0.5, 0.25, 0.5, 0.25, float("0.5")):
        beta[0] = value
        assert run(X).item() == pytest.approx(21 * value)
    assert len(run.specialisations) == 2


def test_what_changes_often_is_one_warning_with_its_cure() -> None:
    settings = {"beta": 1.0}
    run = cr.compile(lambda x: x * settings["beta"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in range(12):
            settings["beta"] = 1 / (n + 1)
            run(X)
    assert [str(each.message) for each in caught] == [
        "compile: <lambda> has been compiled anew 3 times because what it captured "
        "changed, this time settings['beta'], from 0.3333333333333333 to 0.25: make "
        "what changes an argument; a float or an array is then an input, and nothing "
        "is compiled anew"
    ]
    assert caught[0].filename == __file__
    assert len(run.specialisations) == MOST_OF_A_KIND


def test_what_the_function_itself_changes_does_not_compile_it_anew() -> None:
    count, seen = [0], []

    def f(x: Any) -> Any:
        count[0] += 1
        seen.append(x.shape)
        return x * 2

    run = cr.compile(f)
    for _ in range(3):
        run(X)
        run(X[:1])
    assert (count, len(seen)) == ([2], 2)


def test_what_the_code_does_not_load_does_not_compile_it_anew() -> None:
    set_beta(1.0)
    holder = types.SimpleNamespace(step=lambda x: x * 2, count=0)
    run = cr.compile(lambda x: holder.step(x))
    for n in range(4):
        holder.count = n
        set_beta(float(n))  # a global, and not one of this function
        run(X)
    assert len(run.specialisations) == 1


class Twice(nn.Module):
    """A layer of the user's own that behaves differently in training."""

    depends_on_training = True

    def forward(self, x: Any, training: bool = False) -> Any:
        return x * 2 if training else x


def test_freezing_a_module_of_the_users_own_is_followed() -> None:
    layer = Twice()
    run = cr.compile(lambda x: layer(x, training=True))
    for act, factor in ((layer.unfreeze, 2), (layer.freeze, 1), (layer.unfreeze, 2)):
        act()
        np.testing.assert_array_equal(run(X).numpy(), X * factor)


class Half(nn.Dropout):
    """A layer of the user's own, made of one of ours."""


def test_only_values_that_a_users_own_module_reads_are_its_settings() -> None:
    model, half = Net(), Half(0.5)
    set_beta(1.0)
    run = cr.compile(lambda x: model(x))
    for epoch in range(4):
        model.epoch, model.best = epoch, epoch / 2
        run(X)
    assert len(run.specialisations) == 1
    model.scale = 7.0
    agree(run, lambda x: model(x), X)
    drop = cr.compile(lambda x: half(x, training=True))
    drop(X)
    half.p = 0.0  # read by the code of Dropout
    np.testing.assert_array_equal(drop(X).numpy(), X)


def test_a_change_elsewhere_costs_no_new_program() -> None:
    model, other = nn.Linear(3, 3), nn.Dropout(0.5)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    run = cr.compile(lambda x: optimizer.step(cr.backprop((model(x) ** 2).sum())))
    for _ in range(3):
        run(X)
        other.p = 0.1
        optimizer.lr = 0.01
        optimizer.lr = 0.02
    assert len(run.specialisations) == 1


def test_a_change_elsewhere_costs_no_walk_through_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, other = nn.Linear(3, 3), nn.Dropout(0.5)
    optimizer = optim.Momentum(model.parameters(), lr=0.1)
    objective = optim.Composed(model, lambda z, x: (z**2).sum())

    def step(x: Any) -> Any:
        loss = objective(x)
        optimizer.step(cr.backprop(loss))
        return loss

    run = cr.compile(step)
    run(X)
    walks = []
    walk = Captured.__init__
    monkeypatch.setattr(
        Captured, "__init__", lambda *args: walks.append(args) or walk(*args)
    )
    for _ in range(3):
        other.p = 0.1
        optim.Adam(nn.Linear(2, 2).parameters())
        cr.parameter(1.0).freeze()
        run(X)
    assert not walks
    model.weight.freeze()
    run(X)
    assert walks


def test_a_function_that_an_object_of_ours_holds_is_followed() -> None:
    objective = optim.Composed(nn.Linear(3, 3), lambda z, x: (z**2).sum())
    run = cr.compile(lambda x: objective(x))
    agree(run, objective, X)
    objective.loss = lambda z, x: z.sum()
    mark()
    agree(run, objective, X)


class Slotted:
    __slots__ = ("value",)


def test_what_is_marked_holds_until_one_of_its_objects_is_another() -> None:
    values, named, slotted, w = [1, 2.0], {"a": 1.0}, Slotted(), cr.parameter(1.0)
    slotted.value = 1.0
    cell = types.CellType(1.0)

    def f() -> None: ...

    holder = {"f": f, "number": 1.0}
    marked = Marked()
    marked.lists.append((values, [*values]))
    marked.wholes.append((named, {**named}))
    marked.parts.append((holder, {"f": f}))
    marked.slots.append((slotted, "value", slotted.value))
    marked.cells.append((cell, cell.cell_contents))
    marked.parameters.append((w, w.frozen))
    holder["number"] = 2.0  # it cannot be called
    assert marked.hold()
    changes: list[tuple[Callable[[], Any], Callable[[], Any]]] = [
        (lambda: values.append(3), values.pop),
        (lambda: values.reverse(), values.reverse),
        (lambda: named.update(b=2), lambda: named.pop("b")),
        (lambda: holder.update(f=mark), lambda: holder.update(f=f)),
        (lambda: holder.update(number=f), lambda: holder.update(number=1.0)),
        (w.freeze, w.unfreeze),
    ]
    for change, back in changes:
        change()
        assert not marked.hold()
        back()
        assert marked.hold()
    del slotted.value
    assert not marked.hold()
    slotted.value = marked.slots[0][2]
    assert marked.hold()
    del cell.cell_contents
    assert not marked.hold()


def mark() -> None:
    """Any setting of any object is set."""
    nn.Dropout(0.5).p = 0.1


def test_a_method_that_an_instance_holds_does_not_keep_it_alive() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 1)
            self.chosen = self.plain
            self.beta = 1.0

        def plain(self, x: Any) -> Any:
            return self.inner(x).sum() * self.beta

        @cr.compile
        def run(self, x: Any) -> Any:
            return self.chosen(x)

    net = Net()
    first = net.run(X).item()
    net.beta = 2.0
    assert net.run(X).item() == pytest.approx(2 * first)
    mark()
    assert net.run(X).item() == pytest.approx(2 * first)
    watch = weakref.ref(net)
    del net
    gc.collect()
    assert watch() is None


def test_a_transform_of_an_optimizer_that_is_replaced_is_followed() -> None:
    w = cr.parameter([1.0])
    optimizer = optim.SGD([w], lr=1.0)
    run = cr.compile(lambda: optimizer.step(cr.backprop(w.sum())))
    run()
    optimizer.transforms = (lambda g: {w: g[w] * 0 for w in g},)
    run()
    assert w.item() == 0.0


# Arrays. ------------------------------------------------------------------------------


def test_an_array_that_meets_a_tensor_is_read_anew_without_a_new_program() -> None:
    a, matrix = np.ones(3, np.float32), np.eye(3, dtype=np.float32)
    rows = np.array([0, 1])

    def f(x: Any) -> Any:
        return cr.tensor(x * a)[rows] @ matrix.T + cr.tensor(a)

    run = cr.compile(lambda x: (x * a)[rows] @ matrix + cr.tensor(a))
    wanted = lambda: (X * a)[rows] @ matrix + a  # noqa: E731
    for _ in range(2):
        np.testing.assert_allclose(run(X).numpy(), wanted(), rtol=1e-6)
        a[:], matrix[0], rows[:] = [5.0, 6.0, 7.0], 3.0, [1, 1]
    np.testing.assert_allclose(run(X).numpy(), wanted(), rtol=1e-6)
    a = np.full(3, 2.0, np.float32)
    np.testing.assert_allclose(run(X).numpy(), wanted(), rtol=1e-6)
    assert len(run.specialisations) == 1
    a = np.full(3, 2.0)  # of another dtype
    np.testing.assert_allclose(run(X).numpy(), wanted(), rtol=1e-6)
    assert len(run.specialisations) == 2


def test_an_array_that_goes_through_numpy_is_compared() -> None:
    a = np.ones(3, np.float32)
    follows(lambda x: x * np.exp(a), lambda: a.__setitem__(0, 2.0))
    follows(lambda x: x if a[0] > 0 else -x, lambda: a.__setitem__(0, -2.0))


def test_a_large_array_that_goes_through_numpy_is_warned_of() -> None:
    table = np.ones((MOST_COMPARED, 3), np.float32)
    direct = cr.compile(lambda x: x * table[:1] + table.sum())
    with pytest.warns(
        UserWarning, match=r"<lambda> uses table from outside, too large"
    ):
        direct(X)
    direct(X[:1])  # once is enough
    read = cr.compile(lambda i: cr.tensor(table)[i])
    assert read(np.array(3)).numpy().tolist() == [1.0, 1.0, 1.0]
    table[3] = 2.0
    assert read(np.array(3)).numpy().tolist() == [2.0, 2.0, 2.0]


# How values are told apart. -----------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (1, 1, True),
        (1, 1.0, False),
        (1, True, False),
        (0.0, -0.0, False),
        (float("nan"), float("nan"), True),
        ("a", "a", True),
        (np.float32(1), np.float64(1), False),
        ([], [], False),
    ],
)
def test_values_are_the_same_in_type_sign_and_digits(
    a: Any, b: Any, equal: bool
) -> None:
    assert same(a, b) is equal


def test_cycles_and_deep_nesting_are_walked_iteratively() -> None:
    deep: Any = {"beta": 1.0}
    for _ in range(2_000):
        deep = [deep]
    deep.append(deep)
    assert Captured([deep]).state["list" + "[0]" * 2_000 + "['beta']"] == 1.0
