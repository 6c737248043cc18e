"""What a running kernel asked for: the lines that a request test prints, and what its modules lack.

KERNIX-REQUEST crypto-xts(aes)      for each event module:module_request
KERNIX-SCRIPT status=0              at the end
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING, Final

import attrs

from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Collection

    from derivations.modules.index import ModuleIndex


REQUEST: Final = "KERNIX-REQUEST"
STATUS: Final = "KERNIX-SCRIPT status="

_REQUEST = re.compile(rf"^{REQUEST} (\S+)\r?$", re.MULTILINE)
_STATUS = re.compile(rf"^{STATUS}(\d+)\r?$", re.MULTILINE)


class RequestsUnserved(Error):
    """A kernel asked for modules that it has, and that a closure lacks."""

    lacking: tuple[tuple[str, tuple[str, ...]], ...]

    def __str__(self) -> str:
        asked = "; ".join(f"{word} ({', '.join(modules)})" for word, modules in self.lacking)
        return f"the kernel asked for modules that the closure lacks: {asked}"

    @property
    def hint(self) -> str:
        """Say what to do."""
        return "name these modules, or the file system or the encryption that needs them, in the request of the closure"


class RequestsUnknown(Error):
    """The guest of a request test did not print what its kernel asked for."""

    def __str__(self) -> str:
        return "the guest did not print what its kernel asked for"

    @property
    def hint(self) -> str:
        """Say what may be missing."""
        return "the kernel needs EVENT_TRACING and MODULES; the console is in the log of the boot"


class ScriptFailed(Error):
    """The script of a request test failed, though the closure had all that the kernel asked for."""

    status: int

    def __str__(self) -> str:
        return f"the script of the test ended with status {self.status}"

    @property
    def hint(self) -> str:
        """Say where to look."""
        return "what it printed is in the log of the boot"


def requests(console: str) -> tuple[tuple[str, ...], int]:
    """Return what the kernel asked for, each once, and the script's status, from the *console* of a request test.

    Raises:
        RequestsUnknown: the guest did not get to its end.
    """
    status = _STATUS.findall(console)
    if not status:
        raise RequestsUnknown
    return tuple(dict.fromkeys(_REQUEST.findall(console))), int(status[-1])


@attrs.frozen
class Served:
    """A request, and the modules that would serve it: those of the closure, and those that it lacks."""

    word: str
    modules: tuple[str, ...]
    lacking: tuple[str, ...]


def served(words: Collection[str], index: ModuleIndex, closure: Collection[str]) -> tuple[Served, ...]:
    """Return by which modules of *index* each of *words* is served, given the names of the modules in *closure*.

    Raises:
        RequestsUnserved: the closure lacks some of them.
    """
    found = []
    for word in words:
        modules, _ = index.resolve(word)
        lacking = tuple(it for it in modules if it not in closure)
        found.append(Served(word, tuple(it for it in modules if it in closure), lacking))
    if lacks := tuple((it.word, it.lacking) for it in found if it.lacking):
        raise RequestsUnserved(lacks)
    return tuple(found)
