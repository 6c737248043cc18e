"""The command `kernix`: the one place where errors are caught, printed, and become exit codes.

    0    done                              100  a builder failed
    1    an error                          101  a builder took too long
    2    the request itself is wrong       102  something has another hash than it must have
    130  interrupted

The packages `store`, `derivations` and `overlays` and the module `kernels` are installed under
these plain names, and another project may have brought one of the same name (a package even
beats a module). So before anything of them is imported they are looked up and must lie beside
this package; that is why everything else is imported inside functions here.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys

from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence


NEIGHBOURS = ("store", "derivations", "overlays", "kernels")

YOUNG = 100_000
"""How many new objects are let be before Python looks for garbage among them."""

FAILED = 1
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line *arguments*, by default the process' own, and return the exit code."""
    if (problem := shadowed()) is not None:
        sys.stderr.write(f"error: {problem}\nhint: run kernix from its own virtual environment\n")
        return FAILED
    # What start-up makes lives until the end: looking for garbage in it is a tenth of a short run.
    gc.set_threshold(YOUNG)
    if arguments is not None:
        return _run(list(arguments))
    code = _run(sys.argv[1:])
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with contextlib.suppress(OSError):
            stream.flush()
    # The store is closed and no thread is left: to take the interpreter to pieces is a tenth of a short run.
    os._exit(code)


def shadowed() -> str | None:
    """Return what is wrong if `import store` and its like would find another project's, else None."""
    home = Path(__file__).absolute().parent.parent
    for name in NEIGHBOURS:
        spec = PathFinder.find_spec(name)
        if spec is None or spec.origin is None:
            return f"`{name}`, a part of kernix, does not lie in {home}"
        place = Path(spec.origin)
        if home != (place.parent if spec.submodule_search_locations is None else place.parent.parent):
            return f"`import {name}` finds {spec.origin}, which is not a part of kernix"
    return None


def _run(arguments: list[str]) -> int:
    # After the look at the neighbours.
    import click  # noqa: PLC0415

    from kernix.cli import kernix  # noqa: PLC0415
    from kernix.messages import report, say_error, system_sentence, usage_sentence  # noqa: PLC0415
    from store.errors import Error  # noqa: PLC0415

    code: object = FAILED
    try:
        code = kernix.main(arguments, prog_name="kernix", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except Error as error:
        report(error)
        code = error.exit_code
    except click.ClickException as error:
        say_error(*usage_sentence(error))
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        code = getattr(error.__cause__ or error, "exit_code", INTERRUPTED)
        if code == INTERRUPTED:
            say_error("interrupted")
    except BrokenPipeError:
        # Nobody reads on. Python would say so once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        say_error(*system_sentence(error))
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
