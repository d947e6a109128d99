"""What all optimizers share: steps, groups, rates that change, names, printed forms."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import ArgumentError, GradientError, OptionError
from tests.algorithms import TAKE_GRADIENTS

ALL = TAKE_GRADIENTS
each_algorithm = pytest.mark.parametrize("name", ALL)


def quadratic(w: Any) -> Any:
    """½(w − c)ᵀA(w − c), with eigenvalues from 0.5 to 5 and its minimum at c."""
    scales, centre = np.array([0.5, 1.0, 5.0]), np.array([1.0, -2.0, 3.0])
    return 0.5 * (cr.tensor(scales) * (w - cr.tensor(centre)) ** 2).sum()


@each_algorithm
def test_every_algorithm_finds_the_minimum_of_a_quadratic(name: str) -> None:
    rates = {"sgd": 0.2, "momentum": 0.05, "nesterov": 0.05, "adagrad": 1.0}
    rates |= {"adadelta": 10.0}
    w = cr.parameter(np.zeros(3))
    schedule = optim.Cosine(rates.get(name, 0.1), steps=600)
    optimizer: Any = optim.by_name(name, [w], lr=schedule)
    if "weight_decay" in optimizer.groups[0].options:
        optimizer.weight_decay = 0.0

    @cr.compile
    def step() -> Any:
        loss = quadratic(w)
        optimizer.step(cr.backprop(loss))
        return loss

    first = step().item()
    for _ in range(599):
        last = step().item()
    assert last < 1e-6 < first
    np.testing.assert_allclose(w.numpy(), [1.0, -2.0, 3.0], atol=2e-3)


def test_batch_stochastic_and_mini_batch_differ_in_what_the_loss_averages() -> None:
    """The average of the steps of all samples is the step of the whole batch."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(12, 3)), random.normal(size=12)

    def step_on(rows: Any) -> Any:
        w = cr.parameter(np.ones(3))
        optimizer = optim.SGD([w], lr=0.1)
        loss = ((cr.tensor(x[rows]) @ w - cr.tensor(y[rows])) ** 2).mean()
        optimizer.step(cr.backprop(loss))
        return w.numpy().copy()

    batch = step_on(np.arange(12))
    stochastic = [step_on(np.array([i])) for i in range(12)]
    mini = [step_on(np.arange(12)[i : i + 4]) for i in (0, 4, 8)]
    np.testing.assert_allclose(np.mean(stochastic, axis=0), batch, rtol=1e-13)
    np.testing.assert_allclose(np.mean(mini, axis=0), batch, rtol=1e-13)


def test_momentum_in_the_textbooks_form_differs_only_where_the_rate_changes() -> None:
    """v ← μv − ηg, w ← w + v: the same path with one η; ours scales the whole step."""
    rates = [0.1, 0.1, 0.1, 0.01]
    w = cr.parameter(np.float64(1.0))
    optimizer = optim.Momentum([w], lr=optim.Piecewise([3], [0.1, 0.01]))
    textbook, v = 1.0, 0.0
    for rate in rates[:3]:
        optimizer.step({w: np.float64(1.0)})
        v = 0.9 * v - rate
        textbook += v
    assert w.item() == pytest.approx(textbook, rel=1e-14)
    before = w.item()
    optimizer.step({w: np.float64(1.0)})
    assert w.item() - before == pytest.approx(-0.01 * 3.439, rel=1e-12)
    assert 0.9 * v - 0.01 == pytest.approx(-0.1 * 2.439 - 0.01, rel=1e-12)


def test_a_compiled_step_sees_a_rate_that_is_set_between_steps() -> None:
    v, w = cr.parameter(np.float64(0.0)), cr.parameter(np.float64(0.0))
    optimizer = optim.SGD([{"params": [v]}, {"params": [w], "lr": 0.5}], lr=1.0)
    step = cr.compile(lambda: optimizer.step({v: cr.tensor(-1.0), w: cr.tensor(-1.0)}))
    step()
    assert (v.item(), w.item()) == (1.0, 0.5)
    optimizer.groups[1].lr = 0.1
    step()
    assert (v.item(), w.item()) == (2.0, 0.6)
    optimizer.lr = 0.01
    step()
    assert (v.item(), w.item()) == pytest.approx((2.01, 0.61), rel=1e-15)
    assert len(step.specialisations) == 1
    assert [group.lr for group in optimizer.groups] == [0.01, 0.01]
    assert optimizer.current_lr() == optimizer.current_lr(1) == optimizer.lr == 0.01


def test_a_step_is_updates_of_the_graph_and_nothing_else() -> None:
    w = cr.parameter([1.0, 2.0], name="w")
    optimizer = optim.Adam([w])
    graph = cr.trace(lambda: optimizer.step(cr.backprop((w * w).sum())))
    names = [leaf.name for leaf, _ in graph.updates]
    assert sorted(names) == ["step", "w", "w.m", "w.v"]
    assert optimizer.num_steps == 0
    np.testing.assert_array_equal(w.numpy(), [1.0, 2.0])
    assert set(optimizer.state_dict()) == {"step", "group0.lr", "0.w.m", "0.w.v"}


