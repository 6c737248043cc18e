"""Tests for derivations.realise.layered: patched trees are shown, not built, and that changes no result."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs
import pytest

from derivations.linux.configuration import config_tree
from derivations.linux.patch import Patch, patched
from derivations.patching.errors import DoesNotApply
from derivations.realise.events import Finished, Planned, Reused, Skipped, Started
from derivations.realise.execute import execute
from derivations.realise.plan import plan
from derivations.realise.realise import held_plan, realise_all
from derivations.realise.sandbox.overlay import overlay_works
from derivations.realise.settings import Settings
from derivations.source import local_source
from derivations.union import union
from store.gc.collect import Policy, collect
from store.local import Store


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.derivation import Derivation, Output
    from derivations.realise.events import Event
    from store.path import StorePath
    from tests.derivations.realise.conftest import Workplace


Files: TypeAlias = "Mapping[str, str]"

SOURCE = {
    "Kconfig": 'source "lib/Kconfig"\n',
    "Makefile": "all:\n",
    "lib/Kconfig": "config A\n",
    "lib/a.c": "a\n",
    "lib/deep/only.c": "only\n",
    "lib/gone.c": "gone\n",
    "scripts/kconfig/Makefile": "conf:\n",
    "turns/into/file": "1\n",
    "was": "file\n",
}
LIST = (
    "cd /src; find . | sort > /out/out; find . -type f | sort | while read file; do cat $file; done >> /out/out;"
    "find . | sort | while read file; do stat -c '%n %F %a %Y %u' $file; done >> /out/out"
)
"""Everything that a builder can see of a tree."""


@pytest.fixture(autouse=True)
def layers(workplace: Workplace) -> None:
    """Skip the tests where layers do not work."""
    if not overlay_works(workplace.store.layout.builds):
        pytest.skip("layers do not work here")


def _source(workplace: Workplace, name: str = "tree", files: Files = SOURCE) -> Output:
    place = workplace.directory / "sources" / name
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    return local_source(place, name="tree").out


def _patch(name: str, *changes: tuple[str, str | None, str | None]) -> Patch:
    """Return a patch of whole files of one line: path, old and new text."""
    text = ""
    for path, old, new in changes:
        text += (
            f"--- {'/dev/null' if old is None else f'a/{path}'}\n+++ {'/dev/null' if new is None else f'b/{path}'}\n"
        )
        text += f"@@ -{'0,0' if old is None else '1'} +{'0,0' if new is None else '1'} @@\n"
        text += ("" if old is None else f"-{old}") + ("" if new is None else f"+{new}")
    return Patch(name, text=text)


EDIT = _patch("edit", ("lib/a.c", "a\n", "b\n"))
BACK = _patch("back", ("lib/a.c", "b\n", "a\n"))
OTHER = _patch("other", ("was", "file\n", "other\n"))
EVERYTHING = _patch(
    "everything",
    ("lib/a.c", "a\n", "b\n"),
    ("lib/gone.c", "gone\n", None),
    ("lib/deep/only.c", "only\n", None),
    ("new/file", None, "new\n"),
    ("turns/into/file", "1\n", None),
    ("turns/into", None, "a file\n"),
    ("was", "file\n", None),
    ("was/file", None, "now below\n"),
)


def _user(workplace: Workplace, tree: Output, script: str = LIST) -> Derivation:
    return workplace.shell("user", script, mounts={"/src": tree})


def _really(store: Store, target: Output) -> tuple[StorePath, bytes]:
    """Realise *target* with all trees on the disk, and return its path and digest."""
    todo = held_plan(store, [target]).without_layers()
    path = execute(store, todo, Settings(), lambda _: None)[target]
    return path, store.info(path).digest


def _names(store: Store) -> set[str]:
    return {path.partition("-")[2] for path in store.database.paths()}


@pytest.mark.parametrize("patch", [EDIT, EVERYTHING], ids=["one file", "everything"])
def test_the_same_result_without_the_tree(workplace: Workplace, patch: Patch) -> None:
    """A builder sees what it would see of the real tree, under the same action key, and the tree is not built."""
    tree = patched(_source(workplace), (patch,))
    user = _user(workplace, tree)
    found = workplace.realise(user)["out"]
    assert "tree-patched" not in _names(workplace.store)
    assert workplace.listener.names(Started)[-1] == "user"
    with Store.open(workplace.directory / "other") as other:
        path, _ = _really(other, user.out)
        assert "tree-patched" in _names(other)
        assert found.read_text() == other.path(path).read_text()
        assert found.name == str(path)
        ((_, digest),) = [(output, _really(other, output)[1]) for output in [tree]]
        digests = {tree: digest, workplace.base.out: workplace.store.info(_path(workplace, workplace.base.out)).digest}
        assert user.action_key(digests.__getitem__) in other.realised([user.action_key(digests.__getitem__)])
        assert workplace.store.realised([user.action_key(digests.__getitem__)])
    assert workplace.leftovers() == []


def _path(workplace: Workplace, output: Output) -> StorePath:
    return realise_all(workplace.store, [output])[output]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param((EDIT, OTHER), (OTHER, EDIT), id="another order"),
        pytest.param((EDIT, BACK), (), id="reverted"),
        pytest.param((), (EDIT, BACK), id="added and reverted"),
        pytest.param((EDIT,), (EDIT, OTHER, _patch("undo", ("was", "other\n", "file\n"))), id="reverted later"),
    ],
)
def test_equal_trees_build_nothing(workplace: Workplace, first: tuple[Patch, ...], second: tuple[Patch, ...]) -> None:
    """Patches that lead to the same files lead to the same result."""
    source = _source(workplace)
    old = workplace.realise(_user(workplace, patched(source, first)))
    assert workplace.realise(_user(workplace, patched(source, second))) == old
    assert workplace.listener.names(Reused)[-1] == "user"


def test_a_real_tree_with_the_same_files(workplace: Workplace) -> None:
    """A tree that is patched, and another one that already has the changes, are the same."""
    old = workplace.realise(_user(workplace, patched(_source(workplace), (EDIT,))))
    other = _source(workplace, "other", {**SOURCE, "lib/a.c": "b\n"})
    assert workplace.realise(_user(workplace, other)) == old
    assert workplace.listener.names(Reused)[-1] == "user"


def test_who_asks_for_the_tree_gets_it(workplace: Workplace) -> None:
    """The tree itself is built, and its path is the one that was computed before."""
    tree = patched(_source(workplace), (EVERYTHING,))
    workplace.realise(_user(workplace, tree))
    found = workplace.realise(tree)["out"]
    assert workplace.listener.names(Finished)[-1] == "tree-patched"
    assert (found / "was/file").read_text() == "now below\n"
    both = realise_all(workplace.store, [tree, _user(workplace, tree, f"{LIST}; :").out])
    assert workplace.store.is_valid(both[tree])


def test_the_builtin_gets_what_it_would(workplace: Workplace) -> None:
    """The config tree of layers is that of the real tree."""
    tree = patched(_source(workplace), (EVERYTHING,))
    sliced = config_tree(tree)
    found = _path(workplace, sliced)
    assert "tree-patched" not in _names(workplace.store)
    with Store.open(workplace.directory / "other") as other:
        assert _really(other, sliced)[0] == found


@pytest.mark.parametrize(
    ("patch", "reused"),
    [
        pytest.param(EDIT, True, id="a file that is not in it"),
        pytest.param(_patch("k", ("lib/Kconfig", "config A\n", "config B\n")), False, id="a file in it"),
        pytest.param(_patch("n", ("lib/new.c", None, "new\n")), False, id="a new file"),
        pytest.param(_patch("g", ("lib/a.c", "a\n", None)), False, id="a removed file"),
    ],
)
@pytest.mark.parametrize("first", ["base", "patched"])
def test_the_config_tree_of_the_base(workplace: Workplace, patch: Patch, reused: bool, first: str) -> None:
    """If only files that it does not have differ, the config tree of the base is taken, or becomes known."""
    source = _source(workplace)
    slices = {"base": config_tree(source), "patched": config_tree(patched(source, (patch,)))}
    _path(workplace, slices.pop(first))
    ((_, second),) = slices.items()
    workplace.realise(second)
    assert (workplace.listener.names(Reused)[-1:] == ["linux-kconfig"]) is reused
    with Store.open(workplace.directory / "other") as other:
        assert _really(other, second)[0] == _path(workplace, second)


def test_a_link_to_an_altered_file_counts(workplace: Workplace) -> None:
    """What the config tree reads through a link is part of it."""
    source = _source(workplace)
    place = workplace.directory / "sources" / "tree"
    (place / "arch").mkdir()
    (place / "arch/Kconfig").symlink_to("../options")
    (place / "options").write_text("\n")
    (place / "lib/Options.more").write_text("\n")
    source = local_source(place, name="tree").out
    _path(workplace, config_tree(source))
    changed = config_tree(patched(source, (_patch("p", ("options", "\n", 'source "lib/Options.more"\n')),)))
    found = workplace.store.path(_path(workplace, changed))
    assert (found / "lib/Options.more").exists()


def test_another_consumer_gets_a_directory(workplace: Workplace) -> None:
    """A tree is built if one of its users needs it as a directory, and then for all of them."""
    tree = patched(_source(workplace), (EDIT,))
    joined = union("joined", [tree])
    found = workplace.realise(
        workplace.shell("both", "cat /a/lib/a.c /b/lib/a.c > /out/out", mounts={"/a": tree, "/b": joined.out})
    )
    assert found["out"].read_text() == "b\nb\n"
    assert "tree-patched" in workplace.listener.names(Finished)


def test_a_patched_tree_below_another(workplace: Workplace) -> None:
    """Patches on a patched tree: the inner one is built, the outer one is not."""
    inner = patched(_source(workplace), (EDIT,))
    outer = patched(inner, (_patch("more", ("lib/a.c", "b\n", "c\n")),))
    assert workplace.realise(_user(workplace, outer, "cat /src/lib/a.c > /out/out"))["out"].read_text() == "c\n"
    assert {"tree-patched"} == {it for it in workplace.listener.names(Finished) if it.endswith("patched")}


def test_counts_are_honest(workplace: Workplace) -> None:
    """What is announced to be built is what is built."""
    tree = patched(_source(workplace), (EDIT,))
    users = [
        workplace.shell(f"user-{i}", f"cat /src/lib/a.c > /out/out; : {i}", mounts={"/src": tree}) for i in range(3)
    ]
    realise_all(workplace.store, [it.out for it in users], Settings(jobs=1), workplace.listener)
    (planned,) = [it for it in workplace.listener.events if isinstance(it, Planned)]
    assert planned.build == len(workplace.listener.names(Finished))


def test_the_collector_leaves_what_is_seen(workplace: Workplace) -> None:
    """Source and changed files stay while a builder sees them, though no root needs them."""
    tree = patched(_source(workplace), (EDIT,))
    freed = []

    def collecting(event: Event) -> None:
        if isinstance(event, Started) and event.derivation.name == "user":
            with Store.open(workplace.store.layout.home) as other:
                freed.append(collect(other, Policy(keep={})))

    user = _user(workplace, tree, "cat /src/lib/a.c /src/was > /out/out")
    (path,) = realise_all(workplace.store, [user.out], Settings(), collecting).values()
    assert len(freed) == 1
    assert workplace.store.path(path).read_text() == "b\nfile\n"


def test_after_a_collection_it_is_built_again(workplace: Workplace) -> None:
    """Without the changed files, the patches are applied again."""
    tree = patched(_source(workplace), (EDIT,))
    home = workplace.store.layout.home
    workplace.realise(_user(workplace, tree))
    workplace.store.close()
    with Store.open(home) as again:
        collect(again, Policy(keep={}))
        user = _user(workplace, tree, "cat /src/lib/a.c > /out/out")
        (path,) = realise_all(again, [user.out]).values()
        assert again.path(path).read_text() == "b\n"


def test_a_failed_patch(workplace: Workplace) -> None:
    """A patch that does not apply fails the run, and only what would have been built is skipped."""
    tree = patched(_source(workplace), (_patch("wrong", ("lib/a.c", "x\n", "y\n")),))
    with pytest.raises(DoesNotApply):
        workplace.realise(_user(workplace, tree))
    assert workplace.listener.names(Skipped) == ["user"]


# Plans


def test_plan(workplace: Workplace) -> None:
    """A join is layered if all of its users in the plan take layers, and nobody asks for it."""
    tree = patched(_source(workplace), (EDIT,))
    user = _user(workplace, tree)
    nothing = dict[bytes, dict[str, "StorePath"]]
    found = plan([user.out], lambda _: nothing())
    assert [it.name for it in found.layered] == ["tree-patched"]
    assert "tree-patched" not in [it.name for it in found.build]
    whole = found.without_layers()
    assert [it.name for it in whole.build].index("tree-patched") < [it.name for it in whole.build].index("user")
    assert len(whole.build) == len(found.build) + 1
    assert not whole.layered
    assert not plan([user.out, tree], lambda _: nothing()).layered
    inside = attrs.evolve(user, mounts={**user.mounts, "/src/inside": workplace.base.out})
    assert not plan([inside.out], lambda _: nothing()).layered
    at_root = attrs.evolve(user, mounts={"/": tree})
    assert not plan([at_root.out], lambda _: nothing()).layered


def test_only_patched_trees_are_layered(workplace: Workplace) -> None:
    """Other unions are built: of several trees, with a layout, of files that are patched elsewhere."""
    source = _source(workplace)
    tree = patched(source, (EDIT,))
    changes = tree.derivation.mounts["/0001"].derivation
    others = [
        union("one", [source, changes.out], removed=changes.output("removed")),
        union("two", [source, changes.out], conflicts="last"),
        union("three", [workplace.base, changes.out], conflicts="last", removed=changes.output("removed")),
        union("four", [source, source], conflicts="last", removed=changes.output("removed")),
    ]
    for other in others:
        assert not plan([_user(workplace, other.out).out], lambda _: {}).layered
