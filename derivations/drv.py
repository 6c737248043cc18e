"""The text of a derivation, as a `.drv` object in the store holds it.

Canonical JSON (see `derivations.derivation.canonical_json`) of one object:

    kernix    1, the version of this form
    name, system, builder, args, env, outputs
    mounts    mount point -> [store path of the input's own .drv, output]
    fixed     [method, digest], absent unless the output is fixed
    hints     those that differ from their default; absent if none does

A reader rejects other versions, unknown members and values of the wrong type. It reports all
problems of a text at once, each with its place.
"""

from __future__ import annotations

import functools
import typing

from typing import TYPE_CHECKING, Any

import attrs
import cattrs

from cattrs.v import format_exception

from derivations.derivation import Derivation, Fixed, Hints, Output, canonical_json
from derivations.frozen_map import FrozenMap
from store.errors import Error
from store.gc.retention import Retention
from store.parsing import parse_json
from store.path import StorePath


if TYPE_CHECKING:
    from collections.abc import Callable


VERSION = 1
SUFFIX = ".drv"


class InvalidDrv(Error):
    """A `.drv` text cannot be read."""

    problems: tuple[str, ...]

    def __str__(self) -> str:
        return f"not a derivation: {'; '.join(self.problems)}"

    @property
    def hint(self) -> str:
        """Say how to find out whether the store is at fault."""
        return "`kernix verify --contents` finds out whether the store object was changed"


@attrs.frozen(kw_only=True)
class _Text:
    """The JSON form, member for member."""

    kernix: int
    name: str
    system: str
    builder: str
    args: list[str]
    env: dict[str, str]
    mounts: dict[str, tuple[StorePath, str]]
    outputs: list[str]
    fixed: tuple[str, str] | None = None
    hints: Hints = attrs.field(factory=Hints)


def dumps(derivation: Derivation, path_of: Callable[[Derivation], StorePath]) -> bytes:
    """Return the text of *derivation*; *path_of* returns the store path of each input's `.drv`."""
    text: dict[str, Any] = {
        "kernix": VERSION,
        "name": derivation.name,
        "system": derivation.system,
        "builder": derivation.builder,
        "args": derivation.args,
        "env": dict(derivation.env),
        "mounts": {place: [str(path_of(it.derivation)), it.name] for place, it in derivation.mounts.items()},
        "outputs": derivation.outputs,
    }
    if derivation.fixed is not None:
        text["fixed"] = [derivation.fixed.method, derivation.fixed.digest]
    if hints := _hints(derivation.hints):
        text["hints"] = hints
    return canonical_json(text)


def loads(data: bytes, load: Callable[[StorePath], Derivation]) -> Derivation:
    """Return the derivation whose text is *data*; *load* reads an input's `.drv`.

    Raises:
        InvalidDrv: the text is damaged, or of a newer version.
        InvalidDerivation: the text is well-formed but describes an invalid derivation.
    """
    text = _parse(data)
    return Derivation(
        name=text.name,
        system=text.system,
        builder=text.builder,
        args=text.args,
        env=text.env,
        mounts={place: Output(load(path), name) for place, (path, name) in text.mounts.items()},
        outputs=text.outputs,
        fixed=Fixed(*text.fixed) if text.fixed is not None else None,
        hints=text.hints,
    )


def inputs(data: bytes) -> tuple[StorePath, ...]:
    """Return the `.drv` objects that the text *data* refers to, in order.

    Raises:
        InvalidDrv: the text is damaged, or of a newer version.
    """
    return tuple(sorted({path for path, _ in _parse(data).mounts.values()}))


def _hints(hints: Hints) -> dict[str, Any]:
    texts = {name: str(origin) for name, origin in hints.origins.items()}
    written = attrs.asdict(attrs.evolve(hints, origins={}), recurse=False)
    return {name: value for name, value in {**written, "origins": texts}.items() if value != _DEFAULT_HINTS[name]}


def _parse(data: bytes) -> _Text:
    try:
        raw = parse_json(data)
    except ValueError as error:
        raise InvalidDrv((f"not JSON ({error})",)) from None
    version = raw.get("kernix") if isinstance(raw, dict) else None
    if version != VERSION:
        raise InvalidDrv((f"version {version!r} of the format is not supported; this kernix reads version {VERSION}",))
    try:
        return _CONVERTER.structure(raw, _Text)
    except cattrs.BaseValidationError as error:
        raise InvalidDrv(tuple(cattrs.transform_error(error, format_exception=_sentence))) from None


def _exactly(kind: type) -> Callable[[Any, Any], Any]:
    def hook(value: Any, _: Any) -> Any:  # noqa: ANN401 -- the value can be anything that JSON can hold
        if type(value) is not kind:
            msg = f"expected {kind.__name__}, got {type(value).__name__}"
            raise TypeError(msg)
        return value

    return hook


def _make_converter() -> cattrs.Converter:
    """Return a converter that coerces nothing: cattrs by default accepts 3 as the text `3`."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(float, lambda value, _: _number(value))
    # A Retention is a `str`, and the hook for `str` accepts any text.
    converter.register_structure_hook(Retention, lambda value, _: Retention(value))
    converter.register_structure_hook(StorePath, lambda value, _: StorePath.parse(_exactly(str)(value, str)))
    converter.register_structure_hook_func(
        _is_map,
        lambda value, _: FrozenMap(converter.structure(value, dict[str, str])),
    )
    converter.register_structure_hook_func(_is_sequence, functools.partial(_sequence, converter))
    return converter


def _is_sequence(kind: object) -> bool:
    origin: object = typing.get_origin(kind)
    return origin is list or origin is tuple


def _is_map(kind: object) -> bool:
    origin: object = typing.get_origin(kind)
    return origin is FrozenMap


def _sequence(converter: cattrs.Converter, value: Any, kind: Any) -> Any:  # noqa: ANN401 -- `list[str]`, `tuple[str, str]`
    items = _exactly(list)(value, list)
    origin, kinds = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        kinds *= len(items)
    elif len(items) != len(kinds):
        msg = f"expected {len(kinds)} values, got {len(items)}"
        raise TypeError(msg)
    return origin(converter.structure(item, of) for item, of in zip(items, kinds, strict=True))


def _sentence(error: BaseException, kind: type | None) -> str:
    return str(error) if isinstance(error, TypeError | Error) else format_exception(error, kind)


def _number(value: Any) -> float:  # noqa: ANN401 -- the value can be anything that JSON can hold
    if type(value) not in {int, float}:
        msg = f"expected a number, got {type(value).__name__}"
        raise TypeError(msg)
    return float(value)


_DEFAULT_HINTS: dict[str, Any] = {**attrs.asdict(Hints(), recurse=False), "origins": {}}
_CONVERTER = _make_converter()
