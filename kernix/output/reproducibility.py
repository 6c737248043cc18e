"""What differs between two builds, and what was proved, in words."""

from __future__ import annotations

import time

from typing import TYPE_CHECKING, Any

from kernix.output.quantities import number


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from derivations.proof.causes import Cause
    from derivations.proof.compare import Difference, Part
    from derivations.realise.proof.again import Compared, Round
    from store.path import StorePath
    from store.records.verdicts import Verdict


SHOWN = 8
"""How many files a report describes for each output: a screen or two, and the causes repeat."""

_PARTS = 6  # sections of a file, as above
_ROW = 16  # bytes


def report(name: str, round_: Round, place: Callable[[StorePath], object]) -> Iterator[str]:
    """Yield the lines of the report on a *round_* of *name* that gave another result; *place* returns where an object is."""
    differing = [it for it in round_.outputs if not it.equal]
    yield f"{name}, built again under {round_.conditions}:"
    for it in round_.outputs:
        if it.equal:
            yield f"{it.output}: equal"
    yield from compared_lines(differing, place)


def compared_lines(differing: Sequence[Compared], place: Callable[[StorePath], object]) -> Iterator[str]:
    """Yield the lines about outputs that differ, and the known causes; none if there are none."""
    for it in differing:
        yield f"{it.output}: {number(it.total, 'file')} {'differs' if it.total == 1 else 'differ'}"
        yield f"  here   {place(it.result)}"
        if it.other is not None:
            yield f"  there  {place(it.other)}"
        for difference in it.differences[:SHOWN]:
            yield from (f"  {line}" for line in _difference(difference))
        if it.total > SHOWN:
            yield f"  and {number(it.total - SHOWN, 'other file')}"
    if differing:
        yield from _causes(differing)


def _difference(difference: Difference) -> Iterator[str]:
    yield f"{difference.path}: {difference.what}"
    for part in difference.parts[:_PARTS]:
        yield from (f"  {line}" for line in _part(part))
    if len(difference.parts) > _PARTS:
        yield f"  and {number(len(difference.parts) - _PARTS, 'other section')}"
    if difference.cause is not None:
        yield f"  cause: {difference.cause.name}: {difference.cause.what}"


def _part(part: Part) -> Iterator[str]:
    name = f"section {part.name}" if part.name else ""
    if None in part.sizes:
        yield f"{name} is only {'there' if part.sizes[0] is None else 'here'}"
        return
    sizes = "" if part.sizes[0] == part.sizes[1] or not name else f", {part.sizes[0]} bytes here, {part.sizes[1]} there"
    where = f"byte {part.offset:#x}" + (f", {part.inside:#x} of the section" if name else "")
    symbol = f", in {part.symbol}" if part.symbol else ""
    yield f"{name + ': ' if name else ''}first at {where}{symbol}{sizes}"
    for side, data in (("here ", part.left), ("there", part.right)):
        yield from (f"  {side}  {line}" for line in hexdump(data, part.start))


def hexdump(data: bytes, start: int) -> Iterator[str]:
    """Yield the lines of a hexdump of *data*, which begins at *start*."""
    for place in range(0, len(data), _ROW):
        row = data[place : place + _ROW]
        text = "".join(chr(it) if it in range(0x20, 0x7F) else "." for it in row)
        yield f"{start + place:08x}  {row.hex(' '):<{_ROW * 3 - 1}}  |{text}|"


def _causes(differing: Iterable[Compared]) -> Iterator[str]:
    """Yield the known causes, each once, with what mends it."""
    found = causes(differing)
    for cause, files in found.items():
        yield f"{cause.name} ({number(files, 'file')}): {cause.remedy}"
    if not found:
        yield "no known cause"


def causes(differing: Iterable[Compared]) -> dict[Cause, int]:
    """Return the causes, and how many files each explains; first those that explain most."""
    found: dict[Cause, int] = {}
    for it in differing:
        for difference in it.differences:
            if difference.cause is not None:
                found[difference.cause] = found.get(difference.cause, 0) + 1
    return dict(sorted(found.items(), key=lambda it: (it[0].name == "build id", -it[1])))


def facts(name: str, round_: Round, place: Callable[[StorePath], object]) -> dict[str, Any]:
    """Return the same as values for JSON."""
    return {
        "name": name,
        "conditions": str(round_.conditions),
        "equal": round_.equal,
        "seconds": round(round_.seconds, 1),
        "outputs": {it.output: compared_facts(it, place) for it in round_.outputs},
    }


def compared_facts(it: Compared, place: Callable[[StorePath], object]) -> dict[str, Any]:
    """Return what is known about an output as values for JSON."""
    found: dict[str, Any] = {"equal": it.equal, "result": str(place(it.result))}
    if it.other is None:
        return found
    files = [
        {
            "path": difference.path,
            "what": difference.what,
            "cause": difference.cause and difference.cause.name,
            "remedy": difference.cause and difference.cause.remedy,
            "parts": [
                {"section": part.name, "symbol": part.symbol, "offset": part.offset, "inside": part.inside}
                for part in difference.parts
            ],
        }
        for difference in it.differences
    ]
    return {**found, "other": str(place(it.other)), "differing": it.total, "files": files}


def history(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield a line about each of *verdicts* on one result."""
    for it in verdicts:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(it.seen))
        outcome = "withdrawn" if it.withdrawn else "equal" if it.equal else "different"
        yield f"{when}  {outcome:<9}  {it.rebuilt.hex()[:12]}  {it.conditions}"
