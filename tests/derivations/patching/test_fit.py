"""Tests for derivations.patching.fit, beside a search that tries every place."""

from __future__ import annotations

import itertools

from typing import TYPE_CHECKING

import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from derivations.patching import fit as fit_module
from derivations.patching.change import Hunk
from derivations.patching.fit import Fuzzy, fit, fitting


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Plain:
    """A file while it is patched, searched place by place."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self.lines = list(lines)
        self.taken = [False] * len(lines)
        self.shift = 0

    def first(self, places: Iterable[int], before: Sequence[bytes]) -> int | None:
        """Return the first of *places* at which the untouched lines *before* are."""
        for place in places:
            end = place + len(before)
            if self.lines[place:end] == list(before) and not any(self.taken[place:end]):
                return place
        return None

    def outwards(self, wanted: int, last: int) -> list[int]:
        """Return all places, the nearest to *wanted* first, and of two as near the later one."""
        return sorted(range(last + 1), key=lambda place: (abs(place - wanted), -place))

    def find(self, hunk: Hunk, wanted: int) -> int | None:
        """Return where all of *hunk* goes."""
        last = len(self.lines) - len(hunk.before)
        if last < 0:
            return None
        at_start, at_end = hunk.old <= 1 or not (hunk.leading or hunk.trailing), not hunk.trailing
        if at_start and at_end and last:
            return None
        places = [0] if at_start else [last] if at_end else self.outwards(min(wanted, len(self.lines)), last)
        return self.first(places, hunk.before)

    def find_loosely(self, hunk: Hunk, most: int) -> tuple[int, int, Sequence[bytes], Sequence[bytes]] | None:
        """Return where *hunk* goes without some of its context."""
        context = max(hunk.leading, hunk.trailing)
        for fuzz in range(1, min(most, context) + 1):
            first, end = fuzz + hunk.leading - context, fuzz + hunk.trailing - context
            start, stop = max(first, 0), max(end, 0)
            before, after = (part[start : len(part) - stop] for part in (hunk.before, hunk.after))
            last = len(self.lines) - len(before)
            if not before or last < 0:
                continue
            wanted = max(hunk.new - 1, 0) + start + self.shift
            places = [0] if first < 0 else [last] if end < 0 else self.outwards(max(wanted, 0), last)
            if (place := self.first(places, before)) is not None:
                self.shift += place - wanted
                return place, fuzz, before, after
        return None

    def replace(self, place: int, before: Sequence[bytes], after: Sequence[bytes]) -> None:
        """Put *after* where *before* is."""
        self.lines[place : place + len(before)] = after
        self.taken[place : place + len(before)] = [True] * len(after)


def plainly(
    lines: Sequence[bytes], hunks: Sequence[Hunk], fuzz: int
) -> tuple[list[bytes], int, tuple[Fuzzy, ...], list[int]]:
    """Return what `fit` is to return, and the numbers of the hunks that do not fit."""
    image, displacement, fuzzy, misfits = Plain(lines), 0, [], []
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
            misfits.append(number)
    return image.lines, displacement, tuple(fuzzy), misfits


SOME = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"\n", b"}\n"]), max_size=4)


@st.composite
def files_and_hunks(draw: st.DrawFn) -> tuple[list[bytes], list[Hunk]]:
    """Return a file in which lines repeat, and hunks of which most are near a place in it."""
    lines = list(itertools.chain.from_iterable(draw(st.lists(SOME, max_size=12))))
    hunks = []
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(lines)))
        leading, trailing = lines[max(at - draw(st.integers(0, 3)), 0) : at], draw(SOME)[:3]
        old = draw(SOME) if draw(st.booleans()) else lines[at : at + draw(st.integers(0, 3))]
        if draw(st.booleans()):
            trailing = lines[at + len(old) : at + len(old) + draw(st.integers(0, 3))]
        line = draw(st.integers(0, len(lines) + 3))
        before, after = ((*leading, *part, *trailing) for part in (old, draw(SOME)))
        hunks.append(Hunk(1, line, line, before, after, len(leading), len(trailing)))
    return lines, hunks


@pytest.mark.parametrize("letters", [2, 0x10FFFF])
def test_the_nearest_place_is_found(letters: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hunks go where a search that tries place by place finds them, also where lines share a character."""
    monkeypatch.setattr(fit_module, "_LETTERS", letters)

    @given(files_and_hunks(), st.integers(0, 3))
    @settings(max_examples=400)
    def check(case: tuple[list[bytes], list[Hunk]], fuzz: int) -> None:
        lines, hunks = case
        found = fit(lines, hunks, fuzz)
        assert (found.lines, found.displacement, found.fuzzy, [it.number for it in found.misfits]) == plainly(
            lines, hunks, fuzz
        )
        assert fitting(lines, hunks) == [not fit(lines, [hunk]).misfits for hunk in hunks]

    check()


def test_many_hunks_of_a_long_file() -> None:
    """Hunks that fit nowhere are found so without a walk over the file for each."""
    lines = [b"line %d\n" % (number // 3) for number in range(60_000)]
    hunks = [
        Hunk(1, at, at, (*lines[at : at + 3], b"nowhere\n", *lines[at + 3 : at + 6]), (b"x\n",), 3, 3)
        for at in range(10, 58_010, 20)
    ]

    found = fit(lines, hunks, 2)

    assert len(found.misfits) == len(hunks)
    assert not any(fitting(lines, hunks))
