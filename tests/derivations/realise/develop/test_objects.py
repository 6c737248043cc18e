"""Tests of derivations.realise.develop: what is seen of a developer's changes, and which objects survive them."""

from __future__ import annotations

import contextlib
import os
import shutil

from typing import TYPE_CHECKING

import attrs
import pytest

from blake3 import blake3

from derivations.realise.develop.objects import Laying, Objects
from derivations.realise.develop.source import WorkSource
from derivations.realise.develop.workplace import NotAWorkplace, State, Workplace, WorkplaceInUse
from derivations.realise.kept.facts import Facts
from derivations.realise.kept.keep import Left, keep
from derivations.realise.kept.shelf import About, Shelf
from derivations.realise.kept.source import Tree
from derivations.realise.kept.start import Wanted
from derivations.realise.sandbox.overlay import whiteout
from derivations.realise.view import View
from store.trees.content import Kind
from store.trees.manifest import Manifest
from store.trees.remove import remove_tree


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from derivations.kbuild.index import Index
    from derivations.realise.develop.workplace import Changes


SECOND = 10**9
SOURCE = {
    "Makefile": "VERSION = 6\n",
    "a.c": "a\n",
    "b.c": "b\n",
    "include/x.h": "x\n",
    "include/deep/y.h": "y\n",
    "uapi/y.h": "uapi\n",
    "run.sh": "#!/bin/sh\n",
}
READ = {"a.o": "a.c include/x.h", "b.o": "b.c uapi/y.h", "c.o": "a.c include/deep/y.h"}


@attrs.frozen
class Desk:
    """A workplace with a kept tree, and what may happen to it."""

    top: Path
    copied: bool
    layered: bool

    @property
    def base(self) -> Tree:
        """Return the source in the store."""
        return Tree(Manifest.of(self.top / "base"), View((self.top / "base",)))

    @property
    def workplace(self) -> Workplace:
        """Return the workplace."""
        return Workplace(self.top / "place")

    @property
    def source(self) -> WorkSource:
        """Return its source."""
        return WorkSource(self.base, self.workplace.source, self.copied)

    def write(self, path: str, text: str) -> None:
        """Write a file of the source, as an editor does."""
        place = self.workplace.source / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def delete(self, path: str) -> None:
        """Delete a file of the source, as in a session."""
        place = self.workplace.source / path
        place.unlink(missing_ok=True)
        if not self.copied and (self.top / "base" / path).exists():
            whiteout(place)

    def put_back(self, path: str) -> None:
        """Make a file what it was, with its old time."""
        place = self.workplace.source / path
        place.unlink(missing_ok=True)
        if self.copied:
            place.write_text(SOURCE[path])
            os.utime(place, ns=(SECOND, SECOND))

    def compile(self, objects: Objects, target: str, files: str) -> None:
        """Make an object."""
        put = self.top / "new"
        for path, text in ((target, "object"), (f".{target}.cmd", command(target, files))):
            put.write_text(text)
            objects.workspace.put(path, put)

    @contextlib.contextmanager
    def session(self, state: State | None = None) -> Iterator[tuple[Objects, State]]:
        """Run a session after one that ended with *state*."""
        now = self.source.changes()
        laying = Laying(
            workplace=self.workplace,
            shelf=Shelf(self.top / "kept"),
            wanted=wanted(self.base),
            config=self.top / "config",
            source=self.source,
            layered=self.layered,
        )
        with contextlib.ExitStack() as held:
            objects = laying.lay(state or STATE, now, held, fresh=state is None)
            yield (
                objects,
                attrs.evolve(STATE, tree=objects.tree.id if objects.tree else "", layered=self.layered, before=now),
            )

    def seen(self, objects: Objects) -> set[str]:
        """Return the objects that a builder sees."""
        return {it for it in (*READ, "d.o") if objects.workspace.digest(it) is not None}


STATE = State(attribute="k", name="linux", source="s", family="f", config="c")


