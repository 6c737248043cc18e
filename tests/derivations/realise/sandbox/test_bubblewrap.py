"""Tests of derivations.realise.sandbox.bubblewrap: what a builder sees and can do, in real sandboxes."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import socket
import struct

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from derivations.proof.conditions import Conditions
from derivations.realise.sandbox.anonymous import FILES as FILES_OF_THE_KERNEL
from derivations.realise.sandbox.anonymous import RELEASE
from derivations.realise.sandbox.bounds import Bounds
from derivations.realise.sandbox.bubblewrap import COVERED, FILES, MountRefused, Sandbox
from derivations.realise.sandbox.run_builder import BuildFailed, Limits, Watcher, run


if TYPE_CHECKING:
    from tests.derivations.realise.conftest import Bench, Call, Caller


EXECUTES = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the programs are x86_64 code")
SOCKET, CONNECT = 41, 42


def options(tmp_path: Path, mounts: dict[str, Path]) -> list[str]:
    """Return bubblewrap's options for *mounts*, without the constant ones."""
    numbers = itertools.count(100)
    bounds = Bounds(tmpfs=1 << 20)
    sandbox = Sandbox(mounts=mounts, build=tmp_path / "build", out=tmp_path / "out", argv=("/x",), bounds=bounds)
    found = sandbox.arguments(lambda _: next(numbers))
    last = max(i for i, option in enumerate(found) if option == "--setenv")
    return found[last + 3 :]


def test_options(tmp_path: Path) -> None:
    """The root's entries are bound one by one, and its links recreated."""
    root = tmp_path / "root"
    (root / "usr" / "bin").mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    covered = " ".join(f"--ro-bind /dev/null {it}" for it in COVERED if Path(it).exists())
    anonymous = " ".join(f"--perms 0444 --ro-bind-data {103 + i} {it}" for i, it in enumerate(FILES_OF_THE_KERNEL))
    expected = f"""
        --symlink usr/bin /bin --bind TMP/build /build --dev /dev --size 1048576 --tmpfs /dev/shm
        --perms 0444 --file 100 /etc/group --perms 0444 --file 101 /etc/hosts --perms 0444 --file 102 /etc/passwd
        --bind TMP/out /out --proc /proc --size 1048576 --tmpfs /tmp --ro-bind TMP/root/usr /usr
        {covered} {anonymous} --remount-ro /proc --remount-ro /dev --remount-ro / --chdir /build
    """
    assert [it.replace("TMP", str(tmp_path)) for it in expected.split()] == options(tmp_path, {"/": root})


# The network


def test_no_interface(bench: Bench) -> None:
    """The only network interface is the loopback, and no other sockets are visible."""
    lines = bench.run("cat /proc/net/dev")
    assert [line.split(":")[0].strip() for line in lines if ":" in line] == ["lo"]


def _inet(host: str, port: int) -> tuple[Call, Call]:
    address = struct.pack("<H", socket.AF_INET) + struct.pack(">H", port) + socket.inet_aton(host) + b"\0" * 8
    return (SOCKET, socket.AF_INET, socket.SOCK_STREAM, 0), (CONNECT, 3, address, 16)


@EXECUTES
def test_no_route(bench: Bench, caller: Caller) -> None:
    """No address outside can be reached."""
    call = caller.program("x86_64", *_inet("192.0.2.1", 80))
    assert bench.run("/call; echo $?", mounts={"/call": call}) == [str(errno.ENETUNREACH)]


