"""Sources on this machine, named by what is in them now.

A path is read when the definition is evaluated and its tree digest becomes the derivation's
fixed hash: an edited file is another derivation, a touched one is the same.
"""

from __future__ import annotations

import os

from pathlib import Path

from derivations.callers.beside import beside_caller
from derivations.context import contents_in_use
from derivations.derivation import Derivation, Fixed, Hints
from derivations.fetch import ANY_SYSTEM
from store.errors import Error, reason_of


class NoSource(Error):
    """A path in a definition does not lead to what it should."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"cannot read {self.path}: {self.reason}"

    @property
    def hint(self) -> str:
        """Tell what a relative path is relative to."""
        return "a relative path lies beside the Python file that names it"


def local_file(path: str | os.PathLike[str], *, name: str | None = None) -> Derivation:
    """Return the file at *path*, which lies beside the calling file if it is relative.

    Raises:
        NoSource: there is no file.
    """
    place = beside_caller(path)
    if not place.is_file():
        raise NoSource(place, "it is a directory" if place.is_dir() else "there is no such file")
    return _local(place, name)


def local_source(path: str | os.PathLike[str], *, name: str | None = None) -> Derivation:
    """Return the directory at *path*, which lies beside the calling file if it is relative.

    Raises:
        NoSource: there is no directory.
        InvalidTree: something in it is neither file, directory nor symbolic link.
    """
    place = beside_caller(path)
    if not place.is_dir():
        raise NoSource(place, "it is a file" if place.exists() else "there is no such directory")
    return _local(place, name)


def text_file(name: str, text: str, *, executable: bool = False) -> Derivation:
    """Return a file called *name* that holds *text*."""
    env = {"text": text}
    if executable:
        env["executable"] = "1"
    return Derivation(
        name=name, system=ANY_SYSTEM, builder="builtin:write-text", env=env, hints=Hints(description=f"write {name}")
    )


def _local(place: Path, name: str | None) -> Derivation:
    resolved = place.resolve()
    try:
        content = contents_in_use()(resolved)
    except OSError as error:
        raise NoSource(Path(os.fsdecode(error.filename or place)), reason_of(error)) from None
    return Derivation(
        name=name or place.name,
        system=ANY_SYSTEM,
        builder="builtin:local",
        env={"path": str(resolved)},
        fixed=Fixed("tree", content.digest.hex()),
        hints=Hints(description=f"copy {place.name}"),
    )
