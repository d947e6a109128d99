"""The workloads: the same problem for all, right results, and their least cost."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from benchmarks import harness, workloads
from benchmarks.__main__ import checkout
from benchmarks.processes import PeerFailed, run_program
from benchmarks.workloads import (
    autoencoder,
    chain,
    dbm,
    gan,
    layernorm,
    matmul,
    mlp_mnist,
    mlp_tiny,
    mnist_epoch,
    operations,
    pooling,
    rbm,
    softmax,
)

STEPS = [n for n in workloads.WORKLOADS if workloads.load(n).MEASURE == "step"]
PROCESSES = [n for n in workloads.WORKLOADS if n not in STEPS]


@pytest.mark.parametrize("name", workloads.WORKLOADS)
def test_a_workload_offers_what_the_harness_asks_for(name: str) -> None:
    workload = workloads.load(name)
    programs = {peer.program for peer in workloads.PEERS.values()}
    offered = workload.BUILDERS if name in STEPS else workload.PEERS
    assert "chainrule" in offered and set(offered) <= programs
    assert len(workload.SUMMARY) < 89
    assert workloads.cases(workload)


@pytest.mark.parametrize("name", PROCESSES)
def test_programs_are_python_in_every_case(name: str) -> None:
    workload = workloads.load(name)
    for peer in workloads.takes_part(workload):
        for case in workloads.cases(workload):
            compile(workloads.program(workload, peer, case), peer, "exec")


def test_the_engine_is_named_by_the_peer() -> None:
    for engine in ("native", "numpy"):
        peer = workloads.PEERS[f"chainrule-{engine}"]
        assert peer.program == "chainrule"
        assert peer.environment == {"CHAINRULE_ENGINE": engine}


def test_another_checkout_takes_part_with_its_own_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        workloads.PEERS, workloads.BEFORE, workloads.Peer("chainrule", ("chainrule",))
    )
    package = tmp_path / "src" / "chainrule"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("seconds = 12.5\n", encoding="utf-8")
    workloads.compare_with(checkout(str(tmp_path)))
    source = "import chainrule; print('{\"seconds\": %s}' % chainrule.seconds)"
    run = run_program(source, workloads.BEFORE, "inside", 1, str(tmp_path / "cache"))
    assert run.seconds == 12.5
    assert workloads.BEFORE not in workloads.USUAL


def test_a_folder_without_the_package_is_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no checkout of chainrule"):
        checkout(str(tmp_path))


def test_the_least_operations_of_a_step_are_those_of_its_matrix_products() -> None:
    """Counted by hand: forward and ∂L/∂W for both layers, ∂L/∂a for the second."""
    first, second = 2 * 64 * 784 * 128, 2 * 64 * 128 * 10
    assert mlp_mnist.problem(1).operations() == 2 * first + 3 * second
    assert rbm.problem().operations() == 5 * 2 * 100 * 784 * 500
    assert matmul.problem("3×4×5").operations() == 2 * 3 * 4 * 5


def test_the_least_bytes_are_each_array_once() -> None:
    array = 4 * 8192 * 1024
    for workload in (softmax, layernorm):
        assert workload.problem("forward").traffic() == (array, array)
        assert workload.problem("and backward").traffic() == (2 * array, 2 * array)
    assert chain.problem().traffic() == (40_000_000, 0)
    x, y = 4 * 32 * 56 * 56 * 64, 4 * 32 * 28 * 28 * 64
    assert pooling.problem("max, stride 2").traffic() == (x, y)
    assert pooling.problem("max, stride 2, and backward").traffic() == (x + y, y + x)
    assert matmul.problem("3×4×5").traffic() == (4 * (12 + 20), 4 * 15)
    parameters = 2 * 16 + 16 + 16 * 16 + 16 + 16 + 1
    read, written = mlp_tiny.problem(1).traffic()
    assert written == 3 * 4 * parameters  # the weights, and Adam's two moments
    assert read == written + 4 * 32 * 3


@pytest.mark.parametrize("workload", [mlp_tiny, mlp_mnist, autoencoder])
def test_every_peer_gets_the_same_problem(workload: ModuleType) -> None:
    one, two = workload.problem(3), workload.problem(3)
    pairs = zip(one.weights + one.inputs, two.weights + two.inputs, strict=True)
    for mine, other in pairs:
        np.testing.assert_array_equal(mine, other)
        assert mine.dtype == np.float32


@pytest.mark.parametrize("workload", [mlp_tiny, mlp_mnist])
def test_chainrule_and_scikit_learn_train_alike_on_a_workload(
    workload: ModuleType,
) -> None:
    losses = {
        program: workload.BUILDERS[program](workload.problem(4))(2)
        for program in ("chainrule", "chainrule-eager", "sklearn")
    }
    for mine in losses.values():
        np.testing.assert_allclose(mine, losses["sklearn"], rtol=harness.TOLERANCE)


def test_the_autoencoder_learns() -> None:
    losses = autoencoder.BUILDERS["chainrule"](autoencoder.problem(1))(4)
    assert losses[-1] < losses[0] < 0.7 * 784  # where it begins: ln 2 a pixel


def test_all_rbms_learn_to_reconstruct_equally_well() -> None:
    (other,) = rbm.sklearn(rbm.problem()).losses()
    for case in rbm.CASES:
        (mine,) = rbm.chainrule(rbm.problem(case)).losses()
        assert mine == pytest.approx(other, rel=rbm.TOLERANCE)
        assert mine < 0.15  # the variance of the pixels is 0.22


def test_a_deep_boltzmann_machine_learns_to_reconstruct() -> None:
    problem = dbm.problem()
    (error,) = dbm.chainrule(problem).losses()
    assert error < 0.24  # where it begins: 0.25
    a, b = 2 * 100 * 784 * 500, 2 * 100 * 500 * 1000
    assert problem.operations() == 5 * a + 25 * b


@pytest.mark.parametrize("case", gan.CASES)
def test_both_players_of_a_gan_move(case: str) -> None:
    problem = gan.Problem(case, [x[:16] for x in gan.problem(case).inputs[:2]])
    first, *_, last = gan.chainrule(problem)(6)
    assert 1.0 < first < 1.6  # the mean of 2 ln 2 and ln 2 is 1.04
    assert last != first
    forward = gan.problem("MLP").operations() / (2 * 128)
    assert forward == 3 * 282_624 + 8 * 266_496


def small(workload: ModuleType, case: str) -> operations.Problem:
    """A workload's problem with small arrays."""
    problem = workloads.problem(workload, case)
    shapes = tuple(tuple(min(n, 1024) for n in shape) for shape in problem.shapes)
    return operations.Problem(shapes)


