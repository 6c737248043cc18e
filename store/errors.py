"""The root of every error that kernix raises on purpose.

Each class is defined in the module that raises it; docs/python.md draws the tree of all of them. An error is a
frozen attrs class: its facts are fields, its sentence is `__str__` (lower case, the offending value in it, no full stop),
and `hint` says what to do about it when there is something to do. Only `kernix.__main__` catches, prints and exits.

A class is written without a decorator:

    class NoSuchObject(Error):
        text: str

`Error.__new__` applies `attrs.frozen` to it when the first error of the class is made. That is later than readers expect,
for a reason: attrs takes about half a millisecond for a class, a build in which nothing is to do imports 48 classes
of errors, and makes none of them. To decorate them all would add 20 ms to it.
Type checkers know the fields by `dataclass_transform`.
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
        """Return an error that is yet to be initialised; its class is made one of attrs' first."""
        _make_attrs_class(cls)
        return super().__new__(cls, *args)

    def __str__(self) -> str:
        """Return the sentence: lower case, with the offending value."""
        return self.__class__.__name__

    @property
    def hint(self) -> str | None:
        """Return what the user can do about it, if anything is known."""
        return None


def _make_attrs_class(cls: type[Error]) -> None:
    """Apply `attrs.frozen` to *cls* and those above it, as far as that has not been done."""
    with _MAKING:
        for each in reversed(cls.__mro__):
            if issubclass(each, Error) and "__attrs_attrs__" not in vars(each):
                attrs.frozen(each, slots=False)


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
