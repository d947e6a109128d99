"""The benchmark harness: fair ratios, the same work for all, words for the absent."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import harness, report, workloads
from benchmarks.floor import Floor
from benchmarks.harness import Result, Timing
from benchmarks.workloads import mlp_mnist, mlp_tiny


def test_a_ratio_is_the_median_of_the_ratios_within_a_round() -> None:
    """Half way, the machine became ten times slower for all: the ratio stays 2."""
    reference = Timing("a", seconds=[1.0, 10.0, 10.0])
    other = Timing("b", seconds=[2.0, 20.0, 20.0])
    assert other.ratio(reference) == 2.0
    assert reference.ratio(reference) == 1.0


def test_other_losses_than_the_first_peers_are_found_out() -> None:
    timings = [
        Timing("a", losses=[1.0, 0.5]),
        Timing("b", losses=[1.00005, 0.5]),
        Timing("c", losses=[1.0, 0.501]),
        Timing("absent"),
    ]
    harness.compare_work(timings)
    assert [timing.same_work for timing in timings] == [True, True, False, None]


def test_a_peer_that_fails_half_way_has_no_result_but_its_last_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Dies(harness.Peer):
        def seconds_a_step(self, at_least: float) -> float:
            self.process.kill()
            return super().seconds_a_step(at_least)

    monkeypatch.setattr(harness, "Peer", Dies)
    (timing,) = harness.time_steps("mlp-tiny", ["sklearn"], 2, 1, 0.01)
    assert timing.seconds == [] and timing.note.startswith("failed: ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (4.56e-5, "45.6 µs"), (7e-9, "7 ns")],
)
def test_durations_are_shown_with_three_digits_and_a_unit(
    seconds: float, text: str
) -> None:
    assert report.duration(seconds) == text


def test_the_table_shows_ratios_the_floor_and_why_a_peer_is_absent() -> None:
    timings = [
        Timing("chainrule", [2e-6, 2e-6], [1.0], True),
        Timing("torch-eager", [6e-6, 6e-6], [1.0], True),
        Timing("jax", note="skipped: jax is not installed"),
    ]
    shown = report.table(Result("mlp-tiny", "a network", timings, 1e-6))
    assert shown == (
        "mlp-tiny: a network\n\n"
        "               median  least  most  ÷ chainrule  ÷ floor\n"
        "  chainrule      2 µs   2 µs  2 µs         1.00      2.0  same work\n"
        "  torch-eager    6 µs   6 µs  6 µs         3.00      6.0  same work\n"
        "  jax               –"
        "                                     skipped: jax is not installed\n"
        "  (floor)        1 µs"
    )


def test_the_floor_is_the_slower_of_arithmetic_and_memory() -> None:
    floor = Floor(gigaflops=100.0, gigabytes=10.0)
    assert floor.seconds(operations=10**9, bytes_moved=10**6) == pytest.approx(1e-2)
    assert floor.seconds(operations=10**6, bytes_moved=10**9) == pytest.approx(1e-1)


def test_the_least_operations_of_a_step_are_those_of_its_matrix_products() -> None:
    """Counted by hand: forward and ∂L/∂W for both layers, ∂L/∂a for the second."""
    first, second = 2 * 64 * 784 * 128, 2 * 64 * 128 * 10
    assert mlp_mnist.problem(1).operations() == 2 * first + 3 * second


@pytest.mark.parametrize("workload", [mlp_tiny, mlp_mnist], ids=lambda w: w.__name__)
def test_every_peer_gets_the_same_problem(workload) -> None:
    one, two = workload.problem(3), workload.problem(3)
    for mine, other in zip(
        one.weights + one.inputs, two.weights + two.inputs, strict=True
    ):
        np.testing.assert_array_equal(mine, other)
        assert mine.dtype == np.float32
    assert set(workload.BUILDERS) <= set(workloads.PEERS)


@pytest.mark.parametrize("name", ["mlp-tiny", "mlp-mnist"])
def test_chainrule_and_scikit_learn_train_alike_on_a_workload(name: str) -> None:
    workload = workloads.load(name)
    losses = {
        peer: workload.BUILDERS[peer](workload.problem(4))(2)
        for peer in ("chainrule", "chainrule-eager", "sklearn")
    }
    for mine in losses.values():
        np.testing.assert_allclose(mine, losses["sklearn"], rtol=harness.TOLERANCE)


def benchmarks(*arguments: str, root: Path) -> subprocess.CompletedProcess[str]:
    """``python -m benchmarks`` with these arguments."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        capture_output=True,
        encoding="utf-8",
        cwd=root,
    )


def test_a_run_writes_a_table_and_a_file(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    arguments = ("import", "mlp-tiny", "--peers", "sklearn", "--rounds", "1")
    arguments += ("--seconds", "0.01", "--json", str(file))
    done = benchmarks(*arguments, root=repository)
    assert done.returncode == 0, done.stderr
    assert "mlp-tiny: MLP 2-16-16-1" in done.stdout
    content = json.loads(file.read_text(encoding="utf-8"))
    assert {"processor", "cores", "threads", "versions"} <= set(content["machine"])
    names = [entry["workload"] for entry in content["workloads"]]
    assert names == ["import", "mlp-tiny"]
    for entry in content["workloads"]:
        (timing,) = entry["timings"]
        assert timing["peer"] == "sklearn" and timing["median"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mlp-tinny",), "unknown workload 'mlp-tinny'"),
        (("--peers", "pytorch", "import"), "unknown peer 'pytorch'"),
        (("--rounds", "0"), "expected a whole number from 1"),
    ],
)
def test_a_wrong_argument_is_one_clear_sentence(
    arguments: tuple[str, ...], message: str, repository: Path
) -> None:
    done = benchmarks(*arguments, root=repository)
    assert done.returncode != 0
    assert message in done.stderr and "Traceback" not in done.stderr
