"""Errors about patches."""

from __future__ import annotations

from typing import ClassVar

from store.errors import Error


class Malformed(Error):
    """A patch cannot be parsed.

    Attributes:
        line: The line at fault; 0 for the patch as a whole.
        reason: What is wrong with it.
        advice: What to do about it.
    """

    exit_code: ClassVar[int] = 100

    patch: str
    line: int
    reason: str
    advice: str | None = None

    def __str__(self) -> str:
        place = f", line {self.line}" if self.line else ""
        return f"patch {self.patch!r}{place}: {self.reason}"

    @property
    def hint(self) -> str | None:
        """Return the advice."""
        return self.advice


class DoesNotApply(Error):
    """A patch does not fit the tree.

    Attributes:
        patch: The patch's name.
        title: The commit's title, if it is one of several.
        problems: What does not fit, each with file and line.
        advice: What to do about it.
    """

    exit_code: ClassVar[int] = 100

    patch: str
    title: str
    problems: tuple[str, ...]
    advice: str | None = None

    def __str__(self) -> str:
        more = len(self.problems) - _MAX_SHOWN
        shown = ", ".join(self.problems[:_MAX_SHOWN]) + (f" and {more} more" if more > 0 else "")
        commit = f" ({self.title!r})" if self.title else ""
        return f"patch {self.patch!r}{commit} does not apply: {shown}"

    @property
    def hint(self) -> str | None:
        """Return the advice."""
        return self.advice


class AlreadyApplied(Error):
    """The tree already has the change of a patch."""

    exit_code: ClassVar[int] = 100

    patch: str
    title: str

    def __str__(self) -> str:
        commit = f" ({self.title!r})" if self.title else ""
        return f"patch {self.patch!r}{commit} is already in the tree"

    @property
    def hint(self) -> str:
        """Return how to proceed."""
        return "remove it, or use `Patch(…, drop_applied=True)`, which skips commits that the tree already has"


_MAX_SHOWN = 5  # problems; more are not read in one sentence
