"""``python -m benchmarks``: time workloads in chainrule and its peers, side by side."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from . import harness, markdown, report, workloads

#: Workloads with more cases are shown in one table.
FEW_CASES = 3


def parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="The same work in chainrule and its peers, side by side.",
        epilog="example: python -m benchmarks mlp-tiny import --peers chainrule,torch",
    )
    parser.add_argument("workloads", nargs="*", help="which workloads; default: all")
    parser.add_argument("--list", action="store_true", help="list workloads and peers")
    parser.add_argument(
        "--peers",
        default=",".join(workloads.USUAL),
        help="names separated by commas; 'torch' stands for torch-eager,torch-compile; "
        "default: all but those that name chainrule's engine",
    )
    parser.add_argument(
        "--without", default="", help="peers to leave out: torch-compile,keras"
    )
    parser.add_argument(
        "--against",
        type=checkout,
        metavar="FOLDER",
        help="another checkout of chainrule, which takes part as chainrule-before",
    )
    parser.add_argument("--rounds", type=positive, default=7, help="default: 7")
    parser.add_argument(
        "--threads", type=positive, default=1, help="for each peer; default: 1"
    )
    parser.add_argument(
        "--seconds", type=float, default=0.3, help="least length of a timing, in s"
    )
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    parser.add_argument(
        "--markdown", type=Path, help="write a table of all results to this file"
    )
    return parser


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1")
    return int(text)


def checkout(text: str) -> Path:
    """The folder of the package in a checkout."""
    source = Path(text) / "src"
    if not (source / "chainrule" / "__init__.py").is_file():
        raise argparse.ArgumentTypeError(f"{text!r}: no checkout of chainrule")
    return source


def chosen_peers(text: str) -> list[str]:
    """The peers that a list of names stands for."""
    chosen = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        found = [p for p in workloads.USUAL if p.startswith(f"{name}-")]
        if name in workloads.PEERS:
            found = [name]
        if not found:
            raise SystemExit(
                f"unknown peer {name!r}: expected one of {', '.join(workloads.PEERS)}"
            )
        chosen += found
    return chosen


def chosen_workloads(names: list[str]) -> list[str]:
    """The workloads asked for, or all."""
    for name in names:
        if name not in workloads.WORKLOADS:
            known = ", ".join(workloads.WORKLOADS)
            raise SystemExit(f"unknown workload {name!r}: expected one of {known}")
    return names or list(workloads.WORKLOADS)


def show_list() -> None:
    """What there is to run, and by whom."""
    for name in workloads.WORKLOADS:
        workload = workloads.load(name)
        print(f"{name:15}{workload.SUMMARY}")
        print(f"{'':15}peers: {', '.join(workloads.takes_part(workload))}\n")


def measure(options: argparse.Namespace, floor: harness.Floor) -> list[harness.Result]:
    """Run the workloads asked for; print a table for each."""
    without = chosen_peers(options.without)
    peers = [peer for peer in chosen_peers(options.peers) if peer not in without]
    if options.against:
        workloads.compare_with(options.against)
        peers.append(workloads.BEFORE)
    results = []
    with tempfile.TemporaryDirectory() as cache:
        for name in chosen_workloads(options.workloads):
            found = harness.run_workload(
                name,
                peers,
                options.rounds,
                options.threads,
                options.seconds,
                floor,
                cache,
            )
            results += found
            few = len(found) <= FEW_CASES
            tables = [report.table(result, floor) for result in found]
            print("", *(tables if few else [report.family(found, floor)]), sep="\n\n")
            sys.stdout.flush()
    return results


def main() -> int:
    """Run the workloads asked for; print a table each, and write the files."""
    options = parser().parse_args()
    if options.list:
        show_list()
        return 0
    chosen_workloads(options.workloads)
    chosen_peers(f"{options.peers},{options.without}")
    about = report.machine(options.threads)
    floor = harness.measure_floor(options.threads)
    print(markdown.about_machine(about, floor))
    results = measure(options, floor)
    if options.json:
        text = report.as_json(results, about, floor)
        options.json.write_text(text, encoding="utf-8")
    if options.markdown:
        text = markdown.page(results, about, floor)
        options.markdown.write_text(text, encoding="utf-8")
    different = [t for r in results for t in r.timings if t.same_work is False]
    return 1 if different else 0


def run() -> int:
    """``main``, and a quiet end where nobody reads on, as behind ``| head``."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # Python closes its output at the end, too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


if __name__ == "__main__":
    sys.exit(run())
