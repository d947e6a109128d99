"""What all minimizers share: evaluations, state, errors, and why they stop."""

import itertools
import signal

import numpy as np
import pytest

import chainrule as cr
from chainrule import callbacks, nn, optim
from chainrule.compiler.compile import Compiled
from chainrule.errors import ArgumentError, GradientError, NumericsError, ShapeError
from chainrule.optim import GradientDescent
from chainrule.training import Callback
from tests.optim.problems import rosenbrock

#: Every algorithm that evaluates the loss itself, by name.
MINIMIZERS = [
    name for name, kind in optim.ALGORITHMS.items() if issubclass(kind, optim.Minimizer)
]


def bowl(dtype="float64", start=(3.0, -2.0)):
    """½ Σ cᵢ wᵢ² with c = (1, 10), and its parameter."""
    w = cr.parameter(np.array(start, dtype), name="w")
    curvature = np.array([1.0, 10.0], dtype)
    return w, lambda: 0.5 * (curvature * w * w).sum()


def test_an_iteration_tells_of_the_point_where_it_began():
    w, loss = bowl()
    step = GradientDescent([w]).step(loss)
    assert step.loss == 0.5 * (9 + 40)
    assert step.gradient_norm == 20.0
    assert step.stopped == "" and step.step_length > 0 and step.evaluations >= 2


def test_the_loss_never_rises():
    w, loss = bowl()
    optimizer = GradientDescent([w])
    values = [optimizer.step(loss).loss for _ in range(50)]
    assert all(after <= before for before, after in itertools.pairwise(values))


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("name", MINIMIZERS)
def test_the_objective_has_the_penalty_and_the_loss_has_not(name, maximize):
    w = cr.parameter(np.array([1.0, -2.0]))
    target, sign = w.numpy().copy(), -1 if maximize else 1
    data = optim.Composed(
        lambda: w.reshape(1, 2), lambda z: sign * 0.5 * ((z - target) ** 2).sum()
    )
    kind = optim.ALGORITHMS[name]
    optimizer = kind([w], l2=0.5, maximize=maximize)
    first, second = optimizer.step(data), optimizer.step(data)
    assert first.loss == 0 and sign * second.loss > 0  # it leaves the loss's own best
    assert first.objective == pytest.approx(sign * 0.25 * 5)
    assert sign * second.objective < sign * first.objective
    last = optimizer.minimize(data)
    norm = float((w.numpy() ** 2).sum())
    assert last.objective == pytest.approx(last.loss + sign * 0.25 * norm)
    assert w.numpy() == pytest.approx(target / 1.5, rel=1e-4)
    cut = optimizer.minimize(data, iterations=0)
    assert cut.objective == pytest.approx(last.objective)


def test_it_stops_where_no_component_of_the_gradient_is_larger_than_the_tolerance():
    w, loss = bowl()
    last = GradientDescent([w], gradient_tolerance=1e-3).minimize(loss)
    assert last.gradient_norm <= 1e-3 and last.step_length == 0.0
    assert last.stopped.startswith("‖∇L‖ = ")
    assert last.stopped.endswith(" ≤ gradient_tolerance 0.001")


def test_it_stops_where_the_loss_falls_by_less_than_the_tolerance():
    x = cr.parameter(np.array([-1.2, 1.0]))
    optimizer = GradientDescent([x], loss_tolerance=0.05)
    last = optimizer.minimize(
        lambda: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2, iterations=500
    )
    assert last.stopped.endswith("≤ loss_tolerance 0.05")


def test_float32_stops_where_the_loss_changes_by_rounding_alone():
    w = cr.parameter(np.linspace(-1.0, 1.0, 20, dtype=np.float32))
    optimizer = GradientDescent([w], gradient_tolerance=0.0)
    last = optimizer.minimize(lambda: cr.exp(w).sum() + (w * w).sum() + 1e3)
    assert optimizer.num_steps < 200
    assert "rounding" in last.stopped or "no step" in last.stopped


def test_iterations_that_are_used_up_are_a_reason_too():
    w, loss = bowl()
    last = GradientDescent([w]).minimize(loss, iterations=2)
    assert last.stopped == "2 iterations are done"
    assert last.loss == pytest.approx(loss().item(), abs=0)


