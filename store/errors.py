"""The root of every error that kernix raises on purpose.

    Error                       exit code 1
    ├── UsageError              2     the request itself is wrong
    ├── store: InvalidStorePath, InvalidTree, ObjectMissing, StoreCorrupt, …
    ├── derivations: InvalidDerivation, UnknownArgument, …
    └── realise: BuildFailed 100, BuildTimedOut 101, HashMismatch 102, NotDeterministic 104

Each class is defined in the module that raises it. An error is an attrs class: its facts
are fields, its sentence is `__str__` (lower case, the offending value in it, no full stop),
and `hint` says what to do about it when there is something to do. Only `kernix.__main__`
catches, prints and exits.
"""

from __future__ import annotations

from typing import ClassVar

import attrs


@attrs.frozen
class Error(Exception):
    """Something went wrong that the user can be told in one sentence."""

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        """Return the sentence: lower case, with the offending value."""
        return self.__class__.__name__

    @property
    def hint(self) -> str | None:
        """Return what the user can do about it, if anything is known."""
        return None


@attrs.frozen
class UsageError(Error):
    """What was asked for cannot be asked for."""

    exit_code: ClassVar[int] = 2

    message: str
    advice: str | None = None

    def __str__(self) -> str:
        return self.message

    @property
    def hint(self) -> str | None:
        """Return the advice that came with the message."""
        return self.advice
