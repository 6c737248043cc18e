"""Every reader of text from outside, with sound input to it."""

from __future__ import annotations

import base64
import functools
import json
import tempfile
import zlib

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import attrs

from derivations import drv
from derivations.debian.lock import dumps
from derivations.debian.lock import parse as parse_lock
from derivations.debian.sets import SETS
from derivations.hardware.c_source.headers import Headers
from derivations.hardware.c_source.source import read_source
from derivations.hardware.drivers import DriverMap
from derivations.hardware.listings.listing import read_listing
from derivations.hardware.makefiles.kbuild_map import Kbuild
from derivations.hardware.makefiles.read_kbuild import read_kbuild
from derivations.hardware.snapshot import Fact, FactKind, Snapshot
from derivations.kconfig.diagnosis.whole_config import local_version
from derivations.kconfig.language.header import check_architecture, check_complete, check_version, head
from derivations.kconfig.language.text import decoded, read
from derivations.kconfig.language.to_python import to_python
from derivations.linux.pins import Release, dump_pins, parse_pins
from derivations.linux.releases import parse_announcement, parse_sums
from derivations.patching.apply import Rules, apply
from derivations.patching.read import commits
from derivations.patching.tree import PatchedTree, TreeEntry
from derivations.realise.network.retry import retry_after
from derivations.realise.network.signature import binary_keys
from derivations.realise.sandbox.log import Lines
from derivations.version import InvalidVersion, Version
from kernix.config_file import parse as parse_configuration
from kernix.output.quantities import duration, parse_size, parse_time, size
from store.records.journal import Journal
from tests.derivations.patching.trees import Memory
from tests.fakes import fake_lock
from tests.hostile.mutations import PIECES


if TYPE_CHECKING:
    from collections.abc import Callable

    from derivations.derivation import Derivation
    from store.path import StorePath


_LONGEST = 10_000
GOLDEN = Path(__file__).parents[1] / "golden"

TOML = b"""
jobs = 2
timeout = "2h"
max_silent_time = 90
max_log_size = "1M"
read_timeout = 2.5
mirrors = ["http://127.0.0.1/debian"]
[limits]
max_download_size = "4G"
[gc]
older_than = "14d"
max_freed = "5G"
[gc.keep]
source = "30d"
"""

CONFIG = b"""\
#
# Automatically generated file; DO NOT EDIT.
# Linux/x86 6.12.30 Kernel Configuration
#
CONFIG_CC_VERSION_TEXT="gcc (Debian 12.2.0-14) 12.2.0"
CONFIG_GCC_VERSION=120200
CONFIG_64BIT=y
CONFIG_LOCALVERSION="-x \\"y\\""
# CONFIG_MODULES is not set
CONFIG_PHYSICAL_START=0x1000000
CONFIG_LOG_BUF_SHIFT=-17
CONFIG_SND=m
"""

ALIST = b"""\
(define %options
  `(;; a comment
   ("CONFIG_DEVPTS" . #t)
   ("CONFIG_NET_9P" . m)
   ("CONFIG_HZ" . 1000)
   ("CONFIG_LOCALVERSION" . "-x")
   ("CONFIG_CIFS" . #f)))
"""

BUILDROOT = (
    b"$(call KCONFIG_ENABLE_OPT,CONFIG_A)\n$(call KCONFIG_SET_OPT,CONFIG_HZ,100)\n# CONFIG_B is not set\nCONFIG_C\n"
)

LISTINGS = (
    (
        b"00:02.0 VGA compatible controller [0300]: Intel Corporation HD [8086:5916] (rev 02) (prog-if 00 [VGA])\n"
        b"\tSubsystem: Lenovo Device [17aa:2245]\n\tKernel driver in use: i915\n\tKernel modules: i915, xe\n"
    ),
    b"01:00.0 Class 0280: 8086:2723 iwlwifi\n00:08.0 Class 0600: 1022:1632\n",
    b"Bus 001 Device 002: ID 8087:0a2b Intel Corp.\n",
    (
        b"/:  Bus 02.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/6p, 5000M\n"
        b"    |__ Port 1: Dev 2, If 0, Class=Human Interface Device, Driver=usbhid, 12M\n"
    ),
    b"Module                  Size  Used by\nsnd_hda_intel          57344  3\nkvm 1024 1 kvm_amd\n",
    b"pci:v00008086d00005916sv000017AAsd00002245bc03sc00i00\nusb:v8087p0A2Bd0010dcE0dsc01dp01icE0isc01ip01in00\n",
)

