"""Tests of derivations.realise.sandbox.control_group, on machines where we may make groups."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from derivations.realise.sandbox.bounds import Bounds
from derivations.realise.sandbox.control_group import control_group, delegated
from derivations.realise.sandbox.run_builder import BuildFailed, Limits


if TYPE_CHECKING:
    from tests.derivations.realise.conftest import Bench, Caller, Mark


WORKING = delegated() is not None
GROUPS = pytest.mark.skipif(not WORKING, reason="needs the right to make control groups (cgroup v2)")
ON_X86 = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the programs are x86_64 code")
ROOT = Path(__file__).parents[3]


def failure(bench: Bench, argv: tuple[str, ...], allowed: Bounds, mounts: dict[str, Path] | None = None) -> BuildFailed:
    """Return how *argv* fails under the bounds *allowed*."""
    with pytest.raises(BuildFailed) as caught:
        bench.run("", argv=argv, bounds=allowed, limits=Limits(timeout=120), mounts=mounts)
    return caught.value


def groups() -> list[Path]:
    """Return the existing groups of builds."""
    parent = delegated()
    assert parent is not None
    return list(parent.glob("kernix-build-*"))


@GROUPS
@pytest.mark.parametrize(
    "script",
    [
        pytest.param("x=$(head -c 80000000 /dev/zero | tr '\\0' x); sleep 30", id="one-process"),
        pytest.param("for i in 1 2 3 4; do (x=$(head -c 15000000 /dev/zero | tr '\\0' x); sleep 30) & done; wait", id="several"),
        pytest.param("head -c 25000000 /dev/zero > /tmp/f; head -c 25000000 /dev/zero > /dev/shm/f", id="tmpfs"),
        pytest.param("setsid sh -c 'head -c 80000000 /dev/zero > /tmp/f' & sleep 100", id="in-background"),
    ],
)  # fmt: skip
def test_memory(bench: Bench, script: str) -> None:
    """A builder that uses too much memory is killed by the kernel, and the error names the limit."""
    failed = failure(bench, ("/bin/sh", "-c", script), Bounds(memory=40 << 20, tmpfs=1 << 30))
    assert failed.reason == "its builder used more than 40M of memory"
    assert failed.hint == "`memory` under [limits] in config.toml sets this limit (0 means none)"
    assert groups() == []


@GROUPS
def test_page_cache_does_not_count(bench: Bench) -> None:
    """The page cache, and memory given back, do not count against a builder."""
    script = "head -c 100000000 /dev/zero > f; cat f > /dev/null; rm f; echo well"
    assert bench.run(script, bounds=Bounds(memory=40 << 20)) == ["well"]


@GROUPS
@ON_X86
def test_fork_bomb(bench: Bench, caller: Caller) -> None:
    """A program that forks twelve times over is stopped at the limit."""
    bomb = caller.program("x86_64", *[(57,)] * 12, (34,))  # fork, …, pause
    failed = failure(bench, ("/bomb",), Bounds(processes=50), mounts={"/bomb": bomb})
    assert failed.reason == "its builder had more than 50 processes at once"
    assert groups() == []


@GROUPS
def test_processes_that_are_allowed(bench: Bench) -> None:
    """A builder may have exactly as many processes as allowed, including its first one and the sandbox's."""
    script = "for i in $(seq 18); do sleep 1 & done; wait; echo well"
    assert bench.run(script, bounds=Bounds(processes=20)) == ["well"]
    failed = failure(bench, ("/bin/sh", "-c", script.replace("18", "19")), Bounds(processes=20))
    assert failed.reason == "its builder had more than 20 processes at once"


