"""What can be wrong with a patch."""

from __future__ import annotations

from typing import ClassVar

from store.errors import Error


class Malformed(Error):
    """A patch cannot be understood.

    Attributes:
        line: The line at fault; 0 if it is the patch as a whole.
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
    """The tree is not what a patch is for.

    Attributes:
        patch: The patch's name.
        title: The commit's, if it is one of several.
        problems: What is in the way, each with file and line.
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
    """The tree has what a patch would change."""

    exit_code: ClassVar[int] = 100

    patch: str
    title: str

    def __str__(self) -> str:
        commit = f" ({self.title!r})" if self.title else ""
        return f"patch {self.patch!r}{commit} is already in the tree"

    @property
    def hint(self) -> str:
        """Say how to go on."""
        return "leave it out, or give `Patch(…, drop_applied=True)`, which leaves out what the tree has"


_MAX_SHOWN = 5
