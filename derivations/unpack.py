"""Trees unpacked from archives."""

from __future__ import annotations

import re

from derivations.derivation import Derivation, Hints, InvalidDerivation, Output
from derivations.fetch import ANY_SYSTEM
from store.gc.retention import Retention


ARCHIVE = "/archive"

_SUFFIX = re.compile(r"(?<=.)((\.tar)?\.(gz|bz2|xz|zst)|\.(tar|tgz|tbz2|txz|tzst))$")


def unpack(
    archive: Derivation | Output,
    *,
    name: str | None = None,
    member: str | None = None,
    strip: int = 1,
    max_size: int | None = None,
) -> Derivation:
    """Return the tree in *archive*: tar, plain or compressed with gzip, bzip2, xz or zstd.

    Args:
        archive: The archive, or a tree that contains it as *member*.
        name: The name of the tree; by default that of the archive, without suffixes.
        member: The path of the archive in the input, if the input is a tree.
        strip: The number of leading directories to leave out; each must contain everything.
        max_size: The largest size in bytes that it may unpack to, 0 for no limit; by default a hundred times the size
            of the archive, and at least 256 MiB. It is not part of the key.

    Raises:
        InvalidDerivation: *archive* is not a derivation or an output.
    """
    output: object = archive.out if isinstance(archive, Derivation) else archive
    if not isinstance(output, Output):
        problem = f"an archive must be a derivation, such as local_file(name), not {archive!r}"
        raise InvalidDerivation("unpack", (problem,))
    env = {"strip": str(strip)}
    if member is not None:
        env["member"] = member
    base = name or without_suffixes(member.rpartition("/")[2] if member else output.derivation.name)
    return Derivation(
        name=base,
        system=ANY_SYSTEM,
        builder="builtin:unpack",
        env=env,
        mounts={ARCHIVE: output},
        hints=Hints(description=f"unpack {base}", retention=Retention.SOURCE, max_size=max_size),
    )


def without_suffixes(name: str) -> str:
    """Return *name* without the suffix of an archive."""
    return _SUFFIX.sub("", name)


def is_archive(name: str) -> bool:
    """Return whether *name* has the suffix of an archive that `unpack` reads."""
    return _SUFFIX.search(name) is not None
