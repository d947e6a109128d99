"""The peak of the processor: what reports compare programs with."""

from __future__ import annotations

import time

import numpy as np

import chainrule as cr
from chainrule.compiler.registry import engine_named
from chainrule.engines.native.choose.processor import host
from chainrule.engines.native.run import peak
from chainrule.engines.native.run.compile.llvm import Compilation, Library
from chainrule.engines.native.run.peak import peak_flops
from chainrule.engines.native.write import ir


def test_no_product_is_faster_than_the_peak() -> None:
    a = cr.tensor(np.ones((256, 256), np.float32))
    product = cr.compile(lambda a, b: a @ b, engine="native")
    with cr.config.using(threads=1):
        product(a, a)
        seconds = []
        for _ in range(40):
            began = time.perf_counter()
            product(a, a)
            seconds.append(time.perf_counter() - began)
    rate = 2 * 256**3 / min(seconds)
    best = max(peak_flops.__wrapped__(1, host()) for _ in range(3))
    assert 0.1 < rate / best < 1.5  # machines are shared


def test_it_is_that_of_reports() -> None:
    with cr.config.using(threads=1):
        speed = engine_named("native").speed()
    assert speed is not None
    assert speed.flops == peak_flops(1, host())


def test_multiplications_are_made_one_for_one() -> None:
    """Machine code that does less than it is counted for would make the peak too high:
    with x = 2, y = 3 every turn adds six to every lane of every sum."""
    module, lanes, sums = ir.Module("test"), host().vector_bytes // 4, 5
    peak._write(module, lanes, sums)
    library = Library(Compilation(str(module), host()).run().code())
    vectors = np.zeros((sums + 2, lanes), np.float32)
    vectors[0], vectors[1] = 2, 3
    vectors[2:] = np.arange(sums)[:, None]
    kind = peak.ctypes.CFUNCTYPE(None, peak.ctypes.c_size_t, peak.ctypes.c_int64)
    kind(library.address(peak.NAME))(vectors.ctypes.data, 1000)
    assert (vectors[2:] == 6000 + np.arange(sums)[:, None]).all()
    del library
