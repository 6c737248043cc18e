"""Resolving attributes: `linux_micro`, `linux_micro.dev`, `linux_micro.tests.boot`.

A dotted name is looked up in the bundled set with the user's overlays applied, or in a file of the user's. Only the
attribute that is used is evaluated, so a kernel that cannot be evaluated does not affect others.
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


_HIDDEN = frozenset(
    {
        *("arguments", "changes", "context", "is_prebuilt", "module", "outputs", "override", "override_attrs"),
        *("package", "pinned", "with_modules"),
    }
)
"""Attributes of a kernel that serve to derive other kernels from it in Python."""


class NotBuildable(UsageError):
    """An attribute exists, but cannot be built."""


@attrs.frozen(kw_only=True)
class Target:
    """Something to build.

    Attributes:
        attribute: The name as the user wrote it.
        value: The kernel, derivation or output with this name.
        output: The output that is built for it.
    """

    attribute: str
    value: Any
    output: Output


def follow(names: Mapping[str, Any], attribute: str) -> Any:  # noqa: ANN401 -- whatever the definitions hold
    """Return the value of the dotted *attribute* in *names*.

    Raises:
        UnknownAttribute: there is none; the error suggests similar names.
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
                else "`kernix list` with the same options lists the attributes"
            )
            raise UnknownAttribute(inside + part, near or shown)
        value = member(value, part)
    return value


def _has(value: object, name: str) -> bool:
    """Return whether *value* has the attribute *name*, without listing the names of a large set."""
    return bool(name) and (name in value if isinstance(value, Mapping) else name in members(value))


def members(value: object) -> list[str]:
    """Return the names of the attributes of *value*."""
    if isinstance(value, Mapping):
        return [name for name in value if isinstance(name, str)]
    if isinstance(value, Derivation):
        return list(value.outputs)
    if isinstance(value, (Output, str, bytes, int, float, tuple, list)) or value is None or callable(value):
        return []
    return [name for name in dir(value) if not name.startswith("_") and name not in _HIDDEN]


def member(value: Any, name: str) -> Any:  # noqa: ANN401 -- whatever the definitions hold
    """Return the attribute *name*, one of `members`, of *value*."""
    if isinstance(value, Mapping):
        return value[name]
    return value.output(name) if isinstance(value, Derivation) else getattr(value, name)


def output_of(value: object) -> Output | None:
    """Return the output that is built for *value*: itself, or its default output; None if it has none."""
    if isinstance(value, Output):
        return value
    with prints_to_stderr():
        out = value.out if is_definition(value) else None  # type: ignore[attr-defined]  # a definition has `out`
    return out if isinstance(out, Output) else None


def target(names: Mapping[str, Any], attribute: str) -> Target:
    """Return the target of the dotted *attribute*.

    Raises:
        UnknownAttribute: there is no such attribute.
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
    """The definitions in a Python file of the user's.

    Attributes:
        values: Its kernels, derivations and sets by name.
        others: Everything else at its top level, such as numbers and functions.
        overlay: Its overlay, if it has one.
    """

    values: dict[str, Any]
    others: dict[str, Any]
    overlay: Overlay | None


def read_file(path: Path) -> UserFile:
    """Run the Python file *path* and return its definitions.

    Raises:
        UserFileMissing, UserFileError, NeighbourHidden: it cannot be read, or raises.
    """
    found = load_file(path)
    values = {name: value for name, value in found.items() if is_definition(value) or isinstance(value, AttrSet)}
    others = {name: value for name, value in found.items() if name not in values}
    overlay = found.get("overlay")
    return UserFile(values, others, overlay if callable(overlay) else None)


class Layers(Mapping[str, Any]):
    """Mappings on top of each other: a name is looked up in the first one that has it.

    Args:
        *layers: The mappings.
        others: Names that are defined, but are not attributes.
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
    """Add to an error inside the block the file and line of the user's that it comes from."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Add the line to an error of kernix; show an error of the file itself as Python would."""
        found = None
        step = trace
        while step is not None:
            if is_users(step.tb_frame):
                found = (step.tb_frame.f_code.co_filename, step.tb_lineno)
            step = step.tb_next
        if found is None or error is None:
            return
        if isinstance(error, Error):
            if not hasattr(error, "trace"):  # a `UserFileError` has its lines already
                error.add_note(f"in {found[0]}, line {found[1]}")
            return
        own_errors(Path(found[0])).__exit__(kind, error, trace)
