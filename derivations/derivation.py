"""What to build: a frozen value that names every input that may change the output.

A builder is a program inside its mounts (``/bin/sh``), run in the sandbox, or a function of
the realiser (``builtin:fetch-url``). Either way it sees its inputs at the mount points that
the derivation chooses and never at a store path: no output can contain its own path, and results
do not depend on where the store is. Mounts are the only way in, so they are the inputs.

**Keys.** `Derivation.key` is BLAKE3 in derive-key mode over the canonical bytes, in which each
input is represented by its own derivation's key; a fixed-output derivation is represented by the hash
it must have, so the source of the bytes is not part of it. `Derivation.action_key` is the same
with each input replaced by the *content* of its realised output: results are looked up by it,
so inputs that resolve to the same bytes are the same (early cut-off). `Hints` are in neither.
"""

from __future__ import annotations

import json
import re

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from blake3 import blake3

from derivations.frozen_map import FrozenMap
from store.errors import Error
from store.gc.retention import Retention
from store.path import InvalidStorePath, check_name


if TYPE_CHECKING:
    from collections.abc import Callable


ENGINE = 1
"""Part of every key; incremented when the realiser changes what the same derivation produces."""

BUILTIN = "builtin:"

_DERIVATION_CONTEXT = "kernix 1 derivation"
_ACTION_CONTEXT = "kernix 1 action"
_OUTPUT_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{40,}", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class InvalidDerivation(Error):
    """A derivation has invalid attributes."""

    name: str
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return f"invalid derivation {self.name!r}: {'; '.join(self.problems)}"


@attrs.frozen
class Fixed:
    """The hash that the output of a fixed-output derivation must have.

    Attributes:
        method: What the hash is over: `flat` SHA-256 of the file, `flat-executable` the same of an
            executable file, `deb` SHA-256 of the package that is unpacked, `tree` the store's own
            tree digest, `git` the commit, `git-patches` the commit before the first patch and that of the last.
        digest: The hash in lower-case hexadecimal.
    """

    method: str
    digest: str


def _objects(values: Mapping[str, object]) -> FrozenMap[object]:
    return FrozenMap(values)


@attrs.frozen(kw_only=True)
class Hints:
    """Information for the realiser that is not part of any key.

    Attributes:
        description: A few words for progress and errors.
        retention: How the garbage collector treats the outputs.
        timeout: Seconds that the builder may run; None for the user's setting.
        max_silent_time: Seconds without a line of output; None for the user's setting.
        compilations: About how many objects the builder compiles, for progress.
        max_size: The largest size in bytes that an archive may unpack to, 0 for no limit; None for the default.
        object_tree: The directory below `arch/` if the builder is Kbuild's: its /build is then kept for later builds.
        kvm: Whether the builder may use /dev/kvm; it must check that it works and cope without it.
        origins: Where each option of a configuration is requested, for error messages. Only `str` of a
            value matters; it is computed when it is needed.
    """

    description: str = ""
    retention: Retention = Retention.RESULT
    timeout: float | None = attrs.field(default=None, converter=attrs.converters.optional(float))
    max_silent_time: float | None = attrs.field(default=None, converter=attrs.converters.optional(float))
    compilations: int | None = None
    max_size: int | None = None
    object_tree: str | None = None
    kvm: bool = False
    origins: FrozenMap[object] = attrs.field(factory=FrozenMap, converter=_objects)


_NO_HINTS = Hints()


def _strings(values: Any) -> Any:  # noqa: ANN401 -- a converter takes what the caller wrote; `_problems` reports what is wrong with it
    return tuple(values) if isinstance(values, Iterable) and not isinstance(values, str | bytes) else values


def _by_name(values: Any) -> Any:  # noqa: ANN401 -- as above
    if isinstance(values, FrozenMap) or not isinstance(values, Mapping):
        return values
    return FrozenMap(values) if all(isinstance(key, str) for key in values) else values


@attrs.frozen(kw_only=True, eq=False)
class Derivation:
    """A recipe: equal recipes are equal values, regardless of where and in what order they were written.

    Attributes:
        name: The name of the outputs in the store.
        system: The machine the builder runs on, such as `x86_64-linux`.
        builder: A program in the mounts, or `builtin:<name>`.
        args: Arguments of the builder.
        env: The builder's whole environment.
        mounts: The inputs, by the path where the builder sees them.
        outputs: The names of what the builder leaves in `/out`; the first is the default.
        fixed: The hash that a fixed-output derivation must have.
        hints: What is not part of the identity.
        key: 32 bytes, known before anything is built.
    """

    name: str
    system: str
    builder: str
    args: tuple[str, ...] = attrs.field(default=(), converter=_strings)
    env: FrozenMap[str] = attrs.field(factory=FrozenMap, converter=_by_name)
    mounts: FrozenMap[Output] = attrs.field(factory=FrozenMap, converter=_by_name)
    outputs: tuple[str, ...] = attrs.field(default=("out",), converter=_strings)
    fixed: Fixed | None = None
    hints: Hints = _NO_HINTS
    key: bytes = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if problems := tuple(_wrong_types(self) or _problems(self)):
            raise InvalidDerivation(str(self.name), problems)
        # Computed here, not on demand: inputs exist before their users, so even a deep graph causes no recursion.
        object.__setattr__(self, "key", _digest(self, _DERIVATION_CONTEXT, _input_key))

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, Derivation) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        # Without the inputs: they share inputs of their own, and written out they would grow without bound.
        return f"<Derivation {self.name} {self.key.hex()[:12]}>"

    @property
    def is_builtin(self) -> bool:
        """Return whether the realiser itself builds this, without a sandbox."""
        return self.builder.startswith(BUILTIN)

    @property
    def inputs(self) -> tuple[Output, ...]:
        """Return the mounted outputs, each once, in the order of their mount points."""
        return tuple(dict.fromkeys(self.mounts.values()))

    @property
    def out(self) -> Output:
        """Return the default output."""
        return Output(self, self.outputs[0])

    def output(self, name: str) -> Output:
        """Return the output called *name*."""
        return Output(self, name)

    def action_key(self, content: Callable[[Output], bytes]) -> bytes:
        """Return the key that results are stored under, given the tree digest of each input."""
        return _digest(self, _ACTION_CONTEXT, lambda output: content(output).hex())


