"""The words in which progress is told, whatever shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from derivations.realise.events import Failed, Finished, Kept, Planned, Reused, Skipped, Started, Waiting
from kernix.printable import one_line
from kernix.quantities import duration, number, size


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from derivations.derivation import Derivation
    from derivations.realise.events import Event


_AMOUNT = "\0"
_FETCHES = frozenset({"builtin:fetch-url", "builtin:fetch-deb", "builtin:fetch-git", "builtin:fetch-git-patches"})
_VERBS = {
    "builtin:unpack": ("unpacking", "unpacked"),
    "builtin:union": ("joining", "joined"),
    "builtin:overlay-tree": ("joining", "joined"),
    "builtin:local": ("copying", "copied"),
    "builtin:patch": ("patching", "patched"),
    "builtin:write-text": ("writing", "wrote"),
    "builtin:check-config": ("checking", "checked"),
    "builtin:initramfs": ("packing", "packed"),
}


def is_fetch(derivation: Derivation) -> bool:
    """Return whether *derivation* is a download."""
    return derivation.builder in _FETCHES


def doing(derivation: Derivation) -> str:
    """Return what is being done for *derivation*, as `fetching`."""
    return "fetching" if is_fetch(derivation) else _VERBS.get(derivation.builder, ("building", ""))[0]


def done(derivation: Derivation) -> str:
    """Return what has been done for *derivation*, as `fetched`."""
    return "fetched" if is_fetch(derivation) else _VERBS.get(derivation.builder, ("", "built"))[1]


def told(event: Event, fetched: int | None = None) -> str | None:
    """Return *event* as a sentence, with how much was *fetched*; None if it is none for a line of its own."""
    tell = _TOLD.get(type(event))
    if tell is None:
        return None
    amount = f" ({size(fetched)})" if fetched else ""
    return amount.join(map(one_line, tell(event).split(_AMOUNT)))


_TOLD: Mapping[type[Any], Callable[[Any], str]] = {
    Planned: lambda it: f"{number(it.build, 'derivation')} to build, {it.present:,} there",
    Started: lambda it: f"{doing(it.derivation)} {it.derivation.name}",
    Waiting: lambda it: f"waiting for another process, which builds {it.derivation.name}",
    Finished: lambda it: f"{done(it.derivation)} {it.derivation.name}{_AMOUNT} in {duration(it.seconds)}",
    Reused: lambda it: f"found {it.derivation.name}: its inputs are as they were for another build",
    Failed: lambda it: f"{it.derivation.name} failed",
    Skipped: lambda it: f"left out {it.derivation.name}, which needs {it.cause.name}",
    Kept: lambda it: f"the failed build of {it.derivation.name} is kept in {it.place}",
}
