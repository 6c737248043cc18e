"""Where a request applies: the kernel versions and architectures.

A bound such as `6.7` includes every release of 6.7 and its candidates, since a version's changes come with its first
candidate; a bound such as `6.7-rc3` starts with that candidate. Architectures have the names of Kbuild's ARCH; `x86`
stands for both `i386` and `x86_64`.
"""

from __future__ import annotations

import math

from collections.abc import Iterable

import attrs

from derivations.suggest import suggestion
from derivations.version import InvalidVersion, Version
from store.errors import Error


# The directories below arch/ from 4.19 to 6.19; those with two values of ARCH are listed by these values.
ARCHITECTURES = frozenset(
    {
        "alpha", "arc", "arm", "arm64", "c6x", "csky", "h8300", "hexagon", "i386", "ia64", "loongarch", "m68k", "microblaze",
        "mips", "nds32", "nios2", "openrisc", "parisc", "powerpc", "riscv", "s390", "sh", "sparc32", "sparc64", "um",
        "unicore32", "x86_64", "xtensa",
    }
)  # fmt: skip

_FAMILIES = {"x86": ("i386", "x86_64"), "sparc": ("sparc32", "sparc64")}
_OTHER_NAMES = {
    "aarch64": "arm64", "amd64": "x86_64", "armhf": "arm", "armv7l": "arm", "i486": "i386", "i586": "i386",
    "i686": "i386", "loongarch64": "loongarch", "ppc64": "powerpc", "ppc64el": "powerpc", "ppc64le": "powerpc",
    "riscv64": "riscv", "s390x": "s390", "x64": "x86_64",
}  # fmt: skip


class UnknownArchitecture(Error):
    """A condition names an unknown architecture."""

    name: object

    def __str__(self) -> str:
        return f"unknown architecture {self.name!r}"

    @property
    def hint(self) -> str:
        """Suggest the kernel's name for it, or a similar one."""
        name = str(self.name).removesuffix("-linux")
        if (meant := _OTHER_NAMES.get(name, name)) in ARCHITECTURES:
            return f"the kernel calls it `{meant}`"
        known = [*ARCHITECTURES, *_FAMILIES]
        return suggestion(name, known) or f"the architectures are {', '.join(sorted(known))}"


class EmptyRange(Error):
    """A range of versions is empty."""

    low: str
    high: str

    def __str__(self) -> str:
        return f"no version is at least {self.low} and older than {self.high}"


def check_architecture(name: object) -> str:
    """Return *name* if it is one of Kbuild's ARCH.

    Raises:
        UnknownArchitecture: it is not.
    """
    if not isinstance(name, str) or name not in ARCHITECTURES:
        raise UnknownArchitecture(name)
    return name


def _as_bound(text: object) -> Version:
    version = Version.parse(text)
    if version.suffix or version.extra:  # a vendor's own number says nothing about Linux
        raise InvalidVersion(text)
    return attrs.evolve(version, patch=version.patch or None)  # 6.7 and 6.7.0 are the same bound


def _key(bound: Version) -> tuple[int, int, int, float]:
    return bound.major, bound.minor, bound.patch or 0, int(bound.candidate.removeprefix("-rc") or 0)


def _reaches(version: Version, bound: Version) -> bool:
    *numbers, candidate = _key(version)
    return (*numbers, candidate or math.inf) >= _key(bound)


@attrs.frozen(kw_only=True)
class Condition:
    """When a request applies; always, if nothing is given.

    Attributes:
        since: The first version.
        before: The first version to which it no longer applies.
        architectures: In order; None for all.
    """

    since: Version | None = None
    before: Version | None = None
    architectures: tuple[str, ...] | None = None

    @classmethod
    def at_least(cls, version: object) -> Condition:
        """Return the condition that a kernel has *version* or a newer one.

        Raises:
            InvalidVersion: *version* is not a version.
        """
        return cls(since=_as_bound(version))

    @classmethod
    def older(cls, version: object) -> Condition:
        """Return the condition that a kernel is older than *version*.

        Raises:
            InvalidVersion: *version* is not a version.
        """
        return cls(before=_as_bound(version))

    @classmethod
    def between(cls, low: object, high: object) -> Condition:
        """Return the condition that a kernel has version *low* or newer, and is older than *high*.

        Raises:
            InvalidVersion: *low* or *high* is not a version.
            EmptyRange: no version is in the range.
        """
        condition = cls(since=_as_bound(low), before=_as_bound(high))
        if condition.is_empty:
            raise EmptyRange(str(low), str(high))
        return condition

    @classmethod
    def on(cls, architectures: object) -> Condition:
        """Return the condition that a kernel is for one of *architectures*, one name or several.

        Raises:
            UnknownArchitecture: there is no such architecture.
        """
        names = architectures if isinstance(architectures, Iterable) and not isinstance(architectures, str) else ()
        found: set[str] = set()
        for name in names or (architectures,):
            members = _FAMILIES.get(name, (name,)) if isinstance(name, str) else ()
            if not members or not ARCHITECTURES.issuperset(members):
                raise UnknownArchitecture(name)
            found.update(members)
        return cls(architectures=tuple(sorted(found)))

    @property
    def is_empty(self) -> bool:
        """Return whether no kernel satisfies it."""
        if self is ALWAYS:
            return False
        backwards = self.since is not None and self.before is not None and _key(self.since) >= _key(self.before)
        return backwards or self.architectures == ()

    def holds(self, version: Version, architecture: str) -> bool:
        """Return whether a kernel of *version* for *architecture* satisfies it."""
        return self is ALWAYS or (
            (self.since is None or _reaches(version, self.since))
            and (self.before is None or not _reaches(version, self.before))
            and (self.architectures is None or architecture in self.architectures)
        )

    def __and__(self, other: Condition) -> Condition:
        """Return the condition that both hold."""
        if other is ALWAYS or self is ALWAYS:
            return self if other is ALWAYS else other
        mine, theirs = self.architectures, other.architectures
        both = mine if theirs is None else theirs if mine is None else tuple(it for it in mine if it in theirs)
        since = [it for it in (self.since, other.since) if it is not None]
        before = [it for it in (self.before, other.before) if it is not None]
        return Condition(
            since=max(since, key=_key, default=None), before=min(before, key=_key, default=None), architectures=both
        )

    def without(self, other: Condition) -> tuple[Condition, ...]:
        """Return conditions that together hold exactly where this one holds and *other* does not."""
        parts = []
        if other.since is not None:
            parts.append(Condition(before=other.since))
        if other.before is not None:
            parts.append(Condition(since=other.before))
        if other.architectures is not None:
            parts.append(Condition(architectures=tuple(sorted(ARCHITECTURES.difference(other.architectures)))))
        return tuple(it for it in (self & part for part in parts) if not it.is_empty)


ALWAYS = Condition()
