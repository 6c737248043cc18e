"""Tests of derivations.realise.sandbox.usage and .bounds: builders that use too much, and others."""

from __future__ import annotations

import os
import subprocess
import sys

from typing import TYPE_CHECKING

import pytest

from derivations.realise.sandbox import bounds, usage
from derivations.realise.sandbox.bounds import Bounds, amount, meminfo
from derivations.realise.sandbox.run_builder import BuildFailed, Limits
from derivations.realise.sandbox.usage import Watch, family, machine_tasks, used_memory


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.derivations.realise.conftest import Bench, Caller, Mark, Workplace


MANY = "for i in $(seq 205); do sleep 100MARK & done; wait"


def failure(bench: Bench, script: str, allowed: Bounds, mounts: Mapping[str, Path] | None = None) -> BuildFailed:
    """Return how *script* fails under the bounds *allowed*."""
    with pytest.raises(BuildFailed) as caught:
        bench.run(script, bounds=allowed, limits=Limits(timeout=120), mounts=mounts)
    return caught.value


def test_processes(bench: Bench, mark: Mark) -> None:
    """A builder with too many processes is killed with all of them, and the error names the limit."""
    failed = failure(bench, MANY.replace("MARK", mark.text), Bounds(processes=200))
    assert failed.reason == "its builder had more than 200 processes at once"
    assert failed.hint == "`processes` under [limits] in config.toml sets this limit (0 means none)"
    assert mark.running() == []


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the programs are x86_64 code")
def test_fork_bomb(bench: Bench, caller: Caller) -> None:
    """A program that forks twelve times over is stopped."""
    bomb = caller.program("x86_64", *[(57,)] * 12, (34,))  # fork, …, pause
    failed = failure(bench, "/bomb", Bounds(processes=200), mounts={"/bomb": bomb})
    assert failed.reason == "its builder had more than 200 processes at once"


def test_no_more_processes(bench: Bench, mark: Mark) -> None:
    """A builder that fails because it cannot fork gets a hint about the limit."""
    failed = failure(bench, f"for i in $(seq 900); do sleep 100{mark.text} & done; wait", Bounds(processes=100))
    assert "`processes` under [limits]" in str(failed.hint)
    assert mark.running() == []


def test_processes_that_are_allowed(bench: Bench) -> None:
    """A builder with many processes, in sequence or within the limit, is left alone."""
    script = "for i in $(seq 300); do /bin/ls >/dev/null; done; for i in $(seq 50); do sleep 2 & done; wait; echo well"
    assert bench.run(script, bounds=Bounds(processes=100)) == ["well"]


def test_no_limit_on_processes(bench: Bench) -> None:
    """A limit of 0 allows any number."""
    assert bench.run("for i in $(seq 300); do sleep 2 & done; wait; echo well", bounds=Bounds(processes=0)) == ["well"]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("x=$(head -c 400000000 /dev/zero | tr '\\0' x); sleep 30", id="one-process"),
        pytest.param(
            "for i in $(seq 8); do (x=$(head -c 60000000 /dev/zero | tr '\\0' x); sleep 30; :) & done; wait",
            id="several",
        ),
        pytest.param(
            "head -c 150000000 /dev/zero > /tmp/f; head -c 150000000 /dev/zero > /dev/shm/f; sleep 30", id="tmpfs"
        ),
        pytest.param("i=0; while :; do : > /tmp/$i; i=$((i + 1)); done", id="empty-files"),
    ],
)
def test_memory(bench: Bench, script: str) -> None:
    """A builder whose processes, or files in memory, use too much memory together is killed, and the error says so."""
    failed = failure(bench, script, Bounds(memory=200 << 20, tmpfs=1 << 30))
    assert failed.reason == "its builder used more than 200M of memory"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the programs are x86_64 code")
def test_memory_that_nobody_has_mapped(bench: Bench, caller: Caller) -> None:
    """Unnamed files count as a builder's memory, too."""
    bomb = caller.program(
        "x86_64", (319, b"bomb\0", 0), (285, 3, 0, 0, 400_000_000), (34,)
    )  # memfd_create, fallocate, pause
    failed = failure(bench, "/bomb", Bounds(memory=200 << 20), mounts={"/bomb": bomb})
    assert failed.reason == "its builder used more than 200M of memory"


