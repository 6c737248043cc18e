"""Small EFI programs, by the format's description: enough header to be read, and sections to be compared."""

from __future__ import annotations

import struct

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Mapping

X64, ARM64 = 0x8664, 0xAA64
ALIGNMENT = 0x200


def efi_program(
    sections: Mapping[str, bytes] | None = None,
    *,
    machine: int = X64,
    room: int = 8,
    signature: bytes = b"",
    tail: bytes = b"",
) -> bytes:
    """Return a program with *sections*, and room for the headers of *room* more."""
    given = {".text": b"code", ".sbat": b"sbat,1"} if sections is None else sections
    end = 0x80 + 24 + 240 + 40 * (len(given) + room)
    headers = -(-end // ALIGNMENT) * ALIGNMENT if room else end
    body, table, address, offset = b"", b"", 0x1000, headers
    for name, data in given.items():
        raw = -(-len(data) // ALIGNMENT) * ALIGNMENT
        table += struct.pack("<8sIIIIIIHHI", name.encode(), len(data), address, raw, offset, 0, 0, 0, 0, 0x4000_0040)
        body += data.ljust(raw, b"\0")
        address += max(raw, 0x1000)
        offset += raw
    optional = struct.pack("<HBBIIIII", 0x20B, 2, 40, 0x1000, len(body), 0, 0x1000, 0x1000)
    optional += struct.pack("<QII", 0, 0x1000, ALIGNMENT) + bytes(16)
    optional += struct.pack("<IIIHH", address, headers, 0, 10, 0) + bytes(32) + struct.pack("<II", 0, 16)
    directories = bytearray(128)
    if signature:
        struct.pack_into("<II", directories, 4 * 8, headers + len(body) + len(tail), len(signature))
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80)
    head = head.ljust(0x80, b"\0") + b"PE\0\0"
    head += struct.pack("<HHIIIHH", machine, len(given), 0x1234, 0, 0, 240, 0x206) + optional + directories + table
    return head.ljust(headers, b"\0") + body + tail + signature
