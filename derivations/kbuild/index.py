"""The index of an object tree: for each product, the files and options that it was made from.

It answers who read a name, and is kept with the tree, since reading all `.cmd` files takes a second. Its form on disk:
a line of JSON with the names and options, then for each product the numbers of what it read, as 32-bit little-endian.
"""

from __future__ import annotations

import json
import sys

from array import array
from typing import TYPE_CHECKING

import attrs

from derivations.kbuild.commands import Command, base_of


if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator


class InvalidIndex(ValueError):
    """The bytes are not an index."""


@attrs.frozen(eq=False)
class Index:
    """The commands of a tree, by product."""

    commands: dict[str, Command]

    @classmethod
    def of(cls, commands: Iterable[Command]) -> Index:
        """Return the index of *commands*."""
        return cls({it.target: it for it in sorted(commands, key=lambda it: it.target)})

    def __iter__(self) -> Iterator[Command]:
        return iter(self.commands.values())

    def readers(self, names: Collection[str]) -> dict[str, str]:
        """Return the products that read one of *names*, each with the first of those it read."""
        wanted = frozenset(names)
        return {it.target: min(wanted & it.files) for it in self if not wanted.isdisjoint(it.files)} if wanted else {}

    def readers_of_bases(self, bases: Collection[str]) -> dict[str, str]:
        """Return the products that read a file whose last component is one of *bases*, each with that component."""
        wanted = frozenset(bases)
        if not wanted:
            return {}
        names = {name: base for it in self for name in it.files if (base := base_of(name)) in wanted}
        return {target: names[name] for target, name in self.readers(names).items()}

    def readers_of_options(self, options: Collection[str]) -> dict[str, str]:
        """Return the products that read one of *options*, each with the first of those it read."""
        wanted = frozenset(options)
        return (
            {it.target: min(wanted & it.options) for it in self if not wanted.isdisjoint(it.options)} if wanted else {}
        )

    def encode(self) -> bytes:
        """Return the bytes to keep."""
        names = sorted({name for it in self for name in it.files})
        options = sorted({option for it in self for option in it.options})
        number = {name: i for i, name in enumerate(names)}
        option_number = {name: i for i, name in enumerate(options)}
        numbers = array("I")
        for it in self:
            for found, known in ((it.files, number), (it.options, option_number)):
                own = sorted(known[name] for name in found)
                numbers.append(len(own))
                numbers.extend(own)
        if sys.byteorder == "big":
            numbers.byteswap()
        head = {
            "names": names,
            "options": options,
            "products": [[it.target, it.source, it.is_listed] for it in self],
        }
        return json.dumps(head, separators=(",", ":")).encode("utf-8", "surrogateescape") + b"\n" + numbers.tobytes()

    @classmethod
    def decode(cls, data: bytes) -> Index:
        """Return the index that *data* holds.

        Raises:
            InvalidIndex: it holds none.
        """
        try:
            line, _, rest = data.partition(b"\n")
            head = json.loads(line)
            numbers = array("I")
            numbers.frombytes(rest)
            if sys.byteorder == "big":
                numbers.byteswap()
            commands, place, is_cut = {}, 0, False
            for target, source, is_listed in head["products"]:
                read = []
                for names in (head["names"], head["options"]):
                    count = numbers[place]
                    own = numbers[place + 1 : place + 1 + count]
                    place += 1 + count
                    read.append(frozenset(map(names.__getitem__, own)))
                    is_cut = is_cut or len(own) < count
                commands[target] = Command(target, source, read[0], read[1], is_listed)
        except (ValueError, KeyError, IndexError, TypeError, UnicodeError) as error:
            raise InvalidIndex(str(error)) from None
        if is_cut or place != len(numbers):
            message = "it has another length than it should have"
            raise InvalidIndex(message)
        return cls(commands)
