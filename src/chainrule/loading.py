"""``load``: the network that a file describes, with its values.

Place on the road: above ``nn`` and ``models``, whose classes a file may name. The
format of the file is in ``saving``, the description of a network in ``nn.module``.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from . import models as models  # importing it tells ``build`` of its classes
from . import saving
from .errors import ChainruleError, FileError, StateError
from .nn.module import Module
from .nn.module.building import build, with_dtypes
from .nn.module.state import check_state, saved_names


def load(path: str | PathLike[str]) -> Module:
    """The network that ``model.save(path)`` wrote, with its values.

    It rebuilds networks made of this package's layers. For a class of your own, build
    the network and call ``model.load(path)``. Nothing in the file is executed.

    Raises:
        FileError: for a file that is missing, damaged, or not a network's.
        StateError: when the network contains a class that is not of this package.

    Example:
        >>> import chainrule as cr, os, tempfile
        >>> from chainrule import nn
        >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
        >>> nn.Linear(2, 3).save(path)
        >>> cr.load(path)
        Linear(2 → 3)
    """
    if Path(path, "settings.json").is_file():
        raise FileError(
            f"load: {path}: the folder of a run, and not the file of a network",
            fix=f"cr.load_run({str(path)!r}), which knows its columns and classes too",
        )
    arrays, settings = saving.read(path)
    described = settings.get("model")
    if not isinstance(described, dict):
        raise FileError(
            f"load: {path}: no network was saved in it",
            fix="give it a file written by model.save",
        )
    if "own_class" in described:
        name = str(described["own_class"])[:100]
        raise StateError(
            f"load: {path}: the network contains {name}, a class of your own: this "
            "file holds its values, not its code",
            fix=f"build it, then load the values: model = {name}(…); "
            f"model.load({str(path)!r})",
        )
    names = saved_names(f"load: {path}", settings)
    try:
        model = build(described, arrays)
    except ChainruleError as error:
        raise FileError(
            f"load: {path}: the network cannot be built: {error.what}", fix=error.fix
        ) from None
    model = with_dtypes(model, arrays)
    own = dict(model.named_variables())
    fitting = check_state(f"load: {path}", type(model).__name__, own, arrays)
    for name, variable in own.items():
        variable.assign(fitting[name])
    model.class_names = names
    return model
