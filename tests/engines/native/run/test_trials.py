"""Trials: measured once on a machine, kept on disk, asked only where they matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import chainrule as cr
from chainrule.compiler.registry import engine_named
from chainrule.config import config
from chainrule.engines.native.choose.matmul import (
    OuterTiling,
    choose_tiling,
    may_be_wide,
)
from chainrule.engines.native.choose.processor import Host, described, host
from chainrule.engines.native.choose.product import doubts_of, example
from chainrule.engines.native.choose.tiling import Matmul, Panels
from chainrule.engines.native.choose.trials import Doubt, Trial
from chainrule.engines.native.run import trials
from chainrule.recompilation.entries import folder

AVX2 = described("x86_64", "x86-64-v3", "", {"avx2"})
ARM = described("aarch64", "generic", "", set())


@pytest.fixture(autouse=True)
def own_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is known, in memory or on disk."""
    monkeypatch.setattr(trials, "_known", {})
    monkeypatch.setattr(config, "cache_folder", tmp_path)
    monkeypatch.setattr(config, "trials", True)


def entries() -> list[Path]:
    return list(folder().glob("*.trial")) if folder().is_dir() else []


def refuse(_: Doubt) -> tuple[float, ...]:
    raise AssertionError("it was measured again")


def test_an_answer_is_measured_once_and_found_by_the_next_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = trials.trial(Doubt.PANELS)
    assert first is not None
    assert first.plain > 0 and first.other > 0
    assert len(entries()) == 1
    monkeypatch.setattr(trials, "_measured", refuse)
    assert trials.trial(Doubt.PANELS) is first
    monkeypatch.setattr(trials, "_known", {})
    assert trials.trial(Doubt.PANELS) == first


def test_a_damaged_answer_is_measured_again() -> None:
    trials.trial(Doubt.PANELS)
    (entry,) = entries()
    entry.write_bytes(entry.read_bytes()[:-3])
    trials._known.clear()
    assert trials.trial(Doubt.PANELS) is not None


@pytest.mark.parametrize(
    ("setting", "value"), [("trials", False), ("processor", "baseline")]
)
def test_nothing_is_tried_where_that_is_not_wanted_or_means_nothing(
    setting: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, setting, value)
    monkeypatch.setattr(trials, "_measured", refuse)
    assert trials.trial(Doubt.ROWS) is None
    assert trials.pays(Doubt.ROWS) is None
    assert engine_named("native").trials() == {}
    assert entries() == []


def test_small_programs_ask_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "_measured", refuse)
    a = cr.ones((32, 48))
    assert cr.compile(lambda a: a @ a.T, engine="native")(a).shape == (32, 32)


def test_the_machine_says_what_it_found() -> None:
    found = engine_named("native").trials()
    assert list(found) == [doubt.value for doubt in Doubt]
    assert all("pay" in text and "ms" in text for text in found.values())


@pytest.mark.parametrize(("other", "pays"), [(0.94, True), (0.96, False), (1.5, False)])
def test_a_copy_pays_where_it_saves_a_twentieth(other: float, pays: bool) -> None:
    assert Trial(1.0, other).pays == pays
    assert Trial(1.0, other, Doubt.WIDE.margin).pays == (other < 1)


@pytest.mark.parametrize("doubt", Doubt)
@pytest.mark.parametrize("processor", [host(), AVX2, ARM], ids=["host", "avx2", "arm"])
def test_an_example_answers_its_doubt_and_no_other(
    doubt: Doubt, processor: Host
) -> None:
    spec, plain, other = example(doubt, processor)
    if doubt is Doubt.WIDE:
        assert doubts_of(spec, plain) == []
        assert may_be_wide(spec, plain, processor.registers) == (other != plain)
        assert (other != plain) == (processor.registers == 32)
        return
    assert doubts_of(spec, plain) == [doubt]
    assert other != plain
    assert other.copies_rows or other.panels is Panels.PACKED


def test_panels_crowd_a_cache_where_their_rows_are_a_power_of_two_apart() -> None:
    for n, k, doubts in (
        (1024, 128, [Doubt.CROWDED_PANELS]),
        (1024, 64, []),
        (512, 256, [Doubt.CROWDED_PANELS]),
        (256, 1024, [Doubt.CROWDED_PANELS]),
        (256, 256, []),
        (768, 340, [Doubt.CROWDED_PANELS]),
        (1000, 256, []),
        (1000, 512, [Doubt.PANELS]),
    ):
        a, b = (0, k, 1), (0, n, 1)
        spec = Matmul(1, 128, n, k, a, b, b, np.dtype(np.float32))
        tiling = choose_tiling(spec, AVX2.vector_bytes, AVX2.registers)
        assert isinstance(tiling, OuterTiling)
        assert doubts_of(spec, tiling) == doubts, (n, k)


@pytest.mark.parametrize("doubt", Doubt)
@pytest.mark.parametrize("last", ["plain", "other"])
def test_both_ways_of_an_example_compute_the_product(
    doubt: Doubt, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, r = trials._memory, np.random.default_rng(0)
    spec, plain, other = example(doubt, host())
    memory = make(spec, [plain, other])
    for each in memory[:2]:  # whole numbers: sums are exact
        numbers = each.view(np.float32)
        numbers[:] = r.integers(-4, 5, numbers.shape)
    memory[2].view(np.float32)[:] = np.nan
    monkeypatch.setattr(trials, "_memory", lambda *_: memory)
    if last == "plain":
        monkeypatch.setattr(trials, "example", lambda *_: (spec, plain, plain))
    trials._measured(doubt)
    a, b, c = (
        as_strided(each.view(np.float32), shape, [4 * stride for stride in strides[1:]])
        for each, shape, strides in zip(
            memory,
            [(spec.m, spec.k), (spec.k, spec.n), (spec.m, spec.n)],
            [spec.a_strides, spec.b_strides, spec.c_strides],
            strict=False,
        )
    )
    np.testing.assert_array_equal(c, a @ b)
