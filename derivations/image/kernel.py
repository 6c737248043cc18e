"""The part of a kernel that its images need, built here or by a distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from derivations.derivation import Derivation


if TYPE_CHECKING:
    from derivations.context import Context
    from derivations.derivation import Output


class Kernel(Protocol):
    """How a kernel is configured, and its modules."""

    @property
    def context(self) -> Context:
        """Return the context with its lock and its system."""
        ...

    @property
    def out(self) -> Output:
        """Return the output with its `config`."""
        ...

    @property
    def modules(self) -> Output:
        """Return the output with `lib/modules/<release>`."""
        ...

    @property
    def release(self) -> str:
        """Return the output of `uname -r` on it."""
        ...


def is_kernel(value: object) -> bool:
    """Return whether *value* is a kernel, as far as can be seen without computing anything of it."""
    return not isinstance(value, Derivation) and all(
        hasattr(type(value), it) for it in ("context", "out", "modules", "release")
    )
