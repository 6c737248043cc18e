"""What the kernel asks for when encryption is opened: the crypto aliases that a LUKS header or a device-mapper table names.

    0 409600 crypt aes-xts-plain64 KEY 0 8:2 4096 1 integrity:28:aead      a line of `dmsetup table`
    aes-xts-plain64, aes-cbc-essiv:sha256, xchacha12,aes-adiantum-plain64  a cipher as cryptsetup has it
    capi:authenc(hmac(sha256),xts(aes))-random                             a cipher as the kernel has it

A target T is asked for as `dm-T`, an algorithm A as `crypto-A` (drivers/md/dm-table.c, crypto/api.c). Of `xts(aes)` the
kernel asks for both parts, and for what the template itself uses, `ecb`; each of these may have several providers, and
the fastest one is chosen when all are loaded.
"""

from __future__ import annotations

import json
import re

from typing import Any, Final

import attrs

from store.errors import Error
from store.parsing import parse_json


EXAMPLE = "aes-xts-plain64"

USED_BY: Final = {
    "adiantum": ("nhpoly1305",),  # crypto/adiantum.c
    "ccm": ("ctr", "cbcmac"),  # crypto/ccm.c
    "cts": ("cbc",),  # crypto/cts.c
    "gcm": ("ctr", "ghash"),  # crypto/gcm.c
    "hctr2": ("xctr", "polyval"),  # crypto/hctr2.c
    "lrw": ("ecb",),  # crypto/lrw.c
    "xts": ("ecb",),  # crypto/xts.c
}
"""The algorithms that a template asks for beside those that are named."""

_IN_USER_SPACE: Final = frozenset({"aes", "camellia", "cipher_null"})
"""The ciphers of key slots that cryptsetup's libraries have themselves; for others it asks the kernel (lib/luks2/luks2_keyslot_luks2.c)."""

_IN_CORE: Final = frozenset({"error", "linear", "striped"})  # targets of dm_mod itself (drivers/md/dm.c)
_TARGETS: Final = {"thin": "dm-thin-pool"}  # the module of a target that has neither the name nor an alias of it
_USED_BY_TARGET: Final = {
    "cache": ("dm-cache-default",),  # the policy (drivers/md/dm-cache-policy.c)
    "multipath": ("dm-queue-length", "dm-round-robin", "dm-service-time"),  # selectors (drivers/md/dm-path-selector.c)
    "raid": tuple(f"md-level-{it}" for it in (0, 1, 4, 5, 6, 10)),  # md_run in drivers/md/md.c
}
_FROM_USER_SPACE: Final = ("net-pf-38", "algif-skcipher")  # AF_ALG, and its part for ciphers
_IV: Final = {"eboiv": ("ecb",), "elephant": ("ecb",), "lmk": ("md5",), "tcw": ("crc32",)}  # drivers/md/dm-crypt.c
_MODES: Final = {
    "": ("cbc",),
    "plain": ("cbc",),
    "random": (),
}  # random is a vector, of what needs no mode: aegis128-random
_LINE = re.compile(r"(?:[^:]*: )?\d+ \d+ ([a-z0-9][a-z0-9_-]*)(?: (.*))?", re.ASCII)
_ALGORITHM = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
_CIPHER = re.compile(r"[a-z0-9_]+(,[a-z0-9_]+)?(:\d+)?(-[a-z0-9_]+(-[a-z0-9_]+(:[a-z0-9_-]+)?)?)?", re.ASCII)
_CAPI = re.compile(r"capi:([a-z0-9_(),.-]+?)(?:-([a-z0-9]+)(?::([a-z0-9_-]+))?)?", re.ASCII)
_INTEGRITY = re.compile(r"(?:internal_hash|journal_crypt|journal_mac):([^: ]+)")
_VERITY_ALGORITHM = 7  # of the arguments of a verity target (Documentation/admin-guide/device-mapper/verity.rst)

_MAGIC = b"LUKS\xba\xbe"
_LUKS1, _LUKS2 = 1, 2
_LUKS2_BINARY = 4096  # bytes of the binary header; the JSON area follows
_LARGEST_HEADER = 4 << 20  # bytes, of the binary header and the JSON area (LUKS2 on-disk format, 2.2)


class InvalidEncryption(Error):
    """A text is neither a cipher nor a line of a device-mapper table, or data is not a LUKS header."""

    value: str
    reason: str

    def __str__(self) -> str:
        return f"{self.value} {self.reason}"

    @property
    def hint(self) -> str:
        """Say where to find one."""
        return f"write a cipher such as `{EXAMPLE}`, or a line that `dmsetup table` prints; a LUKS header starts its device"


