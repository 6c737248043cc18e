"""The context of a definition: the lock that pins its toolchain, the system it is for, the pinned releases.

A kernel definition names none of them: `make_linux(...)` at the top of a user's file means "with the
pinned toolchain". The command line, or another program that evaluates definitions, provides them.
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
"""The system that kernels are built for by default."""


class NoContext(Error):
    """A definition needs the lock, but no lock is in use."""

    def __str__(self) -> str:
        return "no lock is in use, so the toolchain is not known"

    @property
    def hint(self) -> str:
        """Say how a Python program provides the lock."""
        return "from Python, evaluate inside `with derivations.context.using(Context(lock=...))`; `kernix` does this itself"


@attrs.frozen(kw_only=True)
class Context:
    """What definitions leave out.

    Attributes:
        lock: Returns the lock; called only when something needs it.
        system: The system that kernels are built for.
        pinned: Returns the lock if it exists, and never makes one; None if that is not known.
        pins: The file that pins kernel.org's releases; None for the one that comes with kernix.
        contents: Reads a tree on this machine; None for the default.
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
        NoContext: no context is in use.
    """
    try:
        return _CURRENT.get()
    except LookupError:
        raise NoContext from None


def lock_in_use() -> Lock | None:
    """Return the lock of the context in use; None if it does not exist yet, or if that is not known."""
    context = _CURRENT.get(None)
    return None if context is None or context.pinned is None else context.pinned()


def system_in_use() -> str:
    """Return the system of the context in use; the default one if no context is in use."""
    context = _CURRENT.get(None)
    return USUAL_SYSTEM if context is None else context.system


def pins_in_use() -> Path | None:
    """Return the file that pins releases in the context in use; None for the one that comes with kernix."""
    context = _CURRENT.get(None)
    return None if context is None else context.pins


def contents_in_use() -> Callable[[Path], Content]:
    """Return the function of the context in use that reads a tree on this machine."""
    context = _CURRENT.get(None)
    if context is not None and context.contents is not None:
        return context.contents

    from store.trees.hash_tree import content_of  # noqa: PLC0415 -- start-up: most definitions name no path on this machine

    return content_of


@contextlib.contextmanager
def using(context: Context) -> Iterator[None]:
    """Evaluate the block in *context*."""
    token = _CURRENT.set(context)
    try:
        yield
    finally:
        _CURRENT.reset(token)