@GROUPS
def test_abandoned_groups_are_removed(mark: Mark) -> None:
    """Processes in the group of a killed kernix are killed, and the group removed, by the next one."""
    with subprocess.Popen(["/bin/sleep", f"100{mark.text}"]) as left:
        code = (
            "import os, signal, sys; from derivations.realise.sandbox.bounds import Bounds\n"
            "from derivations.realise.sandbox.control_group import control_group\n"
            "with control_group(Bounds().for_machine()) as group:\n"
            "    assert group.add(int(sys.argv[1]))\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        done = subprocess.run([sys.executable, "-c", code, str(left.pid)], cwd=ROOT, check=False)
        assert done.returncode == -signal.SIGKILL
        assert len(groups()) == 1
        with control_group(Bounds().for_machine()) as group:
            assert group is not None
            assert groups() == [group.place]
        assert left.wait() == -signal.SIGKILL
    assert mark.running() == []
    assert groups() == []


@GROUPS
def test_groups_in_use_stay() -> None:
    """Two concurrent builds have separate groups, and neither takes the other's for an abandoned one."""
    bounds = Bounds().for_machine()
    with control_group(bounds) as one, control_group(bounds) as two:
        assert one is not None
        assert two is not None
        assert sorted(groups()) == sorted([one.place, two.place])
    assert groups() == []


@pytest.mark.skipif(WORKING, reason="needs a machine where we may make no control groups")
def test_no_groups() -> None:
    """Where groups are impossible there is none, and nothing fails."""
    with control_group(Bounds().for_machine()) as group:
        assert group is None


# Where groups can be made


def machine(place: Path, *, root: str = "/", own: str = "/a.slice/b.scope", mounted: str = "cgroup") -> Path:
    """Return a directory like /proc of a process in the group *own*, with a hierarchy below *place* whose mount shows *root*."""
    (place / "self").mkdir()
    (place / "self/cgroup").write_text(f"1:name=systemd:/elsewhere\n0::{own}\n")
    name = str(place / mounted).replace(" ", "\\040")
    (place / "self/mountinfo").write_text(
        f"1 0 0:1 / / rw - ext4 /dev/sda rw\n2 1 0:2 {root} {name} rw shared:4 - cgroup2 cgroup2 rw\n"
    )
    return place


def add_group(place: Path, hands_on: str, has: str = "cpu memory pids") -> None:
    """Make a group that delegates the controllers *hands_on*."""
    place.mkdir(parents=True, exist_ok=True)
    for name, text in (("subtree_control", hands_on), ("controllers", has), ("procs", "1\n")):
        (place / f"cgroup.{name}").write_text(f"{text}\n")


@pytest.mark.parametrize(
    ("root", "own", "expected"),
    [
        pytest.param("/", "/a.slice/b.scope", "a.slice", id="sibling"),
        pytest.param("/", "/a.slice/c.service/d/e", "a.slice", id="above"),
        pytest.param("/", "/a.slice", "a.slice", id="own"),
        pytest.param("/box", "/box/a.slice/b.scope", "a.slice", id="part-of-the-hierarchy"),
        pytest.param("/box", "/boxer/a.slice/b.scope", None, id="another-part"),
        pytest.param("/", "/../a.slice", None, id="outside-of-the-namespace"),
    ],
)
def test_delegated(tmp_path: Path, root: str, own: str, expected: str | None) -> None:
    """Groups are made in the nearest group that delegates both controllers."""
    proc = machine(tmp_path, root=root, own=own)
    for name, hands_on in (
        ("a.slice", "memory pids"),
        ("a.slice/b.scope", ""),
        ("a.slice/c.service", "pids"),
        ("a.slice/c.service/d/e", ""),
    ):
        add_group(tmp_path / "cgroup" / name, hands_on, has="pids" if "c.s" in name else "memory pids")
    add_group(tmp_path / "cgroup", "cpu memory pids")
    found = delegated(proc)
    assert found == (None if expected is None else tmp_path / "cgroup" / expected)


def test_a_mount_with_a_space(tmp_path: Path) -> None:
    """The hierarchy may be mounted at a path with a space."""
    proc = machine(tmp_path, mounted="control groups")
    add_group(tmp_path / "control groups/a.slice", "memory pids")
    assert delegated(proc) == tmp_path / "control groups/a.slice"


def test_the_old_hierarchies(tmp_path: Path) -> None:
    """Where the controllers belong to cgroup v1, nothing is delegated."""
    proc = machine(tmp_path, own="/")
    add_group(tmp_path / "cgroup", "", has="hugetlb")
    assert delegated(proc) is None


def test_no_control_groups(tmp_path: Path) -> None:
    """A kernel without control groups delegates nothing."""
    assert delegated(tmp_path) is None
