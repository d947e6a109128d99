"""Hamilton's equations in steps: reversible, volume preserving, second order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import NumericsError
from chainrule.sampling import dynamics
from chainrule.sampling.density import Density

RANDOM = np.random.default_rng(0)
START = RANDOM.normal(size=(3, 2))
MOMENTA = RANDOM.normal(size=(3, 2))
INVERSE_MASS = np.array([[0.5, 2.0], [1.0, 1.0], [3.0, 0.1]])


def banana(q: Any) -> Any:
    """Curved: Rosenbrock's valley as a density."""
    return -2.0 * (q[1] - q[0] ** 2) ** 2 - 0.5 * (1 - q[0]) ** 2


def density() -> Density:
    return Density("hmc", banana, START, None)


def moved(q: Any, p: Any, step: float, count: int) -> dynamics.Phase:
    target = density()
    value, slope = target(cr.tensor(q))
    at = dynamics.Phase(cr.tensor(q), cr.tensor(p), slope, value)
    steps = np.full((len(np.shape(q)) and len(q), 1), step)
    for _ in range(count):
        at = dynamics.leapfrog(target, at, steps, INVERSE_MASS)
    return at


def test_a_density_of_chains_is_that_of_each() -> None:
    values, slopes = density()(cr.tensor(START))
    for chain in range(3):
        value, slope = cr.value_and_grad(banana)(START[chain])
        np.testing.assert_allclose(values.numpy()[chain], value.item(), rtol=1e-14)
        np.testing.assert_allclose(slopes.numpy()[chain], slope.numpy(), rtol=1e-14)


def test_a_step_is_the_formula() -> None:
    at = moved(START, MOMENTA, 0.1, 1)
    q, p = START.copy(), MOMENTA.copy()
    slope = density()(cr.tensor(q))[1].numpy()
    p = p + 0.05 * slope
    q = q + 0.1 * INVERSE_MASS * p
    p = p + 0.05 * density()(cr.tensor(q))[1].numpy()
    np.testing.assert_allclose(at.q.numpy(), q, rtol=1e-13)
    np.testing.assert_allclose(at.p.numpy(), p, rtol=1e-13)


def test_turned_momenta_lead_back() -> None:
    there = moved(START, MOMENTA, 0.05, 40)
    assert np.abs(there.q.numpy() - START).max() > 0.3
    back = moved(there.q.numpy(), -there.p.numpy(), 0.05, 40)
    np.testing.assert_allclose(back.q.numpy(), START, atol=1e-11)
    np.testing.assert_allclose(back.p.numpy(), -MOMENTA, atol=1e-11)


def test_volume_is_preserved() -> None:
    target = Density("hmc", banana, START[:1], None)

    def step(z: Any) -> Any:
        q, p = z[None, :2], z[None, 2:]
        value, slope = target(q)
        at = dynamics.Phase(q, p, slope, value)
        for _ in range(3):
            at = dynamics.leapfrog(target, at, np.full((1, 1), 0.2), INVERSE_MASS[:1])
        return cr.concatenate([at.q[0], at.p[0]])

    matrix = cr.jacobian(step)(np.concatenate([START[0], MOMENTA[0]])).numpy()
    assert abs(matrix[0, 0] - 1) > 0.05
    assert np.linalg.det(matrix) == pytest.approx(1.0, abs=1e-12)


def test_the_error_of_the_energy_is_of_second_order() -> None:
    """Half the step, a quarter of the error."""

    def error(step: float) -> np.ndarray:
        target = density()
        value, slope = target(cr.tensor(START))
        first = dynamics.Phase(cr.tensor(START), cr.tensor(MOMENTA), slope, value)
        before = dynamics.energy(first, INVERSE_MASS)
        after = dynamics.energy(
            moved(START, MOMENTA, step, round(1 / step)), INVERSE_MASS
        )
        return (after - before).numpy()

    for coarse, fine in ((0.02, 0.01), (0.01, 0.005)):
        np.testing.assert_allclose(error(coarse) / error(fine), 4.0, rtol=0.05)


def test_energies_that_are_no_number_are_infinite() -> None:
    at = dynamics.Phase(START, MOMENTA, None, cr.tensor([0.0, np.nan, -np.inf]))
    found = dynamics.energy(at, INVERSE_MASS).numpy()
    assert np.isfinite(found).tolist() == [True, False, False]
    assert found[1] == np.inf


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_first_steps_fit_the_scale(scale: float) -> None:
    target = Density("nuts", lambda q: -0.5 * ((q / scale) ** 2).sum(), np.zeros(4), 3)
    source = cr.random.Generator(0)
    steps = dynamics.first_steps(target, target.first(), source, 0.8)
    assert steps.shape == (3,)
    assert ((steps > 0.3 * scale) & (steps < 6 * scale)).all()


def test_a_flat_density_is_no_density() -> None:
    target = Density("nuts", lambda q: 0.0 * q.sum(), np.zeros(2), 2)
    with pytest.raises(NumericsError) as error:
        dynamics.first_steps(target, target.first(), cr.random.Generator(0), 0.8)
    assert error.value.what == (
        "nuts: chain 0 accepts steps of 1.67772e+07 from its start: the density is "
        "constant there, or grows without end, and so is no density"
    )
    assert error.value.fix == "give every number that is sampled a proper prior"


def test_a_gradient_that_is_not_the_values_accepts_no_step() -> None:
    def wrong(q: Any) -> Any:
        return -1e30 * cr.stop_gradient(cr.abs(q - 1.0)).sum() + q.sum()

    target = Density("nuts", wrong, np.ones(1), 1)
    with pytest.raises(NumericsError) as error:
        dynamics.first_steps(target, target.first(), cr.random.Generator(0), 0.8)
    assert error.value.what == (
        "nuts: chain 0 accepts no step of 5.82077e-11 from its start: the gradient is "
        "not that of the value, or changes with no end"
    )