def test_a_gradient_of_zero_at_the_start_is_the_end():
    w, loss = bowl(start=(0.0, 0.0))
    step = GradientDescent([w]).step(loss)
    assert step.stopped == "‖∇L‖ = 0 ≤ gradient_tolerance 1e-05"
    assert step.evaluations == 1


def test_minimize_evaluates_no_point_twice():
    w, loss = bowl()
    optimizer = GradientDescent([w])
    by_hand = [optimizer.step(loss, reuse=i > 0).evaluations for i in range(10)]
    again, other = bowl()
    last = GradientDescent([again]).minimize(other, iterations=10)
    assert last.evaluations == sum(by_hand)
    np.testing.assert_array_equal(w.numpy(), again.numpy())
    fresh, third = bowl()
    optimizer = GradientDescent([fresh])
    assert sum(optimizer.step(third).evaluations for _ in range(10)) == 9 + sum(by_hand)


@pytest.mark.parametrize(
    "algorithm", [GradientDescent, optim.ConjugateGradient, optim.LBFGS]
)
def test_an_iteration_is_one_compiled_call_for_each_evaluation(algorithm, monkeypatch):
    """The direction and its first step are computed in one: an iteration whose first
    step is good enough enters machine code once.
    """
    w = cr.parameter([-1.2, 1.0], dtype="float64")
    optimizer = algorithm([w])

    def loss():
        return (rosenbrock(w) ** 2).sum()

    optimizer.minimize(loss, iterations=3)
    calls = []
    call = Compiled.__call__

    def counted(self, *data):
        calls.append(self)
        return call(self, *data)

    monkeypatch.setattr(Compiled, "__call__", counted)
    for _ in range(5):
        calls.clear()
        step = optimizer.step(loss, reuse=True)
        assert not step.stopped
        assert len(calls) == step.evaluations


@pytest.mark.parametrize(
    "algorithm",
    [GradientDescent, optim.ConjugateGradient, optim.LBFGS, optim.TruncatedNewton],
)
def test_a_direction_with_its_first_step_is_a_direction_and_a_step(algorithm):
    """What measures something goes the longer way, to the same points."""
    results = []
    for measure in (None, lambda z: z.sum()):
        w = cr.parameter([-1.2, 1.0], dtype="float64")
        objective = optim.Composed(
            lambda w=w: cr.stack([10 * (w[1] - w[0] ** 2), 1 - w[0]]),
            lambda z: (z**2).sum(),
            measure,
        )
        optimizer = algorithm([w])
        steps = [optimizer.step(objective, reuse=i > 0) for i in range(12)]
        results.append([(each.evaluations, each.loss) for each in steps])
    for (count, loss), (other, same) in zip(*results, strict=True):
        assert count == other
        assert loss == pytest.approx(same, rel=1e-6)


def test_parameters_that_somebody_moved_are_evaluated_again():
    w, loss = bowl()
    optimizer = GradientDescent([w])
    optimizer.step(loss)
    w.assign([1.0, 1.0])
    assert optimizer.step(loss, reuse=True).loss == 0.5 * 11


def test_data_that_change_are_arguments():
    w = cr.parameter(np.zeros(2))
    optimizer = GradientDescent([w])

    def loss(x, y):
        return ((x @ w - y) ** 2).mean()

    rng = np.random.default_rng(0)
    first = optimizer.step(loss, rng.normal(size=(8, 2)), np.ones(8))
    second = optimizer.step(loss, np.zeros((8, 2)), np.full(8, 3.0))
    assert (first.loss, second.loss) == (1.0, 9.0)


def test_lambdas_with_other_defaults_are_other_objectives():
    w = cr.parameter(np.zeros(2))
    optimizer = optim.LBFGS([w])
    for k in (1.0, 5.0):
        for _ in range(15):
            optimizer.step(lambda k=k: ((w - k) ** 2).sum())
        assert w.numpy() == pytest.approx(k)
    for k in (1.0, 5.0):
        for _ in range(15):
            optimizer.step(lambda *, k=k: ((w - k) ** 2).sum())
        assert w.numpy() == pytest.approx(k)


