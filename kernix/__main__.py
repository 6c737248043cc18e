"""The command `kernix`: the one place where errors are caught, printed, and become exit codes.

    0    done                              100  a builder failed
    1    an error                          101  a builder took too long
    2    the request itself is wrong       102  something has another hash than it must have
    130  interrupted

The packages `store`, `derivations` and `overlays` and the module `kernels` are installed under
these plain names, and another project may have brought one of the same name (a package even
beats a module). So before anything of them is imported they are looked up and must lie beside
this package; that is why everything else is imported inside functions here. And since a build in
which nothing is to do takes no longer than modules take to load (`kernix.answers.cache`), few of Python's are.
"""

from __future__ import annotations

import gc
import os
import sys

from importlib.machinery import PathFinder

from kernix.places import ROOT


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


NEIGHBOURS = ("store", "derivations", "overlays", "kernels")

YOUNG = 100_000
"""How many new objects are let be before Python looks for garbage among them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line *arguments*, by default the process' own, and return the exit code."""
    if (problem := shadowed()) is not None:
        sys.stderr.write(f"error: {problem}\nhint: run kernix from its own virtual environment\n")
        return 1
    # What start-up makes lives until the end: looking for garbage in it is a tenth of a short run.
    gc.set_threshold(YOUNG)
    if arguments is not None:
        return _run(list(arguments))
    try:
        code = _run(sys.argv[1:], alone=True)
    except Exception:  # noqa: BLE001 -- a mistake of kernix' own, of which the traceback tells
        code = _trace()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:  # noqa: SIM105 -- start-up: contextlib
            stream.flush()
        except OSError:
            pass
    # The store is closed and no thread is left: to take the interpreter to pieces is a tenth of a short run.
    os._exit(code)


def shadowed() -> str | None:
    """Return what is wrong if `import store` and its like would find another project's, else None."""
    for name in NEIGHBOURS:
        spec = PathFinder.find_spec(name)
        if spec is None or spec.origin is None:
            return f"`{name}`, a part of kernix, does not lie in {ROOT}"
        lies = os.path.dirname(spec.origin if spec.submodule_search_locations is None else os.path.dirname(spec.origin))
        if lies != ROOT:
            return f"`import {name}` finds {spec.origin}, which is not a part of kernix"
    return None


def _run(arguments: list[str], *, alone: bool = False) -> int:
    """Run the command line *arguments*; if they are *alone* in this process, its signals are theirs."""
    try:
        code = _code(arguments, alone=alone)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BaseException as error:
        from kernix.interruption import meant  # noqa: PLC0415 -- start-up: where something is to be told
        from kernix.output.messages import tell  # noqa: PLC0415 -- as above

        if (told := tell(meant(error))) is None:
            raise
        return told
    return code


def _trace() -> int:
    """Show the traceback of the exception that is being handled, in characters that a terminal does not obey."""
    import traceback  # noqa: PLC0415 -- start-up: where something is to be told

    from kernix.output.printable import guarded  # noqa: PLC0415 -- as above

    with guarded():
        traceback.print_exc()
    return 1


def _code(arguments: list[str], *, alone: bool) -> int:
    from kernix.answers import cache  # noqa: PLC0415 -- after the look at the neighbours

    if (text := cache.answer(arguments, os.environ)) is not None:
        if sys.stdout is not None:
            sys.stdout.write(f"{text}\n")
        return 0
    if alone:
        from kernix import interruption  # noqa: PLC0415 -- start-up: where something may take long

        interruption.install()
        with interruption.heard():
            return _verb(arguments)
    return _verb(arguments)


def _verb(arguments: list[str]) -> int:
    from kernix.cli import kernix  # noqa: PLC0415 -- start-up: where words are to be understood
    from kernix.output.printable import guarded  # noqa: PLC0415 -- as above

    with guarded():
        code: object = kernix.main(arguments, prog_name="kernix", standalone_mode=False, obj=tuple(arguments))
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
