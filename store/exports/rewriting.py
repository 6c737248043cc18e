"""Replace the digests of store paths in content, each by one of the same length, so that no size or offset changes."""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

import attrs

from store.path import DIGEST_LENGTH


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from store.path import StorePath


@attrs.frozen
class Rewriting:
    """Replaces digests of this store by those that another store gives to the same objects."""

    _digests: Mapping[bytes, bytes]
    _pattern: re.Pattern[bytes]

    @classmethod
    def of(cls, renamed: Mapping[StorePath, StorePath]) -> Rewriting | None:
        """Return what replaces each path of *renamed* by its new one; None if there are none."""
        if not renamed:
            return None
        digests = {old.digest.encode(): new.digest.encode() for old, new in renamed.items()}
        return cls(digests, re.compile(b"|".join(sorted(digests))))

    def all_in(self, data: bytes) -> bytes:
        """Return *data* with every digest replaced."""
        return self._pattern.sub(lambda found: self._digests[found[0]], data)

    def chunks(self, pieces: Iterable[memoryview]) -> Iterator[memoryview]:
        """Yield the bytes of *pieces* with every digest replaced, also where two pieces share one."""
        held = b""
        for piece in pieces:
            data = self.all_in(held + bytes(piece))
            ready = max(0, len(data) - (DIGEST_LENGTH - 1))  # no digest fits into what is held
            held = data[ready:]
            yield memoryview(data)[:ready]
        yield memoryview(held)