@EXECUTES
def test_no_loopback_of_the_host(bench: Bench, caller: Caller) -> None:
    """A builder cannot connect to a port of this process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        call = caller.program("x86_64", *_inet("127.0.0.1", server.getsockname()[1]))
        assert bench.run("/call; echo $?", mounts={"/call": call}) == [str(errno.ECONNREFUSED)]


@EXECUTES
def test_no_abstract_socket_of_the_host(bench: Bench, caller: Caller) -> None:
    """A builder cannot connect to an abstract socket of this process, which could pass files."""
    name = f"\0kernix-{os.getpid()}".encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        address = struct.pack("<H", socket.AF_UNIX) + name
        calls = (SOCKET, socket.AF_UNIX, socket.SOCK_STREAM, 0), (CONNECT, 3, address, len(address))
        call = caller.program("x86_64", *calls)
        assert bench.run("/call; echo $?", mounts={"/call": call}) == [str(errno.ECONNREFUSED)]


# Files


def test_root_directory(bench: Bench) -> None:
    """The builder sees only its mounts and the sandbox's own directories."""
    seen = bench.run("ls -A /")
    own = {"build", "dev", "out", "proc", "tmp"}
    assert set(seen) == own | {it.name for it in bench.root.iterdir()}
    assert bench.run("ls -A /build /out /tmp /dev/shm | sort") == ["", "", "", "/build:", "/dev/shm:", "/out:", "/tmp:"]


def test_no_host_file(bench: Bench, tmp_path: Path) -> None:
    """Files of the host are not visible, by any name."""
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    with pytest.raises(BuildFailed):
        bench.run(f"cat {secret} /proc/1/root{secret} /build/../../..{secret}")
    assert not any("hidden" in line for line in bench.lines)


def test_no_other_object(bench: Bench, tmp_path: Path) -> None:
    """A mounted object's neighbours in the store are not visible."""
    for name in ("one", "two"):
        (tmp_path / "store" / name).mkdir(parents=True)
        (tmp_path / "store" / name / "file").write_text(f"{name}\n")
    lines = bench.run(
        f"cat /in/file; ls -A {tmp_path}/store /in/.. 2>&1; cat {tmp_path}/store/two/file 2>&1 || true",
        mounts={"/in": tmp_path / "store" / "one"},
    )
    assert lines[0] == "one"
    assert "two" not in lines


def test_link_is_not_followed(bench: Bench, tmp_path: Path) -> None:
    """An input that is a link to a host file stays a link, and leads nowhere."""
    (tmp_path / "secret").write_text("hidden")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "inner").symlink_to(tmp_path / "secret")
    script = "readlink /in; readlink /tree/inner; cat /in /tree/inner && exit 1; exit 0"
    lines = bench.run(script, mounts={"/in": tmp_path / "link", "/tree": tree})
    assert lines[:2] == [str(tmp_path / "secret")] * 2
    assert "hidden" not in lines


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("echo x > /in/file", id="write"),
        pytest.param("touch /in/new", id="create"),
        pytest.param("rm -f /in/file", id="delete"),
        pytest.param("mv /in/file /in/other", id="rename"),
        pytest.param("chmod 777 /in", id="chmod"),
        pytest.param("touch -d 2000-01-01 /in/file", id="utime"),
        pytest.param("ln /in/file /out/linked", id="hard-link"),
        pytest.param("mkdir /new", id="root"),
        pytest.param("touch /bin/new", id="root-directory"),
        pytest.param("chmod 777 /build/..", id="parent"),
        pytest.param("echo 0:0 > /etc/passwd", id="passwd"),
    ],
)
def test_inputs_are_read_only(bench: Bench, tmp_path: Path, command: str) -> None:
    """A builder cannot change an input, or anything outside its own directories."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text("original")
    before = (tree / "file").stat()
    with pytest.raises(BuildFailed):
        bench.run(command, mounts={"/in": tree})
    assert [(it.name, it.read_text()) for it in tree.iterdir()] == [("file", "original")]
    assert (tree / "file").stat().st_mtime_ns == before.st_mtime_ns


def test_own_directories(bench: Bench) -> None:
    """A builder starts in /build, and can write there, to /out and to /tmp."""
    assert bench.run("readlink /proc/self/cwd; echo b > b; echo o > /out/o; echo t > /tmp/t; cat /build/b /tmp/t") == [
        "/build",
        "b",
        "t",
    ]
    assert (bench.build / "b").read_text() == "b\n"
    assert (bench.out / "o").read_text() == "o\n"


# Mount points


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a tree with a file `marker`."""
    tree = tmp_path / "marked"
    tree.mkdir()
    (tree / "marker").write_text("here\n")
    return tree


