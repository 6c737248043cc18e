"""What the realiser tells while it works: values, for whoever shows or records them.

A listener is called from the thread in which a thing happens, so it must be safe to call from
several at once, and it must be quick: the builder's output waits for it.
"""

from __future__ import annotations

import enum

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import attrs


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.derivation import Derivation
    from store.errors import Error
    from store.path import StorePath


class Unit(enum.StrEnum):
    """What progress is counted in."""

    BYTES = "bytes"
    FILES = "files"
    OBJECTS = "objects"


@attrs.frozen
class Planned:
    """So many derivations are to be built, so many results are there; *fetches* are the downloads among the former."""

    build: int
    present: int
    fetches: tuple[Derivation, ...] = ()


@attrs.frozen
class Started:
    """A builder began."""

    derivation: Derivation


@attrs.frozen
class Waiting:
    """Another process builds this; its result will be taken."""

    derivation: Derivation


@attrs.frozen
class Progress:
    """So much of a derivation is done; *expected* is None when nobody knows."""

    derivation: Derivation
    done: int
    expected: int | None
    unit: Unit


@attrs.frozen
class LogLine:
    """A builder wrote a line, given without its end."""

    derivation: Derivation
    text: str


@attrs.frozen
class Finished:
    """A derivation was built and its outputs are in the store."""

    derivation: Derivation
    outputs: Mapping[str, StorePath]
    seconds: float


@attrs.frozen
class Reused:
    """Nothing had to be built: an equal action had been done, or another process did it."""

    derivation: Derivation
    outputs: Mapping[str, StorePath]


@attrs.frozen
class Failed:
    """A derivation was not built."""

    derivation: Derivation
    error: Error


@attrs.frozen
class Skipped:
    """A derivation was not begun because *cause*, an input of it, failed."""

    derivation: Derivation
    cause: Derivation


@attrs.frozen
class Kept:
    """The directory of a failed build was left at *place*."""

    derivation: Derivation
    place: str


@attrs.frozen
class Warned:
    """Something is worth knowing and stops nothing."""

    text: str


Event: TypeAlias = (
    Planned | Started | Waiting | Progress | LogLine | Finished | Reused | Failed | Skipped | Kept | Warned
)
Listener: TypeAlias = Callable[[Event], None]


def ignore(_: Event) -> None:
    """Listen to nothing."""