def test_one_optimizer_serves_eager_and_several_compiled_steps() -> None:
    w, twin = cr.parameter(np.zeros(3)), cr.parameter(np.zeros(3))
    mixed, eager = optim.Adam([w], lr=0.1), optim.Adam([twin], lr=0.1)

    def step() -> None:
        mixed.step(cr.backprop(quadratic(w)))

    runs = [step, cr.compile(step), cr.compile(step)]
    for i in range(9):
        runs[i % 3]()
        eager.step(cr.backprop(quadratic(twin)))
    np.testing.assert_array_equal(w.numpy(), twin.numpy())
    assert mixed.num_steps == 9


def test_two_steps_in_one_compiled_function_are_two_steps() -> None:
    w, twin = cr.parameter(np.zeros(3)), cr.parameter(np.zeros(3))
    double, single = optim.Adam([w], lr=0.1), optim.Adam([twin], lr=0.1)

    @cr.compile
    def two() -> None:
        for _ in range(2):
            double.step(cr.backprop(quadratic(w)))

    for _ in range(3):
        two()
    for _ in range(6):
        single.step(cr.backprop(quadratic(twin)))
    np.testing.assert_allclose(w.numpy(), twin.numpy(), rtol=1e-14)
    assert double.num_steps == 6


def test_after_a_missing_gradient_nothing_has_changed() -> None:
    used, unused = cr.parameter([1.0], name="used"), cr.parameter([1.0], name="spare")
    optimizer = optim.Momentum([used, unused])
    before = optimizer.state_dict()
    with pytest.raises(GradientError) as caught:
        optimizer.step(cr.backprop((used * used).sum()))
    assert caught.value.what == (
        "Momentum.step: parameter 1, spare (1,), is not reached by the loss: no "
        "operation with a derivative leads from it to the loss"
    )
    assert used.item() == 1.0
    for name, array in optimizer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def two_networks() -> tuple[nn.Module, nn.Module]:
    cr.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 3)), nn.Sequential(nn.Linear(2, 3))


def test_parameters_that_the_loss_does_not_reach_are_named_by_path() -> None:
    model = nn.Sequential(*two_networks())
    optimizer = optim.Adam(model.parameters())
    with pytest.raises(GradientError) as caught:
        optimizer.step(cr.backprop(model[0](cr.ones((1, 2))).sum()))
    assert str(caught.value).split("\n")[0] == (
        "Adam.step: parameters 1.0.weight (3, 2), 1.0.bias (3,) are not reached by the "
        "loss: no operation with a derivative leads from them to the loss"
    )
    assert str(caught.value).split("\n")[-1] == (
        "  fix        use it to compute the loss, freeze it, or "
        "optimizer.step(grads, allow_unused=True)"
    )
    with pytest.raises(
        GradientError, match=r"parameter 3, 1\.0\.bias \(3,\), is given"
    ):
        optimizer.step({w: w * 0 for w in model.parameters()[:3]})


@pytest.mark.parametrize("compiled", [False, True])
def test_parameters_that_are_not_reached_stay_as_they_are_where_that_is_allowed(
    compiled: bool,
) -> None:
    used, spare = two_networks()
    parameters = [*used.parameters(), *spare.parameters()]
    optimizer = optim.AdamW(parameters, lr=0.1, weight_decay=0.1)

    def step(x: Any) -> Any:
        loss = (used(x) ** 2).mean()
        optimizer.step(cr.backprop(loss), allow_unused=True)
        return loss

    before = [w.numpy().copy() for w in parameters]
    (cr.compile(step) if compiled else step)(np.ones((4, 2), np.float32))
    after = [w.numpy() for w in parameters]
    same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert same == [False, False, True, True]
    with pytest.raises(GradientError, match="not reached"):
        optimizer.step(cr.backprop(cr.parameter(1.0) * 2), allow_unused=True)


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_schedule_can_take_over_at_the_step_that_was_reached(engine: str) -> None:
    w = cr.parameter(0.0)
    optimizer = optim.SGD([w], lr=1.0)

    @cr.compile(engine=engine)
    def step(x: Any) -> Any:
        optimizer.step(cr.backprop(w * x))
        return w * 1.0

    seen = [step(-1.0).item(), step(-1.0).item()]
    optimizer.lr = optim.Piecewise([3], [10.0, 100.0])
    seen += [step(-1.0).item(), step(-1.0).item()]
    optimizer.lr = optim.Constant(1000.0)
    seen.append(step(-1.0).item())
    assert seen == [1.0, 2.0, 12.0, 112.0, 1112.0]
    with pytest.raises(ArgumentError, match="is the schedule Constant"):
        optimizer.lr = 0.1
    assert optimizer.lr == 1000.0
    with pytest.raises(ArgumentError, match="must be finite"):
        optimizer.lr = lambda t: t * np.inf
    assert optimizer.lr == 1000.0


