"""Code for other processors than this one: narrower vectors, another architecture."""

from __future__ import annotations

import llvmlite.binding as llvm
import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.compiler.pipeline import run_passes
from chainrule.compiler.program import plan
from chainrule.config import PROCESSORS, config
from chainrule.engines.native.abi.call_table import CallTable
from chainrule.engines.native.choose import processor as hosts
from chainrule.engines.native.plan.fuse import fuse
from chainrule.engines.native.run.compile.llvm import Compilation
from chainrule.engines.native.write.program import tasks_of, write_program
from chainrule.errors import ArgumentError, OptionError
from chainrule.graph import Graph
from tests.engines.native.random_programs import differences

AARCH64 = 183  # e_machine, bytes 18 and 19 of an ELF file


def has(processor: str) -> bool:
    config.processor = processor
    try:
        hosts.host()
    except ArgumentError:
        return False
    return True


@pytest.mark.parametrize("processor", [p for p in PROCESSORS if p != "host"])
def test_code_for_processors_with_less_agrees_with_numpy(processor: str) -> None:
    if not has(processor):
        pytest.skip(f"this processor has no {processor}")
    assert not {s: wrong for s in range(40, 55) if (wrong := differences(s))}


def test_a_baseline_processor_has_short_vectors() -> None:
    config.processor = "baseline"
    assert hosts.host().vector_bytes == 16
    x = np.linspace(-3, 3, 101, dtype=np.float32)
    found = cr.compile(lambda x: cr.exp(x) * cr.tanh(x))(x).numpy()
    np.testing.assert_allclose(found, np.exp(x) * np.tanh(x), rtol=1e-6)


def test_an_unknown_processor_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(OptionError, match="'avx2', 'avx512', 'baseline', 'host'"):
        config.processor = "pentium"


@pytest.fixture
def arm() -> hosts.Host:
    """A processor with NEON, which LLVM generates code for and this one cannot run."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return hosts.described("aarch64-unknown-linux-gnu", "generic", "", set())


def test_a_training_step_becomes_code_for_arm(arm: hosts.Host) -> None:
    program = plan(run_passes(step_of_a_network()))
    schedule = fuse(program)
    texts: list[str] = []
    tasks, table = tasks_of(schedule, arm), CallTable.of(program, schedule)
    write_program(tasks, table, arm, texts.append)
    assert "x86" not in "".join(texts)
    made = [Compilation(text, arm).run() for text in texts]
    assert {int.from_bytes(m.code()[18:20], "little") for m in made} == {AARCH64}
    assembly = [m.machine.emit_assembly(m.module) for m in compilations(texts, arm)]
    assert "fmla" in "".join(assembly), "multiplies and adds at once"


def compilations(texts: list[str], found: hosts.Host) -> list[Compilation]:
    """The modules after LLVM's passes."""
    made = [Compilation(text, found) for text in texts]
    for each in made:
        each.optimise()
    return made


def step_of_a_network() -> Graph:
    """Forward, backward and update, with products, a normalisation and Adam."""
    layers = nn.Linear(20, 33), nn.Tanh(), nn.LayerNorm(33), nn.Linear(33, 5)
    model = nn.Sequential(*layers)
    optimizer = optim.Adam(model.parameters())

    def step(x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
        loss = losses.cross_entropy(model(x, training=True), y)
        optimizer.step(cr.backprop(loss))
        return loss

    return cr.trace(step, cr.zeros((16, 20)), cr.zeros(16, dtype="int64"))
