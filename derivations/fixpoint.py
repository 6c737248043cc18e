"""The fixed point of a stack of overlays.

An overlay is a function ``overlay(final, prev) -> {"name": lambda: value}``: *prev* is the
set that the layers below produce, *final* the set with all layers applied. Values are thunks,
each evaluated at most once, on first use, so an overlay may refer to anything in *final*.
While the layers are being stacked, *final* is sealed: it does not exist yet, so reading it
is an error rather than an old value.
"""

from __future__ import annotations

import functools
import threading

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from derivations.callers.argument_errors import arguments_do_not_fit
from derivations.suggest import suggestion
from store.errors import Error


T = TypeVar("T")
Thunks = Mapping[str, Callable[[], Any]]


class UnknownAttribute(Error, KeyError, AttributeError):
    """A set has no attribute of that name, looked up as an item or as an attribute."""

    exit_code = 2

    attribute: str
    near: str | None

    def __attrs_post_init__(self) -> None:
        # Otherwise Python sets it when the error is raised, and fails, because this error is frozen.
        object.__setattr__(self, "name", self.attribute)

    def __str__(self) -> str:
        return f"no attribute `{self.attribute}`"

    @property
    def hint(self) -> str | None:
        """Suggest attributes with a similar spelling."""
        return self.near


class EagerReadError(Error):
    """An overlay read *final* outside a thunk."""

    attribute: str

    def __str__(self) -> str:
        return f"an overlay reads final.{self.attribute} before all overlays are applied"

    @property
    def hint(self) -> str:
        """Show the correct form."""
        return f'write the value as a thunk: {{"name": lambda: … final.{self.attribute} …}}'


class CycleError(Error):
    """Attributes depend on each other."""

    chain: tuple[str, ...]

    def __str__(self) -> str:
        return f"attributes depend on each other: {' -> '.join(self.chain)}"


class InvalidOverlay(Error):
    """An overlay does not return thunks by name."""

    overlay: str
    reason: str

    def __str__(self) -> str:
        return f"overlay {self.overlay}: {self.reason}"

    @property
    def hint(self) -> str:
        """Show the correct form."""
        return 'an overlay returns {"name": lambda: value, …}'


class AttrSet(Mapping[str, Any]):
    """Attributes computed on first use, each at most once, as items and as attributes."""

    def __init__(self, thunks: Thunks | None = None) -> None:
        self._thunks = thunks  # None: the layers are still being stacked
        self._values: dict[str, Any] = {}
        self._pending: list[str] = []
        self._lock = threading.RLock()  # two threads must not mistake each other's evaluation for a cycle

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 -- attributes are kernels, derivations or anything that users add
        if self._thunks is None:
            raise EagerReadError(name)
        with self._lock:
            if name not in self._values:
                if name not in self._thunks:
                    raise self._unknown(name)
                self._values[name] = self._evaluate(name, self._thunks[name])
            return self._values[name]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- as for items
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __iter__(self) -> Iterator[str]:
        if self._thunks is None:
            raise EagerReadError("…")
        return iter(sorted(self._thunks))

    def __len__(self) -> int:
        if self._thunks is None:
            raise EagerReadError("…")
        return len(self._thunks)

    def __contains__(self, name: object) -> bool:
        if self._thunks is None:
            raise EagerReadError(str(name))
        return name in self._thunks

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(self._thunks or ())]

    def _unknown(self, name: str) -> Error:
        return UnknownAttribute(name, suggestion(name, self))

    def _evaluate(self, name: str, thunk: Callable[[], Any]) -> Any:  # noqa: ANN401 -- as for items
        if name in self._pending:
            raise CycleError((*self._pending[self._pending.index(name) :], name))
        self._pending.append(name)
        try:
            return thunk()
        except TypeError as error:
            if not arguments_do_not_fit(error):
                raise
            raise InvalidOverlay(_name(thunk), f"the thunk `{name}` must take no arguments ({error})") from None
        finally:
            self._pending.pop()

    def _unseal(self, thunks: Thunks) -> None:
        self._thunks = thunks


S = TypeVar("S", bound=AttrSet)
Overlay = Callable[[AttrSet, AttrSet], Thunks]


def fix(*overlays: Overlay) -> AttrSet:
    """Return the fixed point of *overlays*, lowest first.

    Raises:
        InvalidOverlay: an overlay does not return thunks by name.
        EagerReadError: an overlay reads *final* outside a thunk.
    """
    return stack(AttrSet, overlays)


def stack(make: Callable[[Thunks | None], S], overlays: Iterable[Callable[[S, S], Thunks]]) -> S:
    """Return the same as `fix`, as the kind of set that *make* makes from thunks."""
    final = make(None)
    thunks: dict[str, Callable[[], Any]] = {}
    for overlay in overlays:
        thunks = {**thunks, **_layer(overlay, final, make(thunks))}
    final._unseal(thunks)  # noqa: SLF001 -- only this function breaks the seal
    return final


def each(prev: AttrSet, kind: type[T], change: Callable[[T], object]) -> Thunks:
    """Return the thunks of an overlay that applies *change* to every attribute of *prev* of the type *kind*.

    Only the names are read now: the type of an attribute is checked when it is used.
    """

    def changed(name: str) -> Any:  # noqa: ANN401 -- as for items
        value = prev[name]
        return change(value) if isinstance(value, kind) else value

    return {name: functools.partial(changed, name) for name in prev}


def _layer(overlay: Callable[[S, S], Thunks], final: S, prev: S) -> Thunks:
    """Return the thunks that *overlay* adds over *prev*, after checking them."""
    name = _name(overlay)
    try:
        layer: object = overlay(final, prev)
    except TypeError as error:
        if not arguments_do_not_fit(error):
            raise
        raise InvalidOverlay(name, f"it must accept (final, prev) ({error})") from None
    if not isinstance(layer, Mapping):
        raise InvalidOverlay(name, f"it returned a {type(layer).__name__}")
    for key, thunk in layer.items():
        if not isinstance(key, str) or not key.isidentifier() or key.startswith("_"):
            raise InvalidOverlay(name, f"{key!r} is not an attribute name")
        if hasattr(type(final), key):
            raise InvalidOverlay(name, f"`{key}` cannot be an attribute: every set has a method of that name")
        if not callable(thunk) or isinstance(thunk, type):
            raise InvalidOverlay(name, f"`{key}` is a {type(thunk).__name__}, not a thunk")
    return layer


def _name(function: object) -> str:
    return getattr(function, "__module__", None) or repr(function)
