"""Checkpoints: the complete state of a training run in a file.

Place on the road: between a ``Run`` and the file format of ``saving``. A file has the
arrays of ``snapshot.capture``, the sums over the current epoch and the state of the
callbacks, and as JSON the position in the loop, the history, and what identifies the
run. It is written whole or not at all. This module must not know of the loop.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import saving
from ..errors import FileError, StateError
from ..graph import Array
from ..nn.module import Module
from .formats import plain, restored
from .run import Run
from .snapshot import capture, part, restore
from .tally import Tally

KIND = "training checkpoint"
VERSION = 1
SUFFIX = ".safetensors"

#: Characters of a value in a message, at most.
LONGEST = 60

#: Files of a folder: ``step-00000120.safetensors``.
_NAME = re.compile(r"step-(\d+)" + re.escape(SUFFIX))


def file_name(step: int) -> str:
    """The name of the checkpoint after a step.

    Example:
        >>> file_name(120)
        'step-00000120.safetensors'
    """
    return f"step-{step:08d}{SUFFIX}"


def files_in(folder: Path) -> list[Path]:
    """The checkpoints of a folder, newest first."""
    if not folder.is_dir():
        return []
    steps = [(int(m[1]), p) for p in folder.iterdir() if (m := _NAME.fullmatch(p.name))]
    return [path for _, path in sorted(steps, reverse=True)]


# Writing. --------------------------------------------------------------------


def write(run: Run, path: Path) -> None:
    """Writes where a run stands, whole or not at all.

    Raises:
        FileError: when it cannot be written; an older file stays as it was.
    """
    arrays = capture(run.model, run.optimizer)
    epoch, batch = run.place
    sums, totals = run.tally.state() if batch else Tally(()).state()
    arrays |= {f"tally.{name}": array for name, array in totals.items()}
    callbacks = []
    for i, callback in enumerate(stateful(run)):
        values, own = _separated(callback.state_dict())
        arrays |= {f"callback.{i}.{name}": array for name, array in own.items()}
        callbacks.append({"type": type(callback).__name__, "values": values})
    settings = {
        "kind": KIND,
        "checkpoint_version": VERSION,
        "identity": identity(run),
        "epoch": epoch,
        "batch": batch,
        "step": run.step,
        "loss": run.loss,
        "seconds": run.epoch_seconds() if batch else 0.0,
        "tally": sums,
        "history": run.history.epochs,
        "environment": run.history.settings.get("environment"),
        "row": run.row,
        "callbacks": callbacks,
    }
    if run.model.class_names is not None:
        settings["class_names"] = run.model.class_names
    path.parent.mkdir(parents=True, exist_ok=True)
    saving.write(path, arrays, plain(settings))


def identity(run: Run) -> dict[str, Any]:
    """What must be unchanged for a run to be resumed."""
    return {
        "seed": run.seed,
        "batch_size": run.batch_size,
        "accumulate": run.accumulate,
        "drop_last": run.drop_last,
        "data": run.data_identity,
        "loss": run.history.settings.get("loss"),
        "optimizer": type(run.optimizer).__name__,
        "metrics": [metric.name for metric in run.tally.metrics],
        "validation": run.history.settings.get("validation"),
        **_objective(run),
    }


def _objective(run: Run) -> dict[str, Any]:
    """What a model that returns its own loss minimises: its settings, with layers that
    have no parameters as they are printed. Networks are known by their arrays.
    """
    if not run.model.outputs_loss:
        return {}
    name, found = type(run.model).__name__, {}
    for setting, value in run.model.settings().items():
        if not isinstance(value, Module):
            found[f"{name}.{setting}"] = value
        elif not value.parameters():
            found[f"{name}.{setting}"] = repr(value)
    return found


def stateful(run: Run) -> list[Any]:
    """The callbacks that have state."""
    return [c for c in run.callbacks if hasattr(c, "state_dict") and c.state_dict()]


def _separated(state: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Array]]:
    """JSON values, and arrays; a dictionary of arrays is a prefix."""
    values: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    for name, value in state.items():
        if isinstance(value, np.ndarray):
            arrays[name] = value
        elif isinstance(value, dict) and any(
            isinstance(each, np.ndarray) for each in value.values()
        ):
            arrays |= {f"{name}.{key}": np.asarray(v) for key, v in value.items()}
        else:
            values[name] = value
    return values, arrays


# Reading. --------------------------------------------------------------------


def resume(run: Run, path: Path, *, required: bool) -> bool:
    """Restores a run from a checkpoint; False if there is none.

    Arguments:
        run: a run that has not started.
        path: a checkpoint, or a folder of them, of which the newest complete one is
            read.
        required: whether it is an error that there is none.

    Raises:
        FileError: when there is none, or none that can be read.
        StateError: when it is of another run: the message says in what.
    """
    files = files_in(path) if path.is_dir() else [path] if path.exists() else []
    if not files:
        if not required:
            return False
        what = "no checkpoint in this folder" if path.is_dir() else "no such file"
        raise FileError(
            f"resume: {os.fspath(path)}: {what}",
            fix='resume="auto" starts a new run where there is none',
        )
    arrays, settings = _newest_whole(files)
    _check(run, settings)
    _restore(run, arrays, settings)
    return True


def _newest_whole(files: list[Path]) -> tuple[dict[str, Array], dict[str, Any]]:
    damage: list[FileError] = []
    for file in files:
        try:
            arrays, settings = saving.read(file)
        except FileError as error:
            damage.append(error)
            continue
        if settings.get("kind") != KIND:
            raise FileError(
                f"resume: {os.fspath(file)}: not a training checkpoint",
                fix="a file or folder that callbacks.Checkpoint wrote",
            )
        if damage:
            warnings.warn(
                f"resume: {damage[0].what}; continuing from {file.name} instead",
                stacklevel=2,
            )
        return arrays, settings
    raise damage[0]


def _check(run: Run, settings: Mapping[str, Any]) -> None:
    """Raises a ``StateError`` that names the first difference."""
    if settings.get("checkpoint_version") != VERSION:
        raise StateError(
            f"resume: checkpoint of version {settings.get('checkpoint_version')}: "
            f"this package reads version {VERSION}"
        )
    # What older checkpoints do not say was as it is by default.
    then = {"accumulate": 1, "drop_last": False, **settings["identity"]}
    now = plain(identity(run))
    if "class_names" in settings:
        then["class_names"] = settings["class_names"]
        now["class_names"] = plain(run.model.class_names)
    for name, value in now.items():
        if then.get(name) != value:
            raise StateError(
                f"resume: {name} is {_brief(value)}, and was {_brief(then.get(name))} "
                "in the run that wrote the checkpoint: a run is resumed with the "
                "settings that it began with",
                fix=f"fit with the same {name}, or start a new run without resume=",
            )


def _brief(value: Any) -> str:
    if isinstance(value, dict) and "shapes" in value:
        shapes = " and ".join(str(tuple(shape)) for shape in value["shapes"])
        return f"{shapes} with checksum {value['checksum']:08x}"
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def _restore(
    run: Run, arrays: Mapping[str, Array], settings: Mapping[str, Any]
) -> None:
    try:
        restore(run.model, run.optimizer, arrays)
    except (StateError, ValueError) as error:
        raise StateError(
            f"resume: the checkpoint is of another model or optimizer: "
            f"{getattr(error, 'what', error)}",
            fix="build both as in the run that wrote it",
        ) from error
    run.epoch, run.batch, run.step = (settings[n] for n in ("epoch", "batch", "step"))
    run.loss, run.seconds = float(settings["loss"]), settings["seconds"]
    run.history.epochs = [restored(row) for row in settings["history"]]
    run.row = run.history.epochs[-1] if run.history.epochs else {}
    run.tally.load(settings["tally"], part(arrays, "tally"))
    _restore_callbacks(run, arrays, settings["callbacks"])


def _restore_callbacks(
    run: Run, arrays: Mapping[str, Array], saved: list[dict[str, Any]]
) -> None:
    """Each callback gets the state saved by the one of its class, in the same order."""
    waiting = list(enumerate(saved))
    for callback in run.callbacks:
        if not hasattr(callback, "load_state_dict"):
            continue
        for place, (i, entry) in enumerate(waiting):
            if entry["type"] == type(callback).__name__:
                state = {**restored(entry["values"]), **part(arrays, f"callback.{i}")}
                callback.load_state_dict(state)
                del waiting[place]
                break
