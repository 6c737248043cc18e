"""Tests of derivations.realise.execute, .action and .realise: real builds in real stores."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import store

from derivations.derivation import Derivation, Fixed, Hints
from derivations.realise.action import FULL
from derivations.realise.events import (
    Compiled,
    Failed,
    FailedBuildKept,
    Finished,
    LogLine,
    Phase,
    Progress,
    Reused,
    Skipped,
    Started,
    Unit,
)
from derivations.realise.execute import SeveralFailed
from derivations.realise.kept.policy import KeepPolicy
from derivations.realise.kept.reuse import Reuse
from derivations.realise.outputs import WrongOutput
from derivations.realise.realise import realise, realise_all
from derivations.realise.sandbox.log import read_log
from derivations.realise.sandbox.probe import bubblewrap
from derivations.realise.sandbox.run_builder import BuildFailed, BuildTimedOut
from derivations.realise.sandbox.users import is_root
from derivations.realise.settings import Settings
from derivations.source import local_source, text_file
from store.gc.collect import Policy, collect
from store.gc.retention import Retention
from store.local import Store
from store.trees.remove import remove_tree


if TYPE_CHECKING:
    from derivations.realise.events import Event
    from tests.derivations.realise.conftest import Workplace


# Results


def test_result(workplace: Workplace) -> None:
    """What a builder leaves in /out becomes a store object, canonical and registered."""
    it = workplace.shell("it", "mkdir /out/out; echo hello > /out/out/file; chmod 600 /out/out/file")
    (place,) = workplace.realise(it).values()
    assert place.parent == workplace.store.layout.objects
    assert place.name.endswith("-it")
    assert (place / "file").read_text() == "hello\n"
    assert (place / "file").stat().st_mode & 0o7777 == 0o444
    assert workplace.leftovers() == []


def test_outputs(workplace: Workplace) -> None:
    """Each output is a separate object, named after it; a single one can be mounted."""
    it = workplace.shell("it", "echo o > /out/out; echo d > /out/dev", outputs=("out", "dev"))
    places = workplace.realise(it)
    assert {name: place.read_text() for name, place in places.items()} == {"out": "o\n", "dev": "d\n"}
    assert [place.name.partition("-")[2] for place in places.values()] == ["it", "it-dev"]
    user = workplace.shell("user", "cat /dev-file > /out/out", mounts={"/dev-file": it.output("dev")})
    assert workplace.text(user) == "d\n"


def test_known_to_the_store(workplace: Workplace) -> None:
    """The store records an object's deriver and retention."""
    it = workplace.shell("it", ": > /out/out", hints=Hints(retention=Retention.TOOLCHAIN))
    path = realise(workplace.store, it)["out"]
    info = workplace.store.info(path)
    assert info.retention is Retention.TOOLCHAIN
    assert info.deriver is not None
    assert info.deriver.name == "it.drv"
    assert workplace.store.is_valid(info.deriver)
    assert info.references == ()


def test_chain(workplace: Workplace) -> None:
    """Inputs are built first, and only those needed."""
    a = workplace.shell("a", "echo a > /out/out")
    b = workplace.shell("b", "cat /a > /out/out; echo b >> /out/out", mounts={"/a": a.out})
    c = workplace.shell("c", "cat /a /b > /out/out", mounts={"/a": a.out, "/b": b.out})
    assert workplace.text(c) == "a\na\nb\n"
    assert workplace.listener.names(Started) == ["root", "a", "b", "c"]
    assert workplace.listener.names(Finished) == ["root", "a", "b", "c"]


def test_nothing_to_do(workplace: Workplace) -> None:
    """Existing results are not built again."""
    it = workplace.shell("it", "echo x > /out/out")
    first = workplace.realise(it)
    workplace.listener.events.clear()
    assert workplace.realise(it) == first
    assert workplace.listener.events == []


