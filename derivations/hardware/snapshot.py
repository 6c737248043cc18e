"""Hardware snapshots: facts about machines, each with the machines or listings that it was seen in.

A snapshot is a set of facts. Joining snapshots is the union of these sets, and of where each fact was seen, so order
and repetition do not matter. The file is canonical JSON:

    {"format": 1, "kind": "kernix hardware snapshot", "facts": [
        {"kind": "device", "name": "pci:v…", "driver": "pci nvme", "label": "01:00.0 …", "root": true, "seen": ["laptop"]}]}
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import attrs

from blake3 import blake3

from derivations.derivation import canonical_json
from store.errors import Error
from store.parsing import parse_json


if TYPE_CHECKING:
    from collections.abc import Iterable


FORMAT = 1
KIND = "kernix hardware snapshot"

_CONTEXT = "kernix 1 hardware snapshot"
_FIELDS = ("driver", "kind", "label", "name", "root")


class InvalidSnapshot(Error):
    """A text is not a hardware snapshot."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} is not a hardware snapshot: {self.reason}"

    @property
    def hint(self) -> str:
        """Say how to make one."""
        return "make one with `kernix detect --snapshot FILE` on the machine"


class EmptySnapshot(Error):
    """A snapshot contains no facts."""

    def __str__(self) -> str:
        return "the hardware snapshot is empty: it names no device, no module and no file system"

    @property
    def hint(self) -> str:
        """Say how to make one."""
        return "make one with `kernix detect --snapshot FILE` on the machine"


class FactKind(StrEnum):
    """The kinds of facts."""

    DEVICE = "device"
    MODULE = "module"
    FILESYSTEM = "filesystem"
    FIRMWARE = "firmware"


@attrs.frozen(order=True)
class Fact:
    """One thing about a machine.

    Attributes:
        kind: The kind of the fact.
        name: A device's modalias, with `?` for unknown characters; a module, a file system, a firmware file.
        driver: The driver of the device, such as `pci nvme`; empty if there is none, or it is not known.
        label: A name for people.
        root: Whether the root file system depends on it.
    """

    kind: FactKind
    name: str
    driver: str = ""
    label: str = ""
    root: bool = False

    def __str__(self) -> str:
        return self.label or (self.name if self.kind is FactKind.DEVICE else f"{self.kind} {self.name}")


def _entries(given: Iterable[tuple[Fact, Iterable[str]]]) -> tuple[tuple[Fact, tuple[str, ...]], ...]:
    """Return each fact once, in order, with everything it was seen in."""
    seen: dict[Fact, set[str]] = {}
    for fact, names in given:
        seen.setdefault(fact, set()).update(names)
    return tuple((fact, tuple(sorted(seen[fact]))) for fact in sorted(seen))


@attrs.frozen
class Snapshot:
    """Facts about one or more machines, each with the machines or listings it was seen in."""

    entries: tuple[tuple[Fact, tuple[str, ...]], ...] = attrs.field(default=(), converter=_entries)

    @classmethod
    def of(cls, facts: Iterable[Fact], seen: str) -> Snapshot:
        """Return the *facts* of the machine or listing *seen*."""
        return cls(tuple((fact, (seen,)) for fact in facts))

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Return the facts, in order."""
        return tuple(fact for fact, _ in self.entries)

    @property
    def machines(self) -> tuple[str, ...]:
        """Return its machines and listings, in order."""
        return tuple(sorted({name for _, names in self.entries for name in names}))

    @property
    def digest(self) -> str:
        """Return its identifier: BLAKE3 of its canonical text, in hexadecimal."""
        return blake3(self.to_json(), derive_key_context=_CONTEXT).hexdigest()

    def __or__(self, other: Snapshot) -> Snapshot:
        return Snapshot((*self.entries, *other.entries))

    def without_names(self) -> Snapshot:
        """Return the same facts without the names of machines: the part that a kernel depends on."""
        return Snapshot(tuple((fact, ()) for fact in self.facts))

    def checked(self) -> Snapshot:
        """Return the snapshot itself.

        Raises:
            EmptySnapshot: it contains no facts.
        """
        if not self.entries:
            raise EmptySnapshot
        return self

    def to_json(self) -> bytes:
        """Return the canonical text."""
        facts = [{**attrs.asdict(fact), "seen": list(seen)} for fact, seen in self.entries]
        return canonical_json({"format": FORMAT, "kind": KIND, "facts": facts})

    @classmethod
    def from_json(cls, text: str | bytes, name: str = "the text") -> Snapshot:
        """Return the snapshot that `to_json` wrote; errors call it *name*.

        Raises:
            InvalidSnapshot: the text is not a snapshot.
        """
        try:
            document = parse_json(text)
        except ValueError as error:
            raise InvalidSnapshot(name, f"not JSON ({error})") from None
        if not isinstance(document, dict) or document.get("kind") != KIND:
            raise InvalidSnapshot(name, f"its `kind` is not `{KIND}`")
        if document.get("format") != FORMAT:
            raise InvalidSnapshot(name, f"its format is {document.get('format')!r}, but only {FORMAT} is supported")
        facts = document.get("facts")
        if not isinstance(facts, list):
            raise InvalidSnapshot(name, "it has no list of facts")
        return cls(tuple(_entry(name, number, fact) for number, fact in enumerate(facts)))


def _entry(name: str, number: int, given: Any) -> tuple[Fact, tuple[str, ...]]:  # noqa: ANN401 -- what JSON holds
    """Return the fact *number* of a document, with the machines it was seen on.

    Raises:
        InvalidSnapshot: it is not a fact.
    """
    place = f"facts[{number}]"
    if not isinstance(given, dict) or not isinstance(seen := given.pop("seen", None), list):
        raise InvalidSnapshot(name, f"{place} is not a fact with a list `seen` of machines")
    if sorted(given) != sorted(_FIELDS):
        raise InvalidSnapshot(name, f"{place} has the fields {', '.join(sorted(given))}, not {', '.join(_FIELDS)}")
    texts = [given["name"], given["driver"], given["label"], *seen]
    if not all(isinstance(it, str) for it in texts) or not isinstance(given["root"], bool) or not given["name"]:
        raise InvalidSnapshot(name, f"{place} has a value of the wrong type")
    try:
        return Fact(**{**given, "kind": FactKind(given["kind"])}), tuple(seen)
    except ValueError:
        raise InvalidSnapshot(name, f"{place} has the unknown kind {given['kind']!r}") from None
