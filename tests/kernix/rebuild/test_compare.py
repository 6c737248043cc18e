"""What makes one build different from another, by content."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.derivation import Derivation, Hints, Output
from derivations.linux.patch import Patch, patched
from derivations.source import local_source, text_file
from derivations.toolchain import gcc_toolchain
from kernix.rebuild.compare import compare
from kernix.rebuild.known import look
from kernix.rebuild.parts import Change, Ignored, Kind
from store.local import Store
from tests.fakes import fake_lock, fake_package


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from kernix.rebuild.parts import Comparison


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "home") as store:
        yield store


def _kernel(**mounts: Output) -> Derivation:
    """Return the recipe of a kernel with *mounts* at `/config`, `/src` and so on; `root` is `/`."""
    places = {f"/{'' if name == 'root' else name}": output for name, output in mounts.items()}
    return Derivation(name="linux-1", system="x86_64-linux", builder="/bin/sh", args=["-c", "make"], mounts=places)


def _configuration(requests: str, origins: Mapping[str, str] | None = None) -> Derivation:
    hints = Hints(origins=origins or {})
    env = {"requests": requests}
    return Derivation(name="config", system="builtin", builder="builtin:check-config", env=env, hints=hints)


def _realise(store: Store, derivation: Derivation, place: Path) -> None:
    store.record([(derivation.key, "out", store.add(place, derivation.name))])


def _compared(store: Store, old: Derivation, new: Derivation) -> Comparison:
    return compare(old, new, look(store, [old, new]))


def test_options(store: Store, tmp_path: Path) -> None:
    """Options are compared by value, n and absent being the same; a requested one has its place."""
    texts = ["CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=1\n", "CONFIG_A=m\nCONFIG_C=1\n# CONFIG_D is not set\n"]
    configs = [_configuration(f'{{"A":"{it}"}}', {"A": f"mine.py:{it}"}) for it in "12"]
    for config, text in zip(configs, texts, strict=True):
        (tmp_path / "config").write_text(text)
        _realise(store, config, tmp_path / "config")

    found = _compared(store, *(_kernel(config=it.out) for it in configs))
    (part,) = found.parts
    assert ("differs", Kind.OPTIONS, "configuration") == (found.verdict, part.kind, part.title)
    assert (Change("A", "y", "m", ("requested: mine.py:2",)),) == part.changes


def test_equal_configurations(store: Store, tmp_path: Path) -> None:
    """Other requests for the same configuration do not count, and are named."""
    (tmp_path / "config").write_text("CONFIG_A=y\n")
    configs = [_configuration("{}"), _configuration('{"B":"# CONFIG_B is not set"}')]
    for config in configs:
        _realise(store, config, tmp_path / "config")

    found = _compared(store, *(_kernel(config=it.out) for it in configs))
    assert ("same", (Ignored("config", ("what is requested",)),)) == (found.verdict, found.ignored)
    assert "configuration" in found.same


def test_requests(store: Store) -> None:
    """Of configurations that are not known, the requests are compared, and it is said that this is no proof."""
    configs = [_configuration("{}"), _configuration('{"A":"CONFIG_A=y","B":"# CONFIG_B is not set"}')]

    found = _compared(store, *(_kernel(config=it.out) for it in configs))
    (part,) = found.parts
    assert ("unknown", Kind.REQUESTS, "config is not in the store") == (found.verdict, part.kind, part.unknown)
    assert (Change("A", None, "y"), Change("B", None, "n")) == part.changes


@pytest.fixture
def tree(tmp_path: Path) -> Output:
    """Return a tree with two files."""
    for name in ("one", "two"):
        (tmp_path / "tree" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "tree" / name).write_text("text\n")
    return local_source(tmp_path / "tree").out


def _patch(name: str, file: str, text: str) -> Patch:
    return Patch(name, text=f"--- a/{file}\n+++ b/{file}\n@@ -1 +1 @@\n-text\n+{text}\n")


def _realise_tree(store: Store, tree: Output, place: Path) -> None:
    """Realise *tree*, and the patches below it, as the builders would."""
    place.mkdir()
    for name in ("one", "two"):
        (place / name).write_text("text\n")
    for patches in (it.derivation for it in tree.derivation.inputs if it.derivation.builder == "builtin:patch"):
        for mounted in patches.inputs:
            if "text" in mounted.derivation.env:
                text = mounted.derivation.env["text"]
                (place.parent / "patch").write_text(text)
                _realise(store, mounted.derivation, place.parent / "patch")
                file, _, line = text.partition("\n+++ b/")[2].replace("\n", " ").partition(" ")
                (place / file).write_text(f"{line.rpartition('+')[2].strip()}\n")
    _realise(store, tree.derivation, place)


def test_files(store: Store, tree: Output, tmp_path: Path) -> None:
    """Each file that differs has the patch that brings it: a new one, a changed one, or one that is gone."""
    old = patched(tree, (_patch("gone", "one", "x"), _patch("other", "two", "y")))
    new = patched(tree, (_patch("other", "two", "z"),))
    _realise_tree(store, old, tmp_path / "old")
    _realise_tree(store, new, tmp_path / "new")

    (part,) = _compared(store, _kernel(src=old), _kernel(src=new)).parts
    assert (Kind.FILES, "source") == (part.kind, part.title)
    assert {"one": ("patch gone, removed",), "two": ("patch other, changed",)} == {
        it.what: it.because for it in part.changes
    }


def test_a_source(store: Store, tree: Output, tmp_path: Path) -> None:
    """A file that no patch touches comes from the source."""
    (tmp_path / "tree" / "two").write_text("newer\n")
    (tmp_path / "tree" / "three").write_text("new\n")
    newer = local_source(tmp_path / "tree", name="newer").out
    _realise_tree(store, tree, tmp_path / "old")
    _realise(store, newer.derivation, tmp_path / "tree")

    (part,) = _compared(store, _kernel(src=tree), _kernel(src=newer)).parts
    because = ("source tree -> newer",)
    assert (Change("three", None, "file", because), Change("two", "file", "file", because)) == part.changes


def test_patches(store: Store, tree: Output) -> None:
    """Of trees that are not known, the patches are compared."""
    one, two = _patch("first", "one", "x"), _patch("second", "two", "y")
    stacks = [patched(tree, it) for it in ((one, two), (two, one), (two, _patch("third", "one", "z")))]

    def found(old: Output, new: Output) -> tuple[Change, ...]:
        (part,) = _compared(store, _kernel(src=old), _kernel(src=new)).parts
        assert (Kind.PATCHES, False) == (part.kind, part.is_certain)
        return part.changes

    assert (Change("order", "first, second", "second, first"),) == found(stacks[0], stacks[1])
    assert (Change("first", "applied", None), Change("third", None, "applied")) == found(stacks[0], stacks[2])


def test_packages(store: Store) -> None:
    """A toolchain is compared package by package, by name and version."""
    old, made, newer = fake_lock(["gcc"]), fake_package("make"), fake_package("make", version="4.4-1")
    new = attrs.evolve(
        old,
        packages=[newer if it == made else it for it in old.packages],
        sets={"gcc": [newer.identity if it == made.identity else it for it in old.sets["gcc"]]},
    )
    roots = [gcc_toolchain(it, "x86_64-linux").root for it in (old, new)]

    (part,) = _compared(store, *(_kernel(root=it) for it in roots)).parts
    assert (Kind.PACKAGES, "toolchain") == (part.kind, part.title)
    assert (Change("make", "1.0-1", "4.4-1"),) == part.changes


def test_an_input_of_another_kind(store: Store) -> None:
    """What differs in the derivation of another input is below it; an input of one side alone is named."""
    old, new = (
        _kernel(data=text_file("data", "a").out),
        _kernel(data=text_file("data", "b").out, more=text_file("more", "").out),
    )

    data, more = _compared(store, old, new).parts
    assert ("data", True, ("text",)) == (data.title, data.is_certain, tuple(it.what for it in data.parts[0].changes))
    assert (Change("more", None, "more!out"),) == more.changes