MAKEFILE = b"""\
obj-$(CONFIG_NET) += net/
obj-$(CONFIG_FAST)$(CONFIG_SLOW) += my-speed.o
ifeq ($(CONFIG_X),y)
e1000-objs := main.o $(patsubst %.c,%.o,$(wildcard *.c))
else ifdef Y
e1000-y += $(foreach a,b c,$(a).o) $(if $(CONFIG_Z),z.o)
endif
ccflags-y := -I$(src)/../include -I $(srctree)/drivers/base
"""

SOURCE = b"""\
#include <linux/pci.h>
#define VENDOR 0x8086
#define ID(a, b) { PCI_DEVICE(a, b), .driver_data = (1 << 3) | __builtin_x(a) }
static const struct pci_device_id table[] = {
\tID(VENDOR, 0x1502), { 0x8086, 0x10ea + 2 * 3, 0, 0 }, { PCI_DEVICE_CLASS(0x030000, 0xffffff) }, { 0 } };
MODULE_DEVICE_TABLE(pci, table);
static const struct usb_device_id ids[] = { { USB_DEVICE(0x1234, 0x5678) }, {} };
MODULE_DEVICE_TABLE(usb, ids);
static struct pci_driver driver = { .name = "e1000e", .id_table = table };
module_pci_driver(driver);
MODULE_ALIAS("platform:x"); MODULE_FIRMWARE("a/" "b.bin"); /* a comment */ // another
"""

ANNOUNCEMENT = json.dumps({
    "latest_stable": {"version": "6.17.8"},
    "releases": [{"iseol": False, "version": "6.18-rc5", "moniker": "mainline"},
                 {"iseol": True, "version": "6.12.58", "moniker": "longterm"}],
}).encode()  # fmt: skip

LOG = b'cc main.c\n@kernix {"progress": [3, 10]}\n@kernix {"error": "no", "hint": "x", "kind": "y"}\n 50 %\r100 %\r\n\x1b[1mx\n'

KEY = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: x\n\nmDMEZ2Z2ZxYJKwYBBAHaRw8BAQdA\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"

JOURNAL = (
    b'{"journal": 1}\n{"object": "' + b"a" * 32 + b'-x", "digest": "' + b"ab" * 32 + b'", "size": 1, "nodes": 2, '
    b'"registered": 3, "retention": "source", "deriver": null, "references": []}\n'
    b'{"key": "' + b"cd" * 32 + b'", "output": "out", "object": "' + b"a" * 32 + b'-x"}\n'
)


@attrs.frozen
class Reader:
    """What reads one kind of text, and sound texts of the kind."""

    read: Callable[[bytes], object]
    corpus: tuple[bytes, ...]
    pieces: tuple[bytes, ...] = PIECES


def _fragment(data: bytes) -> None:
    to_python(read(decoded(data, "file"), "file"))


def _config(data: bytes) -> None:
    text = decoded(data, "file")
    head(text)
    local_version(text)
    check_complete(text, "file")
    check_architecture(text, "file", ["x86"])
    check_version(text, "file", "6.12.30")


def _journal(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory, "journal")
        place.write_bytes(data)
        list(Journal(place).lines())


def _drv(data: bytes) -> None:
    def load(_: StorePath) -> Derivation:
        return drv.loads((GOLDEN / "example.drv").read_bytes(), load)

    drv.inputs(data)
    drv.loads(data, _nothing)


def _nothing(_: StorePath) -> NoReturn:
    raise InvalidVersion("nothing")


def _listing(data: bytes) -> None:
    snapshot = read_listing(data, "file").snapshot
    assert Snapshot.from_json(snapshot.to_json()) == snapshot


def _log(data: bytes) -> None:
    lines = Lines()
    lines.feed(data)
    lines.finish()


def _quantity(data: bytes) -> None:
    text = data.decode(errors="replace")
    for parse, show in ((parse_size, size), (parse_time, duration)):
        try:
            show(parse(text))
        except ValueError as error:  # click makes a sentence of it
            if len(str(error)) > _LONGEST:
                raise
    retry_after(text)


def _kbuild(data: bytes) -> None:
    text = data.decode(errors="replace")
    read_kbuild(
        lambda path: text if path in {"drivers/Makefile", "drivers/net/Makefile", "arch/x86/Makefile"} else None
    )


def _source(data: bytes) -> None:
    read_source("drivers/x.c", data.decode(errors="replace"), Headers(lambda _: None, "x86"))


def _patch(data: bytes) -> None:
    apply(Rules(name="it"), commits(data, "it"), PatchedTree(Memory(PATCHED)), lambda _: None)


def _text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: parse(data.decode(errors="surrogateescape"))


PINS = dump_pins({
    "6.12": Release(version="6.12.64", sha256="ab" * 32, longterm=True),
    "testing": Release(version="6.19-rc4", sha256="cd" * 32, longterm=False),
}).encode()  # fmt: skip