@pytest.mark.parametrize(
    "place",
    ["/new", "/new/deep/er", "/bin/new", "/etc/new/deep", "/build/new", "/tmp/new/deep", "/etc", "/lib64/new/x"],
)
def test_mount_point(bench: Bench, tree: Path, place: str) -> None:
    """An input can be mounted at a new path, even below an input's directory, and everything stays read-only."""
    lines = bench.run(
        f"cat {place}/marker; touch {place}/x {place}/../x 2>/dev/null; sh -c 'echo well'", mounts={place: tree}
    )
    assert lines == ["here", "well"]
    assert list(tree.iterdir()) == [tree / "marker"]


def test_mount_beside(bench: Bench, tree: Path) -> None:
    """Entries beside a new mount point stay visible, read-only."""
    script = "ls /in /in/sub; touch /in/x || touch /in/sub/x || cat /in/sub/new/marker /in/sub/inner"
    whole = tree.with_name("whole")
    (whole / "sub").mkdir(parents=True)
    (whole / "sub" / "inner").write_text("inner\n")
    (whole / "link").symlink_to("sub/inner")
    lines = bench.run(f"exec 2>/dev/null; {script}; readlink /in/link", mounts={"/in": whole, "/in/sub/new": tree})
    assert lines == ["/in:", "link", "sub", "", "/in/sub:", "inner", "new", "here", "inner", "sub/inner"]
    assert sorted(it.name for it in (whole / "sub").iterdir()) == ["inner"]


def test_mount_over(bench: Bench, tree: Path) -> None:
    """An input can cover a directory or file of another without changing it."""
    whole = tree.with_name("whole")
    (whole / "sub").mkdir(parents=True)
    (whole / "sub" / "inner").write_text("inner\n")
    (whole / "file").write_text("old\n")
    mounts = {"/in": whole, "/in/sub": tree, "/in/file": tree / "marker"}
    assert bench.run("ls /in/sub; cat /in/file", mounts=mounts) == ["marker", "here"]
    assert (whole / "file").read_text() == "old\n"


def test_own_passwd(bench: Bench, tree: Path) -> None:
    """A derivation may mount its own passwd."""
    assert bench.run("cat /etc/passwd", mounts={"/etc/passwd": tree / "marker"}) == ["here"]


@pytest.mark.parametrize(
    "place", ["/proc", "/proc/x", "/dev/x", "/out", "/out/out", "/build", "/tmp", "/in/link/x", "/in/file/x"]
)
def test_mount_refused(bench: Bench, tree: Path, place: str) -> None:
    """No input is mounted over the sandbox's own directories, through a link, or below a file."""
    whole = tree.with_name("whole")
    whole.mkdir()
    (whole / "link").symlink_to("/etc")
    (whole / "file").touch()
    with pytest.raises(MountRefused) as caught:
        bench.run("true", mounts={"/in": whole, place: tree})
    assert caught.value.place == place


def test_root_is_a_directory(bench: Bench, tree: Path) -> None:
    """The input mounted as the root must be a directory."""
    with pytest.raises(MountRefused, match="at /: marker is not a directory"):
        bench.run("true", mounts={"/": tree / "marker"})


# Everything else


def test_environment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is the derivation's plus fixed variables, with none of ours."""
    monkeypatch.setenv("SECRET", "hidden")
    assert set(bench.run("exec env", env={"B": "2", "A": "x y", "HOME": "/mine"})) == {
        "A=x y",
        "B=2",
        "HOME=/mine",
        "KERNIX_BUILD_TOP=/build",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "PWD=/build",
        "TMPDIR=/tmp",
    }


def test_identity(bench: Bench) -> None:
    """The user, the group and the host are the same everywhere."""
    assert bench.run("id -u; id -g; hostname; cat /etc/passwd /etc/group /etc/hosts") == [
        "1000",
        "100",
        "localhost",
        *b"".join(FILES[f"/etc/{name}"] for name in ("passwd", "group", "hosts")).decode().splitlines(),
    ]


