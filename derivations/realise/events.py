"""Events of a run: values that the realiser hands to a listener, which shows or records them.

A listener is called in the thread in which the event happens. So it must be thread-safe, and it
must be quick: the builder's output waits for it.
"""

from __future__ import annotations

import enum

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import attrs


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.derivation import Derivation
    from derivations.realise.kept.reuse import Reuse
    from store.errors import Error
    from store.path import StorePath


class Unit(enum.StrEnum):
    """The unit of progress."""

    BYTES = "bytes"
    FILES = "files"
    OBJECTS = "objects"


class Phase(enum.StrEnum):
    """What a kernel's build is doing."""

    COMPILING = "compiling"
    LINKING = "linking"
    MODULES = "linking modules"
    PACKING = "packing"


@attrs.frozen
class Planned:
    """*build* derivations will be built, *present* results exist; *fetches* are the downloads among the builds."""

    build: int
    present: int
    fetches: tuple[Derivation, ...] = ()


@attrs.frozen
class Started:
    """A builder started."""

    derivation: Derivation


@attrs.frozen
class Waiting:
    """Another process is building this; its result will be used."""

    derivation: Derivation


@attrs.frozen
class Progress:
    """How much of a derivation is done; *expected*, and the *seconds* that the rest takes, are None when unknown."""

    derivation: Derivation
    done: int
    expected: int | None
    unit: Unit
    phase: Phase | None = None
    seconds: float | None = None


@attrs.frozen
class LogLine:
    """A line of a builder's output, without its newline."""

    derivation: Derivation
    text: str


@attrs.frozen
class Finished:
    """A derivation was built in *seconds*, and its outputs are in the store."""

    derivation: Derivation
    outputs: Mapping[str, StorePath]
    seconds: float


@attrs.frozen
class Reused:
    """Nothing was built: an earlier build, or another process, had the same inputs."""

    derivation: Derivation
    outputs: Mapping[str, StorePath]


@attrs.frozen
class Substituted:
    """Nothing was built: the *outputs* were fetched from *cache*."""

    derivation: Derivation
    outputs: Mapping[str, StorePath]
    cache: str


@attrs.frozen
class Compiled:
    """What a kernel's build compiled, and what it took from kept object trees."""

    derivation: Derivation
    reuse: Reuse


@attrs.frozen
class Failed:
    """A derivation failed to build."""

    derivation: Derivation
    error: Error


@attrs.frozen
class Skipped:
    """A derivation was not started because *cause*, an input of it, failed."""

    derivation: Derivation
    cause: Derivation


@attrs.frozen
class FailedBuildKept:
    """The directory of a failed build was left at *place*."""

    derivation: Derivation
    place: str


@attrs.frozen
class Warned:
    """A warning: worth knowing, but nothing stops."""

    text: str


Event: TypeAlias = (
    Planned
    | Started
    | Waiting
    | Progress
    | LogLine
    | Finished
    | Reused
    | Substituted
    | Compiled
    | Failed
    | Skipped
    | FailedBuildKept
    | Warned
)
Listener: TypeAlias = Callable[[Event], None]


def ignore(_: Event) -> None:
    """Ignore every event."""
