"""Users' own files: overlays, and sets of kernels.

A file is an ordinary Python module, run once. Its errors are its author's: the traceback that
is shown begins in the file, not in kernix.
"""

from __future__ import annotations

import traceback
import types

from typing import TYPE_CHECKING, Any

from store.errors import Error


if TYPE_CHECKING:
    from pathlib import Path

    from overlays.fixpoint import Overlay


class UserFileError(Error):
    """A user's Python file raised."""

    file: str
    problem: str
    trace: str

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}\n{self.trace}"


class UserFileMissing(Error):
    """A user's Python file cannot be read."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"cannot read {self.file}: {self.reason}"


class NoOverlay(Error):
    """A file that should hold an overlay defines none."""

    file: str

    def __str__(self) -> str:
        return f"{self.file} defines no `overlay`"

    @property
    def hint(self) -> str:
        """Show what such a file defines."""
        return 'define `def overlay(final, prev): return {"name": lambda: …}`'


def load_file(path: Path) -> dict[str, Any]:
    """Return the top-level names that the Python file *path* defines, private ones left out.

    Raises:
        UserFileMissing: the file cannot be read.
        UserFileError: the file raised; with the part of the traceback that is the user's.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UserFileMissing(str(path), (error.strerror or str(error)).lower()) from None
    module = types.ModuleType(path.stem)
    module.__file__ = str(path.absolute())
    with own_errors(path):
        # Not under this module's own `from __future__`: the file says itself what it wants.
        code = compile(source, module.__file__, "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102 -- a definition is a program
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}


def load_overlay(path: Path) -> Overlay:
    """Return the function `overlay` that the Python file *path* defines.

    Raises:
        NoOverlay: there is none.
    """
    overlay = load_file(path).get("overlay")
    if not callable(overlay):
        raise NoOverlay(str(path))
    found: Overlay = overlay
    return found


class own_errors:  # noqa: N801 -- used as a `with` block, named like contextlib's
    """Turn what is raised inside the block by the user's file into a `UserFileError`.

    kernix' own errors pass: they are sentences already.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()

    def __enter__(self) -> None:
        """Begin to watch."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        """Raise the user's error in our form, if there is one."""
        if error is None or isinstance(error, Error) or not isinstance(error, Exception | SystemExit):
            return
        while trace is not None and trace.tb_frame.f_code.co_filename != str(self._path):
            trace = trace.tb_next
        text = "".join(traceback.format_exception(type(error), error, trace, chain=False)).rstrip()
        last = traceback.format_exception_only(error)[-1].strip()
        raise UserFileError(str(self._path), last, text) from None