def test_found_without_inputs(workplace: Workplace) -> None:
    """A result is found by its derivation's key even after its inputs were collected."""
    a = workplace.shell("a", "echo a > /out/out")
    b = workplace.shell("b", "cat /a > /out/out", mounts={"/a": a.out})
    path = realise(workplace.store, b)["out"]
    home = workplace.store.layout
    link = home.roots / "kept"
    link.symlink_to(home.objects / str(path))
    inputs = set(realise_all(workplace.store, [a.out, workplace.base.out]).values())
    workplace.store.close()
    with Store.open(home.home) as again:
        collect(again, Policy(keep={}, keep_derivers=False))
        assert again.valid(inputs) == set()
        events: list[Event] = []
        assert realise(again, b, listener=events.append) == {"out": path}
        assert events == []


def test_build_environment(workplace: Workplace) -> None:
    """A builder gets the number of processors, and its own variables take precedence."""
    it = workplace.shell("it", "echo $KERNIX_CORES $X > /out/out", env={"X": "y"})
    (place,) = workplace.realise(it, cores=7).values()
    assert place.read_text() == "7 y\n"


def test_fixed_output(workplace: Workplace) -> None:
    """A sandboxed builder's output can be checked against a hash."""
    wanted = "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806"  # sha256 of "hello\n", reversed below
    fixed = Fixed("flat", wanted)
    with pytest.raises(WrongOutput) as caught:
        workplace.realise(workplace.shell("it", "echo hello > /out/out", fixed=fixed))
    assert caught.value.exit_code == 102
    right = Fixed("flat", caught.value.got)
    assert workplace.text(workplace.shell("it", "echo hello > /out/out", fixed=right)) == "hello\n"


def test_references(workplace: Workplace) -> None:
    """An output refers to the inputs whose digests it contains, and to nothing else."""
    a = text_file("a", "a")
    b = text_file("b", "b")
    path = realise(workplace.store, a)["out"]
    it = workplace.shell(
        "it", "mkdir /out/out; while read l; do case $l in *-a\\ *) echo $l > /out/out/f;; esac; done < /proc/self/mountinfo",
        mounts={"/a": a.out, "/b": b.out},
    )  # fmt: skip
    found = workplace.store.info(realise(workplace.store, it)["out"])
    assert found.references == (path,)


def test_references_through_a_builtin(workplace: Workplace) -> None:
    """What a builtin copies keeps its references."""
    a = text_file("a", "a")
    path = realise(workplace.store, a)["out"]
    it = workplace.shell("it", "mkdir /out/out; grep=; cat /proc/self/mountinfo > /out/out/f", mounts={"/a": a.out})
    union = Derivation(name="u", system="any", builder="builtin:union", mounts={"/0000": it.out})
    found = workplace.store.info(realise(workplace.store, union)["out"])
    assert path in found.references


# Early cut-off


def test_early_cutoff(workplace: Workplace) -> None:
    """Two derivations with equal results are the same input: what uses them is built once."""
    a = workplace.shell("a", "echo same > /out/out # one way")
    b = workplace.shell("a", "echo same > /out/out # another way")
    assert a.key != b.key
    first = workplace.shell("it", "cat /in > /out/out; echo ran", mounts={"/in": a.out})
    second = workplace.shell("it", "cat /in > /out/out; echo ran", mounts={"/in": b.out})
    assert first.key != second.key
    path = workplace.realise(first)
    workplace.listener.events.clear()
    assert workplace.realise(second) == path
    assert workplace.listener.names(Started) == ["a"]
    assert workplace.listener.names(Reused) == ["it"]
    workplace.listener.events.clear()
    assert workplace.realise(second) == path
    assert workplace.listener.events == []


def test_no_cutoff(workplace: Workplace) -> None:
    """An input with different content is a different input."""
    for text in ("one", "two"):
        it = workplace.shell("it", "cat /in > /out/out", mounts={"/in": text_file("in", text).out})
        assert workplace.text(it) == text
    assert workplace.listener.names(Reused) == []


# Outputs that cannot be


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param("mkdir /out/out; mkfifo /out/out/pipe", "/out/out/pipe", id="fifo"),
        pytest.param(":", "it did not create the output 'out' (/out/out)", id="missing"),
        pytest.param(
            ": > /out/out; : > /out/other", "it created /out/other, which is not one of its outputs (out)", id="unknown"
        ),
    ],
)
def test_bad_output(workplace: Workplace, script: str, reason: str) -> None:
    """An output that cannot be an object is refused with its path, and nothing is registered."""
    it = workplace.shell("it", script)
    with pytest.raises(BuildFailed) as caught:
        workplace.realise(it)
    assert reason in caught.value.reason
    assert caught.value.exit_code == 100
    assert workplace.store.realised([it.key]) == {}
    assert workplace.leftovers() == []


