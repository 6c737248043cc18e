"""The configuration file that a kernel starts from: its requests, and those that do not hold.

Kconfig takes the last of two lines for one option, drops what it does not understand, and reports nothing. So every
line counts as a default request, below everything else. A line that holds, or that another request overrides, is
fine; all others are listed.

A whole `.config` also contains values that Kconfig computed, perhaps for another compiler or version. These are not
requests.
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
    from derivations.kconfig.diagnosis.outcome import Diagnosis
    from derivations.kconfig.language.merge import Merged
    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.model import Model
    from derivations.kconfig.symbols.values_table import Values


_HEX_VALUE = re.compile(r"CONFIG_([A-Za-z0-9_]+)=([0-9a-fA-F]+)", re.ASCII)
_COMPUTED = re.compile(
    r"(ARCH|AS|CC|GENERIC|HAVE|LD|NEED|RUSTC|TOOLS|USE)_|.*_(HAS|HAVE|SUPPORTS?|WANTS?)_|.*_VERSION$"
)
"""Names that, in all versions of Linux, mostly belong to options without a prompt."""


class CompressedBase(Error):
    """A base that a derivation produces is compressed; Kconfig reads it undecompressed."""

    file: str

    def __str__(self) -> str:
        return f"{self.file} is compressed, and Kconfig cannot read it"

    @property
    def hint(self) -> str:
        """Explain which files may be compressed."""
        return "only a file beside the definition may be compressed; the output of a derivation must not be"


@attrs.frozen
class Base:
    """The requests of a file.

    Attributes:
        file: Its name.
        requests: The last line of each option.
        unread: A sentence for each line that Kconfig does not read, or misreads.
        whole: Whether it is a whole `.config`.
    """

    file: str
    requests: FrozenMap[Request]
    unread: tuple[str, ...]
    whole: bool


@attrs.frozen
class Missed:
    """The requests of a base that do not hold.

    Attributes:
        base: The base.
        diagnoses: The diagnosis of each option that differs from the base.
        overridden: How many give way to requests of higher priority.
    """

    base: Base
    diagnoses: tuple[Diagnosis, ...]
    overridden: int

    @property
    def count(self) -> int:
        """Return how many lines do not hold."""
        return len(self.diagnoses) + len(self.base.unread)


def read_base(data: bytes, file: str, model: Model) -> Base:
    """Return the requests of the configuration *data*, of *file*.

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
    """Return the requests of *base* that do not hold, with *merged* at higher priority."""
    failing = {
        option: request
        for option, request in base.requests.items()
        if option not in merged.requests and _fails(option, request, base, model, values)
    }
    diagnoses = [it for it in diagnose(merged.over(failing), model, values) if it.option in failing and not it.holds]
    failed = tuple(it for it in diagnoses if it.fails)
    return Missed(base, failed, len(diagnoses) - len(failed))


def _pair(raw: str, model: Model) -> tuple[str, Value] | None:
    """Return the option and value that the line *raw* sets; None if it is a comment.

    Raises:
        ValueError: Kconfig does not read it, or misreads it.
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
    """Return whether *base* requests *option* and it has another value."""
    value = request.value
    symbol = model.get(option)
    if isinstance(value, Unset):
        return False
    if symbol is None:
        return value is not NO and not (base.whole and _COMPUTED.match(option))
    if holds(value, symbol, values[option]):
        return False
    return bool(symbol.prompts) or not base.whole or changed(option, model) is not None