@attrs.frozen
class Output:
    """One result of a derivation: what other derivations mount and users build."""

    derivation: Derivation
    name: str = "out"

    def __attrs_post_init__(self) -> None:
        if self.name not in self.derivation.outputs:
            known = ", ".join(self.derivation.outputs)
            raise InvalidDerivation(self.derivation.name, (f"it has no output {self.name!r}, only {known}",))


def _input_key(output: Output) -> str:
    return f"{output.derivation.key.hex()}!{output.name}"


def _digest(derivation: Derivation, context: str, identify: Callable[[Output], str]) -> bytes:
    """Return the digest of the canonical bytes, with each input named by *identify*."""
    facts: dict[str, Any] = {"engine": ENGINE, "name": derivation.name, "builder": derivation.builder}
    if derivation.fixed is not None:
        facts["fixed"] = [derivation.fixed.method, derivation.fixed.digest]
    else:
        facts |= {
            "system": derivation.system,
            "args": derivation.args,
            "env": dict(derivation.env),
            "mounts": {place: identify(output) for place, output in derivation.mounts.items()},
            "outputs": derivation.outputs,
        }
    return blake3(canonical_json(facts), derive_key_context=context).digest()


def canonical_json(value: object) -> bytes:
    """Return the one JSON text for *value*: keys in order, no spaces, UTF-8, no NaN."""
    return _CANONICAL.encode(value).encode()


_KINDS: tuple[tuple[str, type | tuple[type, ...], str], ...] = (
    ("name", str, "a string"),
    ("system", str, "a string"),
    ("builder", str, "a string"),
    ("args", tuple, "a list of strings"),
    ("env", FrozenMap, "a mapping from names to strings"),
    ("mounts", FrozenMap, "a mapping from mount points to outputs"),
    ("outputs", tuple, "a list of names"),
    ("fixed", (Fixed, type(None)), "a Fixed"),
    ("hints", Hints, "a Hints"),
)


def _wrong_types(derivation: Derivation) -> list[str]:
    """Return the attributes of *derivation* that have a value of the wrong type."""
    return [
        f"{name} must be {what}, not {getattr(derivation, name)!r}"
        for name, kind, what in _KINDS
        if not isinstance(getattr(derivation, name), kind)
    ]


def _problems(derivation: Derivation) -> list[str]:
    """Return every reason why *derivation* is invalid."""
    found = []
    try:
        check_name(derivation.name)
    except InvalidStorePath as error:
        found.append(error.reason)
    inputs: dict[str, object] = dict(derivation.mounts)
    if not (derivation.is_builtin or derivation.builder.startswith("/")):
        found.append(f"the builder {derivation.builder!r} is neither an absolute path nor a builtin")
    found += [f"not a mount point: {place!r}" for place in derivation.mounts if not _is_mount_point(place)]
    found += [
        f"{place} is mounted from a {type(it).__name__}" for place, it in inputs.items() if not isinstance(it, Output)
    ]
    names: list[object] = list(derivation.outputs)
    found += [f"not an output name: {it!r}" for it in names if not (isinstance(it, str) and _OUTPUT_NAME.fullmatch(it))]
    found += [f"not a variable name: {name!r}" for name in derivation.env if not _VARIABLE.fullmatch(name)]
    texts = [derivation.system, derivation.builder, *derivation.args, *derivation.env.values()]
    found += [f"not a valid string: {text!r}" for text in texts if not _is_text(text)]
    if len(set(derivation.outputs)) != len(derivation.outputs) or not derivation.outputs:
        found.append(f"outputs must be distinct, and at least one, not {derivation.outputs}")
    if derivation.fixed is not None and derivation.outputs != ("out",):
        found.append("a fixed-output derivation must have the single output `out`")
    if derivation.fixed is not None and not _HASH.fullmatch(str(derivation.fixed.digest)):
        found.append(f"not a hash in lower-case hexadecimal: {derivation.fixed.digest!r}")
    return found


def _is_text(value: object) -> bool:
    """Return whether *value* can be passed to a program as an argument or variable, and encoded as UTF-8."""
    return isinstance(value, str) and "\0" not in value and (value.isascii() or not _SURROGATE.search(value))


def _is_mount_point(place: str) -> bool:
    root, *parts = place.split("/")
    return place == "/" or (
        root == "" and parts != [] and all(part not in {"", ".", ".."} for part in parts) and _is_text(place)
    )
