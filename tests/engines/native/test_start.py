"""What starts a program quickly, and what a debugged one is filled with before."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.config import config
from chainrule.engines.native.plan.calls import ELEMENTWISE, VIEWS
from chainrule.engines.native.plan.views import view_of, whole
from chainrule.engines.native.run import executable, memory
from chainrule.engines.native.write.arithmetic.elementwise import EMITTERS
from chainrule.ops.primitive import REGISTRY


def test_every_elementwise_primitive_has_an_emitter() -> None:
    assert EMITTERS.keys() == ELEMENTWISE


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_every_view_of_the_package_is_one_to_the_engine(name: str) -> None:
    x = whole(0, (2, 4, 3))
    params: dict[str, Any] = {
        "reshape": {"shape": (8, 3)},
        "transpose": {"axes": (2, 0, 1)},
        "broadcast_to": {"shape": (5, 2, 4, 3)},
        "slice": {"start": (0, 1, 0), "stop": (2, 4, 3), "step": (1, 2, 1)},
        "flip": {"axes": (1,)},
        "windows": {"kernel": (3,), "stride": (1,), "dilation": (1,)},
    }.get(name, {})
    op = REGISTRY[name]
    node = op(np.zeros((2, 4, 3), np.float32), **params)
    view = view_of(name, params, x, node.shape)
    assert view is not None
    assert view.shape == node.shape


FIRST_CALL = """
import sys
import numpy as np
import chainrule as cr
step = cr.compile(lambda x, w: cr.softmax(cr.tanh(x @ w)).sum(axis=0))
print(step(np.ones((4, 3), "f4"), np.ones((3, 2), "f4")).numpy().tolist())
print(sorted(m.split("native.")[-1] for m in sys.modules if "engines.native." in m))
"""


def test_code_from_the_cache_is_run_without_importing_the_compiler(tmp_path) -> None:
    surroundings = os.environ | {"CHAINRULE_CACHE": str(tmp_path)}
    answers = [
        subprocess.run(
            [sys.executable, "-c", FIRST_CALL],
            env=surroundings,
            capture_output=True,
            check=True,
            encoding="utf-8",
        ).stdout.splitlines()
        for _ in range(2)
    ]
    assert answers[0][0] == answers[1][0]
    assert "'write.program'" in answers[0][1]
    assert "'run.compile.workshop'" in answers[0][1]
    assert "'write" not in answers[1][1]
    assert "'run.compile.workshop'" not in answers[1][1]


def test_memory_is_filled_with_nan_before_a_debugged_run(monkeypatch) -> None:
    config.debug = True
    filled = []
    real = memory.poison

    def noted(arrays):
        real(arrays)
        filled.append([np.array(each) for each in arrays])

    monkeypatch.setattr(executable, "poison", noted)
    f = cr.compile(lambda x: (cr.exp(x).sum(axis=0), cr.argmax(x, axis=1)))
    for _ in range(2):
        f(np.ones((3, 5), np.float32))
    assert len(filled) == 2
    for _, sums, places in filled:
        assert np.isnan(sums).all() and (places == -1).all()


def test_poison_reaches_arrays_of_every_shape_and_dtype() -> None:
    arrays = [np.zeros(shape, dtype) for shape in ((), (0, 3), (2, 3))
              for dtype in ("f4", "f8", "i8", "?")]  # fmt: skip
    memory.poison(arrays)
    assert all((each.reshape(-1).view(np.uint8) == 0xFF).all() for each in arrays)
