"""Tests of derivations.modules.closure and .rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.modules.closure import Closure, OtherRelease, close, load_order
from derivations.modules.index import InvalidIndex, ModuleIndex
from derivations.modules.modinfo import InvalidModule
from derivations.modules.request import Ask, Kind, Reason, Request
from derivations.modules.rules import DEFAULT_ENCRYPTION, RULES, Rule, by_module
from tests.derivations.modules.made_up import RELEASE, index, module


if TYPE_CHECKING:
    from collections.abc import Mapping


CONFIG = {"FAT_DEFAULT_CODEPAGE": "437", "FAT_DEFAULT_IOCHARSET": "ascii", "NLS_DEFAULT": "utf8"}


def closure(
    request: Request, texts: Mapping[str, str] | None = None, files: Mapping[str, bytes] | None = None
) -> Closure:
    """Return the closure of *request* in the made-up tree, with other *texts* of lists and *files* of modules."""
    return close(request, index(**(texts or {})), CONFIG, lambda path: (files or {}).get(path, module()))


def reasons(*modules: str, **request: Any) -> dict[str, str]:  # noqa: ANN401 -- the attributes of a request
    """Return the modules of a closure in order, each with its reason."""
    return {it.name: str(it.reason) for it in closure(Request(modules=modules, **request)).modules}


def test_dependencies_come_first() -> None:
    """A module comes after what it depends on, and each has its reason."""
    assert list(reasons("virtio_net", "virtio_pci").items()) == [
        ("virtio", "dep of virtio_net"), ("virtio_net", "named"), ("virtio_pci", "named"),
    ]  # fmt: skip


def test_what_is_named_is_not_only_a_dependency() -> None:
    """What is named itself says so, though another module has brought it."""
    assert reasons("virtio_net", "virtio")["virtio"] == "named"


def test_softdeps() -> None:
    """What a softdep wants before a module comes before it, every provider of an alias; what it wants after it, later."""
    assert list(reasons("ext4").items()) == [
        ("mbcache", "dep of ext4"), ("jbd2", "dep of ext4"), ("crc32c_fast", "softdep of ext4"),
        ("crc32c_slow", "softdep of ext4"), ("ext4", "named"),
    ]  # fmt: skip
    assert list(reasons("wifi")) == ["wifi", "virtio", "virtio_net"]


def test_softdeps_that_cannot_hold() -> None:
    """A module that needs the one that wants it first comes after it all the same."""
    found = closure(Request(modules=["virtio"]), {"softdep": "softdep virtio pre: virtio_net\n"})
    assert [it.name for it in found.modules] == ["virtio", "virtio_net"]
    found = closure(Request(modules=["ext4"]), {"softdep": "softdep jbd2 post: ext4\nsoftdep mbcache pre: ext4\n"})
    assert [it.name for it in found.modules] == ["mbcache", "jbd2", "ext4"]


def test_weakdeps() -> None:
    """Weak dependencies are followed, whether depmod has listed them or only the module itself has them."""
    listed = closure(Request(modules=["wifi"]), {"weakdep": "weakdep wifi nvme\n", "softdep": ""})
    files = {
        "kernel/drivers/net/wifi.ko": module(weak=["nvme"]),
        "kernel/drivers/nvme/host/nvme.ko": module(weak=["vfat"]),
    }
    unlisted = closure(Request(modules=["wifi"]), {"softdep": ""}, files)
    assert [it.name for it in listed.modules] == ["wifi", "nvme_core", "nvme"]
    assert [it.name for it in unlisted.modules][:5] == ["wifi", "nvme_core", "nvme", "fat", "vfat"]


def test_builtin() -> None:
    """What is built in is no error, and is listed with its firmware."""
    found = closure(Request(modules=["fuse"], filesystems=["fuse"]))
    assert found.modules == ()
    assert [(it.name, it.firmware) for it in found.builtin] == [("fuse", ("fuse/plug.bin",))]


def test_character_sets() -> None:
    """A file system asks for the character sets that the configuration names, when it is mounted."""
    assert list(reasons(filesystems=["vfat"]).items()) == [
        ("fat", "dep of vfat"), ("vfat", "file system vfat"),
        ("nls_cp437", "rule for vfat: the character sets of file names"),
        ("nls_ascii", "rule for vfat: the character sets of file names"),
    ]  # fmt: skip


def test_encryption() -> None:
    """Every provider of each algorithm is there: with dm_crypt alone, of the default cipher; else, of those named."""
    assert list(reasons("dm_crypt")) == ["dm_mod", "dm_crypt", "ecb", "xts", "cryptd", "aesni_intel"]
    assert list(reasons(encryption=["aes-cbc-essiv:sha256"])) == [
        "dm_mod", "dm_crypt", "cryptd", "aesni_intel", "authenc", "essiv",
    ]  # fmt: skip
    found = closure(Request(encryption=["aes-cbc-essiv:sha256"]))
    assert [it.name for it in found.builtin] == ["aes_generic", "cbc", "sha256_generic"]


def test_rules() -> None:
    """A rule fills in options, and does not ask where one is not set, or where another rules it out."""
    rules = (
        Rule("", ("a",), ("x-{A}", "y-{B}", "z")),
        Rule("", ("a",), ("w",), unless="A"),
        Rule("", ("a",), ("v",), unless="C"),
    )
    assert by_module(rules, {"A": "1"}) == {"a": [("x-1", ""), ("z", ""), ("v", "")]}


def test_rules_are_spelled_as_the_kernel_does() -> None:
    """The modules of rules are names without `-`, as in an index."""
    names = [name for rule in (*RULES, DEFAULT_ENCRYPTION) for name in rule.modules]
    assert [it for it in names if "-" in it] == []


def test_sizes_and_firmware() -> None:
    """Each module has its size, and the firmware that it names."""
    data = module(firmware=["a.bin"])
    found = closure(Request(modules=["virtio"]), files={"kernel/drivers/virtio/virtio.ko": data})
    assert [(it.size, it.firmware) for it in found.modules] == [(len(data), ("a.bin",))]
    assert found.size == len(data)


def test_json() -> None:
    """The closure as JSON has everything that it has."""
    found = closure(Request(modules=["virtio_net", "fuse"])).to_json()
    assert found["release"] == RELEASE
    assert found["modules"][0] == {
        "name": "virtio", "file": "kernel/drivers/virtio/virtio.ko", "size": len(module()), "firmware": [],
        "kind": "dependency", "of": "virtio_net",
    }  # fmt: skip
    assert found["builtin"] == [{"name": "fuse", "firmware": ["fuse/plug.bin"], "kind": "named", "of": "fuse"}]


def test_other_release() -> None:
    """A module of another kernel is refused; one that does not say is not."""
    path = "kernel/drivers/virtio/virtio.ko"
    with pytest.raises(OtherRelease) as caught:
        closure(Request(modules=["virtio"]), files={path: module(release="6.1.8-y")})
    assert (caught.value.path, caught.value.built_for) == (path, "6.1.8-y")
    assert closure(Request(modules=["virtio"]), files={path: module(release="")}).modules


def test_damaged_files() -> None:
    """A file that is cut off is refused by name, and so is a list that lacks a module."""
    with pytest.raises(InvalidModule) as caught:
        closure(Request(modules=["virtio_net"]), files={"kernel/drivers/virtio/virtio.ko": module()[:100]})
    assert caught.value.path == "kernel/drivers/virtio/virtio.ko"
    with pytest.raises(InvalidIndex):
        closure(Request(modules=["a"]), {"dep": "kernel/a.ko: kernel/b.ko\n"})


def test_long_chains() -> None:
    """A chain of dependencies may be longer than Python's stack."""
    count = 3000
    dep = "".join(f"kernel/m{it}.ko:\n" for it in range(count))
    softdep = "".join(f"softdep m{it} pre: m{it + 1}\n" for it in range(count))
    found = load_order(index(dep=dep, softdep=softdep), [Ask("m0", Reason(Kind.NAMED))], {}, {})
    assert list(found.modules) == [f"m{it}" for it in reversed(range(count))]


