"""Unions: many trees joined into one by hard links, such as a root file system."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import attrs

from derivations.derivation import Derivation, Hints, InvalidDerivation, Output, canonical_json
from derivations.fetch import ANY_SYSTEM
from derivations.frozen_map import FrozenMap
from store.gc.retention import Retention


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


REMOVED = "/removed"
"""The mount point of the list of paths to leave out, for a list that is itself built."""

BASE, CHANGES = "/0000", "/0001"
"""The mount points of the first two inputs."""

USR_MERGE: Mapping[str, str] = FrozenMap(
    {name: f"usr/{name}" for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32")}
)
"""The top-level directories that are symbolic links into /usr on a merged system."""


def _texts(values: Mapping[str, str]) -> FrozenMap[str]:
    return FrozenMap(values)


def _paths(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


@attrs.frozen(kw_only=True)
class UnionLayout:
    """What a union adds to its inputs' files, and what it leaves out.

    Attributes:
        merge: Top-level directories whose files move elsewhere and which become symbolic links.
        links: Symbolic links to make, path to target; they replace what the inputs have there.
        files: Files to write, path to text; they replace what the inputs have there.
        directories: Directories that exist even if no input has them.
        exclude: Paths of the inputs to leave out, with everything below them.
    """

    merge: FrozenMap[str] = attrs.field(factory=FrozenMap, converter=_texts)
    links: FrozenMap[str] = attrs.field(factory=FrozenMap, converter=_texts)
    files: FrozenMap[str] = attrs.field(factory=FrozenMap, converter=_texts)
    directories: tuple[str, ...] = attrs.field(default=(), converter=_paths)
    exclude: tuple[str, ...] = attrs.field(default=(), converter=_paths)


def union(
    name: str,
    inputs: Sequence[Derivation | Output],
    layout: UnionLayout | None = None,
    *,
    conflicts: Literal["error", "last"] = "error",
    removed: Output | None = None,
    retention: Retention = Retention.TOOLCHAIN,
) -> Derivation:
    """Return the tree that has every file of *inputs*, shared with them.

    If two inputs differ at a path, that is an error that names both; with *conflicts* `last` the later
    input wins. *removed* is a file with further paths to leave out, one per line.

    Raises:
        InvalidDerivation: *inputs* is not a list.
    """
    given: object = inputs
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise InvalidDerivation(name, (f"its inputs must be a list of derivations, not {inputs!r}",))
    layout = layout or UnionLayout()
    members: dict[str, object] = {
        "merge": dict(layout.merge),
        "links": dict(layout.links),
        "files": dict(layout.files),
        "directories": layout.directories,
        "exclude": layout.exclude,
    }
    env = {key: canonical_json(value).decode() for key, value in members.items() if value}
    if conflicts != "error":
        env["conflicts"] = conflicts
    outputs = [it.out if isinstance(it, Derivation) else it for it in inputs]
    width = max(4, len(str(len(outputs))))
    places = {f"/{index:0{width}}": output for index, output in enumerate(outputs)}
    return Derivation(
        name=name,
        system=ANY_SYSTEM,
        builder="builtin:union",
        env=env,
        mounts=places | ({REMOVED: removed} if removed is not None else {}),
        hints=Hints(description=f"join {name}", retention=retention),
    )


def is_patched(derivation: Derivation) -> bool:
    """Return whether *derivation* only joins a tree with what patches change in it (`derivations.linux.patch`)."""
    mounts = derivation.mounts
    if derivation.builder != "builtin:union" or dict(derivation.env) != {"conflicts": "last"}:
        return False
    if set(mounts) != {BASE, CHANGES, REMOVED}:
        return False
    patch = mounts[CHANGES].derivation
    return (
        patch.builder == "builtin:patch"
        and mounts[CHANGES] == patch.out
        and mounts[REMOVED] == Output(patch, "removed")
        and patch.mounts.get("/src") == mounts[BASE]
    )
