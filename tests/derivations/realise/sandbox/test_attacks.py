"""Tests of the sandbox against builders that attack the machine, run by root and by an ordinary user."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import subprocess
import sys
import threading
import time

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from derivations.realise.sandbox.launch import join_session_keyring
from derivations.realise.sandbox.probe import bubblewrap
from derivations.realise.sandbox.run_builder import BuildFailed
from derivations.realise.sandbox.users import USERS, is_root


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.derivations.realise.conftest import Bench, Caller, Mark, Workplace


ROOT = Path(__file__).parents[4]
AS_ROOT = pytest.mark.skipif(not is_root(), reason="needs root")
CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")


# What exists once per machine


def test_nothing_of_the_machine_can_be_written(bench: Bench) -> None:
    """No machine-wide file can be opened for writing, by any path."""
    places = (
        "/proc/sys /proc/sysrq-trigger /proc/irq /proc/bus /proc/acpi /proc/fs /proc/scsi /proc/tty /proc/1 /dev/pts"
    )
    tries = "for f in $(find $1 -type f 2>/dev/null); do (: >> $f) 2>/dev/null && echo open $f; done"
    script = f"for place in {places} /proc/self/root/proc/sys; do set -- $place; {tries}; done; echo done"
    assert bench.run(script) == ["done"]


def test_core_pattern(bench: Bench) -> None:
    """A builder cannot make the machine run its program as root on a crash."""
    before = CORE_PATTERN.read_text()
    with pytest.raises(BuildFailed):
        bench.run("echo '|/bin/sh' > /proc/sys/kernel/core_pattern")
    assert CORE_PATTERN.read_text() == before


def test_nothing_of_the_machine_is_visible(bench: Bench) -> None:
    """There is no /sys, and files in /proc about keys and kernel memory are covered."""
    lines = bench.run(
        "ls -A /sys; for f in kcore keys key-users timer_list; do (cat /proc/$f) 2>/dev/null | head -c 9; done"
    )
    assert [line for line in lines if "No such file" not in line] == []


def test_devices(bench: Bench) -> None:
    """A builder has only harmless devices, and can neither create nor add one."""
    script = (
        "mknod /out/sda b 8 0 || mknod /build/mem c 1 1 || touch /dev/x || mknod /dev/kmsg c 1 11 || "
        "(echo > /dev/shm/x; echo x > /dev/null; head -c 1 /dev/urandom > /out/one; ls /dev)"
    )
    assert set(bench.run(f"exec 2>/dev/null; {script}")) <= {
        "console", "core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty",
        "urandom", "zero",
    }  # fmt: skip
    assert [(it.name, it.stat().st_size) for it in bench.out.iterdir()] == [("one", 1)]


def test_the_sandbox_s_own_program(bench: Bench) -> None:
    """A builder cannot overwrite bubblewrap, which it sees as /proc/1/exe."""
    before = bubblewrap().read_bytes()
    script = (
        "for p in 1 self; do exec 3</proc/$p/exe; (echo x >> /proc/$p/fd/3 || echo x >> /proc/1/exe) && echo open; done"
    )
    assert "open" not in bench.run(f"({script}) 2>/dev/null; true")
    assert bubblewrap().read_bytes() == before


def test_no_way_out_by_the_first_process(bench: Bench, tmp_path: Path) -> None:
    """The first process has no root, working directory or open file outside the sandbox."""
    script = (
        "ls -A /proc/1/root/; ls -A /proc/1/cwd/; readlink /proc/1/root; for f in /proc/1/fd/*; do readlink $f; done"
    )
    lines = bench.run(f"({script}; cat /proc/1/root{tmp_path}/logs/..) 2>/dev/null; true")
    assert not [line for line in lines if line.startswith(("/home", "/root", "/tmp", "/proc", str(tmp_path)))]


def test_own_streams_by_name(bench: Bench) -> None:
    """A builder can open its output by name, as the kernel's scripts do."""
    assert bench.run("echo one > /dev/stderr; echo two > /dev/stdout; echo three > /proc/self/fd/1") == [
        "one",
        "two",
        "three",
    ]