def test_unreadable_leftovers(workplace: Workplace) -> None:
    """Whatever modes a builder leaves behind, its directories are removed and its output is kept."""
    script = "mkdir -p a/b; : > a/b/c; chmod 0 a/b a; mkdir /out/out; : > /out/out/f; chmod 0 /out/out/f /out/out"
    (place,) = workplace.realise(workplace.shell("it", script)).values()
    assert [it.name for it in place.iterdir()] == ["f"]
    assert workplace.leftovers() == []


# Failures


def test_failure(workplace: Workplace) -> None:
    """A failure registers nothing, and what depends on it is skipped."""
    bad = workplace.shell("bad", "echo why >&2; exit 1")
    user = workplace.shell("user", ": > /out/out", mounts={"/bad": bad.out})
    with pytest.raises(BuildFailed) as caught:
        workplace.realise(user)
    assert (caught.value.name, caught.value.tail) == ("bad", ("why",))
    assert workplace.listener.names(Failed) == ["bad"]
    assert workplace.listener.names(Skipped) == ["user"]
    assert workplace.store.realised([bad.key, user.key]) == {}
    assert workplace.leftovers() == []


def test_log(workplace: Workplace) -> None:
    """A builder's log can be read later, also after a failure; the lines were reported as they came."""
    good = workplace.shell("good", "echo fine; : > /out/out")
    bad = workplace.shell("bad", "echo ill; exit 1")
    silent = workplace.shell("silent", ": > /out/out")
    workplace.realise(good)
    workplace.realise(silent)
    with pytest.raises(BuildFailed):
        workplace.realise(bad)
    logs = workplace.store.layout.logs
    assert read_log(logs, good.key, "good") == b"fine\n"
    assert read_log(logs, bad.key, "bad") == b"ill\n"
    assert read_log(logs, silent.key, "silent") == b""
    lines = [(it.derivation.name, it.text) for it in workplace.listener.events if isinstance(it, LogLine)]
    assert lines == [("good", "fine"), ("bad", "ill")]


def test_first_failure_stops(workplace: Workplace) -> None:
    """After a failure nothing new starts."""
    inputs = [workplace.shell(f"n{i}", "exit 1" if i == 2 else ": > /out/out") for i in range(30)]
    everything = workplace.shell("all", ":", mounts={f"/{i}": it.out for i, it in enumerate(inputs)})
    with pytest.raises(BuildFailed):
        workplace.realise(everything)
    started = workplace.listener.names(Started)
    assert "n2" in started
    assert len(started) < 30


def test_keep_going(workplace: Workplace) -> None:
    """With `keep_going` everything possible is built, and all failures are reported."""
    bad = [workplace.shell(f"bad{i}", f"exit {i}") for i in (1, 2)]
    good = [workplace.shell(f"good{i}", f"echo {i} > /out/out") for i in range(5)]
    user = workplace.shell("user", ":", mounts={f"/{it.name}": it.out for it in (*bad, *good)})
    with pytest.raises(SeveralFailed) as caught:
        workplace.realise(user, keep_going=True)
    assert sorted(it.name for it in caught.value.errors if isinstance(it, BuildFailed)) == ["bad1", "bad2"]
    assert workplace.store.realised([it.key for it in good]).keys() == {it.key for it in good}
    assert workplace.listener.names(Skipped) == ["user"]


def test_keep_going_with_one_failure(workplace: Workplace) -> None:
    """A single failure is raised as itself, even with `keep_going`."""
    with pytest.raises(BuildFailed, match="exit code 5"):
        workplace.realise(workplace.shell("bad", "exit 5"), keep_going=True)


