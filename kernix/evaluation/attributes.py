"""What attributes mean: `linux_micro`, `linux_micro.dev`, `linux_micro.tests.boot`.

A dotted name is followed from the bundled set with the user's overlays on it, or from a file
of the user's. Only names are looked at until one is used: a kernel that cannot be evaluated
does not stand in the way of another.
"""

from __future__ import annotations

import contextlib

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from derivations.derivation import Derivation, Output
from derivations.fixpoint import AttrSet, UnknownAttribute
from derivations.suggest import suggestion
from kernix.output.messages import prints_to_stderr
from overlays.load import is_users, load_file, own_errors
from store.errors import Error, UsageError


if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from derivations.fixpoint import Overlay


_HIDDEN = frozenset({"arguments", "changes", "context", "override", "override_attrs", "with_modules"})
"""What a kernel has for those who make others of it, in Python."""


class NotBuildable(UsageError):
    """An attribute is something, but nothing that can be built."""


@attrs.frozen(kw_only=True)
class Target:
    """Something to build.

    Attributes:
        attribute: The name that the user gave it.
        value: What it is: a kernel, a derivation, an output.
        output: What is built for it.
    """

    attribute: str
    value: Any
    output: Output


def follow(names: Mapping[str, Any], attribute: str) -> Any:  # noqa: ANN401 -- whatever the definitions hold
    """Return what the dotted *attribute* is among *names*.

    Raises:
        UnknownAttribute: there is none, with those that are spelled nearly the same.
    """
    with prints_to_stderr():
        return _follow(names, attribute)


def _follow(names: Mapping[str, Any], attribute: str) -> Any:  # noqa: ANN401 -- as above
    parts = attribute.split(".")
    value: Any = names
    if isinstance(names, Layers) and parts[0] not in names and parts[0] in names.others:
        value = names.others
    for depth, part in enumerate(parts):
        if not _has(value, part):
            known = members(value)
            inside = "".join(f"{it}." for it in parts[:depth])
            near = suggestion(part, known)
            shown = (
                f"it has {', '.join(known) or 'no attributes'}"
                if depth
                else "`kernix list`, with the same options, names what there is"
            )
            raise UnknownAttribute(inside + part, near or shown)
        value = member(value, part)
    return value


def _has(value: object, name: str) -> bool:
    """Return whether *name* may follow that of *value* after a dot; of a large set not all names are looked at."""
    return bool(name) and (name in value if isinstance(value, Mapping) else name in members(value))


def members(value: object) -> list[str]:
    """Return the names that may follow that of *value* after a dot."""
    if isinstance(value, Mapping):
        return [name for name in value if isinstance(name, str)]
    if isinstance(value, Derivation):
        return list(value.outputs)
    if isinstance(value, (Output, str, bytes, int, float, tuple, list)) or value is None or callable(value):
        return []
    return [name for name in dir(value) if not name.startswith("_") and name not in _HIDDEN]


def member(value: Any, name: str) -> Any:  # noqa: ANN401 -- whatever the definitions hold
    """Return what `members` calls *name* in *value*."""
    if isinstance(value, Mapping):
        return value[name]
    return value.output(name) if isinstance(value, Derivation) else getattr(value, name)


def output_of(value: object) -> Output | None:
    """Return what is built for *value*: an output itself, or the default one of what has outputs."""
    if isinstance(value, Output):
        return value
    with prints_to_stderr():
        out = value.out if is_definition(value) else None  # type: ignore[attr-defined]  # then it has one
    return out if isinstance(out, Output) else None


def target(names: Mapping[str, Any], attribute: str) -> Target:
    """Return what to build for the dotted *attribute*.

    Raises:
        UnknownAttribute: there is none.
        NotBuildable: it is something else, such as a version.
    """
    value = follow(names, attribute)
    if (output := output_of(value)) is None:
        inner = [f"`{attribute}.{name}`" for name in members(value)][:5]
        hint = f"it has {', '.join(inner)}" if inner else None
        message = f"`{attribute}` is not a kernel or a derivation ({type(value).__name__})"
        raise NotBuildable(message, hint)
    return Target(attribute=attribute, value=value, output=output)


def is_definition(value: object) -> bool:
    """Return whether *value* is a kernel, a derivation or an output, without evaluating it."""
    return isinstance(value, Output) or isinstance(getattr(type(value), "out", None), property)


@attrs.frozen
class UserFile:
    """What a Python file of the user's defines.

    Attributes:
        values: Its kernels, derivations and sets by name.
        others: What else it has at its top level, such as numbers and functions.
        overlay: Its overlay, if it has one.
    """

    values: dict[str, Any]
    others: dict[str, Any]
    overlay: Overlay | None


def read_file(path: Path) -> UserFile:
    """Run the Python file *path* and return what it defines.

    Raises:
        UserFileMissing, UserFileError, NeighbourHidden: it cannot be read, or raised.
    """
    found = load_file(path)
    values = {name: value for name, value in found.items() if is_definition(value) or isinstance(value, AttrSet)}
    others = {name: value for name, value in found.items() if name not in values}
    overlay = found.get("overlay")
    return UserFile(values, others, overlay if callable(overlay) else None)


class Layers(Mapping[str, Any]):
    """Names looked up in one mapping after another; the first that has one is asked for its value.

    Args:
        *layers: The mappings.
        others: What is not an attribute, but was defined under a name all the same.
    """

    def __init__(self, *layers: Mapping[str, Any], others: Mapping[str, Any] | None = None) -> None:
        self._layers = layers
        self.others = others or {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the definitions hold
        for layer in self._layers:
            if name in layer:
                return layer[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for layer in self._layers for name in layer))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return any(name in layer for layer in self._layers)


class blame(contextlib.AbstractContextManager[None]):  # noqa: N801 -- used as a `with` block, named like contextlib's
    """Tell in what goes wrong inside the block which line of which of the user's files it comes from."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Add the line to an error of ours; show an error of the file's own as Python would."""
        found = None
        step = trace
        while step is not None:
            if is_users(step.tb_frame):
                found = (step.tb_frame.f_code.co_filename, step.tb_lineno)
            step = step.tb_next
        if found is None or error is None:
            return
        if isinstance(error, Error):
            if not hasattr(error, "trace"):  # a `UserFileError` tells its lines already
                error.add_note(f"in {found[0]}, line {found[1]}")
            return
        own_errors(Path(found[0])).__exit__(kind, error, trace)
