"""Profiles of kernels: slots, their names, and the description that they are read from."""

from __future__ import annotations

import pytest

from derivations.image.profile import (
    InvalidSlot,
    KernelProfile,
    NoSuchSlot,
    NotAProfile,
    Slot,
    check_slot,
    parse,
    slot_name,
)
from store.path import StorePath


KERNEL = StorePath("0" * 32, "linux-6.1.2")
OTHER = StorePath("1" * 32, "linux-6.1.3")
PATH = StorePath("2" * 32, "profile")


def slot(name: str = "6-1-2", kernel: StorePath = KERNEL) -> Slot:
    """Return a slot."""
    return Slot(name=name, title=kernel.name, release="6.1.2", files={"kernel": f"{kernel}/bzImage"})


@pytest.mark.parametrize(
    ("title", "release", "name"),
    [
        ("linux-6.7.1", "6.7.1", "6-7-1"),
        ("linux-micro-6.12.117", "6.12.117", "6-12-117-micro"),
        ("linux-rt-6.12.1-rt5", "6.12.1-rt5", "6-12-1-rt5-rt"),
        ("linux-6.6.130.mshv1", "6.6.130.mshv1", "6-6-130-mshv1"),
        ("mine", "6.10.6+bpo", "6-10-6-bpo"),
    ],
)
def test_slot_names(title: str, release: str, name: str) -> None:
    """A slot is called after the release, with hyphens, and the kernel's variant."""
    assert name == slot_name(title, release)


def test_links_are_relative_to_the_store() -> None:
    """Each kind of file has a name with the slot."""
    files = {"modules": f"{OTHER}/lib/modules/6.1.2", "kernel": f"{KERNEL}/bzImage"}
    profile = KernelProfile([Slot(name="a", title="linux", release="6.1.2", files=files)])

    assert profile.links == {
        "bin/kernel-a": f"../../{KERNEL}/bzImage",
        "bin/modules-a": f"../../{OTHER}/lib/modules/6.1.2",
    }
    assert profile.references == {KERNEL, OTHER}


def test_what_is_written_is_read() -> None:
    """The description has all of a profile, in whatever order its slots were given."""
    profile = KernelProfile([slot("b", OTHER), slot("a")])

    assert profile == KernelProfile([slot("a"), slot("b", OTHER)]) == parse(profile.dumps(), PATH)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"version": 2, "slots": {}}', '{"version": 1, "slots": {"a": {}}}',
     '{"version": 1, "slots": {"a": {"title": "", "release": "", "files": {"kernel": "../x"}}}}',
     '{"version": 1, "slots": {"../a": {"title": "", "release": "", "files": {}}}}'],
)  # fmt: skip
def test_other_texts_are_no_profile(text: str) -> None:
    """Nothing but what was written is read."""
    with pytest.raises(NotAProfile):
        parse(text, PATH)


def test_differences() -> None:
    """A slot is added, removed, or has another kernel; the same one is no difference."""
    old, new = KernelProfile([slot("a"), slot("b"), slot("c")]), KernelProfile([slot("b"), slot("c", OTHER), slot("d")])

    assert old.differences(new) == [
        ("a", slot("a"), None), ("c", slot("c"), slot("c", OTHER)), ("d", None, slot("d")),
    ]  # fmt: skip
    assert old.differences(old) == []


def test_removing_by_the_slot_or_its_kernel_name() -> None:
    """A slot is also known by the name of its kernel."""
    profile = KernelProfile([slot("a"), slot("b")])

    assert profile.without(["kernel-a"], "system") == profile.without(["a"], "system") == KernelProfile([slot("b")])
    with pytest.raises(NoSuchSlot) as caught:
        profile.without(["c"], "system")
    assert ("c", ("a", "b")) == (caught.value.slot, caught.value.known)


@pytest.mark.parametrize("name", ["", "a.b", "../a", "a b", "a+3", "-a", "x" * 81])
def test_odd_slots_are_refused(name: str) -> None:
    """A slot's name is a plain word, without the dots and plus signs that mean something in an entry's name."""
    with pytest.raises(InvalidSlot):
        check_slot(name)
