"""How fragments become one set of requests.

For each option, among the requests that apply to the kernel's version and architecture:

1. the highest priority wins: `force` over plain over `default`;
2. of these, equal values are one request, optional only if all of them are;
3. different values conflict, wherever they come from: no order decides. UNSET is a value here.

One error names all conflicts. The winner shadows the other requests. These are the rules of NixOS' modules (nixpkgs' lib/modules.nix and kernel_config.nix).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.frozen_map import FrozenMap
from derivations.kconfig.language.fragment import with_problems
from derivations.kconfig.language.values import UNSET, Unset, shown, written
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from derivations.kconfig.language.fragment import Fragment, Origin, Request
    from derivations.kconfig.language.values import Value
    from derivations.version import Version


@attrs.frozen
class Conflict:
    """An option with requests for different values, one request each."""

    option: str
    requests: tuple[Request, ...]

    def __str__(self) -> str:
        asked = " and to ".join(f"{_value(it)} by {it.origin}" for it in self.requests)
        return f"{self.option} is set to {asked}"


class Contradiction(Error):
    """Fragments request different values of the same options."""

    conflicts: tuple[Conflict, ...]

    def __str__(self) -> str:
        return with_problems("conflicting requests", [str(it) for it in self.conflicts])

    @property
    def hint(self) -> str:
        """Show how to give one of them priority."""
        first = self.conflicts[0]
        return (
            f"drop one of them, or say which one wins: "
            f'{{"{first.option}": force({shown(first.requests[0].value)})}}, or default(…) for the other'
        )


@attrs.frozen
class ShadowedRequest:
    """A request for another value than the one that wins."""

    name: str
    request: Request
    by: Request


@attrs.frozen
class Merged:
    """The merged requests of fragments.

    Attributes:
        requests: The winners, by option; withdrawn options are left out.
        shadowed: The overridden requests, in order of the options.
        origins: Where each option is requested with the winning value, first to last.
    """

    requests: FrozenMap[Request]
    shadowed: tuple[ShadowedRequest, ...] = ()
    origins: FrozenMap[tuple[Origin, ...]] = attrs.field(factory=FrozenMap, eq=False)

    def over(self, lower: Mapping[str, Request]) -> Merged:
        """Return these requests on top of the *lower* ones."""
        beaten = [
            ShadowedRequest(name, request, self.requests[name])
            for name, request in lower.items()
            if name in self.requests and request.value != self.requests[name].value
        ]
        return Merged(
            requests=FrozenMap({**lower, **self.requests}),
            shadowed=tuple(sorted((*self.shadowed, *beaten), key=lambda it: it.name)),
            origins=FrozenMap({**{name: (request.origin,) for name, request in lower.items()}, **self.origins}),
        )


def merge(fragments: Iterable[Fragment], *, version: Version, arch: str) -> Merged:
    """Return the merged requests of *fragments* for a kernel of *version* on *arch*.

    Raises:
        Contradiction: with every option for which they request different values.
    """
    asked: dict[str, list[Request]] = {}
    for fragment in fragments:
        for option, request in fragment.requests(version, arch):
            asked.setdefault(option, []).append(request)
    winners: dict[str, Request] = {}
    origins: dict[str, tuple[Origin, ...]] = {}
    shadowed: list[ShadowedRequest] = []
    conflicts = []
    for option, requests in sorted(asked.items(), key=lambda it: it[0]):
        counting, others = _split(requests) if len(requests) > 1 else (requests, [])
        distinct = _distinct(counting) if len(counting) > 1 else tuple(counting)
        if len(distinct) > 1:
            conflicts.append(Conflict(option, distinct))
            continue
        winner = next(iter(distinct))
        shadowed += (ShadowedRequest(option, it, winner) for it in others if it.value not in {winner.value, UNSET})
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
    """Return one request for each value; of equal ones, one that must hold if any does."""
    found: dict[Value | Unset, Request] = {}
    for it in sorted(requests, key=_order):
        found.setdefault(it.value, it)
    return tuple(found.values())


def _value(request: Request) -> str:
    return repr(request.value) if isinstance(request.value, Unset) else written(request.value)
