"""Configurations that another one's result serves, because what is requested in addition is already so.

    resolved ──remember──▶ cache/configurations/<family>      which requests led to which result
    to be resolved ──find──▶ the result of fewer requests, if those in addition change nothing

A redundant option then starts no process. The family is the action without its fragments: the same Kconfig, base and
mode. The record is one file a family, and anything wrong in it only makes Kconfig run.
"""

from __future__ import annotations

import contextlib
import json

from typing import TYPE_CHECKING

import attrs

from derivations.kconfig.language.text import split_line
from derivations.kconfig.symbols.model import Model
from derivations.kconfig.symbols.redundant import assignments, change_nothing
from derivations.kconfig.symbols.values_table import SETTLED, Values
from derivations.linux.configuration import FRAGMENT, RESOLVER
from store.osutil.durable import write_whole
from store.parsing import parse_json


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from derivations.derivation import Derivation, Output
    from derivations.realise.layered import Realised
    from store.local import Store
    from store.path import StorePath


_KEPT = 16
"""How many results of a family are recorded: a guess at how many variants of a kernel are in use."""

_PLAIN = "plain"
"""The mode in which requests are all that is added to the base. In others, Kconfig is asked in turns what can be a module."""


@attrs.frozen
class _Resolved:
    """A result: the key of its action, and the lines of its fragments, in order."""

    action: bytes
    lines: tuple[str, ...]


def remember(store: Store, derivation: Derivation, inputs: Mapping[Output, Realised], key: bytes) -> None:
    """Record that the action *key* resolved the configuration *derivation*; nothing if it is of another kind."""
    if not _is_plain(derivation):
        return
    place = _place(store, derivation, inputs)
    new = _Resolved(key, _lines(store, derivation, inputs))
    entries = [new, *(it for it in _entries(place) if it.action != key)][:_KEPT]
    with contextlib.suppress(OSError):  # a full disk: the next one is resolved by Kconfig
        write_whole(place, json.dumps([[it.action.hex(), it.lines] for it in entries]))


def find(store: Store, derivation: Derivation, inputs: Mapping[Output, Realised]) -> Mapping[str, StorePath] | None:
    """Return the outputs of an earlier action that are those of *derivation* too, held in *store*; None if unknown."""
    if not _is_plain(derivation):
        return None
    wanted = _lines(store, derivation, inputs)
    for entry in _entries(_place(store, derivation, inputs)):
        added = _added(entry.lines, wanted)
        if added is None:
            continue
        outputs = store.realised([entry.action]).get(entry.action, {})
        if not outputs.keys() >= set(derivation.outputs) or store.hold(outputs.values()) != set(outputs.values()):
            continue
        if _serves(store.path(outputs["out"]), store.path(outputs["values"]), _model(store, derivation, inputs), added):
            return outputs
    return None


def _serves(config: Path, table: Path, model: Callable[[], Model], added: Sequence[str]) -> bool:
    """Return whether the requests *added* leave the resolved *config*, whose values are in *table*, as it is."""
    text = table.read_text(encoding="utf-8", errors="surrogateescape")
    if not text.endswith(f"\n{SETTLED}\n"):
        return False
    now = assignments(config.read_text(encoding="utf-8", errors="surrogateescape").split("\n"))
    return change_nothing(assignments(added), now, model(), Values.parse(text))


def _added(old: Sequence[str], new: Sequence[str]) -> list[str] | None:
    """Return the lines of *new* that *old* lacks, if all else is the same, in order, and they concern other options."""
    known, options = set(old), {_option(it) for it in old}
    added = [it for it in new if it not in known]
    if [it for it in new if it in known] != [*old] or any(_option(it) in options for it in added):
        return None
    return added


def _is_plain(derivation: Derivation) -> bool:
    return derivation.builder == RESOLVER and derivation.args[1:3] == ("resolve", _PLAIN)


def _lines(store: Store, derivation: Derivation, inputs: Mapping[Output, Realised]) -> tuple[str, ...]:
    """Return the lines of the fragments that set an option, the first fragment first."""
    found: list[str] = []
    for place in (it for it in derivation.args if it.startswith(FRAGMENT)):
        text = store.path(inputs[derivation.mounts[place]].path).read_text(encoding="utf-8", errors="surrogateescape")
        found += [it for it in text.split("\n") if split_line(it) is not None]
    return tuple(found)


def _option(text: str) -> str:
    pair = split_line(text)
    return "" if pair is None else pair[0]


def _place(store: Store, derivation: Derivation, inputs: Mapping[Output, Realised]) -> Path:
    """Return the file that is about the family of *derivation*."""
    alone = attrs.evolve(
        derivation,
        args=[it for it in derivation.args if not it.startswith(FRAGMENT)],
        mounts={place: it for place, it in derivation.mounts.items() if not place.startswith(FRAGMENT)},
    )
    return store.layout.cache / "configurations" / alone.action_key(lambda output: inputs[output].digest).hex()


def _model(store: Store, derivation: Derivation, inputs: Mapping[Output, Realised]) -> Callable[[], Model]:
    program = store.path(inputs[derivation.mounts["/resolver"]].path)
    return lambda: Model.read(program / "model")


def _entries(place: Path) -> list[_Resolved]:
    """Return what the file *place* records, the newest first; nothing if it does not exist or is damaged."""
    try:
        facts = parse_json(place.read_bytes())
        return [_Resolved(bytes.fromhex(action), tuple(map(str, lines))) for action, lines in facts]
    except (OSError, ValueError, TypeError):
        return []
