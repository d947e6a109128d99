"""The benchmark harness: fair ratios, the same work for all, words for the absent."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import harness, markdown, processes, report
from benchmarks.__main__ import chosen_peers
from benchmarks.floor import Floor
from benchmarks.harness import Result, Timing


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
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Dies(processes.Peer):
        def seconds_a_step(self, case: str, at_least: float) -> float:
            self.process.kill()
            return super().seconds_a_step(case, at_least)

    monkeypatch.setattr(harness, "Peer", Dies)
    (result,) = harness.time_steps("mlp-tiny", ["sklearn"], 2, 1, 0.01, str(tmp_path))
    (timing,) = result.timings
    assert timing.seconds == [] and timing.note.startswith("failed: ")


def test_a_peer_that_has_nothing_of_a_kind_takes_part_in_the_other_cases(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As Hugging Face's ``generate``, which has no LSTM."""
    costs = {"operations": 1, "bytes_read": 1, "bytes_written": 1}

    class OfGPT:
        peak_bytes = None

        def __init__(self, workload: str, name: str, cases: list[str], *_: Any) -> None:
            has: dict[str, Any] = {"losses": [1.0], **costs}
            self.ready = {c: has if c.startswith("GPT") else {} for c in cases}

        def seconds_a_step(self, case: str, at_least: float) -> float:
            assert case.startswith("GPT")
            return 0.5

        def close(self) -> None:
            pass

    monkeypatch.setattr(harness, "Peer", OfGPT)
    found = harness.time_steps("generation", ["chainrule"], 2, 1, 0.01, str(tmp_path))
    for result in found:
        (timing,) = result.timings
        gpt = result.case.startswith("GPT")
        assert timing.seconds == ([0.5, 0.5] if gpt else [])
        assert timing.note == ("" if gpt else "has nothing of the kind")


def test_a_list_that_nobody_reads_to_its_end_ends_quietly() -> None:
    """The reader is gone before the first line, as of ``| head -0``."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--list"],
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=Path(harness.__file__).parents[1],
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (4.56e-5, "45.6 µs"), (7e-9, "7 ns")],
)
def test_durations_are_shown_with_three_digits_and_a_unit(
    seconds: float, text: str
) -> None:
    assert report.duration(seconds) == text


FLOOR = Floor(gigaflops=100.0, gigabytes_read=10.0, gigabytes_written=5.0)


def test_the_table_shows_ratios_the_floor_and_why_a_peer_is_absent() -> None:
    timings = [
        Timing("chainrule", [2e-6, 2e-6], [1.0], True, 150_000_000),
        Timing("torch-eager", [6e-6, 6e-6], [1.0], True, 300_000_000),
        Timing("jax", note="skipped: jax is not installed"),
    ]
    result = Result("mlp-tiny", "", "a network", timings, 100_000, 0, 0, 1e-6)
    assert report.table(result, FLOOR) == (
        "mlp-tiny: a network\n\n"
        "               median  least  most  ÷ chainrule  ÷ floor          rate"
        "  memory\n"
        "  chainrule      2 µs   2 µs  2 µs         1.00     2.00    50 GFLOP/s"
        "  150 MB  same work\n"
        "  torch-eager    6 µs   6 µs  6 µs         3.00     6.00  16.7 GFLOP/s"
        "  300 MB  same work\n"
        "  jax               –                                         "
        "                  skipped: jax is not installed\n"
        "  (floor)        1 µs"
    )


def family() -> list[Result]:
    """Two cases; jax failed, and PyTorch did other work in the second."""
    return [
        Result(
            "matmul",
            case,
            "a @ b",
            [
                Timing("chainrule", [1e-3], [1.0], True, 100_000_000),
                Timing("torch-eager", [factor * 1e-3], [1.0], same, 200_000_000),
                Timing("jax", note="failed: no"),
            ],
            10**8,
            floor_seconds=1e-3,
        )
        for case, factor, same in (("2×2", 2, True), ("4×4", 0.5, False))
    ]


def test_a_family_of_cases_is_one_table_with_the_peers_as_multiples() -> None:
    assert report.family(family(), FLOOR) == (
        "matmul: a @ b\n\n"
        "       chainrule  ÷ floor         rate            torch-eager\n"
        "  2×2       1 ms     1.00  100 GFLOP/s                 2.00 ×\n"
        "  4×4       1 ms     1.00  100 GFLOP/s  0.50 × (other losses)\n\n"
        "  chainrule 100 MB; torch-eager 200 MB; jax failed: no"
    )


def test_the_markdown_page_has_times_and_memory_and_no_name_of_the_machine() -> None:
    about = report.machine(threads=2)
    text = markdown.page(family(), about, FLOOR)
    assert "| matmul 2×2 | 1 ms | 1.00 | 100 GFLOP/s | 2.00 × |" in text
    assert "| matmul | 100 | 200 |" in text
    assert "2 thread(s) each" in text and "10.0 GB/s reading" in text
    assert platform.node() not in text


def test_a_workload_nobody_could_run_says_why_in_its_row() -> None:
    alone = Result("rbm", "", "an RBM", [Timing("jax", note="skipped: no jax")])
    assert "| rbm | skipped: no jax |  |  |" in markdown.page(
        [alone], report.machine(1), FLOOR
    )


def test_the_floor_is_the_slower_of_arithmetic_and_memory() -> None:
    assert FLOOR.seconds(10**9, 10**6, 0) == pytest.approx(1e-2)
    assert FLOOR.seconds(10**6, 10**9, 10**9) == pytest.approx(0.1 + 0.2)


def test_rates_are_of_what_the_floor_is_made_of() -> None:
    timing = Timing("chainrule", [1e-3])
    products = Result("a", "", "", [timing], operations=10**8, bytes_read=10)
    copies = Result("b", "", "", [timing], bytes_read=10**6, bytes_written=10**6)
    assert report.rate(products, timing, FLOOR) == "100 GFLOP/s"
    assert report.rate(copies, timing, FLOOR) == "2 GB/s"
    assert report.rate(Result("c", "", "", [timing]), timing, FLOOR) == ""


def test_a_peer_timed_in_fewer_rounds_is_compared_within_those() -> None:
    reference = Timing("a", seconds=[1.0, 10.0, 10.0])
    assert Timing("slow", seconds=[3.0]).ratio(reference) == 3.0


@pytest.mark.parametrize(
    ("text", "peers"),
    [
        ("torch", ["torch-eager", "torch-last", "torch-compile", "torch-vmap"]),
        ("jax", ["jax"]),
        ("chainrule, jax", ["chainrule", "jax"]),
        ("", []),
    ],
)
def test_a_name_is_a_peer_or_the_beginning_of_some(text: str, peers: list[str]) -> None:
    assert chosen_peers(text) == peers


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
    page = tmp_path / "figures.md"
    arguments += ("--seconds", "0.01", "--json", str(file), "--markdown", str(page))
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
        assert timing["peak_bytes"] > 20e6  # Python with NumPy is no smaller
    assert "| mlp-tiny |" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mlp-tinny",), "unknown workload 'mlp-tinny'"),
        (("--peers", "pytorch", "import"), "unknown peer 'pytorch'"),
        (("--without", "pytorch", "import"), "unknown peer 'pytorch'"),
        (("--rounds", "0"), "expected a whole number from 1"),
    ],
)
def test_a_wrong_argument_is_one_clear_sentence(
    arguments: tuple[str, ...], message: str, repository: Path
) -> None:
    done = benchmarks(*arguments, root=repository)
    assert done.returncode != 0
    assert message in done.stderr and "Traceback" not in done.stderr
