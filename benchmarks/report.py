"""The results of benchmarks against their bounds: as a table, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from benchmarks.timing import median


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


KERNIX = "kernix"


@attrs.frozen(kw_only=True)
class Bound:
    """The most time that kernix may take: *factor* times the *peer*'s plus *plus* seconds, but at least *floor*.

    Without a *peer*, *floor* seconds.
    """

    peer: str | None = None
    factor: float = 0
    plus: float = 0
    floor: float = 0

    def limit(self, medians: Mapping[str, float]) -> float | None:
        """Return the bound in seconds, or None if the peer was not measured."""
        if self.peer is None:
            return self.floor
        if self.peer not in medians:
            return None
        return max(self.floor, self.factor * medians[self.peer] + self.plus)

    def __str__(self) -> str:
        if self.peer is None:
            return f"{self.floor:g} s"
        plus = f" + {self.plus:g} s" if self.plus else ""
        floor = f", at least {self.floor:g} s" if self.floor else ""
        return f"{self.factor:g} of {self.peer}{plus}{floor}"


@attrs.frozen(kw_only=True)
class Result:
    """The result of one benchmark.

    Attributes:
        name: The benchmark's name on the command line.
        what: What was measured.
        times: The seconds of each round, for kernix and each peer.
        bounds: The bounds for kernix.
        notes: Other results, or what is missing.
        details: A Markdown table of its own, with what does not fit into the common one.
    """

    name: str
    what: str
    times: Mapping[str, tuple[float, ...]]
    bounds: tuple[Bound, ...]
    notes: tuple[str, ...] = ()
    details: str = ""

    @property
    def medians(self) -> dict[str, float]:
        """Return the median of each side's times."""
        return {name: median(times) for name, times in self.times.items()}

    @property
    def verdicts(self) -> list[tuple[Bound, float | None, bool | None]]:
        """Return each bound, its value in seconds, and whether it is met, if known."""
        medians = self.medians
        found: list[tuple[Bound, float | None, bool | None]] = []
        for bound in self.bounds:
            limit = bound.limit(medians)
            known = limit is not None and KERNIX in medians
            found.append((bound, limit, medians[KERNIX] <= limit if known and limit is not None else None))
        return found


def table(results: Sequence[Result]) -> str:
    """Return *results* as a Markdown table, one line per bound."""
    lines = [
        "| what | rounds | kernix | peer | ratio | bound | met |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for result in results:
        what = result.what
        for bound, limit, met in result.verdicts:
            lines.append(_line(result, what, bound, limit, met))
            what = ""
        judged = {bound.peer for bound in result.bounds}
        others = [peer for peer in result.medians if peer not in {KERNIX, *judged}]
        lines += [_line(result, "", Bound(peer=peer), None, None) for peer in others]
    return "\n".join(lines)


def notes(results: Sequence[Result]) -> str:
    """Return the notes on *results*, one per line."""
    return "\n".join(f"- {result.name}: {note}" for result in results for note in result.notes)


def as_json(machine: Mapping[str, str], results: Sequence[Result]) -> dict[str, Any]:
    """Return *results* with all times, for `json.dump`."""
    return {
        "machine": dict(machine),
        "results": [
            {
                "name": result.name,
                "what": result.what,
                "seconds": {name: list(times) for name, times in result.times.items()},
                "bounds": [
                    {"bound": str(bound), "seconds": limit, "reached": met} for bound, limit, met in result.verdicts
                ],
                "notes": list(result.notes),
                **({"details": result.details} if result.details else {}),
            }
            for result in results
        ],
    }


def _line(result: Result, what: str, bound: Bound, limit: float | None, met: bool | None) -> str:
    medians = result.medians
    own, other = medians.get(KERNIX), medians.get(bound.peer or "")
    cells = [
        what,
        str(len(result.times.get(KERNIX, ()))) if what else "",
        _seconds(own) if what else "",
        f"{bound.peer} {_seconds(other)}" if bound.peer and other is not None else bound.peer or "",
        f"{own / other:.2f}" if own is not None and other is not None else "",
        (str(bound) + (f" = {_seconds(limit)}" if limit is not None and bound.peer else ""))
        if bound.factor or bound.floor
        else "",
        {True: "yes", False: "**no**", None: ""}[met],
    ]
    return f"| {' | '.join(cells)} |"


def _seconds(value: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:.3f} s" if value < 1 else f"{value:.2f} s" if value < 100 else f"{value:.0f} s"  # noqa: PLR2004
