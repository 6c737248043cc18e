"""What machines are made of, as a value: facts, each with the machines or listings that tell it.

A snapshot is a set of facts. Putting snapshots together is the union of these sets, and of who tells each: in
whatever order, as often as one likes. Its file is canonical JSON:

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
    """A text is no hardware snapshot."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} is no hardware snapshot: {self.reason}"

    @property
    def hint(self) -> str:
        """Tell how one is made."""
        return "`kernix detect --snapshot FILE` makes one of the machine that it runs on"


class EmptySnapshot(Error):
    """A snapshot tells nothing of any machine."""

    def __str__(self) -> str:
        return "the hardware snapshot is empty: it names no device, no module and no file system"

    @property
    def hint(self) -> str:
        """Tell how one is made."""
        return "`kernix detect --snapshot FILE` makes one of the machine that it runs on"


class FactKind(StrEnum):
    """What a fact is about."""

    DEVICE = "device"
    MODULE = "module"
    FILESYSTEM = "filesystem"
    FIRMWARE = "firmware"


@attrs.frozen(order=True)
class Fact:
    """One thing about a machine.

    Attributes:
        kind: What it is about.
        name: A device's modalias, with `?` for what is not known; a module, a file system, a firmware file.
        driver: What drives the device, such as `pci nvme`; empty if nothing does, or nobody says.
        label: What to call it to people.
        root: Whether the root file system cannot be reached without it.
    """

    kind: FactKind
    name: str
    driver: str = ""
    label: str = ""
    root: bool = False

    def __str__(self) -> str:
        return self.label or (self.name if self.kind is FactKind.DEVICE else f"{self.kind} {self.name}")


def _entries(given: Iterable[tuple[Fact, Iterable[str]]]) -> tuple[tuple[Fact, tuple[str, ...]], ...]:
    """Return each fact once, in order, with everybody who tells it."""
    seen: dict[Fact, set[str]] = {}
    for fact, names in given:
        seen.setdefault(fact, set()).update(names)
    return tuple((fact, tuple(sorted(seen[fact]))) for fact in sorted(seen))


@attrs.frozen
class Snapshot:
    """What is known of one or many machines: each fact, and who tells it."""

    entries: tuple[tuple[Fact, tuple[str, ...]], ...] = attrs.field(default=(), converter=_entries)

    @classmethod
    def of(cls, facts: Iterable[Fact], seen: str) -> Snapshot:
        """Return what the machine or listing *seen* tells."""
        return cls(tuple((fact, (seen,)) for fact in facts))

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Return the facts, in order."""
        return tuple(fact for fact, _ in self.entries)

    @property
    def machines(self) -> tuple[str, ...]:
        """Return the machines and listings that it is made of, in order."""
        return tuple(sorted({name for _, names in self.entries for name in names}))

    @property
    def digest(self) -> str:
        """Return what names it: BLAKE3 of its canonical text, in hexadecimal."""
        return blake3(self.to_json(), derive_key_context=_CONTEXT).hexdigest()

    def __or__(self, other: Snapshot) -> Snapshot:
        return Snapshot((*self.entries, *other.entries))

    def without_names(self) -> Snapshot:
        """Return the same facts, told by nobody: what a kernel depends on."""
        return Snapshot(tuple((fact, ()) for fact in self.facts))

    def checked(self) -> Snapshot:
        """Return the snapshot itself.

        Raises:
            EmptySnapshot: it tells nothing.
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
        """Return what `to_json` wrote; *name* is what errors call it.

        Raises:
            InvalidSnapshot: the text is something else.
        """
        try:
            document = parse_json(text)
        except ValueError as error:
            raise InvalidSnapshot(name, f"it cannot be read as JSON ({error})") from None
        if not isinstance(document, dict) or document.get("kind") != KIND:
            raise InvalidSnapshot(name, f"it does not say of itself `{KIND}`")
        if document.get("format") != FORMAT:
            raise InvalidSnapshot(name, f"its format is {document.get('format')!r}, and only {FORMAT} is known")
        facts = document.get("facts")
        if not isinstance(facts, list):
            raise InvalidSnapshot(name, "it has no list of facts")
        return cls(tuple(_entry(name, number, fact) for number, fact in enumerate(facts)))


def _entry(name: str, number: int, given: Any) -> tuple[Fact, tuple[str, ...]]:  # noqa: ANN401 -- what JSON holds
    """Return what fact *number* of a document stands for.

    Raises:
        InvalidSnapshot: it stands for none.
    """
    place = f"facts[{number}]"
    if not isinstance(given, dict) or not isinstance(seen := given.pop("seen", None), list):
        raise InvalidSnapshot(name, f"{place} is not a fact with the machines that it was seen on")
    if sorted(given) != sorted(_FIELDS):
        raise InvalidSnapshot(name, f"{place} has the fields {', '.join(sorted(given))}, not {', '.join(_FIELDS)}")
    texts = [given["name"], given["driver"], given["label"], *seen]
    if not all(isinstance(it, str) for it in texts) or not isinstance(given["root"], bool) or not given["name"]:
        raise InvalidSnapshot(name, f"{place} has a value of the wrong kind")
    try:
        return Fact(**{**given, "kind": FactKind(given["kind"])}), tuple(seen)
    except ValueError:
        raise InvalidSnapshot(name, f"{place} is about {given['kind']!r}, which is not known") from None
