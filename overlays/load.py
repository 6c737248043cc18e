"""Loading users' Python files: overlays and sets of kernels.

A file is an ordinary Python module, executed once. Like a script, it may import the modules beside it. Two files in
different directories can each have a `common.py`, and neither sees the other's. For that reason a file must import its
neighbours while it is executed, not from a function that is called later. Errors in it belong to its author: the
traceback shown starts in the file, not in kernix.
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
"""A global that marks users' modules."""


class UserFileError(Error):
    """A user's Python file raised an exception."""

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
    """A user's Python file imports the module beside it, but Python finds another one with that name.

    Attributes:
        file: The importing file.
        module: The imported name.
        beside: The file or package of that name beside it.
        found: The module that Python finds.
    """

    file: str
    module: str
    beside: str
    found: str

    def __str__(self) -> str:
        return f"{self.file}: `import {self.module}` finds {self.found}, not {self.beside}"

    @property
    def hint(self) -> str:
        """Return how to fix it."""
        return f"rename {Path(self.beside).name}: modules of kernix, of libraries and of Python itself come first"


class NoOverlay(Error):
    """A file that should define an overlay does not."""

    file: str

    def __str__(self) -> str:
        return f"{self.file} does not define `overlay`"

    @property
    def hint(self) -> str:
        """Show what such a file looks like."""
        return 'define `def overlay(final, prev): return {"name": lambda: …}`'


def load_file(path: Path) -> dict[str, Any]:
    """Execute the Python file *path* and return its public top-level names.

    Raises:
        UserFileMissing: the file cannot be read.
        UserFileError: the file raised an exception; *trace* is the user's part of the traceback.
        NeighbourHidden: the exception is due to an import that did not find the file beside it.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UserFileMissing(str(path), reason_of(error)) from None
    place = str(path.absolute())
    module = types.ModuleType(place)
    module.__file__ = place
    vars(module)[_USERS] = True
    # Dataclasses and others that evaluate annotations look up a class's module there. No import can use that name.
    sys.modules[place] = module
    with own_errors(path), _importing_beside(path):
        # Without this module's own `from __future__`: the file declares what it needs.
        code = compile(source, place, "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102 -- a definition is a program
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}


def load_overlay(path: Path) -> Overlay:
    """Return the function `overlay` that the Python file *path* defines.

    Raises:
        NoOverlay: it defines none.
    """
    overlay = load_file(path).get("overlay")
    if not callable(overlay):
        raise NoOverlay(str(path))
    return cast("Overlay", overlay)


def is_users(frame: types.FrameType) -> bool:
    """Return whether *frame* runs code of a user's file, or of a module that it imported from beside it."""
    return _USERS in frame.f_globals


class own_errors:  # noqa: N801 -- used as a `with` block, named like contextlib's
    """Turn exceptions that the user's file raises inside the block into `UserFileError`.

    kernix' own errors pass unchanged: their messages are clear already.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        """Convert the user's exception, if there is one."""
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
    """Return an error if *error* is about a name that a module beside *file* has, but Python found another module."""
    module = getattr(error, "obj", None) if isinstance(error, AttributeError) else sys.modules.get(_imported(error))
    if not isinstance(module, types.ModuleType) or _is_in(module, str(file.parent)):
        return None
    for name in (f"{module.__name__}.py", f"{module.__name__}/__init__.py"):
        if (beside := file.parent / name).is_file():
            return NeighbourHidden(
                str(file), module.__name__, str(beside), str(getattr(module, "__file__", "Python's own"))
            )
    return None


def _imported(error: BaseException) -> str:
    """Return the name of the module from which, according to *error*, something could not be imported."""
    return (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""


@contextlib.contextmanager
def _importing_beside(path: Path) -> Iterator[None]:
    """Let the body import modules from the directory of *path*; code that runs later does not see them."""
    directory = str(path.absolute().parent)
    if directory in sys.path:
        yield
        return
    known, writes = frozenset(sys.modules), sys.dont_write_bytecode
    sys.path.append(directory)  # last, so that a user's file cannot replace one of ours
    # Bytecode is checked against its source by size and second, and a script may change the source faster.
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.path.remove(directory)
        sys.dont_write_bytecode = writes
        new = {name: module for name, module in sys.modules.items() if name not in known}
        beside = {name for name, module in new.items() if "." not in name and _is_in(module, directory)}
        for name, module in new.items():
            if name.partition(".")[0] in beside:
                vars(module)[_USERS] = True
                del sys.modules[name]


def _is_in(module: types.ModuleType, directory: str) -> bool:
    places = list(getattr(module, "__path__", ())) or [getattr(module, "__file__", None)]
    return any(place is not None and str(Path(place).parent) == directory for place in places)
