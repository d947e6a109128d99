"""``python -m benchmarks``: time workloads in chainrule and its peers, side by side."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import harness, report, workloads


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
        default=",".join(workloads.PEERS),
        help="names separated by commas; 'torch' stands for torch-eager,torch-compile",
    )
    parser.add_argument("--rounds", type=positive, default=7, help="default: 7")
    parser.add_argument(
        "--threads", type=positive, default=1, help="for each peer; default: 1"
    )
    parser.add_argument(
        "--seconds", type=float, default=0.3, help="least length of a timing, in s"
    )
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    return parser


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1")
    return int(text)


def chosen_peers(text: str) -> list[str]:
    """The peers that a list of names stands for."""
    chosen = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        found = [p for p in workloads.PEERS if p == name or p.startswith(f"{name}-")]
        if not found:
            raise SystemExit(
                f"unknown peer {name!r}: expected one of {', '.join(workloads.PEERS)}"
            )
        chosen += found
    return chosen


def show_list() -> None:
    """What there is to run, and by whom."""
    for name in workloads.WORKLOADS:
        workload = workloads.load(name)
        print(f"{name:12}{workload.SUMMARY}")
        print(f"{'':12}peers: {', '.join(workloads.takes_part(workload))}\n")


def main() -> int:
    """Run the workloads asked for; print a table each, and write the JSON file."""
    options = parser().parse_args()
    if options.list:
        show_list()
        return 0
    for name in options.workloads:
        if name not in workloads.WORKLOADS:
            known = ", ".join(workloads.WORKLOADS)
            raise SystemExit(f"unknown workload {name!r}: expected one of {known}")
    peers = chosen_peers(options.peers)
    about = report.machine(options.threads)
    with harness.only_processors(options.threads):
        floor = harness.measure_floor(options.threads)
    print(
        f"{about['processor']}, {about['cores']} cores, {options.threads} thread(s); "
        f"peak {floor.gigaflops:.0f} GFLOP/s, memory {floor.gigabytes:.1f} GB/s\n"
        f"Python {about['python']}; "
        + ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    )
    results = []
    for name in options.workloads or workloads.WORKLOADS:
        result = harness.run_workload(
            name, peers, options.rounds, options.threads, options.seconds, floor
        )
        results.append(result)
        print("\n" + report.table(result), flush=True)
    if options.json:
        text = report.as_json(results, about, floor)
        options.json.write_text(text, encoding="utf-8")
    different = [t for r in results for t in r.timings if t.same_work is False]
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
