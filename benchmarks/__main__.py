"""`python -m benchmarks [NAME…]`: measure kernix against Nix and plain tools, in turns, and print a table."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import (
    add,
    add_again,
    add_changed,
    build,
    build_again,
    collect,
    configure,
    detect,
    explanation,
    kernel,
    live_set,
    no_op,
    rebuild,
    repair,
    unpack,
    verify,
)
from benchmarks.machine import describe
from benchmarks.peers import MISSING
from benchmarks.report import Result, as_json, notes, table
from benchmarks.workbench import Workbench, clear, prepare, say


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


BENCHMARKS: dict[str, Callable[[Workbench], Result | Sequence[Result]]] = {
    "no-op": no_op.measure,
    "add": add.measure,
    "unpack": unpack.measure,
    "add-again": add_again.measure,
    "add-changed": add_changed.measure,
    "verify": verify.measure,
    "build": build.measure,
    "build-again": build_again.measure,
    "collect": collect.measure,
    "live-set": live_set.measure,
    "configure": configure.measure,
    "explanation": explanation.measure,
    "repair": repair.measure,
    "detect": detect.measure,
    "kernel": kernel.measure,
    "rebuild": rebuild.measure,
}


def main() -> None:
    """Run the requested benchmarks."""
    arguments = _arguments()
    bases = [Path(tempfile.mkdtemp(prefix="kernix-bench-"))] if arguments.scratch is None else []
    scratch = (arguments.scratch or bases[0]).resolve()
    prepare(scratch)
    bench = Workbench(scratch=scratch, rounds=arguments.rounds, part=arguments.part, quick=arguments.quick)
    machine = describe(scratch)
    if shutil.which("nix-store") is None:
        say(MISSING)
    results: list[Result] = []
    try:
        for name in arguments.names or BENCHMARKS:
            sys.stderr.write(f"{name}\n")
            found = BENCHMARKS[name](bench)
            results += [found] if isinstance(found, Result) else found
            if arguments.json is not None:
                # After each one, so that an interrupted run leaves its results.
                arguments.json.write_text(json.dumps(as_json(machine, results), indent=2) + "\n", encoding="utf-8")
    finally:
        for base in bases:
            say("removing the scratch directory")
            clear(base)
    print("\n".join(f"{what}: {value}" for what, value in machine.items()), end="\n\n")
    details = [it.details for it in results if it.details]
    print(table(results), *details, notes(results), *([MISSING] if bench.nix is None else []), sep="\n\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"what to measure, by default all: {', '.join(BENCHMARKS)}"
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="run each side N times (5)")
    parser.add_argument("--quick", action="store_true", help="of rebuild, three cases and one round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all times to FILE")
    parser.add_argument(
        "--scratch", type=Path, metavar="DIR",
        help="work in DIR and keep what was fetched; by default in a new directory of $TMPDIR, which is removed",
    )  # fmt: skip
    parser.add_argument(
        "--part",
        type=float,
        default=1,
        metavar="X",
        help="generate only this fraction of the full amounts, to try things out",
    )
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}; choose from {', '.join(BENCHMARKS)}")
    return arguments


if __name__ == "__main__":
    # Measured processes would inherit it, and compile their modules every time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    main()