# Other users


@contextlib.contextmanager
def running(workplace: Workplace, mark: Mark, script: str, count: int = 1) -> Iterator[list[int]]:
    """Run *script* in *count* builds at once, while the body has the processes with *mark*."""
    build = workplace.shell("it", f"{script}; sleep 100{mark.text}")
    builds = [workplace.shell(f"it{i}", f"{script}; sleep 100{mark.text}", env={"N": str(i)}) for i in range(1, count)]
    threads = [threading.Thread(target=_fails, args=(workplace, it)) for it in (build, *builds)]
    workplace.realise(workplace.base)
    for thread in threads:
        thread.start()
    try:
        while len(found := mark.running()) < count:
            assert any(thread.is_alive() for thread in threads)
            time.sleep(0.02)
        yield found
    finally:
        for pid in mark.running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for thread in threads:
            thread.join()


def _fails(workplace: Workplace, build: object) -> None:
    with pytest.raises(BuildFailed):
        workplace.realise(build)  # type: ignore[arg-type]


def ids(pid: int) -> set[int]:
    """Return all user IDs of the process *pid*, seen from here."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {int(word) for line in lines if line.startswith(("Uid:", "Gid:", "Groups:")) for word in line.split()[1:]}


def test_who_a_builder_is(workplace: Workplace, mark: Mark) -> None:
    """Outside, a builder is the building user or, for root, a user that no other build has."""
    with running(workplace, mark, "true", count=2) as found:
        users = [ids(pid) for pid in found]
    if not is_root():
        assert {uid for it in users for uid in it} <= {os.getuid(), os.getgid(), *os.getgroups()}
        return
    assert all(len(it) == 1 and it < set(USERS) for it in users)
    assert users[0] != users[1]


@AS_ROOT
def test_no_one_reaches_a_build(workplace: Workplace, mark: Mark) -> None:
    """No process outside can reach a builder's files, not even one of the same user."""
    with running(workplace, mark, "echo x > /out/out") as found:
        (out,) = workplace.store.layout.builds.glob("*/out")
        code = "import os, sys; os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1])); os.listdir(sys.argv[2])"
        for user in (*ids(found[0]), 65534):
            done = subprocess.run(
                [sys.executable, "-c", code, str(user), out], capture_output=True, text=True, check=False
            )
            assert "PermissionError" in done.stderr


def test_results_are_ours(workplace: Workplace) -> None:
    """Everything a builder leaves belongs to the store's owner: files, directories and links."""
    script = "mkdir -p /out/out/dir; echo x > /out/out/dir/file; ln -s nowhere /out/out/link; ln /out/out/dir/file /out/out/hard"
    (place,) = workplace.realise(workplace.shell("it", script)).values()
    owners = {it.lstat().st_uid for it in (place, *place.rglob("*"))}
    assert len(list(place.rglob("*"))) == 4
    assert owners == {os.geteuid()}


def test_files_that_look_like_objects(workplace: Workplace) -> None:
    """A file disguised as another object's, with a hard link in another output, becomes ours as well."""
    script = "echo x > /out/out; chmod 444 /out/out; touch -d @1 /out/out; ln /out/out /out/more"
    found = workplace.realise(workplace.shell("it", script, outputs=("out", "more")))
    assert {it.stat().st_uid for it in found.values()} == {os.geteuid()}


def test_links_between_own_directories(bench: Bench) -> None:
    """No hard link leads from /out elsewhere, so a builder cannot change an output afterwards."""
    assert bench.run("exec 2>/dev/null; echo x > /build/f; ln /build/f /out/f || ln /build/f /tmp/f || echo none") == [
        "none"
    ]