def _with_uname(root: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "with"
    shutil.copytree(root, copy, symlinks=True)
    shutil.copy("/bin/uname", copy / "bin" / "uname")
    return copy


def test_kernel(bench: Bench, root: Path, tmp_path: Path) -> None:
    """Programs and files say nothing of the kernel that runs."""
    lines = bench.run("cat /proc/version /proc/sys/kernel/osrelease /proc/sys/kernel/version")
    assert lines == [f"Linux version {RELEASE} (kernix@kernix) #1", RELEASE, "#1"]
    bench.root = _with_uname(root, tmp_path)
    assert bench.run("uname -r; uname -m; uname -srv") == [RELEASE, os.uname().machine, f"Linux {RELEASE} #1"]


def test_own_uname(bench: Bench, root: Path, tmp_path: Path) -> None:
    """A `uname` that the derivation mounts is the one that runs."""
    (tmp_path / "uname").write_text("#!/bin/sh\necho mine\n")
    (tmp_path / "uname").chmod(0o755)
    bench.root = _with_uname(root, tmp_path)
    assert bench.run("uname -r", mounts={"/bin/uname": tmp_path / "uname"}) == ["mine"]


def test_conditions(bench: Bench) -> None:
    """A build that is repeated may get another user, host, umask and number of processors."""
    sandbox = Sandbox(
        mounts={"/": bench.root},
        build=bench.build,
        out=bench.out,
        argv=(
            "/bin/sh",
            "-c",
            'id -u; id -g; id -un; hostname; umask; echo "$TZ$A"; while read -r name rest; do case $name in Cpus_allowed_list:) echo $rest ;; esac; done < /proc/self/status',
        ),
        env={"A": "mine"},
        conditions=Conditions(
            user=7, group=8, name="other", host="there", umask=0o077, processors=1, env={"TZ": "X", "A": "y"}
        ),
    )
    lines: list[str] = []
    watcher = Watcher(line=lines.append, progress=lambda _done, _expected: None, cancel=bench.cancel)
    run(sandbox, name="it", log=bench.log, limits=Limits(), watcher=watcher)
    assert lines[:6] == ["7", "8", "other", "there", "0077", "Xmine"]
    assert lines[6].isdigit()


def test_no_rights(bench: Bench) -> None:
    """A builder has no capabilities and cannot gain any."""
    status = dict(line.split(":\t", 1) for line in bench.run("cat /proc/self/status") if ":\t" in line)
    none = "0" * 16
    found = [status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")]
    assert found == [none] * 5 + ["1", "2"]


def test_no_descriptors(bench: Bench) -> None:
    """A builder's only open files are an empty input and its log."""
    targets = [line.rpartition("-> ")[2] for line in bench.run("exec ls -l /proc/self/fd")[1:]]
    assert [it.split(":")[0] for it in targets] == ["/dev/null", "pipe", "pipe", "/proc/2/fd"]  # the last is ls's own


def test_no_processes_of_the_host(bench: Bench) -> None:
    """A builder can see and kill only its own processes."""
    processes = bench.run("cd /proc; for pid in [0-9]*; do echo $pid; done")
    assert len(processes) == 2
    assert bench.run(f"kill -0 {os.getpid()} || echo none")[-1] == "none"


def test_limits(bench: Bench) -> None:
    """A builder leaves no core files, has umask 022, and has no terminal."""
    assert bench.run("ulimit -c; umask; sh -c ': < /dev/tty' 2>/dev/null || echo none") == ["0", "0022", "none"]


def test_no_setuid_file(bench: Bench) -> None:
    """A builder cannot make a file setuid or setgid."""
    for command in ("chmod 4755 /out/f", "chmod g+s /out/f", "cp --preserve=mode /bin/sh /out/g && chmod u+s /out/g"):
        with pytest.raises(BuildFailed):
            bench.run(f"touch /out/f; {command}")
        assert "Operation not permitted" in bench.lines[-1]
