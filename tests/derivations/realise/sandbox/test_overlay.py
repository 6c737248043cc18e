"""Tests of derivations.realise.sandbox.overlay: builders on layers, and what is left of them, with real mounts."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import time

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.realise.sandbox import overlay
from derivations.realise.sandbox.bubblewrap import MountRefused
from derivations.realise.sandbox.layers import Layers
from derivations.realise.sandbox.overlay import Change, changes, overlay_works, whiteout
from derivations.realise.sandbox.run_builder import BuildFailed
from derivations.realise.sandbox.users import is_root
from tests.derivations.realise.conftest import made_bench
from tests.programs import program
from tests.roots import add_tools


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.derivations.realise.conftest import Bench


ROOT = Path(__file__).parents[4]
TRY = "import sys, pathlib; from derivations.realise.sandbox.overlay import overlay_works; print(overlay_works(pathlib.Path(sys.argv[1])))"


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tree with this machine's shell and the tools of these tests."""
    root = tmp_path_factory.mktemp("root") / "root"
    add_tools(root, ("cat", "chmod", "cp", "install", "ln", "ls", "mkdir", "mknod", "mv", "rm", "sh", "stat", "touch"))
    return root


@attrs.frozen
class Stack:
    """A kept tree of three layers, as closed to others as it can be, and a builder on top of it."""

    bench: Bench
    lower: Path

    @property
    def layers(self) -> Layers:
        """Return what /build is."""
        assert self.bench.layers is not None
        return self.bench.layers

    def run(self, script: str) -> list[str]:
        """Run *script*, and return the lines that it wrote, after checking what has become of the layers."""
        before = described(self.lower)
        lines = list(self.bench.run(f"set -e; {script}"))
        assert described(self.lower) == before
        assert {it.lstat().st_uid for it in self.bench.build.rglob("*")} <= {os.geteuid()}
        return lines


def described(tree: Path) -> dict[str, tuple[object, ...]]:
    """Return what can be known of everything in *tree*."""
    found: dict[str, tuple[object, ...]] = {}
    for it in sorted(tree.rglob("*")):
        status = it.lstat()
        content = it.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(it)] = status.st_mode, status.st_uid, status.st_mtime_ns, status.st_nlink, content
    return found


@pytest.fixture
def layered(root: Path, tmp_path: Path) -> Iterator[Stack]:
    """Return a stack."""
    if not overlay_works(tmp_path):
        pytest.skip("layers do not work here")
    lower = tmp_path / "kept, closed: \\a"
    for name in ("one/dir/sub", "two/dir", "three/bin"):
        (lower / name).mkdir(parents=True)
    for name in ("one/f", "one/dir/one", "one/dir/sub/deep", "two/f", "two/dir/two", "two/g", "three/h"):
        (lower / name).write_text(f"{name}\n")
        (lower / name).chmod(0o600)
    (lower / "three" / "link").symlink_to("h")
    os.link(lower / "three" / "h", lower / "three" / "same")
    for it in (*lower.rglob("*"), lower):
        if it.is_dir():
            it.chmod(0o700)
    with made_bench(root, tmp_path) as bench:
        layers = bench.on(*(lower / name for name in ("one", "two", "three")))
        yield Stack(attrs.evolve(bench, layers=layers), lower)


# What builders do


