"""``python -m experiments NAME``: runs an experiment and keeps what it found."""

from __future__ import annotations

import argparse
import importlib
import tempfile
from pathlib import Path

from . import EXPERIMENTS
from .record import RESULTS, Options, keep


def main() -> None:
    """Reads the command line, runs, prints."""
    options, name = arguments()
    experiment = importlib.import_module(f"experiments.{EXPERIMENTS[name]}")
    record = experiment.run(options)
    print(record)
    print(f"  {keep(record, options)}")


def arguments() -> tuple[Options, str]:
    """What the command line asks for."""
    lines = "\n".join(f"  {name}" for name in EXPERIMENTS)
    parser = argparse.ArgumentParser(
        prog="python -m experiments",
        description="Published results and figures, found again.",
        epilog=f"experiments:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=EXPERIMENTS, metavar="NAME")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--quick", action="store_true", help="a small part of it, in seconds"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        help="for the record and pictures; experiments/results, "
        "or a temporary one with --quick",
    )
    parser.add_argument(
        "--checkpoints",
        type=Path,
        help="keep checkpoints there, and go on from the last one",
    )
    given = parser.parse_args()
    folder = given.folder
    if folder is None:
        folder = Path(tempfile.mkdtemp()) if given.quick else RESULTS
    return Options(given.seed, given.quick, folder, given.checkpoints), given.name


if __name__ == "__main__":
    main()
