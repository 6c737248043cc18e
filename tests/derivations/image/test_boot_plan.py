"""What a plan for a boot partition copies, writes, keeps and removes."""

from __future__ import annotations

import attrs
import pytest

from derivations.image.boot_entry import Entry, NewEntry, parse_entry
from derivations.image.boot_plan import BootPlan, BootState, Image, NoSpaceForKernels, NoSuchDefault, plan_boot


MB = 1_000_000


def new(slot: str = "6-1-3", version: str = "6.1.3", file: str = "new") -> NewEntry:
    """Return an entry of the profile `system`."""
    return NewEntry(
        profile="system", slot=slot, title=slot, version=version, options="ro", linux=f"/kernix/{file}-linux"
    )


def there(entry: NewEntry, count: str = "", made: float = 0) -> Entry:
    """Return *entry* as it is on the partition, with the loader's *count*."""
    found = parse_entry(f"{entry.id}{count}.conf", entry.text, made)
    assert found is not None
    return found


OLD = new("6-1-1", "6.1.1", "old")
OLDER = new("6-1-0", "6.1.0", "older")
FOREIGN = Entry(name="debian-6.1.conf", id="debian-6.1", linux="/debian/linux")
EMPTY = BootState(place="/esp", entries=(), files={}, free=100 * MB, block=4096)


def state(*entries: Entry, default: str = "", booted: tuple[str, ...] = (), free: int = 100 * MB) -> BootState:
    """Return a partition with *entries*."""
    files = {name: MB for it in entries for name in it.files}
    loader = f"default {default}*\n" if default else ""
    return attrs.evolve(EMPTY, entries=entries, files=files, loader=loader, booted=frozenset(booted), free=free)


def planned(found: BootState, *wanted: NewEntry, default: str | None = None, tries: int | None = None) -> BootPlan:
    """Return the plan for *wanted*, each with a kernel of 1 MB."""
    images = [Image(it.linux.removeprefix("/kernix/"), MB, f"/store/{it.slot}") for it in wanted]
    return plan_boot(found, "system", wanted, images, default=default, tries=tries)


def test_the_first_kernel() -> None:
    """On an empty partition, everything is written, and the entry is the default."""
    plan = planned(EMPTY, new(), tries=3)

    assert (("new-linux",), [f"{new().id}+3.conf"]) == (tuple(it.name for it in plan.copies), [*plan.entries])
    assert (f"default {new().id}*\n", ()) == (plan.loader, plan.old_entries)


def test_nothing_to_do() -> None:
    """What is there is neither copied nor written again, whatever count its entry has."""
    plan = planned(state(there(new(), "+2-1"), default=new().id), new())

    assert ((), {}, None, {new().id: f"{new().id}+2-1.conf"}) == (plan.copies, plan.entries, plan.loader, plan.names)


def test_a_full_partition_with_nothing_to_do() -> None:
    """A partition that has everything may be full."""
    assert planned(state(there(new()), default=new().id, free=0), new()).copies == ()


def test_the_default_before_stays() -> None:
    """Its successor may not boot."""
    plan = planned(state(there(OLD), there(OLDER), default=OLDER.id), new())

    assert {OLDER.id: "the default before", OLD.id: "the last that is known to boot"} == plan.kept
    assert (plan.default, plan.old_entries, plan.old_files) == (new().id, (), ())


def test_the_running_one_stays() -> None:
    """Of two old entries, the one that the machine runs stays, and so does its kernel."""
    plan = planned(state(there(new()), there(OLD), there(OLDER), default=new().id, booted=(OLDER.id,)), new())

    assert {OLDER.id: "the one that is running"} == plan.kept
    assert ((f"{OLD.id}.conf",), ("old-linux",)) == (plan.old_entries, plan.old_files)