def test_failed_builds_are_the_user_s(workplace: Workplace) -> None:
    """A kept build directory belongs to the user, with everything in it."""
    script = "mkdir d; echo x > d/f; ln -s /nowhere d/l; chmod 500 d; chmod 000 .; exit 1"
    with pytest.raises(BuildFailed):
        workplace.realise(workplace.shell("bad", script), keep_failed=True)
    place = workplace.store.layout.home / "failed" / "bad-1"
    assert {it.lstat().st_uid for it in (place, *place.rglob("*"))} == {os.geteuid()}
    assert (place / "d/f").read_text() == "x\n"


# Keys


KEYCTL, SESSION = {"x86_64": 250, "aarch64": 219}.get(os.uname().machine, 0), -3


def _session_keyring() -> int:
    return int(ctypes.CDLL(None).syscall(ctypes.c_long(KEYCTL), 0, SESSION, 0))


@pytest.mark.skipif(not KEYCTL, reason="the number of keyctl is not known")
def test_own_keyring() -> None:
    """Each build has its own session keyring, which our other threads do not get."""
    if _session_keyring() < 0:
        pytest.skip("this kernel has no keyrings, or we may not use them")
    found: list[int] = []

    def work() -> None:
        for _ in range(2):
            join_session_keyring()
            found.append(_session_keyring())

    before = _session_keyring()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len({before, *found}) == 3
    assert _session_keyring() == before


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the programs are x86_64 code")
def test_no_keys(bench: Bench, caller: Caller) -> None:
    """A builder can neither list, read nor leave keys."""
    for number in (248, 249, 250):
        call = caller.program("x86_64", (number, b"user\0", b"kernix\0", b"x", 1, 2**32 - 3))
        assert bench.run("/call; echo $?", mounts={"/call": call}) == [str(errno.ENOSYS)]


# Problems that only root has


BUILD = """
import sys
from pathlib import Path

from derivations.derivation import Derivation
from derivations.realise.sandbox.interactive import session
from derivations.realise.realise import realise
from derivations.source import local_source
from store.local import Store

with Store.open(Path(sys.argv[1])) as store:
    base = local_source(Path(sys.argv[2]), name="root")
    script = "mkdir /out/out; cat /proc/sys/kernel/hostname > /out/out/f; (: >> /proc/sys/kernel/core_pattern) || id -u"
    mounts = {"/": base.out}
    it = Derivation(name="it", system="any", builder="/bin/sh", args=["-c", script], mounts=mounts)
    print((store.path(realise(store, it)["out"]) / "f").read_text(), end="")
    work = Path(sys.argv[1]).parent / "work"
    work.mkdir()
    (work / "old").write_text("old")
    with session(store, mounts, ["/bin/sh", "-c", "cat old; mkdir d; echo > d/new"], build=work) as process:
        print(process.stdout.read().decode())
    print({it.lstat().st_uid for it in (work, *work.rglob("*"))}, sorted(it.name for it in work.rglob("*")))
"""


@AS_ROOT
@pytest.mark.parametrize(
    "prefix", [(), ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")], ids=["all", "container"]
)
def test_root_without_all_rights(root: Path, tmp_path: Path, prefix: tuple[str, ...]) -> None:
    """Root builds, and lends a directory, even below a closed one, and in a container where it may not mount."""
    tmp_path.chmod(0o700)
    done = subprocess.run(
        [*prefix, sys.executable, "-c", BUILD, tmp_path / "home", root],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.stdout.splitlines()) == ("", ["localhost", "old", "{0} ['d', 'new', 'old']"])


@AS_ROOT
def test_lent_directory_of_others(root: Path, tmp_path: Path) -> None:
    """A directory with another user's files is not given away where it cannot be lent."""
    code = BUILD.replace(
        '(work / "old").write_text("old")', '(work / "old").touch(); import os; os.chown(work / "old", 7, 7)'
    )
    prefix = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
    done = subprocess.run(
        [*prefix, sys.executable, "-c", code, tmp_path / "home", root],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "it belongs to another user" in done.stderr
    assert (tmp_path / "work" / "old").stat().st_uid == 7
    assert (tmp_path / "work").stat().st_uid == 0