def test_a_lambda_made_anew_in_every_pass_is_compiled_once():
    w = cr.parameter(np.array([3.0, 2.0]))
    optimizer = GradientDescent([w])
    for _ in range(4):
        optimizer.step(lambda: (w * w).sum())
    assert len(optimizer._now.programs) == 1


def test_maximize_climbs_and_tells_the_loss_as_it_is():
    w = cr.parameter(np.array([0.0, 0.0]))
    last = GradientDescent([w], maximize=True).minimize(
        lambda: 5.0 - ((w - 2.0) ** 2).sum()
    )
    np.testing.assert_allclose(w.numpy(), 2.0, atol=1e-5)
    assert last.loss == pytest.approx(5.0)


def test_the_penalty_is_part_of_what_is_minimised_and_not_of_the_loss():
    w = cr.parameter(np.array([0.0]))
    optimizer = GradientDescent([w], l2=1.0)
    last = optimizer.minimize(lambda: 0.5 * ((w - 2.0) ** 2).sum())
    np.testing.assert_allclose(w.numpy(), 1.0, atol=1e-5)  # ½(w − 2)² + ½w²
    assert last.loss == pytest.approx(0.5)


def test_groups_have_penalties_of_their_own():
    w, b = cr.parameter(np.zeros(1)), cr.parameter(np.zeros(1))
    optimizer = GradientDescent([{"params": [w]}, {"params": [b], "l2": 0.0}], l2=1.0)
    optimizer.minimize(lambda: 0.5 * ((w - 2.0) ** 2 + (b - 2.0) ** 2).sum())
    np.testing.assert_allclose([w.item(), b.item()], [1.0, 2.0], atol=1e-5)


def test_frozen_parameters_stay_and_thawed_ones_move():
    w, b = cr.parameter(np.array([3.0])), cr.parameter(np.array([3.0]))
    optimizer = GradientDescent([w, b])

    def loss():
        return (w * w).sum() + (b * b).sum()

    b.freeze()
    optimizer.minimize(loss)
    assert abs(w.item()) < 1e-5 and b.item() == 3.0
    b.unfreeze()
    optimizer.minimize(loss)
    assert abs(b.item()) < 1e-5


def test_draws_repeat_within_an_iteration_and_differ_between_iterations():
    w = cr.parameter(np.array([3.0, 2.0, 1.0]))
    seen = []

    class Twice(optim.LineSearch):
        def search(self, evaluate, start, first):
            points = [evaluate(1e-9), evaluate(1e-9)]
            seen.append([point.loss for point in points])
            return points[-1]

    optimizer = GradientDescent([w], line_search=Twice())
    cr.manual_seed(0)
    for _ in range(3):
        optimizer.step(lambda: (cr.random.uniform((3,)) * w * w).sum(), reuse=True)
    assert all(first == again for first, again in seen)
    assert len({first for first, _ in seen}) == 3


def test_moving_averages_move_once_an_iteration():
    norm = nn.BatchNorm1d(2)
    x = np.random.default_rng(0).normal(1.0, 2.0, (16, 2)).astype(np.float32)

    class Thrice(optim.LineSearch):
        def search(self, evaluate, start, first):
            return [evaluate(first / 10**i) for i in range(3)][-1]

    optimizer = GradientDescent(norm.parameters(), line_search=Thrice())
    step = optimizer.step(lambda: (norm(x, training=True) ** 4).mean())
    assert step.evaluations == 4
    once = nn.BatchNorm1d(2)
    once(x, training=True)
    for name, array in once.state_dict().items():
        if name.startswith("running"):
            np.testing.assert_allclose(norm.state_dict()[name], array, rtol=1e-6)


def test_a_step_into_infinity_is_made_shorter():
    w = cr.parameter(np.array([1e-3]))
    last = GradientDescent([w]).minimize(lambda: (w - cr.log(w)).sum())
    assert last.stopped.startswith("‖∇L‖")
    assert w.item() == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("scale", [1e-150, 1e-20, 1e20, 1e150])
def test_scales_of_the_loss_do_not_matter(scale):
    w, loss = bowl()
    optimizer = GradientDescent([w], gradient_tolerance=1e-6 * scale)
    assert optimizer.minimize(lambda: scale * loss()).stopped.startswith("‖∇L‖")
    np.testing.assert_allclose(w.numpy(), 0.0, atol=2e-6)


