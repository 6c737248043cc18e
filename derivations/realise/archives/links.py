"""Where symbolic links lead, found out from what an archive says of them: nothing is asked of a file system.

A link may lead through others, which may come later in the archive, or be something else again at its end. So all of
them are judged together, when the last member is known; until then nothing is read or written through any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterator


FOLLOWED = 256
"""How many links one may lead through, beyond the 40 of Linux; what needs more leads in a circle, and nowhere."""

STEPS = 10_000_000
"""How many names are looked at in all before links are taken to be made for taking long."""


class Entangled(Exception):
    """Nobody can tell in reasonable time where the links lead."""


@attrs.define
class Links:
    """The symbolic links of a tree, by path: relative to the tree's root, without `.` and `..`."""

    _targets: dict[bytes, bytes] = attrs.field(factory=dict, init=False)
    _steps: int = attrs.field(default=0, init=False)

    def put(self, path: bytes, target: bytes) -> None:
        """Note that there is a link to *target* at *path*, whatever was there before."""
        self._targets[path] = target

    def drop(self, path: bytes) -> None:
        """Note that there is no link at *path*."""
        self._targets.pop(path, None)

    def copy(self, path: bytes, existing: bytes) -> None:
        """Note that what is at *existing*, a link or not, is at *path*, too."""
        if (target := self._targets.get(existing)) is not None:
            self.put(path, target)
        else:
            self.drop(path)

    def leaving(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the paths and targets of those links that lead out of the tree, by themselves or through others.

        Raises:
            Entangled: there are too many, too long ones.
        """
        for path, target in self._targets.items():
            if self._leaves(path.split(b"/")[:-1], target):  # nothing in its own path is a link: it could not be there
                yield path, target

    def _leaves(self, place: list[bytes], target: bytes) -> bool:
        """Return whether *target*, seen from the directory *place*, is outside of the tree. *place* is used up."""
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
                    place.pop()  # what is not there is taken for a directory
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