def test_the_last_good_one_stays_while_the_new_one_is_on_trial() -> None:
    """Of two good entries the later one stays; one whose tries have failed does not."""
    bad = new("6-1-2", "6.1.2", "bad")
    found = state(
        there(new(), "+2-1"), there(OLD, made=2), there(OLDER, made=1), there(bad, "+0-3", made=3), default=new().id
    )

    assert {OLD.id: "the last that is known to boot"} == planned(found, new()).kept
    assert {f"{OLDER.id}.conf", f"{bad.id}+0-3.conf"} == set(planned(found, new()).old_entries)


def test_old_ones_go_once_the_new_one_is_good() -> None:
    """When the loader has renamed the new entry to its plain name, the old ones go."""
    plan = planned(state(there(new()), there(OLD), default=new().id), new())

    assert ({}, (f"{OLD.id}.conf",)) == (plan.kept, plan.old_entries)


def test_entries_of_others_stay() -> None:
    """Neither entries of others nor those of other profiles are removed."""
    other = there(NewEntry(**{**attrs.asdict(OLD), "profile": "test"}))
    plan = planned(state(there(new()), FOREIGN, other, default=new().id), new())

    assert ((), ()) == (plan.old_entries, plan.old_files)


def test_another_machine_has_its_own_entries() -> None:
    """Two systems may share a partition, and have profiles of one name."""
    other = there(NewEntry(**{**attrs.asdict(OLD), "machine": "0" * 32}))

    assert planned(state(there(new()), other, default=new().id), new()).old_entries == ()


def test_a_kernel_that_another_entry_needs_stays() -> None:
    """A file goes only with the last entry that names it."""
    shared = new("6-1-1", "6.1.1", "new")
    plan = planned(state(there(new()), there(shared), default=new().id), new())

    assert ((f"{shared.id}.conf",), ()) == (plan.old_entries, plan.old_files)


def test_what_no_entry_needs_is_removed_first() -> None:
    """Files of a killed run make room; one that is wanted now is used."""
    found = attrs.evolve(
        EMPTY, files={"lost-linux": 3 * MB, "new-linux": MB}, leftovers={"kernix/.kernix-1": 2 * MB}, free=0
    )
    plan = planned(found, new())

    assert (("kernix/.kernix-1", "kernix/lost-linux"), ()) == (plan.stale, plan.copies)
    assert plan.free > 4 * MB


def test_too_little_space() -> None:
    """The error has the sums, and nothing is planned; equal files count once, and what is there not at all."""
    twice = [new("a", "6.1.3"), new("b", "6.1.3")]
    with pytest.raises(NoSpaceForKernels) as caught:
        planned(state(free=2 * MB), *twice)

    assert (2 * MB, True) == (caught.value.free, 2 * MB < caught.value.needed < 3 * MB)
    assert planned(state(there(OLD), free=2 * MB), new("c", "6.1.3", "old")).copies == ()


def test_default() -> None:
    """The default is the slot that is asked for, else the one before if it stays, else the latest version."""
    wanted = [new("b", "6.1.10", "b"), new("a", "6.1.9", "a")]

    assert wanted[0].id == planned(EMPTY, *wanted).default
    assert wanted[1].id == planned(EMPTY, *wanted, default="a").default
    assert wanted[1].id == planned(state(there(wanted[1]), default=wanted[1].id), *wanted).default
    with pytest.raises(NoSuchDefault) as caught:
        planned(EMPTY, *wanted, default="c")
    assert ("c", ("b", "a")) == (caught.value.slot, caught.value.known)


def test_the_default_can_be_left_alone() -> None:
    """Then a default of others stays, and loader.conf as it is."""
    plan = plan_boot(state(FOREIGN, default="debian"), "system", [new()], [], default=None, set_default=False)

    assert (None, "debian-6.1") == (plan.loader, plan.default)


def test_an_entry_that_the_loader_has_given_up() -> None:
    """It is reported, not written again."""
    plan = planned(state(there(new(), "+0-3")), new())

    assert ((new().id,), {}) == (plan.failed, plan.entries)
