"""Find where the hunks of a change go in a file.

First as `git apply` does: all lines of a hunk must match, at the place it names or else at the nearest other
one, later before earlier. A hunk at line 1 belongs at the beginning of the file, one without trailing
context at the end, and hunks do not overlap. If there is no such place, and fuzz is allowed, then as
`patch` does: ignoring the outermost lines of context, one more at a time.
"""

from __future__ import annotations

import collections

from typing import TYPE_CHECKING, Literal

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from derivations.patching.change import Hunk


@attrs.frozen
class Fuzzy:
    """A hunk that fits only if lines of its context are ignored.

    Attributes:
        number: Its number among the hunks of its file, from 1.
        line: The line of the file at which it was applied.
        fuzz: How many lines of context were ignored at one end.
    """

    number: int
    line: int
    fuzz: int


@attrs.frozen
class HunkMisfit:
    """A hunk that does not fit its file.

    Attributes:
        number: Its number among the hunks of its file, from 1.
        hunk: The hunk.
        line: The first line of the file that differs, where the hunk fits best.
        expected: The hunk's line there; None if all its lines match, and it still does not fit.
        found: The file's line there; None if the file ends before.
        differs: The largest difference of the lines there: in line `ends`, in `blanks`, or in `text`.
    """

    number: int
    hunk: Hunk
    line: int = 0
    expected: bytes | None = None
    found: bytes | None = None
    differs: Literal["ends", "blanks", "text"] = "text"


@attrs.frozen
class HunkFit:
    """The result of hunks on a file.

    Attributes:
        lines: The new lines.
        displacement: By how many lines the hunks were off, in total.
        fuzzy: The hunks that fit only with fuzz.
        misfits: The hunks that do not fit; if there are any, *lines* is meaningless.
    """

    lines: list[bytes]
    displacement: int
    fuzzy: tuple[Fuzzy, ...]
    misfits: tuple[HunkMisfit, ...]


def fit(lines: Sequence[bytes], hunks: Sequence[Hunk], fuzz: int = 0) -> HunkFit:
    """Return what *hunks* make of *lines*, with at most *fuzz* lines of context left out at either end of one."""
    image = _Image(list(lines))
    displacement = 0
    fuzzy: list[Fuzzy] = []
    misfits: list[HunkMisfit] = []
    for number, hunk in enumerate(hunks, 1):
        wanted = max(hunk.new - 1, 0)
        if (place := image.find(hunk, wanted)) is not None:
            displacement += abs(place - wanted)
            image.replace(place, hunk.before, hunk.after)
        elif (loose := image.find_loosely(hunk, fuzz)) is not None:
            place, left_out, before, after = loose
            image.replace(place, before, after)
            fuzzy.append(Fuzzy(number, place + 1, left_out))
        else:
            is_explained = len(misfits) < _EXPLAINED
            misfits.append(image.misfit(number, hunk, wanted) if is_explained else HunkMisfit(number, hunk))
    return HunkFit(image.lines, displacement, tuple(fuzzy), tuple(misfits))


_EXPLAINED = 2
"""For how many misfits of a file to find the best place: that takes a pass over all of its lines."""


@attrs.define
class _Image:
    """A file while it is patched."""

    lines: list[bytes]
    taken: bytearray = attrs.field(init=False)
    """For each line, whether a hunk has been there."""
    _shift: int = 0
    """By how many lines the last hunk placed with fuzz was off."""

    def __attrs_post_init__(self) -> None:
        self.taken = bytearray(len(self.lines))

    def find(self, hunk: Hunk, wanted: int) -> int | None:
        """Return where all lines of *hunk* match."""
        count = len(hunk.before)
        last = len(self.lines) - count
        if last < 0:
            return None
        # Without any context it is the whole file, or its place is unknown.
        at_start, at_end = hunk.old <= 1 or not (hunk.leading or hunk.trailing), not hunk.trailing
        if at_start or at_end:
            places = {0} if at_start else {last}
            if at_start and at_end and last:
                return None
            return next((place for place in places if self._matches(place, hunk.before)), None)
        return next(
            (it for it in _outwards(min(wanted, len(self.lines)), last) if self._matches(it, hunk.before)), None
        )

    def find_loosely(self, hunk: Hunk, most: int) -> tuple[int, int, tuple[bytes, ...], tuple[bytes, ...]] | None:
        """Return where *hunk* goes, ignoring at most *most* lines of context, how many were, and the rest of its lines."""
        context = max(hunk.leading, hunk.trailing)
        for fuzz in range(1, min(most, context) + 1):
            first, end = fuzz + hunk.leading - context, fuzz + hunk.trailing - context
            start, stop = max(first, 0), max(end, 0)
            before, after = (part[start : len(part) - stop] for part in (hunk.before, hunk.after))
            last = len(self.lines) - len(before)
            if not before or last < 0:
                continue
            wanted = max(hunk.new - 1, 0) + start + self._shift
            places = [0] if first < 0 else [last] if end < 0 else _outwards(wanted, last)
            for place in places:
                if self._matches(place, before):
                    self._shift += place - wanted
                    return place, fuzz, before, after
        return None

    def replace(self, place: int, before: Sequence[bytes], after: Sequence[bytes]) -> None:
        """Put *after* where *before* is at *place*."""
        self.lines[place : place + len(before)] = after
        self.taken[place : place + len(before)] = b"\1" * len(after)

    def misfit(self, number: int, hunk: Hunk, wanted: int) -> HunkMisfit:
        """Return how *hunk* differs from the place where most of its lines match, among equals the nearest to *wanted*."""
        place = self._likeliest(hunk, wanted)
        there = self.lines[place : place + len(hunk.before)]
        for at, line in enumerate(hunk.before):
            here = there[at] if at < len(there) else None
            if here != line:
                return HunkMisfit(number, hunk, place + at + 1, line, here, _difference(hunk.before, there))
        return HunkMisfit(number, hunk)

    def _likeliest(self, hunk: Hunk, wanted: int) -> int:
        offsets: dict[bytes, list[int]] = {}
        for offset, line in enumerate(hunk.before):
            offsets.setdefault(b"".join(line.split()), []).append(offset)
        votes: collections.Counter[int] = collections.Counter({wanted: 0})
        for at, line in enumerate(self.lines):
            text = b"".join(line.split())
            if len(text) > 1:  # blank lines and braces are everywhere
                votes.update(at - offset for offset in offsets.get(text, ()) if at >= offset)
        return max(votes, key=lambda place: (votes[place], -abs(place - wanted)))

    def _matches(self, place: int, before: Sequence[bytes]) -> bool:
        end = place + len(before)
        return (
            (not before or self.lines[place] == before[0])
            and self.lines[place:end] == list(before)
            and not any(self.taken[place:end])
        )


def _difference(wanted: Sequence[bytes], there: Sequence[bytes]) -> Literal["ends", "blanks", "text"]:
    if [it.rstrip(b"\r\n") for it in wanted] == [it.rstrip(b"\r\n") for it in there]:
        return "ends"
    return "blanks" if [it.split() for it in wanted] == [it.split() for it in there] else "text"


def _outwards(wanted: int, last: int) -> Iterator[int]:
    """Yield the places from 0 to *last*, the nearest to *wanted* first, and of two as near the later one."""
    if wanted <= last:
        yield wanted
    for distance in range(1, max(wanted, last - wanted) + 1):
        if wanted + distance <= last:
            yield wanted + distance
        if 0 <= wanted - distance <= last:
            yield wanted - distance