# State. ----------------------------------------------------------------------------


def test_a_saved_state_goes_on_with_the_same_bits():
    w, loss = bowl()
    optimizer = GradientDescent([w])
    optimizer.minimize(loss, iterations=3)
    state, values = optimizer.state_dict(), w.numpy().copy()
    straight = [optimizer.step(loss, reuse=True) for _ in range(3)]
    end = w.numpy().copy()
    again, other = bowl()
    again.assign(values)
    resumed = GradientDescent([again])
    resumed.load_state_dict(state)
    assert [resumed.step(other, reuse=True) for _ in range(3)] == straight
    np.testing.assert_array_equal(again.numpy(), end)


def test_files_keep_options_and_state(tmp_path):
    w, loss = bowl()
    optimizer = GradientDescent([w], l2=0.5, gradient_tolerance=1e-3)
    optimizer.minimize(loss, iterations=3)
    optimizer.save(tmp_path / "optimizer.safetensors")
    other = GradientDescent([w])
    other.load(tmp_path / "optimizer.safetensors")
    assert (other.l2, other.gradient_tolerance, other.num_steps) == (0.5, 1e-3, 3)


def test_without_parameters_it_is_a_specification():
    specification = GradientDescent(l2=0.25)
    w, loss = bowl()
    optimizer = specification.bound_to([w])
    optimizer.minimize(loss)
    assert not specification.is_bound and optimizer.l2 == 0.25
    with pytest.raises(ArgumentError, match="it was made without parameters"):
        specification.step(loss)


def test_options_that_are_set_count_from_the_next_step_on():
    w, loss = bowl()
    optimizer = GradientDescent([w])
    optimizer.step(loss)
    optimizer.l2 = 3.0
    optimizer.minimize(lambda: ((w - 4.0) ** 2).sum())
    np.testing.assert_allclose(w.numpy(), 8.0 / 5.0, atol=1e-5)


MINIMIZERS = [
    optim.GradientDescent,
    optim.LBFGS,
    optim.ConjugateGradient,
    optim.Newton,
    optim.TruncatedNewton,
    optim.GaussNewton,
    optim.LevenbergMarquardt,
    optim.HessianFree,
]


def squares(residuals):
    """Σ r², in its two parts."""
    return optim.Composed(residuals, lambda r: (r * r).sum())


@pytest.mark.parametrize("algorithm", MINIMIZERS)
def test_another_penalty_between_iterations_is_another_loss(algorithm):
    w = cr.parameter(np.array([3.0]))
    optimizer, objective = algorithm([w]), squares(lambda: w - 1.0)
    optimizer.minimize(objective)
    optimizer.l2 = 2.0
    for _ in range(30):
        last = optimizer.step(objective, reuse=True)
    assert last.stopped
    np.testing.assert_allclose(w.numpy(), 0.5, atol=1e-5)  # (w − 1)² + w²


def test_maximize_between_iterations_is_another_loss():
    w = cr.parameter(np.array([0.5]))
    optimizer, loss = optim.LBFGS([w]), lambda: cr.sin(w).sum()
    optimizer.step(loss)
    optimizer.step(loss, reuse=True)
    below, optimizer.maximize = w.item(), True
    last = optimizer.step(loss, reuse=True)
    assert last.loss == pytest.approx(np.sin(below)) and np.sin(w.item()) > last.loss


def test_an_option_set_to_what_it_is_costs_nothing():
    w, loss = bowl()
    optimizer = optim.LBFGS([w], l2=0.5)
    for _ in range(3):
        optimizer.step(loss, reuse=True)
    optimizer.l2, optimizer.maximize = 0.5, False
    assert optimizer._now.known and not optimizer._now.fresh


def test_a_callback_that_sets_the_penalty_is_heard():
    class Heavier(callbacks.Callback):
        def on_epoch_end(self, run):
            run.optimizer.l2 = 2.0

    x = np.ones((4, 1), np.float32)
    model = nn.Linear(1, 1, bias=False)
    options = {"optimizer": "lbfgs", "epochs": 20, "callbacks": [Heavier()]}
    cr.fit(model, (x, x), loss="mse", progress=False, **options)
    np.testing.assert_allclose(model.weight.numpy(), 0.5, atol=1e-4)


