"""Tests for derivations.realise.builtins.union."""

from __future__ import annotations

import shutil

from typing import TYPE_CHECKING, Literal

import pytest

from derivations.realise.builtins.union import DamagedInput, InvalidLayout, PlaceConflict
from derivations.realise.job import Cancelled
from derivations.source import text_file
from derivations.union import REMOVED, USR_MERGE, UnionLayout, union
from tests.derivations.realise.builtins.conftest import Runner, listing


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


Tree = dict[str, str]


@pytest.fixture
def join(run: Runner) -> Callable[..., Path]:
    """Return a function that joins trees, named one, two, three."""

    def join(*trees: Tree, layout: UnionLayout | None = None, conflicts: Literal["error", "last"] = "error") -> Path:
        names = ["one", "two", "three"][: len(trees)]
        derivation = union("all", [text_file(name, name) for name in names], layout, conflicts=conflicts)
        places = [run.tree(name, tree) for name, tree in zip(names, trees, strict=True)]
        return run(derivation, dict(zip(derivation.mounts, places, strict=True)))

    return join


def test_trees_are_joined(join: Callable[..., Path]) -> None:
    """Every file, link and empty directory of every input is in the result."""
    out = join({"usr/a": "1", "empty/": ""}, {"usr/b": "#!", "usr/d/c": "-> a"})
    assert listing(out) == {"empty/": "", "usr/a": "1", "usr/b": "#!", "usr/d/c": "-> a"}


def test_files_are_shared_with_the_inputs(join: Callable[..., Path], run: Runner) -> None:
    """A file in the result is the input's own file."""
    out = join({"a": "1"})
    assert (out / "a").samefile(run.directory / "1-one/a")


def test_equal_files_are_no_conflict(join: Callable[..., Path]) -> None:
    """A file in two inputs with equal content is not a conflict."""
    out = join({"doc": "same", "l": "-> doc", "d/": ""}, {"doc": "same", "l": "-> doc", "d/": ""})
    assert listing(out) == {"d/": "", "doc": "same", "l": "-> doc"}


@pytest.mark.parametrize(
    ("one", "two", "place"),
    [
        pytest.param({"d/x": "1"}, {"d/x": "2"}, "d/x", id="content"),
        pytest.param({"x": "-> a"}, {"x": "-> b"}, "x", id="target"),
        pytest.param({"x": "a"}, {"x": "-> a"}, "x", id="file-and-link"),
        pytest.param({"x": "a"}, {"x/y": "a"}, "x", id="file-and-directory"),
        pytest.param({"x/y": "a"}, {"x": "a"}, "x", id="directory-and-file"),
        pytest.param({"x": "-> y", "y/": ""}, {"x/z": "a"}, "x", id="link-and-directory"),
    ],
)
def test_a_conflict_names_both_and_the_place(join: Callable[..., Path], one: Tree, two: Tree, place: str) -> None:
    """Different contents at one path are an error with the path and both inputs."""
    with pytest.raises(PlaceConflict) as caught:
        join(one, two)
    assert f"one and two both have {place}, with different contents" == str(caught.value)


def test_the_executable_bit_is_a_difference(run: Runner) -> None:
    """A file that is executable in only one input is a conflict."""
    one = run.tree("plain", {"x": "#!"})
    one.chmod(0o755)
    (one / "x").unlink()
    (one / "x").write_text("#!")
    derivation = union("all", [text_file("a", "a"), text_file("b", "b")])
    with pytest.raises(PlaceConflict):
        run(derivation, {"/0000": one, "/0001": run.tree("executable", {"x": "#!"})})


def test_the_last_may_win(join: Callable[..., Path]) -> None:
    """With `conflicts="last"` the later input's file or link wins, and the earlier input stays unchanged."""
    out = join({"x": "1", "y": "1"}, {"x": "2", "y": "-> x"}, {"x": "3"}, conflicts="last")
    assert listing(out) == {"x": "3", "y": "-> x"}


def test_winning_is_for_files(join: Callable[..., Path]) -> None:
    """A directory is never replaced by a file."""
    with pytest.raises(PlaceConflict):
        join({"x/y": "1"}, {"x": "2"}, conflicts="last")


