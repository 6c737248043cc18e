"""Under which conditions a build is repeated: each round differs from the usual, and from the one before, in everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.proof.conditions import Conditions


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


_DAYS = 100  # by which each round is later than the one before: another month, and mostly another season
_UMASKS = (0o077, 0o002, 0o027, 0o000)
_ZONES = ("XAA-13", "XBB+11", "XCC-5:45", "XDD+3")
_LOCALES = ("C.UTF-8", "tr_TR.UTF-8", "POSIX", "de_DE")
ORDER, CLOCK = "/kernix/order.so", "/kernix/clock"
"""Where the libraries are that change the order of directories and the clock."""


def round_of(
    number: int, processors: int, *, order: Path | None = None, clock: tuple[Path, str] | None = None
) -> Conditions:
    """Return the conditions of the round *number*, from 1 on, on a machine with that many *processors*.

    *order* is the library that changes the order of directories; *clock* is a root file system and where in it the
    library that changes the clock is. Without them, neither is changed.
    """
    place = number - 1
    env = {"LANG": _LOCALES[place % 4], "TZ": _ZONES[place % 4], "HOME": f"/home/round{number}"}
    mounts: dict[str, Path] = {}
    count = 1 if number % 2 and processors > 1 else processors * 2 if number % 2 else processors
    host = f"round{number}host"
    words = [
        f"{count} processor{'s' if count > 1 else ''}",
        f"host {host}",
        f"user {4200 + number}",
        f"umask {_UMASKS[place % 4]:03o}",
        f"TZ={env['TZ']}",
        f"LANG={env['LANG']}",
        "another scratch directory",
    ]
    preloaded = []
    if order is not None:
        mounts[ORDER] = order
        preloaded.append(ORDER)
        env["KERNIX_ORDER"] = str(number)
        words.append("directories in another order")
    if clock is not None:
        mounts[CLOCK] = clock[0]
        preloaded.append(f"{CLOCK}/{clock[1]}")
        env |= _later(number * _DAYS)
        words.append(f"clock {number * _DAYS} days ahead")
    if preloaded:
        env["LD_PRELOAD"] = ":".join(preloaded)
    return Conditions(
        user=4200 + number,
        group=5200 + number,
        name=f"round{number}user",
        host=host,
        umask=_UMASKS[place % 4],
        processors=count,
        below="/".join(["home", "of", "another", "kernix"][: 1 + number % 4]),
        env=env,
        mounts=mounts,
        words=tuple(words),
    )


def _later(days: int) -> Mapping[str, str]:
    """Return the variables by which libfaketime shows a clock that is *days* ahead.

    The times of files stay what they are, so that make compares them with each other; intervals are measured as usual.
    """
    return {"FAKETIME": f"+{days}d", "NO_FAKE_STAT": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