@pytest.mark.parametrize("algorithm", MINIMIZERS)
def test_freezing_a_parameter_ends_what_was_known_of_the_others(algorithm):
    w, b = cr.parameter(np.array([2.0, 1.0])), cr.parameter(np.array([3.0]))
    optimizer = algorithm([w, b])
    objective = squares(lambda: cr.stack([w[0] - b[0] ** 2, 1 - b[0], w[1] * b[0]]))
    optimizer.step(objective)
    optimizer.step(objective)
    at = b.numpy().copy()
    b.freeze()
    optimizer.minimize(objective)
    np.testing.assert_array_equal(b.numpy(), at)
    np.testing.assert_allclose(w.numpy(), [at[0] ** 2, 0.0], atol=1e-4)
    b.unfreeze()
    optimizer._choose(objective)
    assert optimizer._now.fresh and not optimizer._now.known


@pytest.mark.parametrize("algorithm", [optim.LevenbergMarquardt, optim.HessianFree])
def test_a_damping_that_is_set_is_where_it_goes_on(algorithm):
    w = cr.parameter(np.array([3.0]))
    optimizer, objective = algorithm([w], damping=1.0), squares(lambda: w - 1.0)
    optimizer.step(objective)
    optimizer.damping = 1e6
    before = w.item()
    optimizer.step(objective)
    assert abs(w.item() - before) < 1e-2 * abs(before - 1.0)


@pytest.mark.parametrize("algorithm", [GradientDescent, optim.GaussNewton])
def test_after_a_standstill_other_weights_or_another_loss_begin_anew(algorithm):
    w = cr.parameter(np.linspace(-1.0, 1.0, 20, dtype=np.float32))
    optimizer = algorithm([w], gradient_tolerance=0.0)
    objective = optim.Composed(
        lambda: 1.0 * w, lambda z: cr.exp(z).sum() + (z * z).sum() + 1e3
    )
    optimizer.minimize(objective)
    found = w.numpy().copy()
    w.assign(found + 1.0)
    optimizer.minimize(objective)
    np.testing.assert_allclose(w.numpy(), found, atol=0.02)
    optimizer.minimize(squares(lambda: w - 2.0))
    np.testing.assert_allclose(w.numpy(), 2.0, atol=1e-3)


@pytest.mark.parametrize("algorithm", MINIMIZERS)
def test_parameters_without_elements_are_no_hindrance(algorithm):
    w, empty = cr.parameter(np.array([3.0])), cr.parameter(np.zeros((0, 2)))
    objective = squares(lambda: cr.concatenate([w - 1.0, empty.reshape(-1)]))
    last = algorithm([empty, w]).minimize(objective)
    assert last.stopped
    np.testing.assert_allclose(w.numpy(), 1.0, atol=1e-5)
    last = algorithm([empty]).minimize(objective)
    assert last.stopped == "‖∇L‖ = 0 ≤ gradient_tolerance 1e-05"


@pytest.mark.parametrize("algorithm", MINIMIZERS)
@pytest.mark.parametrize("start", [1e12, -1e12, 1e-12])
def test_weights_of_any_size_are_moved_by_the_first_step(algorithm, start):
    w = cr.parameter(np.array([start], np.float32))
    optimizer = algorithm([w])
    optimizer.minimize(squares(lambda: 1.0 * w))
    assert abs(w.item()) < 1e-4


@pytest.mark.parametrize(
    "algorithm", [GradientDescent, optim.ConjugateGradient, optim.LBFGS, optim.Newton]
)
def test_weights_and_gradients_may_be_huge(algorithm):
    w = cr.parameter(np.array([1e15], np.float32))
    algorithm([w]).minimize(lambda: (w * w).sum())
    assert abs(w.item()) < 1e-4


def test_a_first_step_that_changes_something_is_evaluated_once():
    w, loss = bowl()
    optimizer = optim.LBFGS([w], line_search=optim.Backtracking())
    step = optimizer.step(loss)
    length = np.hypot(3.0, 20.0) / 20.0  # of the gradient by its largest component
    assert step.evaluations == 2 and step.step_length == pytest.approx(1.0 / length)


