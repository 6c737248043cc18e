"""A profile of kernels: several side by side, in slots, each found under names that stay the same.

    bin/kernel-6-12-117-micro    -> ../../<object>/bzImage
    bin/initrd-6-12-117-micro    -> ../../<object>
    bin/modules-6-12-117-micro   -> ../../<object>/lib/modules/6.12.117
    bin/config-6-12-117-micro    -> ../../<object>/config
    profile.json                 the slots, for kernix

This describes the tree; `derivations.realise.assemble_profile` writes it to a store, where the links are its references.
The names are those of stal/IX (`/ix/realm/kernel/bin/kernel-6-7-1-slot0`).
"""

from __future__ import annotations

import json
import re

from typing import TYPE_CHECKING

import attrs

from derivations.frozen_map import FrozenMap
from derivations.suggest import suggestion
from store.errors import Error
from store.path import InvalidStorePath, StorePath


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

    Difference: TypeAlias = "tuple[str, Slot | None, Slot | None]"
    """The name of a slot, and what it was before and after; None if it was not there."""


DESCRIPTION = "profile.json"
KERNEL, INITRD, MODULES, CONFIG = "kernel", "initrd", "modules", "config"
KINDS = (KERNEL, INITRD, MODULES, CONFIG)
"""What a slot may have; a kernel is in each."""

_VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)
_LONGEST_NAME = 80  # characters: room for more in the names of boot entries
_OTHERS = re.compile(r"[^A-Za-z0-9_]+", re.ASCII)
_VARIANT = re.compile(r"linux(?:-(?P<variant>[A-Za-z][A-Za-z0-9_-]*?))?-v?[0-9].*", re.ASCII)


class InvalidSlot(Error):
    """A text cannot be the name of a slot."""

    exit_code = 2

    name: str

    def __str__(self) -> str:
        return f"invalid slot name {self.name!r}"

    @property
    def hint(self) -> str:
        """Return the rule."""
        return f"a slot's name consists of at most {_LONGEST_NAME} letters, digits, - and _, and begins with a letter or digit"


class SlotTaken(Error):
    """Two kernels are to be in one slot."""

    exit_code = 2

    slot: str
    first: str
    second: str

    def __str__(self) -> str:
        if self.first == self.second:
            return f"`{self.first}` is listed twice"
        return f"`{self.first}` and `{self.second}` are both for the slot {self.slot}"

    @property
    def hint(self) -> str:
        """Return how to have both."""
        if self.first == self.second:
            return "a kernel is needed once"
        return "install them one after the other, the second with `--slot NAME`"


class NoSuchSlot(Error):
    """A profile has no slot of a name."""

    profile: str
    slot: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"the profile `{self.profile}` has no slot {self.slot!r}"

    @property
    def hint(self) -> str:
        """Suggest slots with a similar name, or list all of them."""
        return suggestion(self.slot, self.known) or f"it has {', '.join(self.known) or 'no slots'}"


class NotAProfile(Error):
    """An object is not a profile of kernels."""

    path: StorePath
    reason: str

    def __str__(self) -> str:
        return f"{self.path} is not a profile of kernels: {self.reason}"


def _files(values: Mapping[str, str]) -> FrozenMap[str]:
    return FrozenMap({kind: values[kind] for kind in KINDS if kind in values})


@attrs.frozen(kw_only=True)
class Slot:
    """One kernel of a profile and what belongs to it.

    Attributes:
        name: What its names end in, such as `6-12-117-micro`.
        title: The kernel's full name.
        release: What `uname -r` prints on it.
        files: What there is of it, kind to place: a store path, or one with a path inside the object.
    """

    name: str
    title: str
    release: str
    files: FrozenMap[str] = attrs.field(converter=_files)

    @property
    def objects(self) -> frozenset[StorePath]:
        """Return the objects that it refers to."""
        return frozenset(object_of(place) for place in self.files.values())


def _by_name(slots: Iterable[Slot]) -> tuple[Slot, ...]:
    return tuple(sorted(slots, key=lambda it: it.name))


@attrs.frozen
class KernelProfile:
    """The slots of a profile, by name; no two have one name."""

    slots: tuple[Slot, ...] = attrs.field(default=(), converter=_by_name)

    @property
    def references(self) -> frozenset[StorePath]:
        """Return the objects that it refers to."""
        return frozenset().union(*(it.objects for it in self.slots))

    @property
    def links(self) -> dict[str, str]:
        """Return the symbolic links of its tree, path to target."""
        return {f"bin/{kind}-{it.name}": f"../../{place}" for it in self.slots for kind, place in it.files.items()}

    def with_slots(self, slots: Iterable[Slot]) -> KernelProfile:
        """Return this profile with *slots*, which replace those of the same names."""
        new = {it.name: it for it in slots}
        return KernelProfile([*(it for it in self.slots if it.name not in new), *new.values()])

    def without(self, names: Iterable[str], profile: str) -> KernelProfile:
        """Return this profile, called *profile*, without the slots *names*.

        Raises:
            NoSuchSlot: it has no such slot.
        """
        known = tuple(it.name for it in self.slots)
        wanted = {name.removeprefix(f"{KERNEL}-") for name in names}
        for name in sorted(wanted.difference(known)):
            raise NoSuchSlot(profile, name, known)
        return KernelProfile(it for it in self.slots if it.name not in wanted)

    def differences(self, later: KernelProfile) -> list[Difference]:
        """Return the slots in which *later* differs from this profile."""
        old, new = ({it.name: it for it in one.slots} for one in (self, later))
        names = sorted(old.keys() | new.keys())
        return [(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]

    def dumps(self) -> str:
        """Return the text of `profile.json`."""
        slots = {
            it.name: {"title": it.title, "release": it.release, "files": dict(it.files.items())} for it in self.slots
        }
        return json.dumps({"version": _VERSION, "slots": slots}, indent=2, sort_keys=True) + "\n"


def parse(text: str, path: StorePath) -> KernelProfile:
    """Return the profile with the description *text*, in the object *path*.

    Raises:
        NotAProfile: it is not one that `KernelProfile.dumps` has written.
    """
    try:
        found = json.loads(text)
        if found["version"] != _VERSION:
            raise NotAProfile(path, f"its format is {found['version']!r}, and this kernix knows {_VERSION}")
        profile = KernelProfile(
            Slot(name=check_slot(name), title=it["title"], release=it["release"], files=it["files"])
            for name, it in found["slots"].items()
        )
        profile.references  # noqa: B018 -- raises unless all are store paths
    except (ValueError, KeyError, TypeError, AttributeError, InvalidSlot, InvalidStorePath) as error:
        raise NotAProfile(path, f"{DESCRIPTION}: {error}") from None
    return profile


def check_slot(name: str) -> str:
    """Return *name* if a slot can have it.

    Raises:
        InvalidSlot: it cannot.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise InvalidSlot(name)
    return name


def slot_name(title: str, release: str) -> str:
    """Return the slot of the kernel with the full name *title*: its *release* with hyphens, and its variant, if any.

    `linux-6.7.1` is in `6-7-1`, `linux-micro-6.12.117` in `6-12-117-micro`.
    """
    match = _VARIANT.fullmatch(title)
    variant = match["variant"] if match else None
    whole = f"{release}-{variant}" if variant else release
    return _OTHERS.sub("-", whole).strip("-")[:_LONGEST_NAME] or "kernel"


def object_of(place: str) -> StorePath:
    """Return the object that *place*, of a slot, is in.

    Raises:
        InvalidStorePath: it is in none.
    """
    return StorePath.parse(place.split("/", 1)[0])