def command(target: str, files: str) -> str:
    first, *others = files.split()
    deps = " \\\n".join(f"  /src/{it}" for it in others)
    return f"savedcmd_{target} := gcc -o {target} /src/{first}\nsource_{target} := /src/{first}\ndeps_{target} := \\\n{deps}\n"


def wanted(base: Tree) -> Wanted:
    return Wanted(
        family="f",
        source=base,
        digest=base.manifest.digest,
        config="CONFIG_A=y\n",
        srcarch="x86",
        manifest_of=lambda _: None,
    )


@pytest.fixture(params=[(False, True), (True, True), (True, False)], ids=["layers", "copied source", "copies"])
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Desk:
    for path, text in SOURCE.items():
        place = tmp_path / "base" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(0o555 if path.endswith(".sh") else 0o444)
        os.utime(place, ns=(SECOND, SECOND))
    (tmp_path / "config").write_text("CONFIG_A=y\n")
    found = Desk(tmp_path, *request.param)
    build = tmp_path / "build"
    build.mkdir()
    for target, files in READ.items():
        (build / target).write_text("kept object")
        (build / f".{target}.cmd").write_text(command(target, files))
    (build / ".config").write_text("CONFIG_A=y\n")

    def facts(index: Index) -> dict[str, bytes]:
        return {"facts": Facts.of(found.base, "x86", index).encode()}

    def about(size: int, objects: int) -> About:
        digest = found.base.manifest.digest.hex()
        return About(
            name="linux",
            family="f",
            source=digest,
            action="00",
            made=1,
            seconds=1,
            compiled=3,
            objects=objects,
            size=size,
        )

    keep(Shelf(tmp_path / "kept"), Left(directory=build), about, facts, lambda: None)
    shutil.rmtree(build)
    found.workplace.make()
    found.source.prepare(lambda: None)
    return found


def kinds(changes: Changes) -> dict[str, Kind | None]:
    return {path: None if it is None else it[0] for path, it in changes.items()}


def test_nothing_is_changed_at_first(desk: Desk) -> None:
    """A new workplace has no changes, directories in which files can be made, and all objects of the nearest tree."""
    assert desk.source.changes() == {}
    assert (desk.workplace.source / "include/deep").stat().st_mode & 0o200
    with desk.session() as (objects, _):
        assert desk.seen(objects) == set(READ)
        assert (objects.refused, objects.again) == (None, False)


def test_changes(desk: Desk) -> None:
    """Changed, new and deleted files, links and modes are seen; what was written with the same bytes is not."""
    desk.write("a.c", "other\n")
    desk.write("b.c", "b\n")
    desk.write("new/deep.c", "new\n")
    desk.delete("include/x.h")
    (desk.workplace.source / "link").symlink_to("a.c")
    desk.put_back("run.sh")
    desk.delete("run.sh")
    (desk.workplace.source / "run.sh").unlink(missing_ok=True)
    desk.write("run.sh", SOURCE["run.sh"])

    changes = desk.source.changes()
    assert kinds(changes) == {
        "a.c": Kind.FILE, "include/x.h": None, "link": Kind.SYMLINK, "new/deep.c": Kind.FILE, "run.sh": Kind.FILE,
    }  # fmt: skip
    assert changes["a.c"] == (Kind.FILE, blake3(b"other\n").digest())
    assert desk.source.read("b.c") == b"b\n"


def test_a_directory_is_deleted(desk: Desk) -> None:
    """Of a directory that is gone, all files are; if it was made again, those that are in it again are not."""
    shutil.rmtree(desk.workplace.source / "include")
    if not desk.copied:
        whiteout(desk.workplace.source / "include")
    assert kinds(desk.source.changes()) == {"include/x.h": None, "include/deep/y.h": None}


def test_the_next_session(desk: Desk) -> None:
    """What was compiled in a session is found in the next one."""
    with desk.session() as (objects, state):
        desk.compile(objects, "d.o", "b.c")
    with desk.session(state) as (objects, _):
        assert desk.seen(objects) == {*READ, "d.o"}