# Errors. ---------------------------------------------------------------------------


def error(kind, call):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def test_a_loss_of_nan_at_the_start_names_the_operation():
    w = cr.parameter(np.array([-1.0, 2.0]), name="w")
    text = error(
        NumericsError, lambda: GradientDescent([w]).step(lambda: cr.log(w).sum())
    )
    assert text.startswith(
        "GradientDescent.step: the loss is NaN where the iteration begins: log: "
    )
    np.testing.assert_array_equal(w.numpy(), [-1.0, 2.0])


def test_a_loss_that_is_no_number_is_refused():
    w, _ = bowl()
    text = error(ShapeError, lambda: GradientDescent([w]).step(lambda: w * w))
    assert text.startswith(
        "GradientDescent.step: the objective returned float64 (2,): expected one "
        "floating-point number\n"
    )


def test_parameters_that_the_loss_does_not_reach_are_named():
    w, _ = bowl()
    other = cr.parameter(np.zeros(3), name="other")
    text = error(
        GradientError, lambda: GradientDescent([w, other]).step(lambda: (w * w).sum())
    )
    assert text.startswith(
        "GradientDescent.step: parameter other (3,) not reached by the loss: no "
        "operation with a derivative leads there\n"
    )


def test_gradients_and_losses_in_the_place_of_a_function_are_refused():
    w, loss = bowl()
    optimizer = GradientDescent([w])
    for given, shown in (
        (cr.backprop(loss()), "gradients"),
        (loss(), "a number"),
        (3, "3"),
    ):
        text = error(ArgumentError, lambda given=given: optimizer.step(given))
        assert text.startswith(
            f"GradientDescent.step: it was given {shown}: it evaluates the loss "
            "itself, as often as it needs to, and so it takes the function that "
            "computes it\n"
        )


def test_all_frozen_is_an_error():
    w, loss = bowl()
    w.freeze()
    assert error(ArgumentError, lambda: GradientDescent([w]).step(loss)).startswith(
        "GradientDescent.step: all 1 parameters are frozen: there is nothing to train\n"
    )


# In fit. ---------------------------------------------------------------------------


def regression(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 3)).astype(np.float32)
    y = np.tanh(x @ rng.normal(size=(3, 1))).astype(np.float32)
    cr.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), (x, y)


def test_fit_gives_a_minimizer_all_examples_and_tells_of_its_iterations():
    model, data = regression()
    history = cr.fit(
        model, data, optimizer=optim.GradientDescent(), epochs=6, progress=False
    )
    assert history.settings["batch_size"] == 40
    assert {"gradient_norm", "step_length", "evaluations"} <= set(history.columns)
    assert history["loss"] == sorted(history["loss"], reverse=True)
    assert all(isinstance(count, int) for count in history["evaluations"])


@pytest.mark.parametrize("groups", [False, True])
def test_fit_has_a_column_of_what_is_minimised_where_that_is_more_than_the_loss(groups):
    model, data = regression()
    cr.fit(model, data, optimizer=optim.LBFGS(), epochs=60, progress=False)
    before = {path: w.numpy().copy() for path, w in model.named_parameters()}
    decayed = model[0].weight
    params = [{"params": [decayed], "l2": 0.1}] if groups else model.parameters()
    optimizer = optim.LBFGS(params, **({} if groups else {"l2": 0.1}))
    columns = Columns()
    history = cr.fit(
        model, data, optimizer=optimizer, epochs=5, callbacks=[columns], progress=False
    )
    some = ["0.weight"] if groups else before
    penalty = 0.05 * sum((before[path] ** 2).sum() for path in some)
    assert history["objective"][0] == pytest.approx(history["loss"][0] + penalty)
    assert history["objective"] == sorted(history["objective"], reverse=True)
    assert history["loss"][-1] > history["loss"][0]
    assert history.best("objective")["epoch"] == 5
    assert columns.expected == history.columns[1:]
    model, data = regression()
    history = cr.fit(model, data, optimizer="lbfgs", epochs=2, progress=False)
    assert "objective" not in history.columns