@pytest.mark.parametrize(
    ("script", "lines"),
    [
        pytest.param("cat f g h link dir/one dir/two", "one/f two/g three/h three/h one/dir/one two/dir/two", id="see"),
        pytest.param("echo more >> f; cat f", "one/f more", id="append"),
        pytest.param("echo new > f; cat f", "new", id="truncate"),
        pytest.param("printf X 1<> dir/two; cat dir/two", "Xwo/dir/two", id="in-place"),
        pytest.param("echo new > n; mv n f; cat f", "new", id="rename-over"),
        pytest.param("mv h dir/h; cat dir/h same", "three/h three/h", id="rename"),
        pytest.param("rm f; ls", "bin dir g h link same", id="unlink"),
        pytest.param("rm f; echo new > f; cat f", "new", id="unlink-create"),
        pytest.param("mkdir dir/new; echo new > dir/new/f; ls dir", "new one sub two", id="mkdir"),
        pytest.param("mv dir moved; ls; ls moved; cat moved/sub/deep", "bin f g h link moved same one sub two one/dir/sub/deep", id="rename-directory"),
        pytest.param("rm -r dir; mkdir dir; ls dir; ls", "bin dir f g h link same", id="replace-directory"),
        pytest.param("rm -r dir; echo new > dir; cat dir", "new", id="directory-to-file"),
        pytest.param("rm link; ln -s f link; cat link", "one/f", id="link"),
        pytest.param("ln f i; echo more >> i; cat f; stat -c %h f", "one/f more 2", id="hard-link"),
        pytest.param("echo more >> same; cat same", "three/h more", id="hard-linked-below"),
        pytest.param("chmod 751 f; stat -c '%a %u' f", "751 1000", id="chmod"),
        pytest.param("chmod 751 dir; stat -c %a dir", "751", id="chmod-directory"),
        pytest.param("touch -d @5 f dir/two; stat -c %Y f dir/two; cat f", "5 5 one/f", id="utime"),
        pytest.param("touch -d @5 dir; stat -c %Y dir", "5", id="utime-directory"),
        pytest.param("touch g; stat -c %s g", "6", id="touch"),
        pytest.param("echo x > n; chmod 711 n; touch -d @7 n; cp -p n f; stat -c '%a %Y' f; cat f", "711 7 x", id="cp-p"),
        pytest.param("cp -p g f; cat f; cp -rp dir copy; cat copy/sub/deep", "two/g one/dir/sub/deep", id="cp-rp"),
        pytest.param("install -m 755 g f; stat -c %a f; cat f", "755 two/g", id="install"),
        pytest.param("install -pD h dir/x/y; cat dir/x/y", "three/h", id="install-new"),
        pytest.param("for i in 1 2 3; do echo $i >> n; cp n f; mv n g; rm g; cp f n; done; cat n", "1 2 3", id="again"),
    ],
)  # fmt: skip
def test_builder(layered: Stack, script: str, lines: str) -> None:
    """A builder can do with files of lower layers what it can do with its own, and none of those layers changes."""
    assert " ".join(layered.run(script)).split() == lines.split()


def test_next_build(layered: Stack) -> None:
    """What one build made in the upper directory, the next one sees and can change, whoever its builder is."""
    layered.run("rm f; mv dir moved; echo new > n; chmod 600 n; mkdir -m 700 own")
    assert layered.run("ls; echo more >> n; echo again > f; echo x > own/f; cat n f own/f; rm -r moved; mkdir dir") == [
        *("bin", "g", "h", "link", "moved", "n", "own", "same"),
        *("new", "more", "again", "x"),
    ]


