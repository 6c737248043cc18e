"""The configuration file that a kernel begins with: what it asks for, and what of that the kernel does not get.

Kconfig reads such a file as it is, takes of two lines for one option the last, drops what it does not understand, and
says nothing of it. So every line counts as a default that is asked for below everything else. What comes out as the
line says, or is asked otherwise above, is as it should be; anything else is listed.

A whole `.config` also has what Kconfig computed, of another compiler or version perhaps. That asks for nothing.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

import attrs

from derivations.frozen_map import FrozenMap
from derivations.kconfig.diagnosis.diagnose import diagnose
from derivations.kconfig.language import grammar
from derivations.kconfig.language.compressed import is_compressed
from derivations.kconfig.language.fragment import Origin, Request
from derivations.kconfig.language.header import check_architecture, is_whole
from derivations.kconfig.language.text import line
from derivations.kconfig.language.values import NO, Hex, Priority, Unset
from derivations.kconfig.symbols.fits import holds
from derivations.kconfig.symbols.renames import changed
from store.errors import Error


if TYPE_CHECKING:
    from derivations.kconfig.diagnosis.outcome import Account
    from derivations.kconfig.language.merge import Merged
    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.model import Model
    from derivations.kconfig.symbols.values_table import Values


_HEX_VALUE = re.compile(r"CONFIG_([A-Za-z0-9_]+)=([0-9a-fA-F]+)", re.ASCII)
_COMPUTED = re.compile(
    r"(ARCH|AS|CC|GENERIC|HAVE|LD|NEED|RUSTC|TOOLS|USE)_|.*_(HAS|HAVE|SUPPORTS?|WANTS?)_|.*_VERSION$"
)
"""Names that, in all versions of Linux, are mostly those of options that nobody is asked about."""


class CompressedBase(Error):
    """A configuration that a derivation makes is compressed, and Kconfig reads it as it is."""

    file: str

    def __str__(self) -> str:
        return f"{self.file} is compressed, and Kconfig cannot read it"

    @property
    def hint(self) -> str:
        """Say what can be compressed."""
        return "only a file beside the definition may be compressed; the output of a derivation must not be"


@attrs.frozen
class Base:
    """What a file asks for.

    Attributes:
        file: Its name.
        requests: The last line of each option.
        unread: A sentence on each line that Kconfig does not read, or not as it was meant.
        whole: Whether it is a whole `.config`.
    """

    file: str
    requests: FrozenMap[Request]
    unread: tuple[str, ...]
    whole: bool


@attrs.frozen
class Missed:
    """What a base asks for and does not get.

    Attributes:
        base: The base.
        accounts: What became of each option that is not as the base says.
        way: How many give way to what is asked above the base.
    """

    base: Base
    accounts: tuple[Account, ...]
    way: int

    @property
    def count(self) -> int:
        """Return how many lines ask in vain."""
        return len(self.accounts) + len(self.base.unread)


def read_base(data: bytes, file: str, model: Model) -> Base:
    """Return what the configuration *data*, of *file*, asks for.

    Raises:
        ForeignConfig: it is for another architecture.
        CompressedBase: it is compressed.
    """
    if is_compressed(data):
        raise CompressedBase(file)
    text = data.decode(errors="surrogateescape")
    check_architecture(text, file, [model.arch])
    found: dict[str, Request] = {}
    unread = []
    for number, raw in enumerate(text.split("\n"), 1):
        try:
            pair = _pair(raw, model)
        except ValueError as error:
            unread.append(f"line {number}: {error}")
            continue
        if pair is not None:
            option, value = pair
            origin = Origin(file, f"{file}:{number}")
            found[option] = Request(value, priority=Priority.DEFAULT, origin=origin)
    return Base(file, FrozenMap(found), tuple(unread), is_whole(text))


def missed(base: Base, merged: Merged, model: Model, values: Values) -> Missed:
    """Return what *base* asks for and does not get where *merged* is asked for above it."""
    failing = {
        option: request
        for option, request in base.requests.items()
        if option not in merged.requests and _fails(option, request, base, model, values)
    }
    accounts = [it for it in diagnose(merged.over(failing), model, values) if it.option in failing and not it.holds]
    failed = tuple(it for it in accounts if it.fails)
    return Missed(base, failed, len(accounts) - len(failed))


def _pair(raw: str, model: Model) -> tuple[str, Value] | None:
    """Return what the line *raw* sets; None if it is a comment.

    Raises:
        ValueError: Kconfig does not read it, or not as it was meant.
    """
    raw = raw.removesuffix("\r")  # as Kconfig does
    it = _HEX_VALUE.fullmatch(raw)
    if it is not None and it[1] in model and model[it[1]].type == "hex":
        return it[1], Hex(int(it[2], 16))
    pair = grammar.read_line(raw)
    if pair is not None and not grammar.is_read(raw):
        msg = f"{raw!r} is not a line of a .config; write `{line(*pair)}`"
        raise ValueError(msg)
    return pair


def _fails(option: str, request: Request, base: Base, model: Model, values: Values) -> bool:
    """Return whether *option* is otherwise than *base* asks, if it asks at all."""
    value = request.value
    symbol = model.get(option)
    if isinstance(value, Unset):
        return False
    if symbol is None:
        return value is not NO and not (base.whole and _COMPUTED.match(option))
    if holds(value, symbol, values[option]):
        return False
    return bool(symbol.prompts) or not base.whole or changed(option, model) is not None