def test_groups_keep_the_order_of_their_parameters() -> None:
    a, b, c = (cr.parameter(float(i)) for i in range(3))
    optimizer = optim.SGD([{"params": [c, a]}, {"params": (w for w in [b])}])
    assert all(x is y for x, y in zip(optimizer.parameters, [c, a, b], strict=True))


def test_the_mapping_of_a_groups_options_cannot_be_written_to() -> None:
    optimizer = optim.Adam([cr.parameter(1.0)], betas=[0.8, 0.99])
    options: Any = optimizer.groups[0].options
    assert dict(options) == {"betas": (0.8, 0.99), "eps": 1e-8, "maximize": False}
    with pytest.raises(TypeError):
        options["eps"] = 1.0


def test_a_copy_of_model_and_optimizer_together_trains_like_the_original() -> None:
    w = cr.parameter(np.zeros(3))
    optimizer = optim.Adam([w], lr=optim.Warmup(3, 0.1))
    optimizer.step(cr.backprop(quadratic(w)))
    twin, other = copy.deepcopy((w, optimizer))
    for weights, each in ((w, optimizer), (twin, other)):
        for _ in range(3):
            each.step(cr.backprop(quadratic(weights)))
    assert twin is not w
    assert other.num_steps == 4
    np.testing.assert_array_equal(twin.numpy(), w.numpy())


def test_a_scalar_and_an_empty_parameter_are_trained_like_any_other() -> None:
    scalar, empty = cr.parameter(2.0), cr.parameter(np.zeros((0, 3), "float32"))
    optimizer = optim.AdamW([scalar, empty], lr=0.5)
    optimizer.step(cr.backprop(scalar * scalar + empty.sum()))
    assert scalar.item() == pytest.approx(1.49)
    assert empty.shape == (0, 3)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda a, b: optim.SGD([a, b], lr=0.1),
            "SGD(lr=0.1; 2 parameters, 7 numbers)",
        ),
        (
            lambda a, b: optim.Adam(
                [a], lr=optim.Cosine(0.1, 50), transforms=[optim.ClipNorm(1.0)]
            ),
            "Adam(lr=Cosine(lr=0.1, steps=50, final=0.0), betas=(0.9, 0.999), "
            "eps=1e-08; transforms=[ClipNorm(max_norm=1.0)]; 1 parameter, 6 numbers)",
        ),
        (
            lambda a, b: optim.Momentum(
                [{"params": [a], "transforms": [optim.L2(0.1)]}, {"params": [b]}]
            ),
            "Momentum(2 parameters, 7 numbers\n"
            "  <group 0: lr=0.01, momentum=0.9, transforms=[L2(strength=0.1)]; "
            "1 parameter, 6 numbers>\n"
            "  <group 1: lr=0.01, momentum=0.9; 1 parameter, 1 number>\n"
            ")",
        ),
    ],
    ids=["one group", "transforms", "two groups"],
)
def test_it_prints_algorithm_options_and_size(make: Any, text: str) -> None:
    assert repr(make(cr.parameter(np.zeros((2, 3))), cr.parameter(0.0))) == text


@each_algorithm
def test_a_name_gives_its_algorithm_whatever_the_case(name: str) -> None:
    optimizer = optim.by_name(name.upper(), [cr.parameter(1.0)], lr=0.25)
    assert type(optimizer).__name__.lower() == name
    assert optimizer.lr == 0.25


def test_every_public_algorithm_has_its_name() -> None:
    public = [getattr(optim, name) for name in optim.__all__]
    kinds = (optim.Optimizer, optim.Minimizer)
    classes = [each for each in public if isinstance(each, type)]
    algorithms = [each for each in classes if issubclass(each, kinds)]
    found = {each.__name__.lower(): each for each in algorithms if each not in kinds}
    assert dict(optim.ALGORITHMS) == found


def test_an_unknown_algorithm_is_refused_with_the_nearest() -> None:
    with pytest.raises(OptionError) as caught:
        optim.by_name("adamm", [cr.parameter(1.0)])
    known = ", ".join(map(repr, sorted(optim.ALGORITHMS)))
    assert caught.value.what == f"unknown optimizer 'adamm': expected one of {known}"
    assert caught.value.fix in ("did you mean 'adam'?", "did you mean 'adamw'?")


@each_algorithm
def test_its_documentation_names_formula_source_and_example(name: str) -> None:
    text = optim.ALGORITHMS[name].__doc__ or ""
    for part in ("Formula::", "w ← w − η", "Source:", "Example:", "Arguments:"):
        assert part in text