def test_edited(desk: Desk) -> None:
    """Objects of what was edited between two sessions go, and no others."""
    with desk.session() as (_, state):
        pass
    desk.write("b.c", "edited\n")
    with desk.session(state) as (objects, _):
        assert desk.seen(objects) == {"a.o", "c.o"}


def test_a_removed_header(desk: Desk) -> None:
    """Readers of a removed header go: make does not notice."""
    with desk.session() as (_, state):
        desk.delete("include/x.h")
    with desk.session(state) as (objects, _):
        assert desk.seen(objects) == {"b.o", "c.o"}
        assert objects.again


def test_a_header_that_shadows_another(desk: Desk) -> None:
    """Readers of a header of the same name go when one is added."""
    with desk.session() as (_, state):
        pass
    desk.write("arch/y.h", "shadow\n")
    with desk.session(state) as (objects, _):
        assert desk.seen(objects) == {"a.o"}


def test_a_file_that_was_put_back(desk: Desk) -> None:
    """An object of an edited file goes when the file is what it was before, with the time that it had then."""
    with desk.session() as (objects, state):
        desk.write("a.c", "edited\n")
        desk.compile(objects, "a.o", "a.c")
        after = desk.source.changes()
    desk.put_back("a.c")
    with desk.session(attrs.evolve(state, after=after)) as (objects, _):
        assert desk.seen(objects) == {"b.o"}


def test_a_header_that_came_and_went(desk: Desk) -> None:
    """An object that read a file which existed only during a session goes."""
    with desk.session() as (objects, state):
        desk.compile(objects, "d.o", "b.c include/brief.h")
    with desk.session(state) as (objects, _):
        assert desk.seen(objects) == set(READ)


def test_what_rules_everything(desk: Desk) -> None:
    """After a change of the top makefile nothing is left, and the reason is known."""
    with desk.session() as (_, state):
        pass
    desk.write("Makefile", "VERSION = 7\n")
    with desk.session(state) as (objects, _):
        assert desk.seen(objects) == set()
        assert "Makefile" in str(objects.refused)
        assert objects.workspace.digest(".config") == blake3(b"CONFIG_A=y\n").digest()


def test_the_kept_tree_is_gone(desk: Desk) -> None:
    """Without the tree below, a session begins from another one, or with nothing; a copy stays as it is."""
    with desk.session() as (objects, state):
        desk.compile(objects, "d.o", "b.c")
    remove_tree(desk.top / "kept")
    with desk.session(state) as (objects, _):
        assert desk.seen(objects) == (set() if desk.layered else {*READ, "d.o"})
        assert objects.tree is None


def test_a_damaged_tree(desk: Desk) -> None:
    """A kept tree whose files were changed is not used."""
    with desk.session() as (objects, state):
        assert objects.tree is not None
        place = objects.tree.tree / "a.o"
    place.write_bytes(b"kept 0bject")
    with desk.session(state) as (objects, _):
        assert (objects.tree is None) == desk.layered


# The workplace itself


def test_state(tmp_path: Path) -> None:
    """What is recorded is read again; a new directory has no state."""
    workplace = Workplace(tmp_path / "deep/it")
    state = attrs.evolve(STATE, before={"a": (Kind.EXECUTABLE, b"1" * 32), "b": None}, copied=True)
    assert workplace.state() is None
    workplace.make()
    workplace.save(state)
    assert workplace.state() == state
    assert workplace.place.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", [None, "", "{}", '{"version": 99}', '{"version": 1, "before": 3}'])
def test_something_else(tmp_path: Path, text: str | None) -> None:
    """A directory with anything else in it is an error."""
    (tmp_path / "file").touch()
    if text is not None:
        (tmp_path / ".state.json").write_text(text)
    with pytest.raises(NotAWorkplace):
        Workplace(tmp_path).state()


def test_one_session_at_a_time(tmp_path: Path) -> None:
    """A second session is refused."""
    workplace = Workplace(tmp_path)
    descriptor = workplace.lock()
    with pytest.raises(WorkplaceInUse):
        workplace.lock()
    os.close(descriptor)
    os.close(workplace.lock())