class Columns(Callback):
    """Which columns a run expects."""

    def on_fit_start(self, run):
        self.expected = run.expected_columns()


def test_fit_says_why_it_stopped():
    model, data = regression()
    optimizer = optim.GradientDescent(gradient_tolerance=0.05)
    history = cr.fit(model, data, optimizer=optimizer, epochs=500, progress=False)
    assert history.stopped.endswith("≤ gradient_tolerance 0.05")
    assert history.last["gradient_norm"] <= 0.05 and len(history) < 500
    assert history.last["step_length"] == 0.0


def test_fit_with_a_batch_size_makes_an_iteration_on_every_batch():
    model, data = regression()
    history = cr.fit(
        model,
        data,
        optimizer=optim.GradientDescent(),
        batch_size=10,
        epochs=3,
        progress=False,
    )
    assert min(history["evaluations"]) >= 8
    assert history.last["loss"] < history["loss"][0]


def test_the_metrics_are_those_before_the_first_step():
    model, data = regression()
    before = cr.evaluate(model, data)
    history = cr.fit(
        model, data, optimizer=optim.GradientDescent(), epochs=1, progress=False
    )
    assert history.last["loss"] == pytest.approx(before["loss"], rel=1e-6)
    assert history.last["r2"] == pytest.approx(before["r2"], rel=1e-5)


@pytest.mark.parametrize("dropout", [False, True])
def test_a_run_goes_on_from_a_checkpoint_to_the_bit(tmp_path, dropout):
    def fitted(epochs, resume, folder):
        model, data = regression()
        if dropout:
            model = nn.Sequential(model, nn.Dropout(0.5), nn.Linear(1, 1))
        history = cr.fit(
            model,
            data,
            optimizer=optim.GradientDescent(),
            epochs=epochs,
            callbacks=[cr.training.callbacks.Checkpoint(folder)],
            resume=resume,
            progress=False,
        )
        kept = [{k: v for k, v in row.items() if "second" not in k} for row in history]
        return kept, model.state_dict()

    rows, weights = fitted(7, None, tmp_path / "straight")
    fitted(4, None, tmp_path / "parts")
    again, resumed = fitted(7, "auto", tmp_path / "parts")
    assert again == rows
    for name, array in weights.items():
        np.testing.assert_array_equal(resumed[name], array)


def test_accumulated_gradients_make_no_sense_for_a_minimizer():
    model, data = regression()
    text = error(
        ArgumentError,
        lambda: cr.fit(model, data, optimizer=optim.GradientDescent(), accumulate=2),
    )
    assert text.startswith(
        "fit: accumulate=2 with GradientDescent: it evaluates the loss itself, of one "
        "batch as often as it needs to\n"
    )


def test_a_callback_for_the_learning_rate_is_refused_before_training():
    from chainrule.training.callbacks import LearningRateLog

    model, data = regression()
    text = error(
        ArgumentError,
        lambda: cr.fit(
            model,
            data,
            optimizer=optim.GradientDescent(),
            callbacks=[LearningRateLog()],
        ),
    )
    assert text.startswith(
        "LearningRateLog: GradientDescent has no learning rate: it looks for the "
        "length of every step\n"
    )


def test_watch_sees_the_gradients_and_the_changes_of_an_iteration():
    from chainrule.training.callbacks import Watch

    model, data = regression()
    watch = Watch()
    history = cr.fit(
        model,
        data,
        optimizer=optim.GradientDescent(),
        epochs=3,
        callbacks=[watch],
        progress=False,
    )
    assert history.last["update_ratio"] > 0
    norms = [each["gradient_norm"] for each in watch.layers[0].values()]
    assert history["gradient_norm"][0] <= np.linalg.norm(norms) * 1.0001