NAMES = [f"m{it}" for it in range(8)]
EDGES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=12)


@given(hard=EDGES, pre=EDGES, post=EDGES, asked=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3))
def test_order(
    hard: list[tuple[str, str]], pre: list[tuple[str, str]], post: list[tuple[str, str]], asked: list[str]
) -> None:
    """Whatever depends on whatever: all of it is there once, and no module comes before one that it cannot be loaded without."""
    needs = {name: sorted({b for a, b in hard if a == name and b < a}) for name in NAMES}
    dep = "".join(f"kernel/{name}.ko:{''.join(f' kernel/{it}.ko' for it in needs[name])}\n" for name in NAMES)
    soft = "".join(f"softdep {a} pre: {b}\n" for a, b in pre) + "".join(f"softdep {a} post: {b}\n" for a, b in post)
    found = ModuleIndex.parse(RELEASE, {"modules.dep": dep.encode(), "modules.softdep": soft.encode()})
    order = list(load_order(found, [Ask(it, Reason(Kind.NAMED)) for it in asked], {}, {}).modules)

    reached, pending = {*asked}, [*asked]
    while pending:
        name = pending.pop()
        more = {*needs[name], *(b for a, b in (*pre, *post) if a == name)} - reached
        reached |= more
        pending += more
    assert sorted(order) == sorted(reached)
    assert [(a, b) for a in order for b in needs[a] if order.index(b) > order.index(a)] == []
