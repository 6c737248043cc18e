"""`kernix build --check`, `--rounds`, and `kernix verify --reproducible`: reports, exit codes, what is remembered."""

from __future__ import annotations

import json
import os

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.roots import add_tools


if TYPE_CHECKING:
    from tests.kernix.conftest import CommandLine


NO_LIBRARIES = (
    "warning: the order of directories is not changed: the toolchain of this build has no C compiler\n"
    "warning: the clock is not changed: the lock has no package set `faketime`; `kernix lock --add faketime` adds it, and "
    "changes no toolchain\n"
)


BUILDERS = """
from derivations.derivation import Derivation
from derivations.source import local_source

root = local_source({root!r})

def script(name, text, **mounts):
    places = {{f"/{{it}}": mounts[it].out for it in mounts}}
    return Derivation(name=name, system="x86_64-linux", builder="/bin/sh", args=["-c", text], mounts={{"/": root.out, **places}})

same = script("same", "mkdir /out/out; echo hello > /out/out/text; echo built same")
chance = script("chance", "mkdir /out/out; cat /proc/sys/kernel/random/uuid > /out/out/id; echo x > /out/out/x")
host = script("host", "echo by $(id -u) > /out/out")
user = script("user", "cat /same/text > /out/out", same=same)
"""


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root file system with a few of this machine's programs."""
    root = tmp_path_factory.mktemp("tools") / "root"
    add_tools(root, ["cat", "id", "mkdir", "sh"])
    return root


@pytest.fixture
def builders(kernix: CommandLine, tools: Path) -> Path:
    """Return a user's file with deterministic builders and others."""
    return kernix.write("builders.py", BUILDERS.format(root=str(tools)))


def test_equal(kernix: CommandLine, builders: Path) -> None:
    """What comes out the same is built and printed as usual; a second check builds again, too."""
    plain = kernix("build", "-f", builders, "same")
    for _ in range(2):
        ran = kernix("build", "--check", "-f", builders, "same")
        assert (ran.code, ran.out) == (0, plain.out)
        assert "same is the same: built again under the usual conditions" in ran.err


def test_different(kernix: CommandLine, builders: Path) -> None:
    """What comes out differently is reported: the file, the bytes, the cause, where both are; exit code 104."""
    (path,) = kernix("build", "-f", builders, "chance").lines
    ran = kernix("build", "--check", "-f", builders, "chance")
    assert ran.code == 104
    assert "error: chance is not reproducible: 1 file of out differs\n" in ran.err
    assert "hint: random identifier: derive it from a name (UUID version 5), or give it\n" in ran.err
    first, second, here, there, file, *rest = ran.lines
    assert first == "chance, built again under the usual conditions:"
    assert second == "out: 1 file differs"
    assert here.split() == ["here", path]
    other = Path(there.split()[1])
    assert [it.name for it in sorted(other.iterdir())] == ["id", "x"]
    assert file == "  id: 37 bytes"
    assert rest[0].startswith("    first at byte 0x")
    ids = [(it / "id").read_text() for it in (Path(path), other)]
    shown = ["".join(line.partition("|")[2].rstrip("|")) for line in rest if line.startswith("      ")]
    assert shown[0][:16] in ids[0]
    assert shown[2][:16] in ids[1]
    assert rest[-2:] == [
        "    cause: random identifier: a random UUID",
        "random identifier (1 file): derive it from a name (UUID version 5), or give it",
    ]
    assert kernix("build", "-f", builders, "chance").lines == [path]