def test_two_at_once(layered: Stack, tmp_path: Path) -> None:
    """Two builds at once, of one kept tree, do not see each other's changes."""
    found: dict[int, list[str]] = {}

    def build(number: int) -> None:
        place = tmp_path / str(number)
        place.mkdir()
        with made_bench(layered.bench.root, place) as bench:
            layers = bench.on(*layered.layers.lower)
            found[number] = attrs.evolve(bench, layers=layers).run(f"echo {number} >> f; chmod 700 f; cat f; cat f")

    threads = [threading.Thread(target=build, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: ["one/f", str(number)] * 2 for number in range(2)}


def test_many_layers(layered: Stack, tmp_path: Path) -> None:
    """There may be a hundred lower layers."""
    lower = []
    for number in range(100):
        (tmp_path / f"l{number}").mkdir()
        (tmp_path / f"l{number}" / f"f{number}").write_text(f"{number}\n")
        lower.append(tmp_path / f"l{number}")
    bench = attrs.evolve(layered.bench, layers=layered.bench.on(*lower))
    assert bench.run("cat f0 f50 f99; echo more >> f99; cat f99") == ["0", "50", "99", "99", "more"]


# Read-only layers


def test_read_only(layered: Stack, tmp_path: Path) -> None:
    """Layers without an upper directory show the first file of each name, without what is hidden, and cannot change."""
    top, source = tmp_path / "top", tmp_path / "source"
    for directory in (top / "include", source / "include", source / "old"):
        directory.mkdir(parents=True)
    for name in ("include/a", "include/b", "include/c", "old/f", "same"):
        (source / name).write_text("old\n")
    (top / "include" / "a").write_text("new\n")
    whiteout(top / "include" / "b")
    whiteout(top / "old")
    before = described(top) | described(source)
    lines = layered.bench.run(
        "cd /src; ls . include; cat include/a include/c same; touch same || rm same || mkdir new || echo closed",
        mounts={"/src": Layers(lower=(top, source))},
    )
    shown = [".:", "include", "same", "", "include:", "a", "c", "new", "old", "old"]
    assert [line for line in lines if "Read-only" not in line] == [*shown, "closed"]
    assert described(top) | described(source) == before


def test_read_only_alone(layered: Stack, tmp_path: Path) -> None:
    """A directory alone is shown as several are, without what it hides."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "f").write_text("shown\n")
    whiteout(tmp_path / "source" / "g")
    mounts: dict[str, Path | Layers] = {"/src": Layers(lower=(tmp_path / "source",))}
    assert layered.bench.run("cd /src; ls; cat f", mounts=mounts) == ["f", "shown"]


def test_mount_point(layered: Stack, tmp_path: Path) -> None:
    """Layers are mounted at a new path, in the directory of another mount, or over one, and something in /build."""
    source, other = tmp_path / "source", tmp_path / "other"
    for name in ("source/a", "other/inner", "other/full/x"):
        (tmp_path / name).mkdir(parents=True)
    layers = Layers(lower=(source,))
    mounts: dict[str, Path | Layers] = {
        "/in": other,
        "/in/inner": layers,
        "/in/new": layers,
        "/in/full": layers,
        "/a/b": layers,
        "/build/x/y": source,
    }
    assert layered.bench.run("ls /in /in/inner /in/new /in/full /a/b /build/x/y", mounts=mounts) == [
        *("/a/b:", "a", "", "/build/x/y:", "a", "", "/in:", "full", "inner", "new", "", "/in/full:", "a", ""),
        *("/in/inner:", "a", "", "/in/new:", "a"),
    ]


@pytest.mark.parametrize("place", ["/src/new", "/src/a/new", "/build/dir", "/build/dir/new", "/build/link/new"])
def test_mount_refused(layered: Stack, tmp_path: Path, place: str) -> None:
    """Nothing is mounted in read-only layers, nor at a name that layers have."""
    (tmp_path / "source" / "a").mkdir(parents=True)
    mounts: dict[str, Path | Layers] = {"/src": Layers(lower=(tmp_path / "source",)), place: tmp_path / "source"}
    with pytest.raises(MountRefused) as caught:
        layered.bench.run("true", mounts=mounts)
    assert caught.value.place == place


def test_layers_are_no_root(layered: Stack) -> None:
    """Layers are not mounted as the root."""
    with pytest.raises(MountRefused, match="at /: several directories"):
        layered.bench.run("true", mounts={"/": Layers(lower=(layered.bench.root,))})


# What an upper directory says


def test_changes(layered: Stack) -> None:
    """Each change of a build can be read from its upper directory, and nothing else is there."""
    layered.run("echo more >> g; rm f; mv dir/one dir/two .; rm -r dir/sub; mkdir dir/sub; ln -s g new; touch -d @5 h")
    assert list(changes(layered.bench.build)) == [
        Change("dir", "directory"),
        Change("dir/one", "whiteout"),
        Change("dir/sub", "directory", opaque=True),
        Change("dir/two", "whiteout"),
        Change("f", "whiteout"),
        Change("g", "file"),
        Change("h", "file"),
        Change("new", "link"),
        Change("one", "file"),
        Change("two", "file"),
    ]


def test_no_changes(layered: Stack) -> None:
    """A build that only reads leaves its upper directory empty."""
    layered.run("cat f g h; ls dir; test -x bin")
    assert list(changes(layered.bench.build)) == []


def test_forged_marks(layered: Stack) -> None:
    """A builder can make no whiteout."""
    with pytest.raises(BuildFailed):
        layered.run("mknod dir/x c 0 0")
    assert Change("dir/x", "whiteout") not in set(changes(layered.bench.build))


def test_other_files(tmp_path: Path) -> None:
    """What is neither a file, a link nor a directory is something else."""
    os.mkfifo(tmp_path / "pipe")
    assert list(changes(tmp_path)) == [Change("pipe", "other")]


# Whether it works


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what is known of this machine."""
    monkeypatch.setattr(overlay, "_REMEMBERED", {})


@pytest.mark.usefixtures("forgetful")
def test_remembered(tmp_path: Path) -> None:
    """The answer is kept in a cache; that it works for good, that it does not for a day."""
    (tmp_path / "cache").mkdir()
    works = overlay_works(tmp_path, tmp_path / "cache")
    (record,) = (tmp_path / "cache" / "overlay").iterdir()
    assert record.read_text() == ("works" if works else "refused")
    answers = []
    for text, age in (("works", 10**7), ("refused", 10), ("refused", 10**5), ("rubbish", 10)):
        overlay._REMEMBERED.clear()
        record.write_text(text)
        os.utime(record, (time.time() - age,) * 2)
        answers.append(overlay_works(tmp_path, tmp_path / "cache"))
    assert answers == [True, False, works, works]
    assert [it.name for it in tmp_path.iterdir()] == ["cache"]


def alone(*mounting: str, place: Path) -> str:
    """Return what `overlay_works` says of *place* once each command of *mounting* is run, all in a mount namespace."""
    own = () if is_root() else ("--user", "--map-root-user")
    script = " && ".join((*mounting, 'exec "$0" -c "$1" "$2"'))
    command = [program("unshare"), *own, "--mount", "--propagation", "private", "/bin/sh", "-c", script]
    done = subprocess.run(
        [*command, sys.executable, TRY, place],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": ":".join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_upper_on_an_overlay(tmp_path: Path) -> None:
    """An upper directory on an overlay, as in a container, does not work."""
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    extra = "" if is_root() else ",userxattr"
    mount = f"mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work{extra} overlay merged"
    assert alone(f"cd {tmp_path}", mount, f"cd {ROOT}", place=tmp_path / "merged") == "False"


@pytest.mark.root
@pytest.mark.parametrize("kind", ["tmpfs", "ext4", "xfs", "btrfs"])
def test_file_systems(tmp_path: Path, kind: str) -> None:
    """Layers work on the file systems that stores are on, with kernels that can show root's files there as another's."""
    image, place = tmp_path / "image", tmp_path / "place"
    place.mkdir()
    mount = f"mount -t tmpfs tmpfs {place}"
    if kind != "tmpfs":
        make = shutil.which(f"mkfs.{kind}", path="/usr/sbin:/sbin:" + os.environ.get("PATH", ""))
        if make is None:
            pytest.skip(f"needs mkfs.{kind}")
        with image.open("wb") as file:
            file.truncate(400 << 20)
        subprocess.run([make, "-q", image], check=True)
        mount = f"mount -o loop {image} {place}"
    version = tuple(int(it) for it in re.findall(r"\d+", os.uname().release)[:2])
    assert alone(mount, place=place) == str(version >= ((6, 3) if kind == "tmpfs" else (5, 19)))


CONTAINER = """
import pathlib, sys
from derivations.realise.sandbox.bubblewrap import Sandbox
from derivations.realise.sandbox.layers import Layers
from derivations.realise.sandbox.overlay import overlay_works
from derivations.realise.sandbox.process import Process
place = pathlib.Path(sys.argv[1])
sandbox = Sandbox(
    mounts={"/": pathlib.Path(sys.argv[2]), "/src": Layers(lower=(place / "top", place / "source"))},
    build=place / "build", out=place / "out", argv=("/bin/sh", "-c", "cd /src; cat *; exec touch new"),
)
with Process(sandbox) as process:
    process.await_start()
    process.popen.wait()
    import os
    print(os.read(process.output, 1 << 16).decode(), end="")
print(overlay_works(place))
"""


@pytest.mark.root
def test_container(root: Path, tmp_path: Path) -> None:
    """Root who may not mount can show layers, and copies what is to be changed."""
    for name in ("top", "source", "build", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "top" / "a").write_text("new\n")
    for name in ("a", "b", "c"):
        (tmp_path / "source" / name).write_text(f"{name}\n")
    whiteout(tmp_path / "top" / "b")
    prefix = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
    done = subprocess.run(
        [*prefix, sys.executable, "-c", CONTAINER, tmp_path, root],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.stdout.splitlines()) == (
        "",
        ["new", "c", "touch: cannot touch 'new': Read-only file system", "False"],
    )
