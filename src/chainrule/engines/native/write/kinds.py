"""The kinds of kernels: how each is cut, written, called and described, in one table.

Place on the road: above all writers. A new kind of kernel is a class in
``plan.kernels``, a file with these functions, and a row here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from ....compiler.engine import KernelReport
from ..choose.convolution import choose_convolution
from ..choose.figures import (
    callback_figures,
    convolution_figures,
    gradient_figures,
    product_figures,
    scan_figures,
    special_figures,
    sweep_figures,
)
from ..choose.matrix_gradient import choose_gradient
from ..choose.product import choose_product
from ..choose.scan import choose_scan
from ..choose.special import (
    choose_argsort,
    choose_overlap,
    choose_random,
    choose_whole,
)
from ..choose.sweep import choose_sweep
from ..choose.task import Choose, Launch
from ..plan import kernels as k
from . import ir
from .calls import Calls
from .convolution.kernel import write_convolution, write_weights
from .convolution.kernel_gradient import write_gradient
from .matmul.product import write_copies, write_product
from .scan import call_scan
from .special import specials
from .special.callback import call_callback
from .special.overlap import write_overlap
from .special.random_numbers import write_random
from .special.specials import whole
from .sweep.sweep import write_sweep

#: ``write(module, name, task)`` writes the function of a task into a module.
Writer: TypeAlias = Callable[[ir.Module, str, Any], ir.Function]
#: ``call(calls, launch, body)`` writes a call; ``body`` is the main function of a
#: loop's body.
Call: TypeAlias = Callable[[Calls, Launch, ir.Function | None], None]


@dataclass(frozen=True)
class Kind:
    """What the engine does with a class of kernels.

    Attributes:
        choose: how it is cut on a processor.
        figures: what it reads, writes and computes, for ``explain``.
        write: its function, ``void (ptr arguments, i64 part, i64 parts)``, or ``i64
            (ptr arguments)`` where it may fail.
        pack: a function that runs before it, in ``task.packing_parts`` parts.
        call: how it is called, where it has no function of its own.
    """

    choose: Choose
    figures: Callable[[Any], KernelReport]
    write: Writer | None = None
    pack: Writer | None = None
    call: Call | None = None


KINDS: dict[type[Any], Kind] = {
    k.Sweep: Kind(choose_sweep, sweep_figures, write_sweep),
    k.Product: Kind(choose_product, product_figures, write_product, write_copies),
    k.Convolution: Kind(
        choose_convolution, convolution_figures, write_convolution, write_weights
    ),
    k.ConvolutionGradient: Kind(choose_gradient, gradient_figures, write_gradient),
    k.OverlapAdd: Kind(choose_overlap, special_figures, write_overlap),
    k.RandomBits: Kind(choose_random, special_figures, write_random),
    k.RandomUniform: Kind(choose_random, special_figures, write_random),
    k.NextState: Kind(choose_whole, special_figures, whole(specials.next_state)),
    k.Cumsum: Kind(choose_whole, special_figures, whole(specials.cumsum)),
    k.ArgSort: Kind(choose_argsort, special_figures, whole(specials.argsort)),
    k.Put: Kind(choose_whole, special_figures, whole(specials.put)),
    k.ScatterAdd: Kind(choose_whole, special_figures, whole(specials.scatter_add)),
    k.ScatterAlong: Kind(choose_whole, special_figures, whole(specials.scatter_along)),
    k.Check: Kind(choose_whole, special_figures, whole(specials.check)),
    k.Scan: Kind(choose_scan, scan_figures, call=call_scan),
    k.Callback: Kind(choose_whole, callback_figures, call=call_callback),
}