def test_watch_sees_the_mask_of_the_iteration():
    """A network of one weight behind a Dropout: its gradient is that of the history."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 1)).astype(np.float32)
    cr.manual_seed(0)
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(1, 1, bias=False))
    watch = callbacks.Watch()
    history = cr.fit(
        model,
        (x, 3.0 * x),
        optimizer=optim.GradientDescent(),
        epochs=4,
        callbacks=[watch],
        progress=False,
    )
    seen = [
        each["gradient_norm"] for layers in watch.layers for each in layers.values()
    ]
    assert seen == pytest.approx(history["gradient_norm"], rel=1e-5)
    assert len(set(seen)) == 4


@pytest.mark.parametrize(
    "algorithm", [optim.GaussNewton, optim.LevenbergMarquardt, optim.HessianFree]
)
@pytest.mark.parametrize("average", ["values", "probabilities"])
def test_ensembles_are_trained_by_the_curvature_of_their_loss(algorithm, average):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 2)).astype(np.float32)
    y = np.sin(x.sum(1, keepdims=True))
    if average == "probabilities":
        y = (y[:, 0] > 0).astype(int)
    cr.manual_seed(0)
    outputs = 1 if average == "values" else 2
    model = nn.Ensemble(
        nn.EnsembleLinear(2, 2, 3),
        nn.Tanh(),
        nn.EnsembleLinear(2, 3, outputs),
        average=average,
    )
    history = cr.fit(model, (x, y), optimizer=algorithm(), epochs=4, progress=False)
    assert history["loss"][-1] < history["loss"][0]


def test_composed_measures_where_the_iteration_began():
    w = cr.parameter(np.array([2.0]))
    objective = optim.Composed(lambda: w * 1.0, lambda z: (z * z).sum(), lambda z: z)
    step = GradientDescent([w]).step(objective)
    assert step.measured.item() == 2.0 and step.loss == 4.0


def test_uphill_directions_are_replaced_by_steepest_descent():
    class Uphill(optim.Minimizer):
        def direction(self, at):
            return dict(at.gradient), {}

    w, loss = bowl()
    optimizer = Uphill([w], line_search=optim.Backtracking())
    values = [optimizer.step(loss).loss for _ in range(20)]
    assert all(after < before for before, after in itertools.pairwise(values))


def test_the_learning_rate_that_there_is_not_is_explained():
    w, _ = bowl()
    with pytest.raises(AttributeError) as caught:
        _ = GradientDescent([w]).lr
    assert "a line search finds the length of every step" in str(caught.value)


def test_fit_names_the_operation_that_made_a_nan_at_the_start():
    class Logarithm(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(3, 1)

        def forward(self, x):
            return cr.log(self.inner(x) - 100.0)

    _, data = regression()
    model = Logarithm()
    before = model.state_dict()
    text = error(
        NumericsError, lambda: cr.fit(model, data, optimizer="lbfgs", progress=False)
    )
    assert text.startswith(
        "LBFGS.step: the loss is NaN where the iteration begins: log: NaN in 40 of 40 "
    )
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_an_interrupted_run_goes_on_to_the_bit(tmp_path):
    class Press(cr.training.callbacks.Callback):
        def on_batch_end(self, run):
            if run.step == 3:
                signal.raise_signal(signal.SIGINT)

    def fitted(folder, extra=(), resume=None):
        model, data = regression()
        saved = cr.training.callbacks.Checkpoint(folder)
        history = cr.fit(
            model,
            data,
            optimizer="lbfgs",
            epochs=6,
            callbacks=[saved, *extra],
            resume=resume,
            progress=False,
        )
        return history, model.state_dict()

    whole, weights = fitted(tmp_path / "whole")
    stopped, _ = fitted(tmp_path / "parts", [Press()])
    assert stopped.stopped == "interrupted" and len(stopped) == 3
    again, resumed = fitted(tmp_path / "parts", resume="auto")
    for column in ("loss", "gradient_norm", "step_length", "evaluations"):
        assert again[column] == whole[column]
    for name, array in weights.items():
        np.testing.assert_array_equal(resumed[name], array)


def test_weights_of_examples_count():
    model, (x, y) = regression()
    weights = np.linspace(0.0, 2.0, 40)
    twice = cr.fit(
        model, (x, y, weights), optimizer="lbfgs", epochs=1, progress=False, metrics=[]
    )
    again, _ = regression()
    errors = (again(cr.tensor(x)).numpy() - y)[:, 0] ** 2
    wanted = (errors * weights).sum() / weights.sum()
    assert twice.last["loss"] == pytest.approx(wanted, rel=1e-5)
