"""Programs and libraries, as far as what they load is concerned."""

from __future__ import annotations

import json
import struct

from tests.derivations.proof.elves import elf


def loadable(
    *, needed: tuple[str, ...] = (), calls: tuple[str, ...] = (), loader: str = "", runpath: str = "", opened: tuple[str, ...] = (),
    wide: bool = True, order: str = "<",
) -> bytes:  # fmt: skip
    """Return an ELF file that says what it loads."""
    names = bytearray(b"\0")

    def place(text: str) -> int:
        names.extend(text.encode() + b"\0")
        return len(names) - len(text) - 1

    entry = struct.Struct(order + ("qQ" if wide else "iI"))
    dynamic = b"".join(entry.pack(1, place(it)) for it in needed) + (entry.pack(29, place(runpath)) if runpath else b"")
    symbol = struct.Struct(order + ("IBBHQQ" if wide else "IIIBBH"))
    undefined = (
        symbol.pack(place(it), 0x12, 0, 0, 0, 0) if wide else symbol.pack(place(it), 0, 0, 0x12, 0, 0) for it in calls
    )
    symbols = bytes(symbol.size) + b"".join(undefined)
    sections = {".dynamic": dynamic + entry.pack(0, 0), ".dynsym": symbols, ".dynstr": bytes(names)}
    if loader:
        sections[".interp"] = loader.encode() + b"\0"
    if opened:
        text = json.dumps([{"feature": "x", "soname": list(opened)}]).encode()
        text += bytes(-len(text) % 4)
        sections[".note.dlopen"] = struct.pack(f"{order}III", 4, len(text), 0x407C0C0A) + b"FDO\0" + text
    return elf(sections, wide=wide, order=order)