@attrs.frozen
class Needed:
    """What the kernel asks for: what it must find, and what only some of its versions ask for."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


def needed(text: str) -> Needed:
    """Return what the kernel asks for with *text*, a cipher or a line of a device-mapper table.

    Raises:
        InvalidEncryption: it is neither.
    """
    target, rest = "crypt", text
    if line := _LINE.fullmatch(text):
        target, rest = line[1], line[2] or ""
    words = rest.split(" ")
    match target:
        case "crypt":
            integrity = [it.split(":")[2] for it in words[1:] if it.startswith("integrity:") and it.count(":") > 1]
            names = [*_algorithms(words[0], text), *(name for it in integrity if it != "none" for name in _parts(it))]
            if not line and len(words) > 1:
                raise InvalidEncryption(repr(text), "is neither a cipher nor a line of a device-mapper table")
        case "integrity":
            names = [name for it in _INTEGRITY.findall(rest) for name in _parts(it)]
        case "verity":
            names = _parts(words[_VERITY_ALGORITHM]) if len(words) > _VERITY_ALGORITHM else []
        case _:
            names = []
    names = [it for it in dict.fromkeys(names) if it != "aead"]
    more = [it for name in names for it in USED_BY.get(name, ()) if it not in names]
    user = _FROM_USER_SPACE if target == "crypt" and _cipher(words[0]) not in _IN_USER_SPACE else ()
    return Needed(
        (
            "dm-mod",
            *(() if target in _IN_CORE else (_TARGETS.get(target, f"dm-{target}"),)),
            *(f"crypto-{it}" for it in names),
        ),
        (*(f"crypto-{it}" for it in dict.fromkeys(more)), *user, *_USED_BY_TARGET.get(target, ())),
    )


def luks_encryption(header: bytes) -> tuple[str, ...]:
    """Return what a LUKS *header*, the first bytes of its device, names: each a text for `needed`.

    The first 4 MiB are always enough. The format is that of cryptsetup's LUKS1 and LUKS2 on-disk format specifications.

    Raises:
        InvalidEncryption: it is not a whole header.
    """
    if not header.startswith(_MAGIC):
        raise InvalidEncryption("the data", "is not a LUKS header")
    version = int.from_bytes(header[6:8], "big")
    if version == _LUKS1:
        name, mode = (header[start : start + 32].partition(b"\0")[0].decode("ascii", "replace") for start in (8, 40))
        return (_checked(f"{name}-{mode}"),)
    if version != _LUKS2:
        raise InvalidEncryption("the LUKS header", f"has the version {version}, but only 1 and 2 are known")
    size = int.from_bytes(header[8:16], "big")
    if not _LUKS2_BINARY < size <= _LARGEST_HEADER or len(header) < size:
        raise InvalidEncryption("the LUKS header", f"is cut off: it has {len(header)} bytes, and says {size}")
    try:
        document = parse_json(header[_LUKS2_BINARY:size].partition(b"\0")[0])
        segments = [it for it in document["segments"].values() if it["type"] == "crypt"]
        slots = [it["area"]["encryption"] for it in document.get("keyslots", {}).values()]
        found = [text for it in segments for text in _segment(it)]
        return tuple(dict.fromkeys(_checked(it) for it in (*found, *slots)))
    except (ValueError, TypeError, KeyError, AttributeError, json.JSONDecodeError):
        raise InvalidEncryption("the LUKS header", "has no valid JSON area with segments") from None


def _segment(segment: dict[str, Any]) -> list[str]:
    integrity = segment.get("integrity")
    if integrity is None:
        return [segment["encryption"]]
    line = f"0 0 crypt {segment['encryption']} - 0 - 0 1 integrity:0:{integrity['type']}"
    return [line, "0 0 integrity - 0 - J 0"]


def _checked(text: str) -> str:
    needed(text)
    return text


def _algorithms(cipher: str, text: str) -> list[str]:
    """Return the algorithms that *cipher* names, with those of its initial vectors.

    Raises:
        InvalidEncryption: it is not a cipher.
    """
    if match := _CAPI.fullmatch(cipher):
        iv, option = match[2] or "", match[3]
        return [*_parts(match[1]), *_of_iv(iv, option)]
    if not _CIPHER.fullmatch(cipher):
        raise InvalidEncryption(repr(text), "is neither a cipher nor a line of a device-mapper table")
    name, _, rest = cipher.partition("-")
    mode, _, ivs = rest.partition("-")
    iv, _, option = ivs.partition(":")
    return [*_MODES.get(mode, (mode,)), *name.partition(":")[0].split(","), *_of_iv(iv, option)]


def _of_iv(iv: str, option: str | None) -> list[str]:
    return ["essiv", option] if iv == "essiv" and option else list(_IV.get(iv, ()))


def _parts(algorithm: str) -> list[str]:
    return _ALGORITHM.findall(algorithm)


def _cipher(text: str) -> str:
    return (
        text.partition("-")[0].partition(":")[0] if not text.startswith("capi:") else "aes" if "aes" in text else text
    )
