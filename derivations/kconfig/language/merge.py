"""How fragments become one set of requests.

For each option, among the requests that are meant for the kernel's version and architecture:

1. the highest priority counts: `force` over plain over `default`;
2. of these, equal values are one request, optional only if all of them are;
3. different ones contradict each other, wherever they stand: no order decides. UNSET is a value here.

Contradictions are one error that names all of them. What wins, the other requests are shadowed
by. These are the rules of NixOS' modules (nixpkgs' lib/modules.nix and kernel_config.nix).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.frozen_map import FrozenMap
from derivations.kconfig.language.fragment import listed
from derivations.kconfig.language.values import UNSET, Unset, shown, written
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from derivations.kconfig.language.fragment import Fragment, Origin, Request
    from derivations.kconfig.language.values import Value
    from derivations.version import Version


@attrs.frozen
class Conflict:
    """An option for which different values are asked, one request for each."""

    option: str
    requests: tuple[Request, ...]

    def __str__(self) -> str:
        asked = " and to ".join(f"{_value(it)} by {it.origin}" for it in self.requests)
        return f"{self.option} is set to {asked}"


class Contradiction(Error):
    """Fragments ask for different values of the same options."""

    conflicts: tuple[Conflict, ...]

    def __str__(self) -> str:
        return listed("conflicting requests", [str(it) for it in self.conflicts])

    @property
    def hint(self) -> str:
        """Show how to say which of them counts."""
        first = self.conflicts[0]
        return (
            f"drop one of them, or say which one wins: "
            f'{{"{first.option}": force({shown(first.requests[0].value)})}}, or default(…) for the other'
        )


@attrs.frozen
class Shadowed:
    """A request for another value than the one that counts."""

    name: str
    request: Request
    by: Request


@attrs.frozen
class Merged:
    """What fragments ask for together.

    Attributes:
        requests: What counts, by option; options that are taken back are left out.
        shadowed: What does not count, in order of the options.
        origins: Where each option is asked for as it counts, first to last.
    """

    requests: FrozenMap[Request]
    shadowed: tuple[Shadowed, ...] = ()
    origins: FrozenMap[tuple[Origin, ...]] = attrs.field(factory=FrozenMap, eq=False)

    def over(self, lower: Mapping[str, Request]) -> Merged:
        """Return what counts where these requests lie over the *lower* ones."""
        beaten = [
            Shadowed(name, request, self.requests[name])
            for name, request in lower.items()
            if name in self.requests and request.value != self.requests[name].value
        ]
        return Merged(
            requests=FrozenMap({**lower, **self.requests}),
            shadowed=tuple(sorted((*self.shadowed, *beaten), key=lambda it: it.name)),
            origins=FrozenMap({**{name: (request.origin,) for name, request in lower.items()}, **self.origins}),
        )


def merge(fragments: Iterable[Fragment], *, version: Version, arch: str) -> Merged:
    """Return what *fragments* ask for together of a kernel of *version* for *arch*.

    Raises:
        Contradiction: with every option for which they ask different values.
    """
    asked: dict[str, list[Request]] = {}
    for fragment in fragments:
        for option, request in fragment.requests(version, arch):
            asked.setdefault(option, []).append(request)
    winners: dict[str, Request] = {}
    origins: dict[str, tuple[Origin, ...]] = {}
    shadowed: list[Shadowed] = []
    conflicts = []
    for option, requests in sorted(asked.items(), key=lambda it: it[0]):
        counting, others = _split(requests) if len(requests) > 1 else (requests, [])
        distinct = _distinct(counting) if len(counting) > 1 else tuple(counting)
        if len(distinct) > 1:
            conflicts.append(Conflict(option, distinct))
            continue
        winner = next(iter(distinct))
        shadowed += (Shadowed(option, it, winner) for it in others if it.value not in {winner.value, UNSET})
        if not isinstance(winner.value, Unset):
            winners[option] = winner
            origins[option] = tuple(dict.fromkeys(it.origin for it in counting))
    if conflicts:
        raise Contradiction(tuple(conflicts))
    return Merged(FrozenMap(winners), tuple(shadowed), FrozenMap(origins))


def _split(requests: list[Request]) -> tuple[list[Request], list[Request]]:
    """Return the requests of the highest priority, and the others, in an order that does not depend on theirs."""
    highest = min(it.priority for it in requests)
    others = [it for it in requests if it.priority != highest]
    return [it for it in requests if it.priority == highest], sorted(others, key=_order)


def _order(request: Request) -> tuple[int, bool, str]:
    return request.priority, request.optional, written(request.value)


def _distinct(requests: list[Request]) -> tuple[Request, ...]:
    """Return a request for each value that is asked for; of equal ones, one that must hold."""
    found: dict[Value | Unset, Request] = {}
    for it in sorted(requests, key=_order):
        found.setdefault(it.value, it)
    return tuple(found.values())


def _value(request: Request) -> str:
    return repr(request.value) if isinstance(request.value, Unset) else written(request.value)
