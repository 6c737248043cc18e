"""Named points in the store's protocols where a test can stop the process.

By default nothing happens here. A test's child process installs a hook that kills it at the *n*-th
point; every object registered in the store that it leaves behind must then be intact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable


def reach(name: str) -> None:
    """Call the installed hook: the step *name* is about to happen."""
    for hook in _hooks:
        hook(name)


def install(hook: Callable[[str], None]) -> None:
    """Call *hook* with the name of every point reached from now on."""
    _hooks[:] = [hook]


def uninstall() -> None:
    """Remove the hook."""
    _hooks.clear()


_hooks: list[Callable[[str], None]] = []
