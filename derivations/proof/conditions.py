"""What a build runs under that must not matter to it.

The sandbox gives every build the same values of these; a build that is repeated to find out whether it is reproducible
gets others. What a derivation sets itself stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.frozen_map import FrozenMap


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def _texts(values: Mapping[str, str]) -> FrozenMap[str]:
    return FrozenMap(values)


def _paths(values: Mapping[str, Path]) -> FrozenMap[Path]:
    return FrozenMap(values)


@attrs.frozen(kw_only=True)
class Conditions:
    """What a build runs under; the defaults are those of every build.

    Attributes:
        user: The number of the builder's user.
        group: The number of its group.
        name: The user's name.
        host: The host name.
        umask: Which permissions new files lack.
        processors: How many processors it may use and is told to; None for what the settings say.
        below: Where in its scratch directory the builder's directories are.
        env: Variables that it has unless its derivation sets them.
        mounts: Mount point -> the host's path, besides the derivation's own mounts.
        words: What differs from the usual, for people.
    """

    user: int = 1000
    group: int = 100
    name: str = "builder"
    host: str = "localhost"
    umask: int = 0o022
    processors: int | None = None
    below: str = ""
    env: FrozenMap[str] = attrs.field(factory=FrozenMap, converter=_texts)
    mounts: FrozenMap[Path] = attrs.field(factory=FrozenMap, converter=_paths)
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join(self.words) or "the usual conditions"

    @property
    def files(self) -> dict[str, bytes]:
        """Return the files by which programs learn who they are."""
        name, user, group = self.name, self.user, self.group
        return {
            "/etc/passwd": (
                f"root:x:0:0:root:/:/noshell\n{name}:x:{user}:{group}:{name}:/build:/noshell\n"
                "nobody:x:65534:65534:nobody:/:/noshell\n"
            ).encode(),
            "/etc/group": f"root:x:0:\nusers:!:{group}:\nnogroup:x:65534:\n".encode(),
            "/etc/hosts": b"127.0.0.1 localhost\n::1 localhost\n",
        }

    @property
    def options(self) -> tuple[str, ...]:
        """Return bubblewrap's options for it."""
        return ("--uid", str(self.user), "--gid", str(self.group), "--hostname", self.host)


USUAL = Conditions()
