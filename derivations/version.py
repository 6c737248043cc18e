"""Kernel versions, and the release that a build of one calls itself."""

from __future__ import annotations

import functools
import re

import attrs

from store.errors import Error


# As long as the numbers and the text of a kernel's release can be (Makefile: uts_len is 64).
_VERSION = re.compile(
    r"(\d{1,5})\.(\d{1,5})(?:\.(\d{1,5})((?:\.[0-9A-Za-z]{1,20}){0,3}))?"  # 6.12, 6.12.64, 6.6.87.2, 6.6.130.mshv1
    r"(?:[-~](rc\d{1,5}))?"  # 6.19-rc4; Debian has 6.19~rc4
    r"(?:-([0-9A-Za-z._+-]{1,40})|([+_][0-9A-Za-z._+-]{0,40}))?",  # -31-generic, -55.el10, +bpo
    re.ASCII,
)


class InvalidVersion(Error):
    """A value is not a kernel version."""

    text: object

    def __str__(self) -> str:
        return f"not a kernel version: {self.text!r}"

    @property
    def hint(self) -> str:
        """Show the forms that are understood."""
        if isinstance(self.text, int | float):
            # As numbers, 6.10 and 6.1 are the same.
            return f'a version is a text, not a number: write "{self.text}"'
        return "versions look like 6.12, 6.12.64, 6.6.87.2, 6.19-rc4, 6.1.55-custom, or 6.10.6+bpo"


@functools.total_ordering
@attrs.frozen(order=False)
class Version:
    """A kernel version.

    Attributes:
        major: Its first number.
        minor: Its second number.
        patch: Its third number; None if there is none.
        extra: What a vendor's tree has behind that, such as `.2` or `.mshv1`: it is in the tree's own EXTRAVERSION.
        candidate: The release candidate, such as `-rc4`.
        suffix: What a packager put behind all of it, such as `31-generic` or `+bpo`.
    """

    major: int
    minor: int
    patch: int | None = None
    extra: str = ""
    candidate: str = ""
    suffix: str = ""

    @classmethod
    def parse(cls, text: object) -> Version:
        """Return the version that *text* stands for.

        Raises:
            InvalidVersion: it stands for none.
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
        """Return what `make kernelrelease` says of an unchanged tree: always three numbers."""
        return f"{self.major}.{self.minor}.{self.patch or 0}{self.extra}{self.candidate}"

    def __lt__(self, other: Version) -> bool:
        return self._order() < other._order()

    def _order(self) -> tuple[object, ...]:
        number = int(self.candidate.removeprefix("-rc") or 0)
        numbers = (self.major, self.minor, self.patch or 0, not self.candidate, number)
        extra = tuple((0, int(it), it) if it.isdecimal() else (1, 0, it) for it in self.extra.split(".")[1:])
        # What is left tells apart 6.12 and 6.12.0: versions that differ must not compare as equal.
        return (*numbers, extra, self.suffix, self.patch is not None, self.candidate)
