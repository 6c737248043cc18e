"""Facts in one C source about the hardware it drives: tables, names of drivers, aliases, firmware."""

from __future__ import annotations

import posixpath
import re

from typing import TYPE_CHECKING

import attrs

from derivations.hardware.c_source.buses import BUSES
from derivations.hardware.c_source.device_table import patterns
from derivations.hardware.c_source.headers import includes
from derivations.hardware.c_source.preprocessor import (
    closing,
    definition,
    expand,
    string,
    tokens,
    without_comments,
    without_line_comments,
)


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from derivations.hardware.c_source.headers import Headers
    from derivations.hardware.c_source.preprocessor import Find, Macro, Tokens
    from derivations.hardware.makefiles.evaluate import Read


MODULE_NAME = "KBUILD_MODNAME"
"""The placeholder for the module's name in the name of a driver."""

_WORTH = (b"MODULE_DEVICE_TABLE", b"MODULE_ALIAS", b"MODULE_FIRMWARE", b"MODULE_SOFTDEP", b'.c"\n')
_REGISTERS = re.compile(rb"_driver \w+ *(?:__\w+ *)?= *\{")
_TABLE = re.compile(r"MODULE_DEVICE_TABLE\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)")
_USED = re.compile(r"\.(id_table|of_match_table|acpi_match_table|ids|match_table)\s*=\s*(?:\w+\s*\(\s*)?&?(\w+)")
_DRIVER = re.compile(r"_driver\s+\w+\s*(?:__\w+\s*)*=\s*\{")
_STRUCTURE = re.compile(r"\bstruct\s+(\w+)\Z")
_BEFORE = 80  # characters for `struct`, a name and blanks
_NAME = re.compile(r"\.name\s*=\s*([^,\n}]+)")
_DECLARED = re.compile(r"_id\s+(?:__\w+\s+)*(\w+)\s*\[[^\]]*\]\s*(?:__\w+\s*)*=\s*\{")
_FACT = re.compile(r"(MODULE_(?:ALIAS|FIRMWARE|SOFTDEP)\w*)[ \t]*\(")
_STATEMENT = re.compile(r"^(?:[ \t]*(?=MODULE_))?([A-Z]\w*)[ \t]*\(", re.MULTILINE)
_DIRECTIVE = re.compile(r"^[ \t]*#(.*)$", re.MULTILINE)
_INCLUDED = re.compile(r'[ \t]*include[ \t]*"([^"]+)"')
_FACTS = ("MODULE_ALIAS", "MODULE_FIRMWARE", "MODULE_SOFTDEP")
_ANYTHING = re.compile(r"\w*:?(?:v\*d\*sv\*sd\*bc\*sc\*i\*|\*)")


@attrs.frozen(kw_only=True)
class CSource:
    """The facts in a source.

    Attributes:
        aliases: Patterns of the devices that it drives, and its other aliases.
        drivers: The drivers that it registers: the kind and the name of each.
        firmware: The files that it may load.
        softdeps: The modules to load with it, in the format of `MODULE_SOFTDEP`.
        unreadable: The number of entries in its tables that could not be read.
    """

    aliases: tuple[str, ...] = ()
    drivers: tuple[tuple[str, str], ...] = ()
    firmware: tuple[str, ...] = ()
    softdeps: tuple[str, ...] = ()
    unreadable: int = 0


def is_worth_reading(data: bytes) -> bool:
    """Return whether the C source *data* may contain facts about hardware: a quick search in the bytes."""
    # Searching for plain words is ten times as fast as one regular expression for all of them.
    return any(word in data for word in _WORTH) or (b"_driver " in data and _REGISTERS.search(data) is not None)


def read_source(path: str, text: str, headers: Headers, places: Iterable[str] = ()) -> CSource:
    """Return the facts in the C source *text* at *path*.

    Args:
        path: Its path in the tree.
        text: The source.
        headers: The tree's headers.
        places: Directories with headers besides the usual ones.
    """
    plain = without_comments("\n".join([text, *_included_sources(path, text, headers.read)]))
    find = headers.find(path, plain, places)
    facts = _facts(plain, find)
    registered = list(_registered(plain))
    found = list(_table_patterns(path, plain, [body for _, body in registered], find, headers.read))
    tables = [it for it in found if it is not None and not _ANYTHING.fullmatch(it)]
    return CSource(
        aliases=tuple(dict.fromkeys([*tables, *facts["MODULE_ALIAS"]])),
        drivers=tuple(dict.fromkeys(_drivers(registered, plain, find))),
        firmware=tuple(dict.fromkeys(facts["MODULE_FIRMWARE"])),
        softdeps=tuple(dict.fromkeys(facts["MODULE_SOFTDEP"])),
        unreadable=found.count(None),
    )


def _table_patterns(path: str, text: str, drivers: Iterable[str], find: Find, read: Read) -> Iterator[str | None]:
    """Yield the patterns of the tables that the module exports or its *drivers* use."""
    kinds = {name: kind for kind, name in _TABLE.findall(text)}
    for body in drivers:
        kinds = {name: "" for _, name in _USED.findall(body)} | kinds
    for kind, structure, body in _tables(path, text, kinds, read):
        bus = BUSES.get(kind) or BUSES.get(structure.removesuffix("_device"))
        if bus is not None:
            yield from patterns(tokens(_with_includes(path, body, read)), bus, find)


