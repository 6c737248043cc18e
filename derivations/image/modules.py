"""The modules of an initramfs: lists of them, as arguments or as MiniVM's files, and the tree that is made of one.

Whatever makes such a tree, `lib/modules/<release>` with a `modules.dep` of its own, can be given as `modules` instead:
`module_closure` with file systems, encryption or the snapshot of a machine.
"""

from __future__ import annotations

import os
import re

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from derivations.linux.module_closure import module_closure
from derivations.source import NoSource
from store.errors import Error, reason_of


if TYPE_CHECKING:
    from derivations.derivation import Derivation, Output
    from derivations.image.kernel import ModularKernel


MODULES = "/modules"
"""Where the builder of an initramfs sees the tree."""

AUTOLOAD = "modules.autoload"
"""The list in the image of what is loaded first, one name a line; MiniVM's name and place."""

_WORD = re.compile(r"(?![-/])(?!(?:.*/)?\.\.(?:/|$))[!-~]+", re.ASCII)
_COMMENT = re.compile(r"#.*")


class InvalidModuleList(Error):
    """A list of modules, or the file *place* with one, has something that is not the name of a module."""

    argument: str
    word: object
    place: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        where = f"{self.place}, line {self.line}" if self.place is not None else self.argument
        return f"{where}: not the name, the file or the directory of a module: {self.word!r}"

    @property
    def hint(self) -> str:
        """Say what may be listed."""
        return (
            "list names such as `ext4`, aliases, and paths below lib/modules/<release>/kernel such as `drivers/virtio`"
        )


def words(given: Any, argument: str) -> tuple[str, ...]:  # noqa: ANN401 -- what the user wrote
    """Return the names and paths in *given*: a list, or the path of a file with one a line and comments after `#`.

    Raises:
        InvalidModuleList: something else is listed.
        NoSource: the file cannot be read.
    """
    if isinstance(given, str | os.PathLike):
        place = Path(given)
        try:
            lines = place.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else "it is not text"
            raise NoSource(place, reason) from None
        found = []
        for number, line in enumerate(lines, start=1):
            for word in _COMMENT.sub("", line).split():
                if not _WORD.fullmatch(word):
                    raise InvalidModuleList(argument, word, str(place), number)
                found.append(word)
        return tuple(found)
    if not isinstance(given, Iterable):
        raise InvalidModuleList(argument, given)
    listed = tuple(given)
    if wrong := [it for it in listed if not isinstance(it, str) or not _WORD.fullmatch(it)]:
        raise InvalidModuleList(argument, wrong[0])
    return listed


def module_tree(kernel: ModularKernel, names: Iterable[str], firmware: Derivation | Output | None = None) -> Output:
    """Return the tree with the modules *names* of *kernel*, and all that they need (`derivations.linux.module_closure`).

    They are not compressed: the archive is, as a whole, and BusyBox' modprobe does not read every compression.

    Raises:
        InvalidModuleRequest: a name is invalid.
    """
    label = f"initramfs-modules-{kernel.release}"
    return module_closure(kernel, sorted(set(names)), firmware=firmware, decompress=True, name=label).out
