"""The base class of every error that kernix raises on purpose.

Each class is defined in the module that raises it; docs/python.md draws the tree of all of them. An error is a
frozen attrs class: its facts are fields, `__str__` is one sentence (lower case, with the offending value, no full
stop),
and `hint` says how to fix it, if that is known. Only `kernix.__main__` catches, prints and exits.

A class is written without a decorator:

    class NoSuchObject(Error):
        text: str

`Error.__new__` applies `attrs.frozen` to a class when its first error is created. That is later than readers expect,
for a reason: attrs takes about half a millisecond per class, and a build with nothing to do imports 48 error classes
without raising any. Decorating them all would add 20 ms to it.
Type checkers learn the fields from `dataclass_transform`.
"""

from __future__ import annotations

import threading

from typing import Any, ClassVar, Self, dataclass_transform

import attrs


_MAKING = threading.RLock()


@dataclass_transform(frozen_default=True, field_specifiers=(attrs.field,))
class Error(Exception):
    """A failure that can be reported to the user in one sentence."""

    exit_code: ClassVar[int] = 1

    def __new__(cls, *args: Any, **_: Any) -> Self:  # noqa: ANN401 -- the fields of any error
        """Return an uninitialised error, after turning its class into an attrs class if it is not one yet."""
        _make_attrs_class(cls)
        return super().__new__(cls, *args)

    def __str__(self) -> str:
        """Return the message: lower case, with the offending value."""
        return self.__class__.__name__

    @property
    def hint(self) -> str | None:
        """Return how to fix it, if that is known."""
        return None


def _make_attrs_class(cls: type[Error]) -> None:
    """Apply `attrs.frozen` to *cls* and its bases where that has not been done yet."""
    with _MAKING:
        for each in reversed(cls.__mro__):
            if issubclass(each, Error) and "__attrs_attrs__" not in vars(each):
                attrs.frozen(each, slots=False)


class UsageError(Error):
    """The command line or the call asks for something impossible."""

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
    """Return why *error* happened, in lower case and without an OSError's number and file name."""
    return (getattr(error, "strerror", None) or str(error)).lower()