def _tables(path: str, text: str, kinds: Mapping[str, str], read: Read) -> Iterator[tuple[str, str, str]]:
    """Yield the kind, the structure and the body of each table named in *kinds*; a few are in a header."""
    missing = dict(kinds)
    texts = [text, *(_local_headers(path, text, read) if kinds else ())]
    for each in texts:
        if not missing:
            break
        for declared in _DECLARED.finditer(each):
            structure = _STRUCTURE.search(each, max(0, declared.start() - _BEFORE), declared.start())
            if structure is not None and declared[1] in missing:
                yield missing.pop(declared[1]), structure[1], _braced(each, declared.end() - 1)


def _local_headers(path: str, text: str, read: Read) -> Iterator[str]:
    for mark, name in includes(text):
        if name.endswith(("ids.h", "id.h", "tbl.h")):
            place = posixpath.dirname(path) if mark == '"' else "include"
            yield without_comments(read(posixpath.join(place, name)) or "")


def _included_sources(path: str, text: str, read: Read) -> Iterator[str]:
    """Yield the C sources that *text* includes, as `uhci-hcd.c` does."""
    for mark, name in includes(text):
        if mark == '"' and name.endswith(".c"):
            yield read(posixpath.join(posixpath.dirname(path), name)) or ""


def _with_includes(path: str, body: str, read: Read) -> str:
    """Return *body* without directives, but with the contents of the files that it includes."""

    def included(line: re.Match[str]) -> str:
        if (match := _INCLUDED.match(line[1])) is None:
            return ""
        text = read(posixpath.join(posixpath.dirname(path), match[1])) or ""
        return _DIRECTIVE.sub("", without_line_comments(without_comments(text)).replace("\\\n", " "))

    return _DIRECTIVE.sub(included, without_line_comments(body).replace("\\\n", " "))


def _braced(text: str, start: int) -> str:
    """Return the text between the brace at *start* and its closing brace."""
    depth = 0
    for match in re.compile(r'"(?:\\.|[^"\\\n])*"|[{}]').finditer(text, start):
        depth += (match[0] == "{") - (match[0] == "}")
        if not depth:
            return text[start + 1 : match.start()]
    return text[start + 1 :]


def _registered(text: str) -> Iterator[tuple[str, str]]:
    """Yield the structure of each driver: the bus in its type, and the text between its braces."""
    for match in _DRIVER.finditer(text):
        structure = _STRUCTURE.search(text, max(0, match.start() - _BEFORE), match.start())
        if structure is not None:
            yield structure[1], _braced(text, match.end() - 1)


def _drivers(registered: Iterable[tuple[str, str]], text: str, find: Find) -> Iterator[tuple[str, str]]:
    for bus, body in registered:
        given = _NAME.search(body)
        if given is not None and (name := _name(given[1], text, find)):
            yield bus, name


def _name(written: str, text: str, find: Find) -> str | None:
    """Return the name *written* as a string, with macros, or as a variable of the file."""

    def modname(name: str) -> Macro | None:
        return None if name == MODULE_NAME else find(name)

    def read(given: Tokens) -> str | None:
        return string([f'"{MODULE_NAME}"' if it == MODULE_NAME else it for it in expand(given, modname)])

    given = tokens(written)
    if (found := read(given)) is not None or len(given) != 1:
        return found
    variable = re.search(rf"char\s*\*?\s*(?:const\s+)?{re.escape(given[0])}\s*(?:\[\s*\])?\s*=\s*([^;]+);", text)
    return read(tokens(variable[1])) if variable is not None else None


def _facts(text: str, find: Find) -> dict[str, list[str]]:
    """Return the module's statements, by their macro, including macros that wrap these."""
    found: dict[str, list[str]] = {name: [] for name in _FACTS}
    # Wrappers of MODULE_FIRMWARE are defined in the file itself; other macros at the start of a line do not matter.
    wrapped = text if "MODULE_FIRMWARE" in text else ""

    def kept(name: str) -> Macro | None:
        return None if name in _FACTS else find(name)

    for match in (_STATEMENT if wrapped else _FACT).finditer(text):
        name = match[1]
        if not name.startswith(_FACTS) and definition(name, wrapped) is None:
            continue
        for fact, value in _statements(expand(_call(text, match.start(1)), kept)):
            found[fact].append(value)
    return found


def _call(text: str, start: int) -> Tokens:
    """Return the tokens of the call at *start*."""
    size = 400  # characters: most calls are shorter, and few tokens are read in vain
    while True:
        given = tokens(text[start : start + size])
        end = closing(given, 1)
        if end < len(given) or start + size >= len(text):
            return given[: end + 1]
        size *= 4


def _statements(given: Tokens) -> Iterator[tuple[str, str]]:
    for place, token in enumerate(given):
        if token in _FACTS and given[place + 1 : place + 2] == ["("]:
            value = string(given[place + 1 : closing(given, place + 1)])
            if value:
                yield token, value
