"""Planning what to write to a boot partition, and what to remove from it.

Everything new is beside everything old, and the old is removed last, so the sum of both must fit. Never removed are,
of all entries: those that kernix has not made, or made for another machine; the one that the machine was booted with; the default before; and, as
long as none of the new ones is known to be good, the last one that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.image.boot_entry import FILES, Entry, NewEntry, default_of, grub_snippet, parse_entry, with_default
from derivations.image.boot_program import NewProgram, other_program
from derivations.suggest import suggestion
from derivations.version import Version
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


RESERVE = 1 << 20
"""Bytes that stay free: for the file system's own needs, and for what loaders write."""


class NoSpaceForKernels(Error):
    """A boot partition has too little free space."""

    place: str
    needed: int
    free: int
    removable: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.place} has {self.free:,} bytes free, and the new files need {self.needed:,}; nothing was changed"

    @property
    def hint(self) -> str:
        """Return how to get space."""
        if self.removable:
            return f"entries of kernix there that could go: {', '.join(self.removable)}"
        return "remove kernels from the partition that nobody boots any more, or install fewer"


class NoSuchDefault(Error):
    """The default is to be a slot that has no entry."""

    exit_code = 2

    slot: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"there is no slot `{self.slot}` to be the default"

    @property
    def hint(self) -> str:
        """Suggest slots with a similar name, or list all of them."""
        return suggestion(self.slot, self.known) or f"the slots are {', '.join(self.known)}"


@attrs.frozen
class Image:
    """A file to be on the partition: its *name* in the directory `kernix`, its *size* in bytes, and its *source*."""

    name: str
    size: int
    source: str


@attrs.frozen(kw_only=True)
class BootState:
    """What is on a boot partition.

    Attributes:
        place: Its directory, for messages.
        entries: All entries.
        files: The files in the directory `kernix` by name, with their sizes in bytes.
        leftovers: Files that a run left unfinished, by path, with their sizes.
        loader: The text of `loader.conf`.
        free: How many bytes are free.
        block: How many bytes a file's size is rounded up to.
        booted: The ids of the entries that the machine may have been booted with.
    """

    place: str
    entries: tuple[Entry, ...]
    files: Mapping[str, int]
    leftovers: Mapping[str, int] = attrs.field(factory=dict)
    loader: str = ""
    free: int = 0
    block: int = 1
    booted: frozenset[str] = frozenset()


@attrs.frozen(kw_only=True)
class BootPlan:
    """The steps, in their order.

    Attributes:
        stale: Files that no entry needs, to be removed first; paths from the partition's directory.
        copies: Files to copy.
        entries: Entries to write, file name to text.
        programs: Unified kernel images to copy, with their names in `EFI/Linux`.
        names: The file names of all entries that remain, by id.
        loader: The new text of `loader.conf`, None if it stays as it is.
        grub: The text of the snippet for GRUB.
        default: The id of the entry that becomes, or stays, the default; None if kernix does not know.
        old_entries: The names of the entries to remove.
        old_files: The names of the files to remove, in the directory `kernix`.
        kept: Why each entry stays that the profile no longer has, by id.
        failed: The ids of wanted entries that the loader has given up.
        needed: How many bytes all of this takes at its largest, the reserve included.
        free: How many bytes there are for it.
    """

    stale: tuple[str, ...]
    copies: tuple[Image, ...]
    entries: Mapping[str, str]
    programs: tuple[Image, ...]
    names: Mapping[str, str]
    loader: str | None
    grub: str
    default: str | None
    old_entries: tuple[str, ...]
    old_files: tuple[str, ...]
    kept: Mapping[str, str]
    failed: tuple[str, ...]
    needed: int
    free: int


