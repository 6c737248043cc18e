"""The command `kernix`: the only place where errors are caught, printed and turned into exit codes.

    0    success                           100  a builder failed
    1    an error                          101  a builder timed out
    2    the request itself is wrong       102  something does not have the expected hash
    130  interrupted                         104  what was built again differs

The packages `store`, `derivations` and `overlays` and the module `kernels` are installed under these plain names, and
another project may have installed something with the same name (a package even takes precedence over a module). So
they are looked up before they are imported (`derivations.shadowing`); therefore everything else is imported inside
functions here. A build with nothing to do takes as long as its modules take to load (`kernix.answers.cache`), so few of
Python's modules are imported, and only `store`, which that build needs, is looked up for it.
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


YOUNG = 100_000
"""How many new objects Python makes before it collects garbage among them; any number that short runs do not reach would do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line *arguments*, by default those of the process, and return the exit code."""
    # Objects from start-up live until the end: collecting garbage among them takes a tenth of a short run.
    gc.set_threshold(YOUNG)
    if arguments is not None:
        return _run(list(arguments))
    try:
        code = _run(sys.argv[1:], alone=True)
    except Exception:  # noqa: BLE001 -- a bug in kernix, which the traceback shows
        code = _trace()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:  # noqa: SIM105 -- start-up: contextlib
            stream.flush()
        except OSError:
            pass
    # The store is closed and no thread is left: finalising the interpreter takes a tenth of a short run.
    os._exit(code)


def _store_is_ours() -> bool:
    """Return whether `import store` finds kernix' own package."""
    spec = PathFinder.find_spec("store")
    if spec is None or spec.origin != f"{ROOT}/store/__init__.py":
        return False
    with open(spec.origin, "rb") as file:
        return b'__part_of__ = "kernix"' in file.read()


def _report_hidden() -> bool:
    """Report a part of kernix that another project's module hides; return whether there is one."""
    from importlib import util  # noqa: PLC0415 -- start-up

    # By its path: `derivations` itself may be hidden.
    spec = util.spec_from_file_location("kernix.shadowing", f"{ROOT}/derivations/shadowing.py")
    if spec is None or spec.loader is None:
        return False
    shadowing = util.module_from_spec(spec)
    spec.loader.exec_module(shadowing)
    if (problem := shadowing.shadowed()) is None:
        return False
    from kernix.output.printable import guarded  # noqa: PLC0415 -- start-up

    with guarded():
        sys.stderr.write(f"error: {problem.sentence}\nhint: {problem.hint}\n")
    return True


def _run(arguments: list[str], *, alone: bool = False) -> int:
    """Run the command line *arguments*; with *alone*, this process does nothing else and its signals are handled."""
    try:
        code = _code(arguments, alone=alone)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BaseException as error:
        from kernix.interruption import cause_of  # noqa: PLC0415 -- start-up: only to report something
        from kernix.output.messages import report_end  # noqa: PLC0415 -- as above

        if (failed := report_end(cause_of(error))) is None:
            raise
        return failed
    return code


def _trace() -> int:
    """Show the traceback of the current exception, made printable."""
    import traceback  # noqa: PLC0415 -- start-up: only to report something

    from kernix.output.printable import guarded  # noqa: PLC0415 -- as above

    with guarded():
        traceback.print_exc()
    return 1


def _code(arguments: list[str], *, alone: bool) -> int:
    # The answer needs only `store`; if something else is hidden, that matters only without an answer.
    if not _store_is_ours() and _report_hidden():
        return 1
    from kernix.answers import cache  # noqa: PLC0415 -- after `store` has been looked up

    if (text := cache.answer(arguments, os.environ)) is not None:
        cache.report_nothing()
        if sys.stdout is not None:
            sys.stdout.write(f"{text}\n")
        return 0
    if _report_hidden():
        return 1
    if alone:
        from kernix import interruption  # noqa: PLC0415 -- start-up: only for what may take long

        interruption.install()
        with interruption.interrupt_after_signal():
            return _verb(arguments)
    return _verb(arguments)


def _verb(arguments: list[str]) -> int:
    from kernix.cli import kernix  # noqa: PLC0415 -- start-up: only to parse the command line
    from kernix.output.printable import guarded  # noqa: PLC0415 -- as above

    with guarded():
        code: object = kernix.main(arguments, prog_name="kernix", standalone_mode=False, obj=tuple(arguments))
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
