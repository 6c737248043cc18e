"""The macros that a C source sees: its own, and those of the headers it includes."""

from __future__ import annotations

import posixpath
import re

from collections import deque
from typing import TYPE_CHECKING

import attrs

from derivations.hardware.c_source.preprocessor import Macro, definition


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from derivations.hardware.c_source.preprocessor import Find
    from derivations.hardware.makefiles.evaluate import Read


_INCLUDE = re.compile(r'#[ \t]*include[ \t]*(["<])([^">\n]+)[">]')
_MAX_DEPTH = 4  # includes: macros of devices are near the driver, and each level multiplies what is read
_MAX_SIZE = 256 * 1024
"""In bytes; larger headers are lists of a chip's registers."""
_TABLES = "include/linux/mod_devicetable.h"
_PIECES = "device-id/"
"""The directory of the headers that `_TABLES` includes; since 7.2, it consists only of these."""

_ALWAYS = (
    _TABLES,
    "include/linux/pci_ids.h",
    "include/linux/pci.h",
    "include/linux/usb.h",
    "include/uapi/linux/usb/ch9.h",
    "include/linux/hid.h",
    "include/linux/module.h",
    "include/linux/fs.h",
    "include/linux/stringify.h",
    "include/linux/uuid.h",
    "include/uapi/linux/uuid.h",
    "include/uapi/linux/mei_uuid.h",
    "include/uapi/linux/usb/video.h",
    "include/linux/hyperv.h",
    "include/linux/soundwire/sdw.h",
    "include/acpi/acpi_drivers.h",
    "include/uapi/linux/virtio_ids.h",
    "include/linux/crypto.h",
    "include/uapi/linux/input.h",
    "include/linux/bits.h",
    "include/linux/mmc/sdio_ids.h",
    "include/linux/ssb/ssb.h",
    "include/linux/bcma/bcma.h",
    "include/linux/usb/storage.h",
    "include/uapi/linux/usb/cdc.h",
    "arch/x86/include/asm/processor.h",
    "arch/x86/include/asm/cpufeatures.h",
    "arch/x86/include/asm/cpu_device_id.h",
    "arch/x86/include/asm/intel-family.h",
)
"""Headers that the tables themselves need, searched first: nearly every name is in one of them."""


_PLAIN = {
    "BIT": Macro(("n",), "(1 << (n))"),
    "GENMASK": Macro(("h", "l"), "((1 << ((h) + 1)) - (1 << (l)))"),
}
"""Macros that the kernel defines with features of the compiler."""


@attrs.frozen
class _Header:
    text: str
    includes: tuple[tuple[str, str], ...]


@attrs.define
class Headers:
    """The headers of a tree, each read once."""

    read: Read
    srcarch: str
    _headers: dict[str, _Header | None] = attrs.field(factory=dict, init=False)

    def find(self, path: str, text: str, places: Iterable[str]) -> Find:
        """Return a function that finds the macros visible to the source at *path*.

        Args:
            path: The path of the source in the tree.
            text: The source, without comments.
            places: Further directories with headers.
        """
        general = ("include", f"arch/{self.srcarch}/include", "include/uapi", f"arch/{self.srcarch}/include/uapi")
        return _Scope(self, path, text, (*places, *general)).find

    def header(self, path: str) -> _Header | None:
        """Return the header at *path*, None if there is none."""
        if path not in self._headers:
            text = self.read(path)
            if text is not None and path == _TABLES:
                text = "\n".join([text, *self._pieces(text)])
            usable = text if text is not None and len(text) <= _MAX_SIZE else None
            self._headers[path] = None if usable is None else _Header(usable, includes(usable))
        return self._headers[path]

    def _pieces(self, text: str) -> Iterator[str]:
        directory = posixpath.dirname(_TABLES)
        for _, name in includes(text):
            if name.startswith(_PIECES):
                yield self.read(posixpath.join(directory, name)) or ""


def includes(text: str) -> tuple[tuple[str, str], ...]:
    """Return the includes in *text*: the bracket or quotation mark, and the name."""
    return tuple((it[1], it[2]) for it in _INCLUDE.finditer(text))


class _Scope:
    """The macros that one source sees; a header is searched if no nearer place defines the name."""

    def __init__(self, headers: Headers, path: str, text: str, places: tuple[str, ...]) -> None:
        self._headers = headers
        self._places = places
        self._known: dict[str, Macro | None] = dict(_PLAIN)
        self._loaded = [text]
        self._seen: set[str] = set()
        self._pending: deque[tuple[str, int]] = deque((it, _MAX_DEPTH) for it in _ALWAYS)
        self._queue(posixpath.dirname(path), includes(text), 0)

    def find(self, name: str) -> Macro | None:
        """Return the macro *name*, None if there is none."""
        if name not in self._known:
            # A name in lower case is nearly always a variable, a type or a function; `__stringify` and the like are not.
            self._known[name] = (
                definition(name, self._loaded[0])
                if name.islower() and not name.startswith("__")
                else self._search(name)
            )
        return self._known[name]

    def _search(self, name: str) -> Macro | None:
        for text in self._loaded:
            if (found := definition(name, text)) is not None:
                return found
        while self._pending:
            path, depth = self._pending.popleft()
            header = None if path in self._seen else self._headers.header(path)
            self._seen.add(path)
            if header is None:
                continue
            self._loaded.append(header.text)
            self._queue(posixpath.dirname(path), header.includes, depth)
            if (found := definition(name, header.text)) is not None:
                return found
        return None

    def _queue(self, directory: str, included: tuple[tuple[str, str], ...], depth: int) -> None:
        for mark, name in included:
            if depth >= _MAX_DEPTH and not name.startswith("uapi/"):
                continue
            # Headers included by a subsystem's general headers do not define names of devices.
            general = mark == "<" and name.startswith(("linux/", "asm/", "net/", "uapi/"))
            if general and depth and not name.startswith("uapi/"):
                continue
            here = (directory,) if mark == '"' else ()
            for place in (*here, *self._places):
                path = posixpath.normpath(posixpath.join(place, name))
                if self._headers.header(path) is not None:
                    self._pending.append((path, _MAX_DEPTH if general else depth + 1))
                    break