def plan_boot(
    state: BootState,
    profile: str,
    wanted: Sequence[NewEntry | NewProgram],
    images: Iterable[Image],
    *,
    default: str | None,
    set_default: bool = True,
    tries: int | None = None,
    reserve: int = RESERVE,
) -> BootPlan:
    """Return what to do so that the entries of *profile* are those *wanted*, which need *images*.

    Args:
        state: What is there.
        profile: The profile.
        wanted: Its entries.
        images: The files that they need.
        default: The slot of the default entry; by default the present one, or else that of the latest version.
        set_default: Whether to set the default.
        tries: How often the loader tries a new entry; None for no boot counting.
        reserve: How many bytes have to stay free.

    Raises:
        NoSuchDefault: no entry is in the slot *default*.
        NoSpaceForKernels: there is too little space.
    """
    present = {it.id: it for it in state.entries}
    added = {it.name(tries): it for it in wanted if it.id not in present}
    new = {name: it.text for name, it in added.items() if isinstance(it, NewEntry)}
    programs = tuple(Image(name, it.size, it.source) for name, it in added.items() if isinstance(it, NewProgram))
    before = default_of(state.loader, state.entries)
    chosen = _default(wanted, before, default) if set_default else None
    kept = _kept(state, profile, wanted, before)
    old = tuple(it.name for it in _unwanted(state, profile, wanted) if it.id not in kept)
    remaining = [it for it in state.entries if it.name not in old]
    parsed = [*(parse_entry(*it) for it in new.items()), *(other_program(it.name) for it in programs)]
    written = [it for it in parsed if it is not None]
    used_now = _used(state.entries)
    used_then = _used([*remaining, *written])
    ours = sorted((it for it in [*remaining, *written] if it.profile is not None), key=lambda it: it.id)
    loader = with_default(state.loader, chosen) if chosen is not None else state.loader
    stays = before.id if before is not None else None
    grub = grub_snippet(ours, chosen or stays)
    copies = tuple(it for it in _distinct(images) if it.name not in state.files)
    orphans = {name for name in state.files if name not in used_now | used_then}
    stale = (*sorted(state.leftovers), *(f"{FILES}/{name}" for name in sorted(orphans)))
    texts = [*new.values(), grub, loader]
    sizes = [*(it.size for it in (*copies, *programs)), *(len(it.encode()) for it in texts)]
    needed = sum(_rounded(it, state.block) for it in sizes) + reserve
    freed = sum(_rounded(state.files[name], state.block) for name in orphans)
    free = state.free + freed + sum(_rounded(it, state.block) for it in state.leftovers.values())
    if copies or added:
        _check_space(state, needed, free, old)
    return BootPlan(
        stale=stale,
        copies=copies,
        entries=new,
        programs=programs,
        names={it.id: it.name for it in [*remaining, *written]},
        loader=loader if loader != state.loader else None,
        grub=grub,
        default=chosen or stays,
        old_entries=old,
        old_files=tuple(sorted(name for name in state.files if name in used_now - used_then)),
        kept=kept,
        failed=tuple(it.id for it in wanted if it.id in present and present[it.id].is_bad),
        needed=needed,
        free=free,
    )


def _unwanted(state: BootState, profile: str, wanted: Sequence[NewEntry | NewProgram]) -> list[Entry]:
    """Return the entries that *profile* has had on this machine, and no longer wants."""
    ids, machines = {it.id for it in wanted}, {it.machine for it in wanted}
    return [it for it in state.entries if it.profile == profile and it.machine in machines and it.id not in ids]


def _kept(
    state: BootState, profile: str, wanted: Sequence[NewEntry | NewProgram], before: Entry | None
) -> dict[str, str]:
    """Return the reason for each unwanted entry that stays, by id."""
    unwanted = _unwanted(state, profile, wanted)
    kept = {}
    ids = {it.id for it in wanted}
    good = [it for it in unwanted if it.is_good]
    if good and not any(it.id in ids and it.is_good for it in state.entries):
        kept[max(good, key=lambda it: (it.made, it.id)).id] = "the last that is known to boot"
    if before is not None and before in unwanted:
        kept[before.id] = "the default before"
    kept |= {it.id: "the one that is running" for it in unwanted if it.id in state.booted}
    return kept


def _default(wanted: Sequence[NewEntry | NewProgram], before: Entry | None, slot: str | None) -> str | None:
    """Return the id of the default entry.

    Raises:
        NoSuchDefault: there is none in *slot*.
    """
    if slot is not None:
        found = [it.id for it in wanted if it.slot == slot]
        if not found:
            raise NoSuchDefault(slot, tuple(it.slot for it in wanted))
        return found[0]
    if before is not None and any(it.id == before.id for it in wanted):
        return before.id
    return max(wanted, key=lambda it: (_version(it.version), it.id)).id if wanted else None


def _version(text: str) -> tuple[bool, Version]:
    try:
        return True, Version.parse(text)
    except Error:
        return False, Version.parse("0.0")


def _used(entries: Iterable[Entry]) -> frozenset[str]:
    """Return the names of the files in the directory `kernix` that *entries* need."""
    return frozenset().union(*(it.files for it in entries))


def _distinct(images: Iterable[Image]) -> list[Image]:
    return list({it.name: it for it in images}.values())


def _rounded(size: int, block: int) -> int:
    return -(-size // block) * block


def _check_space(state: BootState, needed: int, free: int, removable: tuple[str, ...]) -> None:
    if needed > free:
        raise NoSpaceForKernels(state.place, needed, free, removable)