def test_files_without_a_name_count_once() -> None:
    """An unnamed file counts once, however often it is open and mapped."""
    code = (
        "import mmap, os, time; it = os.memfd_create('it'); os.ftruncate(it, 50_000_000); os.dup(it); m = mmap.mmap(it, 0)\n"
        "for _ in range(50): m.write(b'x' * 1_000_000)\n"
        "os.fork(); print(end='r', flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(2) == b"rr"
        pids = list(family(process.pid))
        used = sum(usage._resident(pid) for pid in pids)  # with what is mapped
        assert 50_000_000 < used < 90_000_000
        assert usage.used_memory(process.pid) - sum(
            usage._in_tmpfs(process.pid, it) for it in ("tmp", "dev/shm")
        ) < used + (1 << 20)
        for pid in pids:
            os.kill(pid, 9)


def test_shared_memory_counts_once(bench: Bench) -> None:
    """Memory shared by processes counts once."""
    script = "x=$(head -c 20000000 /dev/zero | tr '\\0' x); for i in $(seq 30); do (sleep 3; :) & done; wait; echo well"
    assert bench.run(script, bounds=Bounds(memory=400 << 20)) == ["well"]


@pytest.mark.parametrize("place", ["/tmp", "/dev/shm"])
def test_tmpfs(bench: Bench, place: str) -> None:
    """File systems in memory have a limit of their own, and a builder that fills one gets a hint about it."""
    failed = failure(bench, f"head -c 20000000 /dev/zero > {place}/f", Bounds(tmpfs=10 << 20))
    assert bench.lines == ["head: write error: No space left on device"] or "No space left" in bench.lines[-1]
    assert (
        failed.hint
        == "/tmp and /dev/shm hold 10M each, which may be the cause: `tmpfs` under [limits] in config.toml sets this limit (0 means none)"
    )


def test_nothing_else_is_in_memory(bench: Bench) -> None:
    """Neither /dev nor the root can be filled."""
    assert bench.run("(touch /dev/x || touch /x || touch /etc/x || touch /run/x) 2>/dev/null || echo none") == ["none"]


def test_disk(bench: Bench) -> None:
    """A builder that leaves too little of the disk free is killed, and the error names the limit."""
    room = os.statvfs(bench.build)
    failed = failure(bench, "sleep 60", Bounds(free_space=2 * room.f_blocks * room.f_frsize))
    assert failed.reason.startswith("it left less than ")
    assert failed.reason.endswith(" of the disk free")
    assert "`free_space`" in str(failed.hint)


def test_a_small_disk(tmp_path: Path) -> None:
    """On a small disk less must be left free, unless configured otherwise."""
    room = os.statvfs(tmp_path)
    assert Bounds().too_full(tmp_path) is None
    assert Bounds(free_space=room.f_blocks * room.f_frsize * 2).too_full(tmp_path) == room.f_blocks * room.f_frsize * 2
    assert Bounds(free_space=0).too_full(tmp_path) is None


def test_builders_go_first(workplace: Workplace) -> None:
    """If the machine runs out of memory, the kernel kills builders first."""
    assert int(workplace.text(workplace.shell("it", "cat /proc/self/oom_score_adj > /out/out"))) >= 900


def test_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Defaults depend on the machine."""
    monkeypatch.setattr(bounds, "meminfo", lambda: {"MemTotal": 1000})
    monkeypatch.setattr(os, "cpu_count", lambda: 1024)
    assert Bounds().for_machine() == Bounds(processes=32768, memory=900, tmpfs=250)
    assert Bounds(processes=1, memory=0, tmpfs=3, free_space=4).for_machine() == Bounds(
        processes=1, memory=0, tmpfs=3, free_space=4
    )


def test_what_the_kernel_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's figures for the machine and for a process can be read."""
    monkeypatch.setattr(usage, "_in_tmpfs", lambda *_: 0)  # this process sees the memory of all others
    assert meminfo()["MemTotal"] > meminfo()["MemAvailable"] > 0
    assert machine_tasks() > 10
    code = "import os, time; x = b'x' * 50_000_000; os.fork(); os.fork(); print(end='r', flush=True); time.sleep(100)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(4) == b"rrrr"
        pids = set(family(process.pid))
        assert len(pids) == 4
        assert 50_000_000 < used_memory(process.pid) < 120_000_000
        for pid in pids:
            os.kill(pid, 9)
    assert used_memory(process.pid) == 0


def test_scarcity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine out of memory, a build that uses much of it is stopped, and a small one continues."""
    total = 100 << 20
    monkeypatch.setattr(
        usage, "meminfo", lambda: {"MemTotal": total, "MemAvailable": 1 << 20, "SwapTotal": 0, "SwapFree": 0}
    )
    for used, ends in ((total // 2, True), (total // 10, False)):
        monkeypatch.setattr(usage, "used_memory", lambda _, used=used: used)
        found = Watch(Bounds(memory=90 << 20, processes=0), tmp_path).check(1)
        assert (found is not None) == ends


def test_checks_are_spaced_out(tmp_path: Path) -> None:
    """Between two checks nothing is read."""
    watch = Watch(Bounds(free_space=1 << 60).for_machine(), tmp_path)
    assert watch.check(None) is not None
    assert watch.check(None) is None
    assert 0 < watch.due() <= usage.PAUSE


@pytest.mark.parametrize(
    ("count", "text"), [(1 << 30, "1G"), (3 << 29, "1.5G"), (200 << 20, "200M"), (2048, "2K"), (7, "7")]
)
def test_amounts(count: int, text: str) -> None:
    """Amounts are written as in the configuration."""
    assert amount(count) == text