def test_merged_directories_are_links(join: Callable[..., Path]) -> None:
    """What a package has in /bin and /lib moves to /usr, and links lead there."""
    merge = {name: USR_MERGE[name] for name in ("bin", "lib")}
    out = join(
        {"bin/sh": "1", "lib/x/a": "2"}, {"usr/bin/cc": "3", "usr/lib/x/b": "4"}, layout=UnionLayout(merge=merge)
    )
    expected = {
        "bin": "-> usr/bin",
        "lib": "-> usr/lib",
        "usr/bin/cc": "3",
        "usr/bin/sh": "1",
        "usr/lib/x/a": "2",
        "usr/lib/x/b": "4",
    }
    assert expected == listing(out)


def test_links_that_are_merged_already_are_no_conflict(join: Callable[..., Path]) -> None:
    """A package that has the link itself is not a conflict."""
    layout = UnionLayout(merge={"bin": "usr/bin"})
    assert listing(join({"bin": "-> usr/bin"}, {"bin/x": "1"}, layout=layout)) == {
        "bin": "-> usr/bin",
        "usr/bin/x": "1",
    }


def test_the_same_file_in_both_merged_places_is_one(join: Callable[..., Path]) -> None:
    """Merging causes conflicts only where contents differ."""
    layout = UnionLayout(merge={"bin": "usr/bin"})
    assert listing(join({"bin/x": "1"}, {"usr/bin/x": "1"}, layout=layout)) == {"bin": "-> usr/bin", "usr/bin/x": "1"}
    with pytest.raises(PlaceConflict, match="usr/bin/y"):
        join({"bin/y": "1"}, {"usr/bin/y": "2"}, layout=layout)


def test_files_links_and_directories_are_made(join: Callable[..., Path]) -> None:
    """The layout's own entries are made, with their parent directories, in merged directories too."""
    layout = UnionLayout(
        merge={"bin": "usr/bin"},
        files={"etc/passwd": "root:x:0:0::/:/bin/sh\n"},
        links={"bin/awk": "mawk", "usr/bin/cc": "gcc"},
        directories=["proc", "var/tmp"],
    )
    expected = {
        "bin": "-> usr/bin",
        "etc/passwd": "root:x:0:0::/:/bin/sh\n",
        "proc/": "",
        "usr/bin/awk": "-> mawk",
        "usr/bin/cc": "-> gcc",
        "usr/bin/mawk": "1",
        "var/tmp/": "",
    }
    assert expected == listing(join({"usr/bin/mawk": "1"}, layout=layout))


def test_the_layout_replaces_what_inputs_have(join: Callable[..., Path]) -> None:
    """Files and links of the layout replace those of the inputs."""
    layout = UnionLayout(files={"etc/passwd": "mine"}, links={"usr/bin/cc": "gcc", "d": "e"})
    out = join({"etc/passwd": "theirs", "usr/bin/cc": "-> clang", "d/x": "1"}, layout=layout)
    assert listing(out) == {"d": "-> e", "etc/passwd": "mine", "usr/bin/cc": "-> gcc"}


def test_what_is_excluded_is_left_out(join: Callable[..., Path]) -> None:
    """Excluded paths are left out with everything below them, and cause no conflicts."""
    layout = UnionLayout(exclude=["usr/share/doc", "lib/bfd"], merge={"lib": "usr/lib"})
    out = join({"usr/share/doc/a": "1", "usr/share/x": "1"}, {"usr/share/doc/a": "2", "lib/bfd/y": "1"}, layout=layout)
    assert {path: text for path, text in listing(out).items() if text == "1"} == {"usr/share/x": "1"}
    assert not (out / "usr/share/doc").exists()


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        pytest.param(UnionLayout(links={"../x": "y"}), "cannot join all: '../x': not a path in a tree", id="dots"),
        pytest.param(UnionLayout(exclude=["/x"]), "cannot join all: '/x': not a path in a tree", id="absolute"),
        pytest.param(
            UnionLayout(merge={"etc": "usr/etc"}, links={"usr/etc": "x"}, directories=["etc/a"]),
            "cannot join all: usr/etc: it already exists",
            id="twice",
        ),
    ],
)
def test_an_invalid_layout_is_refused(join: Callable[..., Path], layout: UnionLayout, reason: str) -> None:
    """Paths outside the tree are refused."""
    with pytest.raises(InvalidLayout) as caught:
        join({"a": "1"}, layout=layout)
    assert reason == str(caught.value)