def softmax_of(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def softmax_back(x: np.ndarray, g: np.ndarray) -> list[np.ndarray]:
    y = softmax_of(x)
    return [y, y * (g - (g * y).sum(-1, keepdims=True))]


def normal(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def layer_norm_back(x, weight, bias, g) -> list[np.ndarray]:
    n, h = normal(x), g * weight
    sigma = np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    along = (h * n).mean(-1, keepdims=True)
    dx = (h - h.mean(-1, keepdims=True) - n * along) / sigma
    return [weight * n + bias, dx, (g * n).sum(0), g.sum(0)]


#: (workload, case) → what a call is to answer, by the textbook, in float64.
MEANINGS = {
    ("chain", ""): lambda x: [(np.tanh(np.exp(x)) * x).sum()],
    ("softmax", "forward"): lambda x: [softmax_of(x)],
    ("softmax", "and backward"): softmax_back,
    ("layernorm", "forward"): lambda x, w, b: [w * normal(x) + b],
    ("layernorm", "and backward"): layer_norm_back,
    ("matmul", "501×333×127"): lambda a, b: [a @ b],
    ("call-overhead", ""): lambda x: [x + 1],
}


@pytest.mark.parametrize(("name", "case"), MEANINGS)
def test_an_operation_computes_what_the_textbook_says(name: str, case: str) -> None:
    workload = workloads.load(name)
    problem = small(workload, case)
    work = workload.BUILDERS["chainrule"](problem)
    outputs = work.read(work.call(*work.inputs[0]))
    expected = MEANINGS[name, case](*(a.astype(float) for a in problem.arrays()))
    for mine, right in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-4, atol=1e-4)


def test_a_fingerprint_tells_value_sign_and_place() -> None:
    array = np.arange(-3, 4, dtype=np.float32)
    others = [array + 0.1, -array, array[::-1].copy(), np.roll(array, 1)]
    mine = operations.fingerprint(array)
    assert all(operations.fingerprint(each) != mine for each in others)
    assert operations.fingerprint(array.copy()) == mine


def test_without_mnist_its_epoch_is_skipped_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    assert "CHAINRULE_DATA" in (mnist_epoch.missing() or "")
    assert harness.why_not(mnist_epoch, "sklearn").startswith("skipped: ")


def test_an_epoch_of_mnist_is_one_step_of_468_batches(data_folder) -> None:
    if mnist_epoch.missing():
        pytest.skip("no mnist/ in CHAINRULE_DATA")
    problem = mnist_epoch.problem()
    assert (problem.steps, len(problem.inputs)) == (1, 468)
    assert problem.inputs[0].shape == (128, 784) and problem.targets[0][0] == 5
    one_batch = mlp_mnist.problem(1)
    assert problem.operations() > 468 * one_batch.operations()


@pytest.mark.parametrize("timed", ["inside", "outside", "whole"])
def test_a_program_is_timed_as_its_workload_asks(timed: str, tmp_path) -> None:
    source = (
        "import json, time\n"
        "print(json.dumps({'seconds': 5, 'losses': [1]}, indent=1), flush=True)\n"
        "time.sleep(0.3)\n"
    )
    # In a process of its own: a program's memory counts from that of who starts it.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as small:
        cache = str(tmp_path / "cache")
        run = small.submit(run_program, source, "sklearn", timed, 1, cache).result()
    assert run.answer == {"seconds": 5, "losses": [1]}
    if timed == "inside":
        assert run.seconds == 5
    elif timed == "whole":
        assert run.seconds > 0.3
    if sys.platform != "win32":
        assert run.peak_bytes is not None and 2e6 < run.peak_bytes < 1e9


def test_a_program_that_fails_is_known_by_its_last_line(tmp_path) -> None:
    with pytest.raises(PeerFailed, match="ZeroDivisionError"):
        run_program("1 / 0", "sklearn", "outside", 1, str(tmp_path / "cache"))


def test_of_a_whole_run_the_accuracy_is_compared() -> None:
    train = workloads.load("train-cold")
    assert train.losses({"test": {"accuracy": 0.97}}) == [0.97]
    assert set(train.WARM) < set(train.CASES)