SNAPSHOT = Snapshot((
    (Fact(kind=FactKind.DEVICE, name="pci:v00008086", driver="pci i915", label="HD", root=False), ("laptop",)),
    (Fact(kind=FactKind.MODULE, name="kvm", driver="", label="", root=True), ("laptop", "server")),
)).to_json()  # fmt: skip

KBUILD = read_kbuild({"drivers/Makefile": MAKEFILE.decode(), "drivers/net/Makefile": "obj-$(CONFIG_A) += a.o\n"}.get)

_NEW = zlib.compress(b"\0\1\2")

PATCHED = {
    "Makefile": TreeEntry(b"1\n2\n3\n4\n5\n6\n7\n"),
    "a/b.bin": TreeEntry(b"\0" * 300),
    "link": TreeEntry(b"a", link=True),
}

PATCH = (
    b"diff --git a/Makefile b/Makefile\nold mode 100644\nnew mode 100755\nindex 1111111..2222222\n--- a/Makefile\n+++ b/Makefile\n"
    b"@@ -1,7 +1,7 @@ x\n 1\n 2\n 3\n-4\n+four\n 5\n 6\n 7\n"
    b"diff --git a/link b/l2\nsimilarity index 100%\nrename from link\nrename to l2\n"
)
PATCHES = (
    PATCH,
    b"--- a/Makefile\t2024-01-01 00:00:00 +0000\n+++ b/Makefile 2024-01-01 00:00:00 +0000\n@@ -3,3 +3,2 @@\n 3\n-4\n 5\n",
    b"From " + b"1" * 40 + b" Mon Sep 17 00:00:00 2001\nFrom: a\nSubject: =?utf-8?q?x=C3=BC?=\n"
    b"Content-Transfer-Encoding: quoted-printable\nContent-Type: text/plain; charset=utf-8\n\n" + PATCH,
    b'Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="B"\n\n--B\nContent-Transfer-Encoding: base64\n\n'
    + base64.encodebytes(PATCH)
    + b"--B--\n",
    b'diff --git "a/\\303\\274" "b/\\303\\274"\nnew file mode 100644\nindex 0000000..e69de29\n',
    b"diff --git a/a/c.bin b/a/c.bin\nnew file mode 100644\nindex " + b"0" * 40 + b".." + b"b" * 40 + b"\nGIT binary patch\n"
    b"literal 3\n" + bytes([ord("A") + len(_NEW) - 1]) + base64.b85encode(_NEW, pad=True) + b"\n\nliteral 0\nHcmV?d00001\n\n",
)  # fmt: skip

READERS: dict[str, Reader] = {
    "lock": Reader(_text(parse_lock), tuple(dumps(fake_lock([name])).encode() for name in list(SETS)[:4])),
    "patch": Reader(_patch, PATCHES),
    "pins": Reader(_text(parse_pins), (PINS,)),
    "announcement": Reader(parse_announcement, (ANNOUNCEMENT,)),
    "sums": Reader(
        _text(parse_sums), (b"ab" * 32 + b"  linux-6.12.1.tar.xz\n" + b"cd" * 32 + b"  linux-6.1.tar.xz\n",)
    ),
    "config.toml": Reader(_text(lambda text: parse_configuration(text, Path("config.toml"))), (TOML,)),
    "snapshot": Reader(Snapshot.from_json, (SNAPSHOT,)),
    "drv": Reader(_drv, ((GOLDEN / "example.drv").read_bytes(),)),
    "journal": Reader(_journal, (JOURNAL,)),
    "fragment": Reader(_fragment, (CONFIG, ALIST, BUILDROOT)),
    "config": Reader(_config, (CONFIG,)),
    "listing": Reader(_listing, (*LISTINGS, SNAPSHOT)),
    "makefile": Reader(_kbuild, (MAKEFILE,)),
    "kbuild-map": Reader(Kbuild.from_json, (KBUILD.to_json(),)),
    "driver-map": Reader(
        DriverMap.from_json,
        (
            b'{"format":1,"modules":{},"srcarch":"x86","unreadable":0}',
            DriverMap(modules={}, srcarch="x86", unreadable=0).to_json(),
        ),
    ),
    "c-source": Reader(_source, (SOURCE,)),
    "log": Reader(_log, (LOG,)),
    "keys": Reader(functools.partial(binary_keys, "keys"), (KEY, b"\x99\x01\x0d")),
    "version": Reader(_text(Version.parse), (b"6.12.64", b"6.19-rc4", b"6.1.55-custom")),
    "quantity": Reader(_quantity, (b"5G", b"1.5 MiB", b"12h", b"14d", b"120", b"Mon, 01 Jan 2024 00:00:00 -0000")),
}