def test_diffoscope(kernix: CommandLine, builders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If diffoscope is installed, it compares both results, and the report names its file."""
    program = tmp_path / "programs/diffoscope"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$3 $4 $5" > "$2"\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    (path,) = kernix("build", "-f", builders, "chance").lines
    ran = kernix("build", "--check", "-f", builders, "chance")
    place = Path(ran.lines[-1].removeprefix("out: diffoscope's report is "))
    option, here, there = place.read_text().split()
    assert (option, here) == ("--exclude-directory-metadata=yes", path)
    assert there in ran.out


def test_rounds(kernix: CommandLine, builders: Path) -> None:
    """Each round is under other conditions, and what cannot be varied is said."""
    ran = kernix("build", "--rounds", "2", "-f", builders, "same", "--cores", "2")
    assert ran.code == 0
    assert NO_LIBRARIES in ran.err
    assert "built again under 1 processor, host round1host, user 4201, umask 077, TZ=XAA-13, LANG=C.UTF-8" in ran.err
    assert (
        "built again under 2 processors, host round2host, user 4202, umask 002, TZ=XBB+11, LANG=tr_TR.UTF-8" in ran.err
    )
    assert "same came out the same in 2 rounds\n" in ran.err


def test_rounds_find_what_a_check_does_not(kernix: CommandLine, builders: Path) -> None:
    """A build that takes something from its surroundings passes the check, and fails the rounds."""
    assert kernix("build", "--check", "-f", builders, "host").code == 0
    ran = kernix("build", "--rounds", "1", "-f", builders, "host")
    assert ran.code == 104
    assert "cause: user: the name or number of the user" in ran.out


def test_json(kernix: CommandLine, builders: Path) -> None:
    """With --json the same is one document, equal or not."""
    ran = kernix("build", "--check", "--json", "-f", builders, "chance", "same")
    assert ran.code == 104
    chance, same = json.loads(ran.out)
    assert (same["name"], same["equal"], same["outputs"]["out"]["equal"]) == ("same", True, True)
    (file,) = chance["outputs"]["out"]["files"]
    assert (chance["equal"], file["path"], file["cause"]) == (False, "id", "random identifier")


def test_what_is_proved(kernix: CommandLine, builders: Path) -> None:
    """`verify --reproducible` prints each verdict: when, what came out, under what; exit code 1 if there is none."""
    ran = kernix("verify", "--reproducible", "-f", builders, "same")
    assert (ran.code, ran.out) == (1, "same: not built here\n")
    kernix("build", "-f", builders, "same", "chance")
    assert "same, out: never built again\n" in kernix("verify", "--reproducible", "-f", builders, "same").out
    kernix("build", "--check", "-f", builders, "same")
    kernix("build", "--rounds", "1", "-f", builders, "same")
    kernix("build", "--check", "-f", builders, "chance")
    ran = kernix("verify", "--reproducible", "-f", builders, "same")
    assert ran.code == 0
    first, object_, *verdicts = ran.lines
    assert first == "same, out: reproducible: the same each of 2 times that it was built again"
    digest = object_.rpartition(" ")[2]
    assert [line.split()[2:4] for line in verdicts] == [["equal", digest]] * 2
    assert "the usual conditions; on Linux " in verdicts[0]
    assert "host round1host" in verdicts[1]
    ran = kernix("verify", "--reproducible", "-f", builders, "same", "chance")
    assert ran.code == 1
    assert "chance, out: not reproducible: different 1 of 1 time\n" in ran.out
    assert "error: not proved to be reproducible: chance\n" in ran.err


def test_equal_inputs_share_a_proof(kernix: CommandLine, builders: Path) -> None:
    """What was proved of a build holds for another definition of it whose inputs have the same content."""
    kernix("build", "--check", "-f", builders, "user")
    builders.write_text(builders.read_text().replace("echo built same", "echo built otherwise"))
    kernix("build", "-f", builders, "user")
    assert kernix("verify", "--reproducible", "-f", builders, "user").code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["verify", "--reproducible"], "`--reproducible` is given without an attribute", id="no attribute"),
        pytest.param(["verify", "linux_micro"], "an attribute is given without `--reproducible`", id="no option"),
    ],
)
def test_usage(kernix: CommandLine, words: list[str], message: str) -> None:
    """The option and its attributes belong together."""
    ran = kernix(*words)
    assert ran.code == 2
    assert f"error: {message}\n" in ran.err
