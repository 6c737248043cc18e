"""Users' own files: overlays, and sets of kernels.

A file is an ordinary Python module, run once. It may import what lies beside it, as a script may. Two files from two
directories may each have a `common.py` beside them: none sees the other's, so what lies beside a file must be
imported while that runs, and not by a function of it that is called later. Its errors are its author's: the
traceback that is shown begins in the file, not in kernix.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
import types

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from store.errors import Error, reason_of


if TYPE_CHECKING:
    from collections.abc import Iterator

    from derivations.fixpoint import Overlay


_USERS = "__kernix_definition__"
"""What a module of the user's has among its globals."""


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


class NeighbourHidden(Error):
    """A user's Python file imports another one beside it, and Python finds something else under that name.

    Attributes:
        file: The file that imports.
        module: The name that it imports.
        beside: The file or package of that name beside it.
        found: What Python finds.
    """

    file: str
    module: str
    beside: str
    found: str

    def __str__(self) -> str:
        return f"{self.file}: `import {self.module}` finds {self.found}, not {self.beside}"

    @property
    def hint(self) -> str:
        """Say what to do about it."""
        return f"rename {Path(self.beside).name}: names of kernix' parts, of libraries and of Python's own modules come first"


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
        NeighbourHidden: it raised because an import did not find the file beside it.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UserFileMissing(str(path), reason_of(error)) from None
    place = str(path.absolute())
    module = types.ModuleType(place)
    module.__file__ = place
    vars(module)[_USERS] = True
    # Dataclasses, and others that evaluate annotations, look for a class's module there. No import can ask for that name.
    sys.modules[place] = module
    with own_errors(path), _importing_beside(path):
        # Not under this module's own `from __future__`: the file says itself what it wants.
        code = compile(source, place, "exec", dont_inherit=True)
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
    return cast("Overlay", overlay)


def is_users(frame: types.FrameType) -> bool:
    """Return whether *frame* runs code of a user's file, or of what that imported from beside it."""
    return _USERS in frame.f_globals


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
        if (hidden := _hidden_neighbour(error, self._path)) is not None:
            raise hidden from None
        while trace is not None and not is_users(trace.tb_frame):
            trace = trace.tb_next
        text = "".join(traceback.format_exception(type(error), error, trace, chain=False)).rstrip()
        last = traceback.format_exception_only(error)[-1].strip()
        raise UserFileError(str(self._path), last, text) from None


def _hidden_neighbour(error: BaseException, file: Path) -> NeighbourHidden | None:
    """Return what is wrong if *error* comes from a name that a module beside *file* has, and another of its name has not."""
    module = getattr(error, "obj", None) if isinstance(error, AttributeError) else sys.modules.get(_imported(error))
    if not isinstance(module, types.ModuleType) or _lies_in(module, str(file.parent)):
        return None
    for name in (f"{module.__name__}.py", f"{module.__name__}/__init__.py"):
        if (beside := file.parent / name).is_file():
            return NeighbourHidden(
                str(file), module.__name__, str(beside), str(getattr(module, "__file__", "Python's own"))
            )
    return None


def _imported(error: BaseException) -> str:
    """Return the name of the module that *error* says something could not be imported from."""
    return (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""


@contextlib.contextmanager
def _importing_beside(path: Path) -> Iterator[None]:
    """Let what runs inside import modules from the directory of *path*, which nothing that runs later gets."""
    directory = str(path.absolute().parent)
    if directory in sys.path:
        yield
        return
    known, writes = frozenset(sys.modules), sys.dont_write_bytecode
    sys.path.append(directory)  # behind all others: no file of the user's can stand for one of ours
    # Bytecode is told from its source by size and second, and a script may change that faster.
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.path.remove(directory)
        sys.dont_write_bytecode = writes
        new = {name: module for name, module in sys.modules.items() if name not in known}
        beside = {name for name, module in new.items() if "." not in name and _lies_in(module, directory)}
        for name, module in new.items():
            if name.partition(".")[0] in beside:
                vars(module)[_USERS] = True
                del sys.modules[name]


def _lies_in(module: types.ModuleType, directory: str) -> bool:
    places = list(getattr(module, "__path__", ())) or [getattr(module, "__file__", None)]
    return any(place is not None and str(Path(place).parent) == directory for place in places)
