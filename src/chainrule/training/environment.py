"""What a run was made with, besides its settings: versions, processor, threads.

Place on the road: beneath the history, which keeps it. It must not know of training.
"""

from __future__ import annotations

import functools
import importlib.util
import platform
import sys
from pathlib import Path
from typing import Any

from ..config import config

#: The packages whose release may change a number.
PACKAGES = ("numpy", "llvmlite", "scipy")


def environment() -> dict[str, Any]:
    """Versions, processor and threads, as JSON values.

    Example:
        >>> sorted(environment())[:4]
        ['chainrule', 'llvmlite', 'numpy', 'processor']
    """
    return {**_machine(), "threads": config.threads}


@functools.cache
def _machine() -> dict[str, str]:
    """What stays the same while the program runs."""
    versions = {package: version_of(package) or "none" for package in PACKAGES}
    return {
        "chainrule": sys.modules["chainrule"].__version__,  # it imports this room
        "python": f"{platform.python_version()} {platform.python_implementation()}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": processor_name(),
        **versions,
    }


def version_of(package: str) -> str | None:
    """The installed release of a package; None where it is not installed.

    An installer writes it into the name of a folder beside the package. Where there is
    none, or no module of its name (scikit-learn), Python is asked, whose answer takes
    longer than a small network trains.
    """
    found = importlib.util.find_spec(package)
    if found is not None and found.origin is not None:
        for folder in Path(found.origin).parents[1].glob(f"{package}-*.dist-info"):
            return folder.stem.rpartition("-")[2]
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def processor_name() -> str:
    """What the maker of the processor calls it, as far as the system says."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"
