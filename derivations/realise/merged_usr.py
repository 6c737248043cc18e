"""A path into a package, whether that was made before Debian merged `/bin`, `/lib` and their like into `/usr`, or after.

The same program lies in `bin/busybox` in Debian 12's package and in `usr/bin/busybox` in Debian 13's, and on
either system both paths lead to it. So both lead to it here, too.
"""

from __future__ import annotations

from derivations.union import USR_MERGE


def spellings(path: str) -> tuple[str, ...]:
    """Return *path* and, if `/usr` was merged with what it begins with, the same path on the other side of the merge."""
    plain = path.strip("/")
    for top, merged in USR_MERGE.items():
        for one, other in ((top, merged), (merged, top)):
            if plain == one or plain.startswith(f"{one}/"):
                return path, other + plain.removeprefix(one)
    return (path,)
