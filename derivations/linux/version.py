"""Kernel versions, and the release that a build of one calls itself."""

from __future__ import annotations

import functools
import re

import attrs

from store.errors import Error


# As long as the numbers and the text of a kernel's release can be (Makefile: uts_len is 64).
_VERSION = re.compile(r"(\d{1,5})\.(\d{1,5})(?:\.(\d{1,5}))?(-rc\d{1,5})?(?:-([0-9A-Za-z._+-]{1,40}))?", re.ASCII)


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
        return "versions look like 6.12, 6.12.64, 6.19-rc4, or 6.1.55-custom"


@functools.total_ordering
@attrs.frozen(order=False)
class Version:
    """A kernel version: numbers, release candidate, and what a packager put behind them."""

    major: int
    minor: int
    patch: int | None = None
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
        major, minor, patch, candidate, suffix = match.groups()
        return cls(int(major), int(minor), int(patch) if patch else None, candidate or "", suffix or "")

    @property
    def series(self) -> str:
        """Return the first two numbers, such as `6.12`."""
        return f"{self.major}.{self.minor}"

    @property
    def release(self) -> str:
        """Return what `make kernelrelease` says of an unchanged tree: always three numbers."""
        return f"{self.major}.{self.minor}.{self.patch or 0}{self.candidate}"

    def __lt__(self, other: Version) -> bool:
        return self._order() < other._order()

    def _order(self) -> tuple[int, int, int, bool, int, str, bool, str]:
        number = int(self.candidate.removeprefix("-rc") or 0)
        numbers = (self.major, self.minor, self.patch or 0, not self.candidate, number)
        # What is left tells apart 6.12 and 6.12.0: versions that differ must not compare as equal.
        return (*numbers, self.suffix, self.patch is not None, self.candidate)
