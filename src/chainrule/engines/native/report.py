"""What the kernels of a program do, and how they are cut: for ``explain``.

Place on the road: beside the engine. It reads tasks; nothing is computed by it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...compiler.engine import KernelReport
from .choose.scan import ScanCut
from .choose.task import Task, Tasks
from .write.kinds import KINDS


def kernel_reports(tasks: Tasks) -> list[KernelReport]:
    """A report for every kernel, in the order in which they run."""
    return [_report(each.task) for each in tasks.launches]


def _report(task: Task[Any, Any]) -> KernelReport:
    report = replace(KINDS[type(task.kernel)].figures(task), cut=str(task))
    if not isinstance(task.cut, ScanCut):
        return report
    inside = tuple(kernel_reports(task.cut.body))
    flops = task.kernel.length * sum(each.flops for each in inside)
    return replace(report, flops=flops, inside=inside)
