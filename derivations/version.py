"""Kernel versions, and the release name of a build of one."""

from __future__ import annotations

import functools
import re

from typing import ClassVar

import attrs

from store.errors import Error


# The limits are those of a kernel's release (Makefile: uts_len is 64).
_VERSION = re.compile(
    r"(\d{1,5})\.(\d{1,5})(?:\.(\d{1,5})((?:\.[0-9A-Za-z]{1,20}){0,3}))?"  # 6.12, 6.12.64, 6.6.87.2, 6.6.130.mshv1
    r"(?:[-~](rc\d{1,5}))?"  # 6.19-rc4; Debian has 6.19~rc4
    r"(?:-([0-9A-Za-z._+~-]{1,64})|([+_][0-9A-Za-z._+~-]{0,64}))?",  # -31-generic, -55.el10, +bpo, -1~bpo12+1
    re.ASCII,
)


class InvalidVersion(Error):
    """A value is not a kernel version."""

    text: object

    def __str__(self) -> str:
        return f"not a kernel version: {self.text!r}"

    @property
    def hint(self) -> str:
        """Show the accepted forms."""
        if isinstance(self.text, int | float):
            # As numbers, 6.10 and 6.1 are the same.
            return f'a version is a string, not a number: write "{self.text}"'
        return "versions look like 6.12, 6.12.64, 6.6.87.2, 6.19-rc4, 6.1.55-custom, or 6.10.6+bpo"


class TreeOfOtherVersion(Error):
    """A tree has another version of Linux than its definition says."""

    exit_code: ClassVar[int] = 100

    name: str
    version: str
    tree: str

    def __str__(self) -> str:
        return f"{self.name}: the source is Linux {self.tree}, but `version` says {self.version}"

    @property
    def hint(self) -> str:
        """Say what to correct: everything that depends on the version, such as conditions, follows from it."""
        return f'write version="{self.tree}"'


@functools.total_ordering
@attrs.frozen(order=False)
class Version:
    """A kernel version.

    Attributes:
        major: Its first number.
        minor: Its second number.
        patch: Its third number; None if absent.
        extra: What a vendor's tree adds to that, such as `.2` or `.mshv1`: part of the tree's own EXTRAVERSION.
        candidate: The release candidate, such as `-rc4`.
        suffix: What a packager appends to all of it, such as `31-generic` or `+bpo`.
    """

    major: int
    minor: int
    patch: int | None = None
    extra: str = ""
    candidate: str = ""
    suffix: str = ""

    @classmethod
    def parse(cls, text: object) -> Version:
        """Return the version written as *text*.

        Raises:
            InvalidVersion: *text* is not a version.
        """
        match = _VERSION.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise InvalidVersion(text)
        major, minor, patch, extra, candidate, suffix, added = match.groups()
        numbers = (int(major), int(minor), int(patch) if patch else None)
        return cls(*numbers, extra or "", f"-{candidate}" if candidate else "", suffix or added or "")

    @property
    def series(self) -> str:
        """Return the first two numbers, such as `6.12`."""
        return f"{self.major}.{self.minor}"

    @property
    def release(self) -> str:
        """Return what `make kernelrelease` prints for an unchanged tree: always three numbers."""
        return f"{self.major}.{self.minor}.{self.patch or 0}{self.extra}{self.candidate}"

    def __lt__(self, other: Version) -> bool:
        return self._order() < other._order()

    def _order(self) -> tuple[object, ...]:
        number = int(self.candidate.removeprefix("-rc") or 0)
        numbers = (self.major, self.minor, self.patch or 0, not self.candidate, number)
        extra = tuple((0, int(it), it) if it.isdecimal() else (1, 0, it) for it in self.extra.split(".")[1:])
        # The last two distinguish 6.12 from 6.12.0: versions that differ must not compare as equal.
        return (*numbers, extra, self.suffix, self.patch is not None, self.candidate)


_NUMBERS = re.compile(r"(\d{1,5})\.(\d{1,5})(?:\.(\d{1,5}))?", re.ASCII)


def check_tree(name: str, version: str, tree: str, directory: str = "") -> None:
    """Check that the *version* given for the kernel *name* is that of its *tree*.

    An explicit name for the modules *directory* that matches the tree is taken as deliberate, within one series. A tree
    that does not state its version passes.

    Raises:
        TreeOfOtherVersion: the tree has another version.
    """
    found = _NUMBERS.match(tree)
    if not version or found is None:
        return
    given, named = Version.parse(version), _NUMBERS.match(directory)
    numbers, actual = (given.major, given.minor, given.patch or 0), _numbers(found)
    is_deliberate = named is not None and _numbers(named) == actual and numbers[:2] == actual[:2]
    if numbers != actual and not is_deliberate:
        raise TreeOfOtherVersion(name, version, tree)


def _numbers(match: re.Match[str]) -> tuple[int, int, int]:
    return int(match[1]), int(match[2]), int(match[3] or 0)
