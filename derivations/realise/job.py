"""What a builtin builder is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs

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
    """One derivation to be built by a function of this process.

    Attributes:
        derivation: What to build.
        inputs: Where the realised inputs lie, by mount point.
        out: The directory in which the builder creates each output by its name (`out / "out"`).
        store: The store: its pool, its cache directory.
        settings: What the user chose.
        progress: Called with what is done and what is expected, if that is known.
        cancelled: Whether to give up; a builder asks often and then raises `Cancelled`.
        warn: Called with a sentence about what is worth knowing and stops nothing.
    """

    derivation: Derivation
    inputs: Mapping[str, Path]
    out: Path
    store: Store
    settings: Settings
    progress: Callable[[int, int | None], None]
    cancelled: Callable[[], bool]
    warn: Callable[[str], None]


class Cancelled(Error):
    """The builder was told to give up."""

    name: str

    def __str__(self) -> str:
        return f"{self.name} was interrupted"


class Builtin(Protocol):
    """A builder that is a function of the realiser."""

    def __call__(self, job: Job) -> Content | None:
        """Create each output below `job.out`.

        Return the content of the only output if it was written canonically, by a `store.trees.writer.TreeWriter`:
        it is then taken as it is, without being read again. Return None for anything else.

        Raises:
            Error: it cannot be done.
        """
