"""Sources on this machine, identified by their current content.

A path is read when the definition is evaluated, and its tree digest becomes the derivation's
fixed hash: editing a file changes the derivation, touching it does not.
"""

from __future__ import annotations

import os

from pathlib import Path

from derivations.callers.relative_path import relative_to_caller
from derivations.context import contents_in_use
from derivations.derivation import Derivation, Fixed, Hints
from derivations.fetch import ANY_SYSTEM
from store.errors import Error, reason_of
from store.path import InvalidStorePath, check_name, fitting_name


class NoSource(Error):
    """A path in a definition cannot be read, or is of the wrong kind."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"cannot read {self.path}: {self.reason}"

    @property
    def hint(self) -> str:
        """Say what a relative path is relative to."""
        return "a relative path is relative to the directory of the Python file that names it"


class UnfitName(Error):
    """The name of a file cannot be the name of a derivation."""

    name: str
    reason: str
    fitting: str

    def __str__(self) -> str:
        return f"{self.name!r} cannot be the name of a derivation: {self.reason}"

    @property
    def hint(self) -> str:
        """Say how to choose another name."""
        return f'choose another name, such as `name="{self.fitting}"`'


def local_file(path: str | os.PathLike[str], *, name: str | None = None) -> Derivation:
    """Return the file at *path*, relative to the directory of the calling file.

    Raises:
        NoSource: there is no such file.
        UnfitName: its name, or *name*, cannot be the name of a derivation.
    """
    place = relative_to_caller(path)
    if not place.is_file():
        raise NoSource(place, "it is a directory" if place.is_dir() else "there is no such file")
    return _local(place, name)


def local_source(path: str | os.PathLike[str], *, name: str | None = None) -> Derivation:
    """Return the directory at *path*, relative to the directory of the calling file.

    Raises:
        NoSource: there is no such directory.
        UnfitName: its name, or *name*, cannot be the name of a derivation.
        InvalidTree: it contains something other than files, directories and symbolic links.
    """
    place = relative_to_caller(path)
    if not place.is_dir():
        raise NoSource(place, "it is a file" if place.exists() else "there is no such directory")
    return _local(place, name)


def text_file(name: str, text: str, *, executable: bool = False) -> Derivation:
    """Return a file called *name* that contains *text*.

    Raises:
        UnfitName: *name* cannot be the name of a derivation.
    """
    env = {"text": text}
    if executable:
        env["executable"] = "1"
    return Derivation(
        name=_checked(name),
        system=ANY_SYSTEM,
        builder="builtin:write-text",
        env=env,
        hints=Hints(description=f"write {name}"),
    )


def _local(place: Path, name: str | None) -> Derivation:
    called = _checked(place.name if name is None else name)
    resolved = place.resolve()
    try:
        content = contents_in_use()(resolved)
    except OSError as error:
        raise NoSource(Path(os.fsdecode(error.filename or place)), reason_of(error)) from None
    return Derivation(
        name=called,
        system=ANY_SYSTEM,
        builder="builtin:local",
        env={"path": str(resolved)},
        fixed=Fixed("tree", content.digest.hex()),
        hints=Hints(description=f"copy {place.name}"),
    )


def _checked(name: str) -> str:
    try:
        if isinstance(name, str):  # the derivation itself reports other problems
            check_name(name)
    except InvalidStorePath as error:
        raise UnfitName(name, error.reason, fitting_name(name)) from None
    return name
