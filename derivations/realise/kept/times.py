"""How long builds of kernels take on this machine, and how many objects they have: from the kept trees."""

from __future__ import annotations

import statistics

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Sequence

    from derivations.realise.kept.tree import About


MANY = 50
"""Objects from which on the time of a build is mostly that of compiling."""


@attrs.frozen
class Times:
    """The time for compiling one object, all processors at work, and for everything else, in seconds."""

    per_object: float
    beside: float

    def seconds(self, objects: int) -> float:
        """Return how long a build takes that compiles so many *objects*."""
        return objects * self.per_object + self.beside

    @classmethod
    def of(cls, trees: Sequence[About], family: str) -> Times | None:
        """Return the times that the builds which left *trees* took, the last ones first, if they can be told apart.

        Builds of the same *family* come first: it says how large objects are, about.
        """
        near = [it for it in trees if it.family == family] or [*trees]
        large = [it for it in near if it.compiled >= MANY]
        if not large:
            return None
        per_object = large[0].seconds / large[0].compiled
        small = [it for it in near if it.compiled < MANY]
        if not small:
            return cls(per_object, 0.0)
        beside = statistics.median(max(0.0, it.seconds - it.compiled * per_object) for it in small)
        rest = max(0.0, large[0].seconds - beside)
        return cls(rest / large[0].compiled, beside)


def objects_of(trees: Sequence[About], name: str) -> int | None:
    """Return how many objects a clean build of the kernel *name* has, if a tree of it is among *trees*."""
    return next((it.objects for it in trees if it.name == name), None)
