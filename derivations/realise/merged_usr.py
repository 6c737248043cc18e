"""Paths into packages from before and after Debian merged `/bin`, `/lib` and the like into `/usr`.

The same program is `bin/busybox` in Debian 12's package and `usr/bin/busybox` in Debian 13's. On either
system both paths lead to it, so both are accepted here, too.
"""

from __future__ import annotations

from derivations.union import USR_MERGE


def spellings(path: str) -> tuple[str, ...]:
    """Return *path* and, if the merge moved its first directory, the same path on the other side of the merge."""
    plain = path.strip("/")
    for top, merged in USR_MERGE.items():
        for one, other in ((top, merged), (merged, top)):
            if plain == one or plain.startswith(f"{one}/"):
                return path, other + plain.removeprefix(one)
    return (path,)