def test_keep_failed(workplace: Workplace) -> None:
    """With `keep_failed` the build directory of a failure is kept, reported and writable."""
    bad = workplace.shell("bad", "echo half > made; mkdir sub; chmod 0 .; exit 1")
    places = []
    for _ in range(2):
        with pytest.raises(BuildFailed):
            workplace.realise(bad, keep_failed=True)
        places = [it.place for it in workplace.listener.events if isinstance(it, FailedBuildKept)]
    assert places == [str(workplace.store.layout.home / "failed" / f"bad-{i}") for i in (1, 2)]
    for place in places:
        assert sorted(os.listdir(place)) == ["made", "sub"]  # noqa: PTH208 -- a name, as the user gets it
        assert os.stat(place).st_mode & 0o700 == 0o700  # noqa: PTH116
    assert workplace.leftovers() == []


def test_failed_is_not_kept(workplace: Workplace) -> None:
    """Without it nothing is kept."""
    with pytest.raises(BuildFailed):
        workplace.realise(workplace.shell("bad", "echo half > made; exit 1"))
    assert not (workplace.store.layout.home / "failed").exists()


def test_timeout(workplace: Workplace) -> None:
    """The user's limits apply, and a derivation's own take precedence."""
    slow = workplace.shell("slow", "sleep 1101")
    with pytest.raises(BuildTimedOut, match=r"more than 0\.2 seconds") as caught:
        workplace.realise(slow, timeout=0.2)
    assert caught.value.exit_code == 101
    patient = workplace.shell("patient", "sleep 0.4; : > /out/out", hints=Hints(timeout=60, max_silent_time=60))
    workplace.realise(patient, timeout=0.2, max_silent_time=0.1)
    with pytest.raises(BuildTimedOut, match="was silent"):
        workplace.realise(slow, max_silent_time=0.1)
    assert workplace.store.realised([slow.key]) == {}


FULL_DISK = """
import sys
from pathlib import Path
from derivations.derivation import Derivation
from derivations.realise.sandbox.probe import bubblewrap
from derivations.realise.realise import realise
from derivations.source import local_source
from store.gc.collect import Policy, collect
from store.errors import Error
from store.local import Store

def build(script):
    mounts = {"/": local_source(sys.argv[2], name="root").out}
    return realise(store, Derivation(name="it", system="any", builder="/bin/sh", args=["-c", script], mounts=mounts))

with Store.open(Path(sys.argv[1])) as store:
    for script in ("cat /dev/zero > f", "cat /dev/zero > /out/out || :", "echo well > /out/out"):
        try:
            build(script)
        except Error as error:
            print(type(error).__name__, "|", error.hint)
        print(*store.layout.builds.iterdir())
    collect(store, Policy())
    print(store.path(build("echo well > /out/out")["out"]).read_text())
"""


def test_full_disk(root: Path) -> None:
    """Any failure on a full disk says so and leaves nothing unfinished; after a collection the next build works."""
    small = ("--size", str(64 << 20), "--tmpfs", "/mnt", "--dev-bind-try", "/dev/null", "/dev/null")
    done = subprocess.run(
        [bubblewrap(), "--dev-bind", "/", "/", *small, "--", sys.executable, "-c", FULL_DISK, "/mnt/home", root],
        capture_output=True, text=True, check=True, cwd=Path(store.__file__).parents[1],
    )  # fmt: skip
    lines = done.stdout.splitlines()
    full = "DiskFull | run `kernix gc` to delete what nothing needs any more"
    assert lines == [f"BuildFailed | {FULL}", "", full, "", full, "", "well", ""]


def test_no_user_namespaces(root: Path, tmp_path: Path) -> None:
    """Without a sandbox nothing is built, and the error says why."""
    program = FULL_DISK.replace('"cat /dev/zero > f", ', "").partition("    collect(")[0]
    options = ("--unshare-user", "--uid", "1000", "--disable-userns", "--dev-bind", "/", "/")
    done = subprocess.run(
        [bubblewrap(), *options, "--", sys.executable, "-c", program, tmp_path / "home", root],
        capture_output=True, text=True, check=True, cwd=Path(store.__file__).parents[1],
    )  # fmt: skip
    error = "NoBuildUser" if is_root() else "NoUserNamespaces"
    assert [line.partition(" |")[0] for line in done.stdout.splitlines()] == [error, ""] * 2


