"""The root of every error that kernix raises on purpose.

    Error                       exit code 1
    ├── UsageError              2     the request itself is wrong
    ├── store: InvalidStorePath, InvalidTree, ObjectMissing, StoreCorrupt, …
    ├── derivations: InvalidDerivation, UnknownArgument, …
    └── realise: BuildFailed 100, BuildTimedOut 101, HashMismatch 102

Each class is defined in the module that raises it. An error is a frozen attrs class: its facts
are fields, its sentence is `__str__` (lower case, the offending value in it, no full stop),
and `hint` says what to do about it when there is something to do. Only `kernix.__main__`
catches, prints and exits.

Subclasses only declare their fields. attrs makes its class of each when the first error of it is
made, because most runs make none, and 40 unused classes are a tenth of a short run.
"""

from __future__ import annotations

import threading

from typing import Any, ClassVar, Self, dataclass_transform

import attrs


_MAKING = threading.RLock()


@dataclass_transform(frozen_default=True, field_specifiers=(attrs.field,))
class Error(Exception):
    """Something went wrong that the user can be told in one sentence."""

    exit_code: ClassVar[int] = 1

    def __new__(cls, *args: Any, **_: Any) -> Self:  # noqa: ANN401 -- the fields of any error
        """Return an error that is yet to be initialised, its class completed by attrs if it is the first."""
        with _MAKING:
            for each in reversed(cls.__mro__):
                if issubclass(each, Error) and "__attrs_attrs__" not in vars(each):
                    attrs.frozen(each, slots=False)
        return super().__new__(cls, *args)

    def __str__(self) -> str:
        """Return the sentence: lower case, with the offending value."""
        return self.__class__.__name__

    @property
    def hint(self) -> str | None:
        """Return what the user can do about it, if anything is known."""
        return None


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


def reason_of(error: Exception) -> str:
    """Return why *error* happened, in lower case and without the number and the file that an OSError names."""
    return (getattr(error, "strerror", None) or str(error)).lower()
