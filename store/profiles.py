"""Profiles: names for objects that change over time. Each change is a generation, and all generations are kept.

    profiles/system         -> system-3-link               the profile: the generation in use
    profiles/system-2-link  -> ../store/<object>           its generations, made in this order
    profiles/system-3-link  -> ../store/<object>

A generation is a root. It is made whole, and on the disk, before the profile's own link is renamed over the old one;
so a crash leaves the old generation in use or the new one. What the objects hold is for others to know.

The scheme is that of Nix (src/libstore/profiles.cc), with relative links, so that a store can be moved.
"""

from __future__ import annotations

import contextlib
import itertools
import re

from typing import TYPE_CHECKING

import attrs

from store.errors import Error
from store.gc.roots import is_generation, object_of, switch_link
from store.osutil.durable import sync_directory
from store.osutil.failpoints import reach
from store.osutil.locks import locked
from store.osutil.space import disk_full_reported


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from store.layout import Layout
    from store.local import Store
    from store.path import StorePath


LONGEST_NAME = 100
"""Characters of a profile's name: room for a generation's number in a file name, and on a boot partition."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)


class InvalidProfileName(Error):
    """A text cannot be the name of a profile."""

    exit_code = 2

    name: str
    reason: str

    def __str__(self) -> str:
        return f"invalid profile name {self.name!r}: {self.reason}"

    @property
    def hint(self) -> str:
        """Give an example."""
        return "a short word such as `system` or `test-kernels` is a profile name"


class NoSuchProfile(Error):
    """There is no profile of a name."""

    name: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"there is no profile `{self.name}`"

    @property
    def hint(self) -> str:
        """List the profiles, or say how to make one."""
        if self.known:
            return f"the profiles are {', '.join(self.known)}"
        return f"`kernix profile install {self.name} ATTR` makes it"


class NoSuchGeneration(Error):
    """A profile does not have a generation."""

    name: str
    number: int
    known: tuple[int, ...]

    def __str__(self) -> str:
        return f"the profile `{self.name}` has no generation {self.number}"

    @property
    def hint(self) -> str:
        """List the generations."""
        return f"its generations are {', '.join(map(str, self.known))}"


class NoEarlierGeneration(Error):
    """A profile cannot be rolled back."""

    name: str
    number: int

    def __str__(self) -> str:
        return f"the profile `{self.name}` has no generation before {self.number}, the one in use"

    @property
    def hint(self) -> str:
        """Name the verb that lists the generations."""
        return f"`kernix profile generations {self.name}` lists them"


class GenerationInUse(Error):
    """The generation in use cannot be deleted."""

    name: str
    number: int

    def __str__(self) -> str:
        return f"generation {self.number} of the profile `{self.name}` is in use, so it is not deleted"

    @property
    def hint(self) -> str:
        """Say how to use another one."""
        return f"`kernix profile switch {self.name} N` uses another generation"


@attrs.frozen(kw_only=True)
class Generation:
    """One generation of a profile.

    Attributes:
        number: Its number; later generations have higher ones.
        target: The object that it is.
        made: When it was made, in seconds since the epoch.
        in_use: Whether the profile's link leads to it.
    """

    number: int
    target: StorePath
    made: float
    in_use: bool


def check_profile_name(name: str) -> str:
    """Return *name* if a profile can have it.

    Raises:
        InvalidProfileName: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise InvalidProfileName(
            name, "it consists of letters, digits and any of _ . -, and begins with a letter or digit"
        )
    if len(name) > LONGEST_NAME:
        raise InvalidProfileName(name, f"it has more than {LONGEST_NAME} characters")
    if is_generation(name):
        raise InvalidProfileName(name, "generations have such names")
    return name


def profile_link(layout: Layout, name: str) -> Path:
    """Return the link of the profile *name*: the path by which others find what it holds.

    Raises:
        InvalidProfileName: *name* is not valid.
    """
    return layout.profiles / check_profile_name(name)


def profiles(layout: Layout) -> list[str]:
    """Return the names of the profiles."""
    try:
        return sorted(it.name for it in layout.profiles.iterdir() if it.is_symlink() and _is_profile(it.name))
    except FileNotFoundError:
        return []


def generations(layout: Layout, name: str) -> list[Generation]:
    """Return the generations of the profile *name*, the oldest first.

    Raises:
        InvalidProfileName: *name* is not valid.
        NoSuchProfile: it does not exist.
    """
    link = profile_link(layout, name)
    used = _leads_to(link)
    if used is None:
        raise NoSuchProfile(name, tuple(profiles(layout)))
    return _generations(layout, name, used)


def generation_in_use(layout: Layout, name: str) -> Generation | None:
    """Return the generation of the profile *name* that is in use, None if there is no such profile.

    Raises:
        InvalidProfileName: *name* is not valid.
    """
    used = _leads_to(profile_link(layout, name))
    return next((it for it in _generations(layout, name, used) if it.in_use), None)


def generation(layout: Layout, name: str, number: int) -> Generation:
    """Return the generation *number* of the profile *name*.

    Raises:
        InvalidProfileName: *name* is not valid.
        NoSuchProfile, NoSuchGeneration: it does not exist.
    """
    known = generations(layout, name)
    for it in known:
        if it.number == number:
            return it
    raise NoSuchGeneration(name, number, tuple(it.number for it in known))


