"""The tasks that ``--task`` names; each is imported when it is asked for.

Place on the road: above all of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ...errors import ArgumentError
from ..sources import FOR_TABLES
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

    Raises:
        ArgumentError: none is asked for, by an option that only tasks have a use for.
    """
    if asked.get("task") in TASKS:
        return task_named(asked["task"])
    every = [task_named(name) for name in TASKS]
    meant = next((each for each in every if each.is_meant(asked)), None)
    if meant is None:
        _refuse_options_of_tasks(asked, every)
    return meant


def _refuse_options_of_tasks(asked: Mapping[str, Any], every: Sequence[Task]) -> None:
    for option in asked:
        users = [each.name for each in every if option in each.takes]
        if users and option not in FOR_TABLES:
            raise ArgumentError(
                f"--{option}: it is for --task {' and '.join(users)}",
                fix=f"leave --{option} out, or --task {users[0]}",
            )


def model_names() -> list[str]:
    """The names of all networks for texts."""
    return sorted({each for name in TASKS for each in task_named(name).networks})
