"""Shell completion of attributes and overlays: quick, without network, and silent on errors."""

from __future__ import annotations

import contextlib

from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.shell_completion import CompletionItem

from kernix.evaluation.attributes import follow, member, members, output_of
from kernix.evaluation.definitions import definitions
from kernix.evaluation.inputs import SYSTEMS, Options, bundled_overlays
from kernix.lockfile import refuse
from kernix.session import Session


if TYPE_CHECKING:
    from collections.abc import Mapping


def attributes(chosen: Mapping[str, Any], incomplete: str, environment: Mapping[str, str]) -> list[CompletionItem]:
    """Return the attributes that begin with *incomplete*, given the options *chosen* so far."""
    options = Options(
        file=Path(chosen["file"]) if chosen.get("file") else None,
        overlays=tuple(chosen.get("overlays") or ()),
        lock=Path(chosen["lock"]) if chosen.get("lock") else None,
        system=chosen.get("system") or SYSTEMS[0],
    )
    # An invalid definition is reported when it is used; here it only reduces the choice.
    with contextlib.suppress(Exception), definitions(Session(environment=environment), options, refuse) as names:
        return [CompletionItem(name) for name in _names(names, incomplete) if name.startswith(incomplete)]
    return []


def overlays(incomplete: str) -> list[CompletionItem]:
    """Return the bundled overlays that begin with *incomplete*, and an item that makes the shell add files."""
    named = [CompletionItem(name) for name in bundled_overlays() if name.startswith(incomplete)]
    return [*named, CompletionItem(incomplete, type="file")]


def _names(names: Mapping[str, Any], incomplete: str) -> list[str]:
    path, dot, _ = incomplete.rpartition(".")
    if not dot:
        return list(names)
    value = follow(names, path)
    return [f"{path}.{name}" for name in members(value) if _leads_on(value, name)]


def _leads_on(value: object, name: str) -> bool:
    """Return whether the attribute *name* of *value* can be built or has attributes of its own."""
    inner = member(value, name)
    return output_of(inner) is not None or bool(members(inner))
