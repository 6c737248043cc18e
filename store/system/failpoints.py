"""Named points in the store's protocols at which a test may stop the process.

Nothing happens here by default. A test's child process installs a hook that kills it at the
*n*-th point; whatever it left behind must then be a store in which every registered object
is whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable


def reach(name: str) -> None:
    """Tell the installed hook that the step *name* is about to happen."""
    for hook in _hooks:
        hook(name)


def install(hook: Callable[[str], None]) -> None:
    """Call *hook* with the name of every point from now on."""
    _hooks[:] = [hook]


def uninstall() -> None:
    """Call nothing any more."""
    _hooks.clear()


_hooks: list[Callable[[str], None]] = []
