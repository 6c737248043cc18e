"""What a definition is evaluated in: the lock that pins its toolchain, the system it is for, the pinned releases.

A kernel definition names neither: `make_linux(...)` at the top of a user's file means "with the
pinned toolchain". The command line, or whoever evaluates definitions, says which that is.
"""

from __future__ import annotations

import contextlib
import contextvars

from typing import TYPE_CHECKING

import attrs

from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from derivations.debian.lock import Lock
    from store.trees.content import Content


USUAL_SYSTEM = "x86_64-linux"
"""What kernels are built for where no system is named."""


class NoContext(Error):
    """A definition needs the lock, and nobody has said which one it is."""

    def __str__(self) -> str:
        return "no lock is in use, so the toolchain is not known"

    @property
    def hint(self) -> str:
        """Tell how a Python program gives the lock."""
        return "from Python, evaluate inside `with derivations.context.using(Context(lock=...))`; `kernix` does it by itself"


@attrs.frozen(kw_only=True)
class Context:
    """What definitions do not say themselves.

    Attributes:
        lock: Gives the lock; asked only when something needs it.
        system: What kernels are built for.
        pinned: Gives the lock if there is one, and makes none; None where that is not known.
        pins: The file that pins kernel.org's releases; None for the one that comes with kernix.
        contents: Reads a tree on this machine; None for the plain way.
    """

    lock: Callable[[], Lock]
    system: str = USUAL_SYSTEM
    pinned: Callable[[], Lock | None] | None = None
    pins: Path | None = None
    contents: Callable[[Path], Content] | None = None


_CURRENT: contextvars.ContextVar[Context] = contextvars.ContextVar("kernix_context")


def current() -> Context:
    """Return the context that definitions are evaluated in.

    Raises:
        NoContext: there is none.
    """
    try:
        return _CURRENT.get()
    except LookupError:
        raise NoContext from None


def lock_in_use() -> Lock | None:
    """Return the lock of the context in use if there is one already; None where there is none, or that is not known."""
    context = _CURRENT.get(None)
    return None if context is None or context.pinned is None else context.pinned()


def pins_in_use() -> Path | None:
    """Return the file that pins releases in the context in use; None for kernix' own."""
    context = _CURRENT.get(None)
    return None if context is None else context.pins


def contents_in_use() -> Callable[[Path], Content]:
    """Return what reads a tree on this machine in the context in use."""
    context = _CURRENT.get(None)
    if context is not None and context.contents is not None:
        return context.contents

    from store.trees.hash_tree import content_of  # noqa: PLC0415 -- start-up: most definitions name no place on this machine

    return content_of


@contextlib.contextmanager
def using(context: Context) -> Iterator[None]:
    """Evaluate what is inside the block in *context*."""
    token = _CURRENT.set(context)
    try:
        yield
    finally:
        _CURRENT.reset(token)
