"""Find out where an archive's symbolic links lead, from the archive alone, without the file system.

A link may lead through others, which may come later in the archive or be replaced by its end. So all of
them are judged together after the last member; until then nothing is read or written through any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterator


FOLLOWED = 256
"""How many links one may lead through, more than the 40 of Linux; beyond that they form a cycle, and lead nowhere."""

STEPS = 10_000_000
"""How many path components are resolved in all before the links count as an attack: far more than real ones need."""


class Entangled(Exception):
    """Resolving the links takes too many steps."""


@attrs.define
class Links:
    """The symbolic links of a tree, by path relative to its root, without `.` and `..`."""

    _targets: dict[bytes, bytes] = attrs.field(factory=dict, init=False)
    _steps: int = attrs.field(default=0, init=False)

    def put(self, path: bytes, target: bytes) -> None:
        """Record a link to *target* at *path*, replacing what was there."""
        self._targets[path] = target

    def drop(self, path: bytes) -> None:
        """Record that *path* is not a link."""
        self._targets.pop(path, None)

    def copy(self, path: bytes, existing: bytes) -> None:
        """Record that *path* is now the same as *existing*, a link or not."""
        if (target := self._targets.get(existing)) is not None:
            self.put(path, target)
        else:
            self.drop(path)

    def leaving(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the paths and targets of the links that lead out of the tree, directly or through others.

        Raises:
            Entangled: resolving them takes too many steps.
        """
        for path, target in self._targets.items():
            if self._leaves(
                path.split(b"/")[:-1], target
            ):  # its own path has no links, or it could not have been written
                yield path, target

    def _leaves(self, place: list[bytes], target: bytes) -> bool:
        """Return whether *target*, relative to the directory *place*, is outside the tree; modifies *place*."""
        left: list[bytes] = []  # names, the next one last
        for _ in range(FOLLOWED):
            if target.startswith(b"/"):
                return True
            left.extend(reversed(target.split(b"/")))
            while left:
                self._count()
                part = left.pop()
                if part == b"..":
                    if not place:
                        return True
                    place.pop()  # a missing entry is taken for a directory
                elif part not in {b"", b"."}:
                    place.append(part)
                    if (following := self._targets.get(b"/".join(place))) is not None:
                        place.pop()
                        target = following
                        break
            else:
                return False
        return False

    def _count(self) -> None:
        self._steps += 1
        if self._steps > STEPS:
            raise Entangled
