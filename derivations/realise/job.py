"""The interface of builtin builders: the `Job` they get, and what they return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs

from derivations.realise.view import View
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from derivations.derivation import Derivation
    from derivations.realise.settings import Settings
    from store.local import Store
    from store.trees.content import Content


@attrs.frozen(kw_only=True)
class Job:
    """One derivation for a builtin to build, in this process.

    Attributes:
        derivation: What to build.
        inputs: The paths of the realised inputs, by mount point, but for those that are only views.
        views: The others: joins of trees that are not on the disk (`derivations.realise.layered`).
        out: The directory in which the builder creates each output under its name (`out / "out"`).
        store: The store: its pool, its cache directory.
        settings: The user's settings.
        progress: Called with the amount done and the amount expected, None if unknown.
        cancelled: Whether to stop; a builder polls it often, and raises `Cancelled` when it is true.
        warn: Called with the sentence of a warning.
    """

    derivation: Derivation
    inputs: Mapping[str, Path]
    out: Path
    store: Store
    settings: Settings
    progress: Callable[[int, int | None], None]
    cancelled: Callable[[], bool]
    warn: Callable[[str], None]
    views: Mapping[str, View] = attrs.field(factory=dict)

    def tree(self, place: str) -> View:
        """Return the tree that is mounted at *place*."""
        return self.views.get(place) or View((self.inputs[place],))


class Cancelled(Error):
    """The user interrupted a builder."""

    name: str

    def __str__(self) -> str:
        return f"{self.name} was interrupted"


class Builtin(Protocol):
    """A builder that runs as a function in this process."""

    def __call__(self, job: Job) -> Content | None:
        """Create each output below `job.out`.

        Return the content of the only output if it was written canonically, by a `store.trees.writer.TreeWriter`:
        it is then adopted without being read again. Return None otherwise.

        Raises:
            Error: the build failed.
        """