@pytest.fixture
def patch(run: Runner, tmp_path: Path) -> Callable[[Tree, Tree, str], Path]:
    """Return a function that lays changes over a tree and leaves some files out."""

    def patch(base: Tree, changes: Tree, removed: str) -> Path:
        (tmp_path / "removed").write_text(removed)
        texts = [text_file(name, name) for name in ("base", "changes", "removed")]
        derivation = union("all", texts[:2], conflicts="last", removed=texts[2].out)
        inputs = {"/0000": run.tree("base", base), "/0001": run.tree("changes", changes), REMOVED: tmp_path / "removed"}
        return run(derivation, inputs)

    return patch


def test_removed_files_are_left_out(patch: Callable[[Tree, Tree, str], Path]) -> None:
    """Removed files are left out, and so are directories that this empties, but no others."""
    base = {"a/b/x": "1", "a/b/l": "-> x", "c/x": "1", "c/y": "2", "empty/": ""}
    assert listing(patch(base, {"c/y": "3", "new": "4"}, "a/b/x\na/b/l\nc/x\n")) == {
        "c/y": "3",
        "empty/": "",
        "new": "4",
    }


def test_a_removed_file_may_become_a_directory(patch: Callable[[Tree, Tree, str], Path]) -> None:
    """A directory may replace a removed file."""
    assert listing(patch({"x": "1"}, {"x/y": "2"}, "x\n")) == {"x/y": "2"}


def test_nothing_needs_to_be_removed(patch: Callable[[Tree, Tree, str], Path]) -> None:
    """An empty list of removals leaves everything in place."""
    assert listing(patch({"x": "1"}, {"y": "2"}, "")) == {"x": "1", "y": "2"}


def test_many_files_are_found_in_the_pool(join: Callable[..., Path], run: Runner) -> None:
    """Any number of files are shared with the inputs, with content and executable bit intact."""
    one = {f"d{i % 7}/f{i}": f"{i % 400}" for i in range(600)} | {"run": "#!", "l": "-> run"}
    out = join(one, {"run": "#!", "z": "last"})
    assert one | {"z": "last"} == listing(out)
    assert (out / "run").samefile(run.directory / "1-one/run")


def test_files_missing_from_the_pool_are_copied(run: Runner) -> None:
    """A file that has left the pool is copied."""
    files = {f"f{i}": str(i) for i in range(600)}
    tree = run.tree("one", files)
    for shard in "0123456789":
        for place in run.store.pool.directory.glob(f"{shard}?"):
            shutil.rmtree(place)
    assert files == listing(run(union("all", [text_file("one", "1")]), {"/0000": tree}))


def test_a_file_cannot_be_joined(run: Runner, tmp_path: Path) -> None:
    """An input that is a file is an error that names it."""
    (tmp_path / "x").touch()
    with pytest.raises(InvalidLayout, match="cannot join all: one: is a file"):
        run(union("all", [text_file("one", "1")]), {"/0000": tmp_path / "x"})


def test_nothing_joined_is_an_empty_directory(run: Runner) -> None:
    """Without inputs the result is an empty tree."""
    assert listing(run(union("all", []))) == {}


def test_joining_can_be_interrupted(join: Callable[..., Path], run: Runner) -> None:
    """An interrupt ends the build."""
    run.cancelled = True
    with pytest.raises(Cancelled):
        join({"a": "1"})


def test_links_in_inputs_are_not_followed(join: Callable[..., Path], tmp_path: Path) -> None:
    """A link in an input does not make anything outside."""
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(PlaceConflict):
        join({"d": f"-> {tmp_path}/elsewhere"}, {"d/x": "1"})
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_damaged_input_is_refused(run: Runner) -> None:
    """A file that has changed since it was stored is detected through the pool."""
    place = run.tree("one", {f"d{number % 20}/f{number}": str(number) for number in range(1000)})
    file = place / "d3/f3"
    file.chmod(0o644)
    file.write_text("4")
    file.chmod(0o444)
    with pytest.raises(DamagedInput) as caught:
        run(union("all", [text_file("one", "one")]), {"/0000": place})
    assert str(file) == caught.value.path
