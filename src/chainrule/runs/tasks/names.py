"""The tasks that ``--task`` names; each is imported when it is asked for.

Place on the road: above all of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, cast

from .task import Task

#: name ↦ the file here that has it.
TASKS: Mapping[str, str] = {
    "forecast": "forecast",
    "handwriting": "handwriting",
    "language": "language",
    "speech": "speech",
    "tag": "tagging",
    "text": "texts",
    "translate": "translate",
    "vectors": "vectors",
    "writing": "writing",
}


def task_named(name: str) -> Task:
    """The task of a name.

    Example:
        >>> task_named("language").what
        'writes on'
    """
    module = importlib.import_module(f".{TASKS[name]}", __package__)
    return cast(Task, module.TASK)


def chosen(asked: Mapping[str, Any]) -> Task | None:
    """The task that options ask for; None where they ask for none of these.

    Arguments:
        asked: options by name, those that were given.
    """
    if asked.get("task") in TASKS:
        return task_named(asked["task"])
    every = (task_named(name) for name in TASKS)
    return next((each for each in every if each.is_meant(asked)), None)


def model_names() -> list[str]:
    """The names of all networks for texts."""
    return sorted({each for name in TASKS for each in task_named(name).networks})
