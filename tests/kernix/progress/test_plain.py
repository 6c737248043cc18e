"""Progress in plain lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.derivation import Derivation, Fixed
from derivations.realise.events import (
    Failed,
    FailedBuildKept,
    Finished,
    LogLine,
    Planned,
    Progress,
    Reused,
    Skipped,
    Started,
    Unit,
    Waiting,
    Warned,
)
from kernix.progress.plain import PlainProgress
from store.errors import UsageError


if TYPE_CHECKING:
    from derivations.realise.events import Event


FETCH = Derivation(name="gcc-12", system="builtin", builder="builtin:fetch-deb", fixed=Fixed("deb", "0" * 64))
MORE = Derivation(name="gcc-13", system="builtin", builder="builtin:fetch-deb", fixed=Fixed("deb", "1" * 64))
LINUX = Derivation(name="linux-6.12", system="x86_64-linux", builder="/bin/sh")
UNPACK = Derivation(name="tree", system="builtin", builder="builtin:unpack")


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([Planned(1, 2)], ["1 derivation to build, 2 already built"], id="planned"),
        pytest.param([Started(UNPACK), Finished(UNPACK, {}, 0.2)], [], id="quick-builtin"),
        pytest.param([Started(UNPACK), Finished(UNPACK, {}, 13.0)], ["unpacked tree in 13 s"], id="slow-builtin"),
        pytest.param([Started(LINUX)], ["building linux-6.12"], id="building"),
        pytest.param([Finished(LINUX, {}, 160.0)], ["built linux-6.12 in 2 min 40 s"], id="built"),
        pytest.param(
            [
                Planned(2, 0, (FETCH, MORE)),
                Started(FETCH),
                Started(MORE),
                Progress(FETCH, 1000, 93_400_000, Unit.BYTES),
                Progress(FETCH, 93_400_000, 93_400_000, Unit.BYTES),
                Finished(FETCH, {}, 12.0),
                Finished(MORE, {}, 12.0),
            ],
            ["2 derivations to build, 0 already built", "fetching 2 files", "fetched 2 files, 93.4 MB in 0.0 s"],
            id="fetched",
        ),
        pytest.param([Progress(LINUX, 1, 2, Unit.OBJECTS), LogLine(LINUX, "  CC  main.o")], [], id="quiet"),
        pytest.param([Reused(LINUX, {})], ["reused linux-6.12: same inputs as an earlier build"], id="reused"),
        pytest.param(
            [Planned(1, 0, (FETCH,)), Reused(FETCH, {})], ["1 derivation to build, 0 already built"], id="found"
        ),
        pytest.param([Waiting(LINUX)], ["waiting for another process to build linux-6.12"], id="waiting"),
        pytest.param([Failed(LINUX, UsageError("no"))], ["linux-6.12 failed"], id="failed"),
        pytest.param([Skipped(LINUX, UNPACK)], ["skipped linux-6.12: it needs tree"], id="skipped"),
        pytest.param([FailedBuildKept(LINUX, "/tmp/x")], ["kept the failed build of linux-6.12 in /tmp/x"], id="kept"),
        pytest.param([Warned("look")], ["warning: look"], id="warned"),
    ],
)
def test_each_phase_is_a_line(events: list[Event], expected: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Each phase that takes time gets a line when it begins, or ends; all downloads are one phase."""
    with PlainProgress() as progress:
        for event in events:
            progress(event)
    captured = capsys.readouterr()
    assert ("", expected) == (captured.out, captured.err.splitlines())


def test_silence_is_broken(capfd: pytest.CaptureFixture[str]) -> None:
    """While nothing begins or ends, a line reports the progress from time to time."""
    with PlainProgress(every=0.01) as progress:
        progress(Planned(9, 0))
        progress(Progress(LINUX, 812, 1530, Unit.OBJECTS))
        err = ""
        while "objects" not in err:
            err += capfd.readouterr().err
    assert "0 of 9 done after 0.0 s; compiling linux-6.12, 812 of 1,530 objects, 0.0 s" in err