def test_unknown_builtin(workplace: Workplace) -> None:
    """An unknown builder is named."""
    it = Derivation(name="it", system="any", builder="builtin:frobnicate")
    with pytest.raises(Exception, match="builtin:frobnicate"):
        workplace.realise(it)


def test_changed_source(workplace: Workplace) -> None:
    """A source edited after it was read is refused, and nothing is registered."""
    source = workplace.directory / "source"
    source.mkdir()
    (source / "f").write_text("old")
    it = local_source(source, name="source")
    (source / "f").write_text("new")
    with pytest.raises(Exception, match="changed since it was read"):
        workplace.realise(it)
    assert workplace.store.realised([it.key]) == {}


def test_defect_is_raised(workplace: Workplace) -> None:
    """An unforeseen error reaches the caller, and the threads end."""

    def listen(event: object) -> None:
        if isinstance(event, Started):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        realise(workplace.store, workplace.shell("it", ":"), Settings(), listen)
    assert workplace.leftovers() == []


# Nondeterminism


def test_not_deterministic(workplace: Workplace) -> None:
    """A second, different result is reported, and the first stays."""
    it = workplace.shell(
        "it", "read u < /proc/sys/kernel/random/uuid; echo $u > /out/out; : > /out/dev", outputs=("out", "dev")
    )
    first = workplace.realise(it)
    remove_tree(first["dev"])
    events: list[Event] = []
    paths = realise(workplace.store, it, listener=events.append)
    assert workplace.store.path(paths["out"]) == first["out"]
    assert any("it is not deterministic" in str(event) for event in events)


# Progress


def test_progress(workplace: Workplace) -> None:
    """Compiled objects are counted from the lines of a kernel build, against the expected number."""
    lines = (
        "  CC      a.o",
        "  CC [M]  b.o",
        "  GEN     c",
        "other",
        "  AS      d.o",
        "  AR      e.a",
        "  LD      f.o",
    )
    script = "".join(f"echo '{line}'; " for line in lines) + ": > /out/out"
    it = workplace.shell("it", script, hints=Hints(compilations=9))
    workplace.realise(it)
    found = [event for event in workplace.listener.events if isinstance(event, Progress) and event.derivation == it]
    assert found == [Progress(it, i, 9, Unit.OBJECTS, Phase.COMPILING) for i in (1, 2, 3)]


def test_jobs(workplace: Workplace) -> None:
    """As many builders run in parallel as there are jobs, and no more."""
    inputs = [workplace.shell(f"n{i}", "echo in; read x < /proc/uptime; echo out; : > /out/out") for i in range(6)]
    everything = workplace.shell("all", ": > /out/out", mounts={f"/{i}": it.out for i, it in enumerate(inputs)})
    together = threading.Barrier(3, timeout=60)
    running: set[Derivation] = set()
    most: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, LogLine) and event.text == "in":
            running.add(event.derivation)
            most.append(len(running))
            together.wait()
        elif isinstance(event, LogLine):
            running.discard(event.derivation)

    realise(workplace.store, everything, Settings(jobs=3), listen)
    assert max(most) == 3


def test_imports() -> None:
    """Finding that there is nothing to do imports nothing that builds."""
    code = "import derivations.realise.realise, store.local, sys; print(*sys.modules)"
    home = Path(store.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=home)
    loaded = set(done.stdout.split())
    assert (
        loaded & {"subprocess", "requests", "backports.zstd", "compression.zstd", "rich", "cattrs", "tarfile"} == set()
    )


def test_a_clean_build_of_a_kernel_is_reported(workplace: Workplace) -> None:
    """Without kept trees the event says how many objects were compiled, and nothing is kept."""
    it = workplace.shell(
        "it", "echo '  CC      a.o'; echo '  CC      b.o'; : > /out/out", hints=Hints(object_tree="x86")
    )
    workplace.realise(it, kept=KeepPolicy(enabled=False))
    found = [event for event in workplace.listener.events if isinstance(event, Compiled)]

    assert found == [Compiled(it, Reuse(compiled=2, total=2))]
    assert not workplace.store.layout.kept.exists()