@contextlib.contextmanager
def changing(layout: Layout, name: str) -> Iterator[None]:
    """Keep others from changing the profile *name* in the body.

    Raises:
        InvalidProfileName: *name* is not valid.
    """
    check_profile_name(name)
    with locked(layout.locks / f"profile-{name}"):
        yield


def add_generation(store: Store, name: str, target: StorePath) -> Generation:
    """Make *target* a generation of the profile *name*, not in use yet, and return it; inside `changing`.

    If the generation in use is *target* already, that one is returned.

    Raises:
        InvalidProfileName: *name* is not valid.
        ObjectMissing: *target* is not registered.
        DiskFull: there is no room.
    """
    layout = store.layout
    used = generation_in_use(layout, name)
    if used is not None and used.target == target:
        return used
    store.hold_all([target])
    with disk_full_reported(layout.profiles):
        layout.profiles.mkdir(0o755, exist_ok=True)
        number = max((it for it, _ in _links(layout, name)), default=0) + 1
        reach("profile: generation")
        link = _generation_link(layout, name, number)
        link.symlink_to(f"../{layout.objects.name}/{target}")
        sync_directory(layout.profiles)
    return Generation(number=number, target=target, made=link.lstat().st_mtime, in_use=False)


def switch(store: Store, name: str, number: int) -> Generation:
    """Use the generation *number* of the profile *name* from now on; inside `changing`.

    Raises:
        InvalidProfileName: *name* is not valid.
        NoSuchGeneration: it does not exist.
        ObjectMissing, ObjectGone: the store no longer has its object.
        DiskFull: there is no room.
    """
    layout = store.layout
    known = {it.number: it for it in _generations(layout, name, None)}
    if number not in known:
        raise NoSuchGeneration(name, number, tuple(known))
    store.hold_all([known[number].target])
    link = profile_link(layout, name)
    reach("profile: switch")
    with disk_full_reported(layout.profiles):
        switch_link(link, _generation_link(layout, name, number).name)
        reach("profile: sync")
        sync_directory(layout.profiles)
    return attrs.evolve(known[number], in_use=True)


def roll_back(store: Store, name: str) -> Generation:
    """Use the generation before the one in use from now on; inside `changing`.

    Raises:
        InvalidProfileName: *name* is not valid.
        NoSuchProfile, NoEarlierGeneration: there is none.
    """
    known = generations(store.layout, name)
    used = next((it.number for it in known if it.in_use), 0)
    earlier = [it.number for it in known if it.number < used]
    if not earlier:
        raise NoEarlierGeneration(name, used)
    return switch(store, name, earlier[-1])


def delete_generations(layout: Layout, name: str, numbers: Iterable[int]) -> list[Generation]:
    """Delete the generations *numbers* of the profile *name*, all or none, and return them; inside `changing`.

    Raises:
        InvalidProfileName: *name* is not valid.
        NoSuchProfile, NoSuchGeneration: one does not exist.
        GenerationInUse: one of them is in use.
    """
    doomed = [generation(layout, name, number) for number in sorted(set(numbers))]
    for it in doomed:
        if it.in_use:
            raise GenerationInUse(name, it.number)
    for it in doomed:
        reach("profile: delete")
        _generation_link(layout, name, it.number).unlink(missing_ok=True)
    sync_directory(layout.profiles)
    return doomed


def discard_generation(layout: Layout, name: str, number: int) -> None:
    """Delete the generation *number* of the profile *name*, which has never been in use; inside `changing`.

    Raises:
        InvalidProfileName: *name* is not valid.
    """
    _generation_link(layout, name, number).unlink(missing_ok=True)


def superseded_before(known: list[Generation], time: float) -> list[int]:
    """Return the numbers of those *known*, without the one in use, that a later one had replaced before *time*."""
    return [it.number for it, later in itertools.pairwise(known) if later.made < time and not it.in_use]


def _generations(layout: Layout, name: str, used: str | None) -> list[Generation]:
    found = []
    for number, link in _links(layout, name):
        try:
            target, status = link.readlink(), link.lstat()
        except OSError:  # deleted meanwhile, or not a link
            continue
        place = object_of(layout, str(link.parent / target))
        if place is not None:
            found.append(Generation(number=number, target=place, made=status.st_mtime, in_use=link.name == used))
    return found


def _links(layout: Layout, name: str) -> list[tuple[int, Path]]:
    """Return the links of the generations of *name*, with their numbers, in that order."""
    pattern = re.compile(rf"{re.escape(name)}-([0-9]{{1,9}})-link", re.ASCII)
    try:
        matches = [(pattern.fullmatch(it.name), it) for it in layout.profiles.iterdir()]
    except FileNotFoundError:
        return []
    return sorted((int(match[1]), link) for match, link in matches if match)


def _generation_link(layout: Layout, name: str, number: int) -> Path:
    return layout.profiles / f"{check_profile_name(name)}-{number}-link"


def _is_profile(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and not is_generation(name)


def _leads_to(link: Path) -> str | None:
    try:
        return link.readlink().name
    except OSError:
        return None
